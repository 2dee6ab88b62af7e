"""What this process made is recognised by its bytes, and by nothing but its bytes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.atproto.crypto import PrivateKey, PublicKey
from appliance.atproto.repo.repo import CommitSlice
from appliance.atproto.xrpc.frames import MAX_SEQ
from appliance.base.database import Connection, Database
from appliance.firehose import event_log, verify
from appliance.firehose.event_log import EventLog
from appliance.firehose.events import CommitEvent, InvalidEvent, Made, parse
from appliance.firehose.own_frames import OwnFrames
from appliance.firehose.verify import BadSignature, StaleRev, verify_commit
from tests.support.clock import FakeClock
from tests.support.hosts import TIME, FakeAccount

ALICE = FakeAccount("alice", FakeClock())
NEWS = [ALICE.commit(), *(ALICE.post(f"post {number}") for number in range(4))]


def made(news: CommitSlice, key: PublicKey | None = None) -> CommitEvent:
    """Make an event as the PDS does."""
    event = CommitEvent.of(news, TIME)
    key = key or ALICE.key.public
    return replace(event, made=Made(key, news.commit.data, news.blocks, event.unnumbered()))


@pytest.fixture
def own() -> OwnFrames:
    frames = OwnFrames()
    for news in NEWS:
        frames.note(made(news))
    return frames


@given(st.sampled_from(NEWS), st.integers(0, MAX_SEQ))
def test_a_frame_is_known_as_what_reading_it_gives(news: CommitSlice, seq: int) -> None:
    own = OwnFrames()
    own.note(made(news))
    frame = replace(CommitEvent.of(news, TIME), seq=seq).frame()
    found = own.find(frame)
    assert found == parse(frame)
    assert found is not None
    assert found.made is not None


@given(st.data())
def test_a_frame_that_differs_in_one_byte_is_not_known(data: st.DataObject) -> None:
    own = OwnFrames()
    own.note(made(NEWS[2]))
    frame = bytearray(CommitEvent.of(NEWS[2], TIME).frame())
    at = data.draw(st.integers(0, len(frame) - 1))
    frame[at] ^= data.draw(st.integers(1, 255))
    found = own.find(bytes(frame))
    assert found is None or (parse(bytes(frame)) == found and found.seq != 0)


def test_numbers_written_otherwise_than_shortest_are_not_known(own: OwnFrames) -> None:
    frame = CommitEvent.of(NEWS[1], TIME).unnumbered()
    assert own.find(frame.head + b"\x05" + frame.tail) is not None
    for number in (b"\x18\x05", b"\x20", b"\x1b" + b"\xff" * 8, b"", b"\x61a", b"\x05\x05"):
        assert own.find(frame.head + number + frame.tail) is None


def test_a_frame_of_somebody_else_is_read_and_verified(own: OwnFrames) -> None:
    stranger = FakeAccount("mallory", FakeClock())
    frames = [CommitEvent.of(news, TIME) for news in (stranger.commit(), stranger.post("x"))]
    assert [own.find(event.frame()) for event in frames] == [None, None]
    assert own.find(b"") is None


def test_what_was_read_from_a_frame_is_never_taken_for_made_here(own: OwnFrames) -> None:
    stranger = FakeAccount("mallory", FakeClock()).commit()
    event = parse(CommitEvent.of(stranger, TIME).frame())
    assert isinstance(event, CommitEvent)
    own.note(event)
    assert own.find(event.frame()) is None


def test_a_made_commit_is_still_held_against_key_and_rev(monkeypatch: pytest.MonkeyPatch) -> None:
    before, event = (made(news) for news in NEWS[:2])
    state = verify_commit(before, None, ALICE.key.public)
    after = verify_commit(event, state, ALICE.key.public)
    assert after == verify_commit(replace(event, made=None), state, ALICE.key.public)
    with pytest.raises(StaleRev):
        verify_commit(event, after, ALICE.key.public)
    with pytest.raises(InvalidEvent, match="future"):
        verify_commit(event, state, ALICE.key.public, now_us=1)
    # Signed by a key that the account's document does not name: then it is verified in full.
    with pytest.raises(BadSignature):
        verify_commit(event, state, PrivateKey.generate().public)
    monkeypatch.delattr(verify, "verify_slice")
    assert verify_commit(event, state, ALICE.key.public) == after


def test_the_oldest_are_forgotten() -> None:
    events = [made(news) for news in NEWS]
    own = OwnFrames(most_bytes=sum(len(event.frame()) for event in events[-2:]))
    for event in [*events, events[-1]]:
        own.note(event)
    known = [own.find(event.frame()) is not None for event in events]
    assert known == [False] * (len(events) - 2) + [True, True]


def test_what_both_readers_have_had_is_forgotten(own: OwnFrames) -> None:
    first, second = (CommitEvent.of(news, TIME).frame() for news in NEWS[:2])
    read = [own.find(first) is not None for _ in range(3)]
    assert read == [True, True, False]
    assert own.find(second) is not None
    # Told again by the log of a reader: it is kept for whoever comes after.
    own.note(made(NEWS[0]))
    assert own.find(first) is not None


def test_room_of_what_was_read_is_free_again() -> None:
    events = [made(news) for news in NEWS]
    own = OwnFrames(most_bytes=sum(len(event.frame()) for event in events[:2]))
    for event in events:
        own.note(event)
        assert [own.find(event.frame()) is not None for _ in range(2)] == [True, True]
    own.note(events[0])
    own.note(events[1])
    assert own.find(events[0].frame()) is not None


async def test_the_log_tells_of_what_was_made_once_it_is_on_the_disk(db: Database) -> None:
    own = OwnFrames()
    log = EventLog(db, own=own)
    waiting = log.tail(0)
    event, undone = made(NEWS[0]), made(NEWS[1])
    assert event.made is not None
    await db.write(event_log.append, event.did, "commit", made(NEWS[2]).frame(), 1)
    assert await anext(waiting)
    await db.write(event_log.append_made, event, event.made, 1)
    _, frame = await anext(waiting)
    assert own.find(frame) == replace(event, seq=2)
    with pytest.raises(ZeroDivisionError):
        await db.write(_append_in_vain, undone)
    assert own.find(undone.frame()) is None
    assert log.head() == 2


def _append_in_vain(conn: Connection, event: CommitEvent) -> None:
    assert event.made is not None
    event_log.append_made(conn, event, event.made, 1)
    raise ZeroDivisionError
