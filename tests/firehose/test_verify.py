"""What a consumer checks before it believes an event."""

import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.atproto.car import write_car
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.repo.proof import InvalidCommit, verify_slice
from appliance.atproto.repo.repo import RecordOp
from appliance.atproto.syntax import Did
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.frames import with_seq
from appliance.base.clock import Clock
from appliance.firehose.events import CommitEvent, InvalidEvent, RepoEvent, SyncEvent, parse
from appliance.firehose.verify import (
    FUTURE_US,
    BadSignature,
    RepoState,
    StaleRev,
    chains,
    root_of,
    verify_commit,
    verify_sync,
)
from tests.support.clock import FakeClock
from tests.support.hosts import TIME, FakeAccount

NOW_US = FakeClock().now_us()


class Story:
    """Three commits of one account."""

    def __init__(self) -> None:
        self.account = FakeAccount("alice", FakeClock())
        self.key = self.account.key.public
        self.news = [self.account.commit(), self.account.post("a"), self.account.post("b")]
        self.events = [CommitEvent.of(each, TIME) for each in self.news]
        self.states = [RepoState(each.commit.rev, each.commit.data) for each in self.news]


STORY = Story()


def test_each_commit_gives_the_state_for_the_next() -> None:
    story = Story()
    state = None
    for event, expected in zip(story.events, story.states, strict=True):
        assert chains(event, state)
        state = verify_commit(event, state, story.key, NOW_US)
        assert state == expected


def test_a_commit_is_good_by_itself_but_does_not_chain_over_a_gap() -> None:
    story = Story()
    first, _, third = story.events
    assert verify_commit(third, story.states[0], story.key) == story.states[2]
    assert not chains(third, story.states[0])
    assert not chains(replace(third, prev_data=None), story.states[1])
    assert not chains(replace(third, since=first.rev), story.states[1])
    assert chains(third, story.states[1])
    assert chains(third, None)


def test_what_is_not_newer_is_stale() -> None:
    story = Story()
    for event in story.events[:2]:
        with pytest.raises(StaleRev):
            verify_commit(event, story.states[1], story.key)
    with pytest.raises(StaleRev):
        verify_sync(SyncEvent.of(story.news[0].commit, TIME), story.states[1], story.key)


def test_a_sync_may_repeat_what_is_known_but_not_contradict_it() -> None:
    story = Story()
    state = story.states[1]
    sync = SyncEvent.of(story.news[1].commit, TIME)
    assert verify_sync(sync, state, story.key) == state
    with pytest.raises(InvalidEvent, match="two different trees"):
        verify_sync(sync, replace(state, data=story.states[0].data), story.key)


def test_a_commit_of_another_key_is_told_from_a_broken_one() -> None:
    story = Story()
    other = PrivateKey.generate().public
    with pytest.raises(BadSignature):
        verify_commit(story.events[1], story.states[0], other)
    with pytest.raises(BadSignature):
        verify_sync(SyncEvent.of(story.news[1].commit, TIME), None, other)


def test_a_rev_may_be_five_minutes_ahead_and_no_more() -> None:
    story = Story()
    ahead = story.events[1].rev.to_us() - FUTURE_US
    verify_commit(story.events[1], None, story.key, ahead)
    with pytest.raises(InvalidEvent, match="future"):
        verify_commit(story.events[1], None, story.key, ahead - 1)


def test_an_event_that_contradicts_its_commit_is_refused() -> None:
    story = Story()
    event, blocks = story.events[1], story.news[1].blocks
    commit = story.news[1].commit
    other = Cid.for_block(b"other")
    corrupt = bytearray(event.blocks)
    corrupt[-1] ^= 1
    lies: list[tuple[str, dict[str, Any]]] = [
        ("event of", {"did": Did("did:plc:" + "b" * 24)}),
        ("the event", {"rev": Tid.from_us(NOW_US + 1)}),
        ("root is not the commit", {"commit": other}),
        ("not prevData", {"prev_data": other}),
        ("not prevData", {"ops": ()}),
        ("not a CAR", {"blocks": bytes(corrupt)}),
        ("not a CAR", {"blocks": event.blocks[:-1]}),
        ("empty or larger", {"blocks": b""}),
        ("empty or larger", {"blocks": bytes(2_000_001)}),
        ("no root", {"blocks": write_car(None, blocks.items())}),
        ("lacks its root", {"blocks": write_car(commit.cid, [])}),
        ("record path", {"ops": (RecordOp("create", "x", other, None),)}),
    ]
    for reason, change in lies:
        with pytest.raises(InvalidEvent, match=reason):
            verify_commit(replace(event, **change), story.states[0], story.key, NOW_US)
    verify_commit(event, story.states[0], story.key, NOW_US)


def test_a_sync_gives_the_state_and_must_fit_its_commit() -> None:
    account = FakeAccount("alice", Clock())
    commit = account.post("a").commit
    event = SyncEvent.of(commit, TIME)
    key = account.key.public
    assert verify_sync(event, None, key) == RepoState(commit.rev, commit.data)
    assert root_of(event) == commit.cid
    other = Cid.for_block(b"other")
    for change in (
        {"did": Did("did:plc:" + "b" * 24)},
        {"rev": Tid.from_us(5)},
        {"blocks": b""},
        {"blocks": b"x"},
        {"blocks": write_car(None, [(commit.cid, commit.block)])},
        {"blocks": write_car(other, [(commit.cid, commit.block)])},
        {"blocks": write_car(other, [(Cid.for_block(b"\xa0"), b"\xa0")])},
        {"blocks": write_car(Cid.for_block(b"\xa0"), [(Cid.for_block(b"\xa0"), b"\xa0")])},
    ):
        with pytest.raises(InvalidEvent):
            verify_sync(replace(event, **change), None, key)


@given(st.data())
@settings(deadline=None, max_examples=400)
def test_no_damage_to_a_frame_does_worse_than_be_refused(data: st.DataObject) -> None:
    frame = bytearray(STORY.events[1].frame())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(frame) - 1))
        frame[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    with suppress(InvalidEvent):
        event = parse(bytes(frame))
        assert isinstance(event, RepoEvent)
        assert parse(with_seq(bytes(frame), 5)) == replace(event, seq=5)
        if isinstance(event, CommitEvent):
            state = verify_commit(event, STORY.states[0], STORY.key, NOW_US)
            assert state == STORY.states[1]


def test_damaged_nodes_and_records_are_refused_whatever_their_hash() -> None:
    rng = random.Random(11)  # noqa: S311
    event, blocks = STORY.events[1], list(STORY.news[1].blocks.items())
    for _ in range(3000):
        at = rng.randrange(1, len(blocks))
        old, block = blocks[at]
        damaged = bytearray(block)
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        swapped = {**dict(blocks), old: bytes(damaged)}
        with suppress(InvalidCommit):
            verify_slice(swapped, event.commit, event.ops, event.prev_data)
