"""What a guardian fixes in a member's preferences, as any app reads them.

Apps obey preferences by themselves, so nothing more is needed than that these come back whatever
is put: the birth date (apps keep adult content from who is not 18), the switch for adult content,
labelers that are listened to, words that are muted.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from appliance.atproto.syntax import Did, InvalidSyntax

Preference = dict[str, Any]

PERSONAL: Final = "app.bsky.actor.defs#personalDetailsPref"
ADULT: Final = "app.bsky.actor.defs#adultContentPref"
LABELERS: Final = "app.bsky.actor.defs#labelersPref"
MUTED: Final = "app.bsky.actor.defs#mutedWordsPref"

GROWN_UP: Final = 18
MOST_LABELERS: Final = 20
MOST_WORDS: Final = 500
LONGEST_WORD: Final = 100
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class UnfitPins(ValueError):
    """This cannot be fixed: `field` says which part, `problem` what is wrong with it."""

    xrpc_name = "InvalidRequest"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True)
class Pins:
    """What is fixed. A `birth_date` is YYYY-MM-DD, or empty: then it is the member's own."""

    birth_date: str = ""
    no_adult_content: bool = True
    labelers: tuple[Did, ...] = ()
    muted_words: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, birth_date: str, labelers: Iterable[str], words: Iterable[str], *, adult: bool
    ) -> "Pins":
        """Read what was given. Raises UnfitPins."""
        if birth_date:
            _check_day(birth_date)
        muted = tuple(dict.fromkeys(" ".join(word.split()) for word in words if word.strip()))
        if len(muted) > MOST_WORDS or any(len(word) > LONGEST_WORD for word in muted):
            raise UnfitPins(
                "mutedWords", f"at most {MOST_WORDS} words of at most {LONGEST_WORD} letters"
            )
        return cls(birth_date, not adult, _dids(labelers), muted)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "Pins":
        """Make pins of what `stored` once gave."""
        return cls(
            stored["birthDate"],
            stored["noAdultContent"],
            tuple(Did.unchecked(did) for did in stored["labelers"]),
            tuple(stored["mutedWords"]),
        )

    def stored(self) -> dict[str, Any]:
        return {
            "birthDate": self.birth_date,
            "noAdultContent": self.no_adult_content,
            "labelers": list(self.labelers),
            "mutedWords": list(self.muted_words),
        }

    def put_into(self, items: list[Preference]) -> list[Preference]:
        """Give a member's preferences with what is fixed in its place; the rest stays theirs."""
        changed = items
        if self.birth_date:
            changed = _with_fields(
                changed, PERSONAL, {"birthDate": f"{self.birth_date}T00:00:00.000Z"}
            )
        if self.no_adult_content:
            changed = _with_fields(changed, ADULT, {"enabled": False})
        if self.labelers:
            changed = _with_entries(
                changed, LABELERS, "labelers", "did", [{"did": did} for did in self.labelers]
            )
        if self.muted_words:
            words = [_muted(word) for word in self.muted_words]
            changed = _with_entries(changed, MUTED, "items", "value", words)
        return changed

    def age(self, today: str) -> int | None:
        """How old the member is, by the date that is fixed."""
        return years_between(self.birth_date, today) if self.birth_date else None

    def is_grown_up(self, today: str) -> bool:
        age = self.age(today)
        return age is not None and age >= GROWN_UP


def years_between(birth_date: str, today: str) -> int:
    """Whole years from one day to another, both YYYY-MM-DD. Raises ValueError."""
    born, now = date.fromisoformat(birth_date[:10]), date.fromisoformat(today[:10])
    return now.year - born.year - ((now.month, now.day) < (born.month, born.day))


def _check_day(text: str) -> None:
    try:
        if not _DAY.fullmatch(text):
            raise ValueError(text)
        date.fromisoformat(text)
    except ValueError as error:
        raise UnfitPins("birthDate", "a day, such as 2015-03-28") from error


def _dids(given: Iterable[str]) -> tuple[Did, ...]:
    try:
        found = tuple(dict.fromkeys(Did(each) for each in given))
    except InvalidSyntax as error:
        raise UnfitPins("labelers", "each is a DID, such as did:plc:...") from error
    if len(found) > MOST_LABELERS:
        raise UnfitPins("labelers", f"at most {MOST_LABELERS}")
    return found


def _with_fields(items: list[Preference], kind: str, fields: Preference) -> list[Preference]:
    """Set fields of the one preference of a kind, which is made where there is none."""
    others = [one for one in items if one.get("$type") != kind]
    there = next((one for one in items if one.get("$type") == kind), {})
    return [*others, {**there, "$type": kind, **fields}]


def _with_entries(
    items: list[Preference], kind: str, field: str, name: str, entries: list[Preference]
) -> list[Preference]:
    """Put entries before the member's own in the list of a preference, each there once."""
    fixed = {entry[name] for entry in entries} | {entry.get("id", "") for entry in entries}
    there = next((one for one in items if one.get("$type") == kind), {})
    own = [
        one
        for one in there.get(field, ())
        if isinstance(one, dict) and one.get(name) not in fixed and one.get("id", 0) not in fixed
    ]
    return _with_fields(items, kind, {field: [*entries, *own]})


def _muted(word: str) -> Preference:
    # Apps tell muted words apart by their id.
    number = hashlib.sha256(word.encode()).hexdigest()[:16]
    targets = ["content", "tag"]
    return {"id": f"fixed-{number}", "value": word, "targets": targets, "actorTarget": "all"}
