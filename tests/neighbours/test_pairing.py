"""The six digits: who can know them when, and what ends a course."""

import hashlib
import itertools
import random
import secrets
from collections.abc import Callable

import pytest

from appliance.neighbours.pairing import (
    MOST_COURSES,
    SECONDS_OPEN,
    Caller,
    PairingRefused,
    Pairings,
)
from tests.support.clock import FakeClock
from tests.support.street import card

CLOCK = FakeClock()


class Side:
    """One house without a network."""

    def __init__(self, number: int, name: str) -> None:
        self.key = f"{number:064x}"
        self.card = card(name)
        self.caller = Caller(self.key, b"certificate", self.card, "192.168.1.9", 2590)
        self.pairings = Pairings(self.key, self.card, CLOCK.now)

    def code(self, other: "Side") -> str:
        course = self.pairings.find(other.key)
        assert course is not None
        return course.code


def exchange(first: Side, second: Side) -> None:
    """Let the one with the smaller key commit, and open it."""
    commitment = first.pairings.commitment_for(second.key)
    nonce = second.pairings.committed(first.key, first.card, commitment)
    assert nonce is not None
    opened = first.pairings.answered(second.key, second.card, nonce)
    second.pairings.revealed(first.key, opened)


def both() -> tuple[Side, Side]:
    first, second = Side(1, "ann"), Side(2, "bob")
    first.pairings.want(second.caller)
    second.pairings.want(first.caller)
    return first, second


def test_both_screens_show_the_same_six_digits_another_time_others() -> None:
    seen = set()
    for _ in range(20):
        first, second = both()
        exchange(first, second)
        assert first.code(second) == second.code(first)
        seen.add(first.code(second))
    assert len(seen) > 15


def test_who_stands_between_shows_two_codes() -> None:
    """Mallory speaks to each as the other, by the rules, and has to settle before she knows."""
    equal = 0
    for _ in range(50):
        first, second = Side(1, "ann"), Side(4, "bob")
        # To Ann she is a Bob with a key of her own, to Bob an Ann with another.
        as_bob, as_ann = Side(3, "bob"), Side(2, "ann")
        first.pairings.want(as_bob.caller)
        as_bob.pairings.want(first.caller)
        second.pairings.want(as_ann.caller)
        as_ann.pairings.want(second.caller)
        exchange(first, as_bob)
        exchange(as_ann, second)
        equal += first.code(as_bob) == second.code(as_ann)
    assert equal == 0


def test_codes_are_spread_over_all_six_digits() -> None:
    codes = []
    for _ in range(400):
        first, second = both()
        exchange(first, second)
        codes.append(int(first.code(second)))
    tenths = {code // 100_000 for code in codes}
    assert tenths == set(range(10))
    assert len(set(codes)) > 395


def test_a_number_is_given_once_for_each_press() -> None:
    first, second = both()
    one = second.pairings.committed(first.key, first.card, "c" * 64)
    # The same again may have been lost; another is a second try, and ends it.
    assert second.pairings.committed(first.key, first.card, "c" * 64) == one
    with pytest.raises(PairingRefused):
        second.pairings.committed(first.key, first.card, "d" * 64)
    assert second.pairings.committed(first.key, first.card, "e" * 64) is None
    second.pairings.want(first.caller)
    again = second.pairings.committed(first.key, first.card, "d" * 64)
    assert again not in (None, one)


def test_no_number_is_given_before_the_owner_asks_for_it() -> None:
    first, second = Side(1, "ann"), Side(2, "bob")
    second.pairings.knock(first.caller)
    assert second.pairings.committed(first.key, first.card, "c" * 64) is None
    with pytest.raises(PairingRefused):
        second.pairings.revealed(first.key, "0" * 64)


def test_the_one_with_the_larger_key_cannot_commit_first() -> None:
    first, second = both()
    with pytest.raises(PairingRefused):
        first.pairings.committed(second.key, second.card, "c" * 64)


def test_what_opens_has_to_fit_what_was_committed() -> None:
    first, second = both()
    commitment = first.pairings.commitment_for(second.key)
    second.pairings.committed(first.key, first.card, commitment)
    with pytest.raises(PairingRefused):
        second.pairings.revealed(first.key, secrets.token_hex(32))
    course = second.pairings.find(first.key)
    assert course is not None
    assert (course.state, course.failure, course.code) == ("failed", "commitment", "")


@pytest.mark.parametrize("nonce", ["", "00", "x" * 64, "A" * 64])
def test_a_number_of_another_form_is_none(nonce: str) -> None:
    first, second = both()
    with pytest.raises(PairingRefused):
        first.pairings.answered(second.key, second.card, nonce)
    first, second = both()
    made = hashlib.sha256(nonce.encode()).hexdigest()
    second.pairings.committed(first.key, first.card, made)
    with pytest.raises(PairingRefused):
        second.pairings.revealed(first.key, nonce)


def test_a_card_that_changes_on_the_way_ends_it() -> None:
    first, second = both()
    commitment = first.pairings.commitment_for(second.key)
    nonce = second.pairings.committed(first.key, first.card, commitment)
    assert nonce is not None
    with pytest.raises(PairingRefused):
        first.pairings.answered(second.key, card("mallory"), nonce)


def test_a_course_is_open_for_five_minutes() -> None:
    first, second = both()
    exchange(first, second)
    code = first.code(second)
    CLOCK.advance(SECONDS_OPEN + 1)
    with pytest.raises(PairingRefused):
        first.pairings.confirm(second.key, code)
    assert first.pairings.all() == []


def test_there_is_nothing_to_confirm_before_there_is_a_code() -> None:
    first, second = both()
    with pytest.raises(PairingRefused):
        first.pairings.confirm(second.key, "")
    with pytest.raises(PairingRefused):
        first.pairings.other_confirmed(second.key)


def test_those_who_ask_make_room_for_each_other_never_whom_the_owner_wants() -> None:
    own = Side(1, "ann")
    wanted = Side(2, "bob")
    own.pairings.want(wanted.caller)
    for number in range(100, 200):
        own.pairings.knock(Side(number, "mallory").caller)
    assert len(own.pairings.all()) == MOST_COURSES
    assert own.pairings.find(wanted.key) is not None


def test_nobody_is_a_neighbour_of_himself() -> None:
    own = Side(1, "ann")
    with pytest.raises(PairingRefused):
        own.pairings.want(own.caller)


def test_no_order_of_messages_makes_a_pair_without_both_owners() -> None:
    """Whatever the other side sends, in whatever order, our owner's word is needed."""
    chance = random.Random(7)  # noqa: S311
    first, second = Side(1, "ann"), Side(2, "bob")
    steps: list[Callable[[], object]] = [
        lambda: second.pairings.knock(first.caller),
        lambda: second.pairings.committed(first.key, first.card, "c" * 64),
        lambda: second.pairings.revealed(first.key, "0" * 64),
        lambda: second.pairings.other_confirmed(first.key),
    ]
    for wanted, _ in itertools.product((False, True), range(200)):
        if wanted:
            second.pairings.want(first.caller)
        for step in chance.choices(steps, k=6):
            try:
                step()
            except PairingRefused:
                continue
        course = second.pairings.find(first.key)
        assert course is None or course.state != "done"
