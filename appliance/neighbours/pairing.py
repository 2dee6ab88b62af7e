"""Two houses become a pair: both owners ask for it, then compare six digits on their screens.

The one whose fingerprint is smaller commits to a number, the other answers with one, then the
first is opened. The code comes of both numbers, both keys and both cards: whoever stands between
has to settle his numbers before he can know the code, so he has one try in a million, and each try
takes a press of a button on both sides. Nothing here does I/O.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from appliance.neighbours.cards import Card

State: TypeAlias = Literal["asked", "wanted", "compare", "confirmed", "done", "failed"]

SECONDS_OPEN: Final = 300.0
MOST_COURSES: Final = 16
NONCE_BYTES: Final = 32


class PairingRefused(ValueError):
    """This step cannot be taken now; the course is over if it says so."""

    xrpc_name: Final = "PairingRefused"


@dataclass(frozen=True)
class Caller:
    """A house, what it says of itself, and where it is reached."""

    key: str
    certificate: bytes
    card: Card
    address: str
    port: int


@dataclass
class Course:
    """One house on its way to be paired. `wanted`: our owner asked; `asked`: theirs did."""

    key: str
    certificate: bytes
    card: Card
    address: str
    port: int
    until: float
    wanted: bool = False
    asked: bool = False
    nonce: str = ""
    commitment: str = ""
    other_nonce: str = ""
    code: str = ""
    revealed: bool = False
    confirmed: bool = False
    other_confirmed: bool = False
    failure: str = ""

    @property
    def state(self) -> State:
        if self.failure:
            return "failed"
        if self.confirmed and self.other_confirmed:
            return "done"
        if self.code:
            return "confirmed" if self.confirmed else "compare"
        return "wanted" if self.wanted else "asked"


class Pairings:
    """The courses that are open: few, and none for long.

    own_key: our fingerprint. card: what we say of ourselves.
    """

    def __init__(self, own_key: str, card: Card, now: Callable[[], float]) -> None:
        self._own = own_key
        self._card = card
        self._now = now
        self._courses: dict[str, Course] = {}

    def all(self) -> list[Course]:
        """List the open courses, oldest first."""
        self._forget_old()
        return list(self._courses.values())

    def find(self, key: str) -> Course | None:
        self._forget_old()
        return self._courses.get(key)

    def begins(self, key: str) -> bool:
        """Tell whether it is ours to commit first."""
        return self._own < key

    def want(self, caller: Caller) -> Course:
        """Note that our owner asks for it. A new press begins anew. Raises PairingRefused."""
        key = caller.key
        before = self.find(key)
        course = self._opened(caller)
        course.wanted, course.asked = True, before is not None and before.asked
        course.until = self._now() + SECONDS_OPEN
        if self.begins(key):
            course.nonce = secrets.token_hex(NONCE_BYTES)
        return course

    def knock(self, caller: Caller) -> None:
        """Note that their owner asks for it. Raises PairingRefused."""
        course = self.find(caller.key) or self._opened(caller)
        course.asked = True

    def forget(self, key: str) -> None:
        self._courses.pop(key, None)

    def commitment_for(self, key: str) -> str:
        """Give what we commit to. Raises PairingRefused."""
        course = self._wanted(key)
        return _commitment(course.nonce, self._own, key, self._card, course.card)

    def committed(self, key: str, card: Card, commitment: str) -> str | None:
        """Answer the other's commitment with our number; None until our owner asks for it too.

        Our number is given once for each press of the button. Raises PairingRefused.
        """
        course = self.find(key)
        if self.begins(key) or course is None:
            raise PairingRefused("nobody here asked for that")
        course.asked = True
        if not course.wanted or course.failure:
            return None
        if course.commitment not in ("", commitment) or (course.code and card != course.card):
            self._fail(course, "two")
        if not course.nonce:
            course.nonce = secrets.token_hex(NONCE_BYTES)
            course.commitment, course.card = commitment, card
        if course.card != card:
            self._fail(course, "two")
        return course.nonce

    def answered(self, key: str, card: Card, nonce: str) -> str:
        """Take the answer to our commitment; give what opens it. Raises PairingRefused."""
        course = self._wanted(key)
        if card != course.card or course.other_nonce not in ("", nonce) or not _is_nonce(nonce):
            self._fail(course, "two")
        course.other_nonce = nonce
        course.code = self._code(course, first=course.nonce, second=nonce)
        return course.nonce

    def revealed(self, key: str, nonce: str) -> None:
        """Take what opens the other's commitment. Raises PairingRefused."""
        course = self._wanted(key)
        if self.begins(key) or not course.commitment:
            raise PairingRefused("nothing was committed")
        right = _commitment(nonce, key, self._own, course.card, self._card)
        if not _is_nonce(nonce) or not hmac.compare_digest(right, course.commitment):
            self._fail(course, "commitment")
        course.other_nonce = nonce
        course.code = self._code(course, first=nonce, second=course.nonce)

    def confirm(self, key: str, code: str) -> Course:
        """Note that our owner saw this code on both screens. Raises PairingRefused."""
        course = self._wanted(key)
        if not course.code:
            raise PairingRefused("there is no code yet")
        if not hmac.compare_digest(course.code.encode(), code.encode("utf-8", "replace")):
            self._fail(course, "code")
        course.confirmed = True
        return course

    def other_confirmed(self, key: str) -> Course:
        """Note that the other owner saw the code too. Raises PairingRefused."""
        course = self._wanted(key)
        if not course.code:
            raise PairingRefused("there is no code yet")
        course.other_confirmed = True
        return course

    def transcript(self, course: Course) -> tuple[str, str]:
        """Give the two numbers in the order that both sides know."""
        ours = self.begins(course.key)
        pair = (course.nonce, course.other_nonce)
        return pair if ours else (pair[1], pair[0])

    def fail(self, key: str, reason: str) -> None:
        """End a course, for its owner to see why."""
        course = self.find(key)
        if course is not None:
            course.failure = reason

    def _code(self, course: Course, *, first: str, second: str) -> str:
        ours = self.begins(course.key)
        keys = (self._own, course.key) if ours else (course.key, self._own)
        cards = (self._card, course.card) if ours else (course.card, self._card)
        said = _joined("code", *keys, *(card.as_text() for card in cards))
        digest = hmac.new(f"{first}{second}".encode(), said, hashlib.sha256).digest()
        return f"{int.from_bytes(digest[:8], 'big') % 1_000_000:06d}"

    def _wanted(self, key: str) -> Course:
        course = self.find(key)
        if course is None or not course.wanted:
            raise PairingRefused("nobody here asked for that")
        if course.failure:
            raise PairingRefused("that has failed; both have to begin anew")
        return course

    def _fail(self, course: Course, reason: str) -> None:
        course.failure = reason
        raise PairingRefused("that does not fit; both have to begin anew")

    def _opened(self, caller: Caller) -> Course:
        key = caller.key
        if key == self._own:
            raise PairingRefused("this house is no neighbour of its own")
        if key not in self._courses and len(self._courses) >= MOST_COURSES:
            self._make_room()
        course = Course(
            *(key, caller.certificate, caller.card, caller.address, caller.port),
            until=self._now() + SECONDS_OPEN,
        )
        self._courses[key] = course
        return course

    def _make_room(self) -> None:
        """Forget the oldest course that our owner has no part in. Raises PairingRefused."""
        for course in self._unwanted():
            del self._courses[course.key]
            return
        raise PairingRefused("too many want to be paired at once")

    def _unwanted(self) -> Iterator[Course]:
        return (course for course in list(self._courses.values()) if not course.wanted)

    def _forget_old(self) -> None:
        for course in list(self._courses.values()):
            if self._now() > course.until:
                del self._courses[course.key]


def _commitment(nonce: str, first: str, second: str, own: Card, other: Card) -> str:
    said = _joined("commitment", nonce, first, second, own.as_text(), other.as_text())
    return hashlib.sha256(said).hexdigest()


def _joined(*parts: str) -> bytes:
    """Join texts so that no two lists of them give the same bytes."""
    return b"".join(f"{len(part)}:".encode() + part.encode() for part in parts)


def _is_nonce(text: str) -> bool:
    return len(text) == 2 * NONCE_BYTES and all(each in "0123456789abcdef" for each in text)
