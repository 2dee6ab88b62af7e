import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.atproto.syntax import InvalidSyntax
from appliance.atproto.tid import Tid, TidClock

MAX_US = 2**53 - 1
LAST = Tid.from_us(MAX_US, 1023)

moments = st.integers(min_value=0, max_value=MAX_US)
clock_ids = st.integers(min_value=0, max_value=1023)


@given(moments, clock_ids)
def test_a_tid_keeps_its_time_and_its_clock(us: int, clock_id: int) -> None:
    tid = Tid.from_us(us, clock_id)
    assert Tid(str(tid)) == tid
    assert (tid.to_us(), tid.clock_id) == (us, clock_id)


@given(st.tuples(moments, clock_ids), st.tuples(moments, clock_ids))
def test_tids_sort_as_their_times(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (Tid.from_us(*one) < Tid.from_us(*other)) == (one < other)


def test_known_tids() -> None:
    assert Tid.from_us(0) == "2222222222222"
    assert LAST == "bzzzzzzzzzzzz"
    assert Tid("3jzfcijpj2z2a").to_us() == 1_688_137_381_887_007


@pytest.mark.parametrize(("us", "clock_id"), [(-1, 0), (MAX_US + 1, 0), (0, -1), (0, 1024)])
def test_nothing_outside_its_bits_becomes_a_tid(us: int, clock_id: int) -> None:
    with pytest.raises(InvalidSyntax):
        Tid.from_us(us, clock_id)


def test_a_clock_gives_the_time() -> None:
    tid = TidClock(lambda: 1_700_000_000_000_000, clock_id=7).next()
    assert (tid.to_us(), tid.clock_id) == (1_700_000_000_000_000, 7)


def test_a_clock_grows_when_time_stands_or_goes_back() -> None:
    times = iter([1000, 1000, 500, 400, 2000])
    clock = TidClock(lambda: next(times))
    tids = [clock.next() for _ in range(5)]
    assert tids == sorted(set(tids))
    assert [tid.to_us() for tid in tids] == [1000, 1001, 1002, 1003, 2000]


@given(moments.filter(lambda us: us < MAX_US), clock_ids)
def test_a_clock_passes_what_it_is_given(us: int, clock_id: int) -> None:
    after = Tid.from_us(us, clock_id)
    assert TidClock(lambda: 1000, clock_id=0).next(after) > after


def test_a_revision_of_the_future_does_not_carry_the_clock_along() -> None:
    clock = TidClock(lambda: 1000)
    assert clock.next(after=Tid.from_us(10**15)).to_us() == 10**15 + 1
    assert clock.next().to_us() == 1001


def test_nothing_comes_after_the_last_tid() -> None:
    clock = TidClock(lambda: 1000)
    with pytest.raises(InvalidSyntax):
        clock.next(after=LAST)
    assert clock.next() < LAST


def test_a_clock_picks_its_own_number() -> None:
    numbers = {TidClock(lambda: 1000).next().clock_id for _ in range(50)}
    assert len(numbers) > 1


def test_threads_never_share_a_tid() -> None:
    clock = TidClock(lambda: 1000)
    given_out: list[Tid] = []

    def take() -> None:
        given_out.extend([clock.next() for _ in range(500)])

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(given_out)) == 2000
