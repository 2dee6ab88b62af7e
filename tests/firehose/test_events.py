"""Events and their frames: what is written is what the lexicon says, what is read is checked."""

from typing import Any

import pytest

from appliance.atproto import cbor
from appliance.atproto.car import read_car
from appliance.atproto.cid import Cid
from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.repo.repo import RecordOp
from appliance.atproto.syntax import Did
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.frames import decode_frame, encode_frame, error_frame
from appliance.base.clock import Clock
from appliance.firehose.events import (
    AccountEvent,
    CommitEvent,
    Event,
    IdentityEvent,
    InfoEvent,
    InvalidEvent,
    SyncEvent,
    UnknownEvent,
    UpstreamError,
    parse,
)
from tests.support.hosts import TIME, FakeAccount

ALICE = Did("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")
LEAF = Cid.for_block(b"leaf")
OTHER = Cid.for_block(b"other")
REV, SINCE = Tid.from_us(2), Tid.from_us(1)

COMMIT = CommitEvent(
    did=ALICE,
    rev=REV,
    since=SINCE,
    commit=LEAF,
    prev_data=OTHER,
    ops=(
        RecordOp("create", "com.example.a/1", LEAF, None),
        RecordOp("update", "com.example.a/2", LEAF, OTHER),
        RecordOp("delete", "com.example.a/3", None, OTHER),
    ),
    blocks=b"car",
    time=TIME,
    seq=7,
)
EVENTS: list[Event] = [
    COMMIT,
    CommitEvent(ALICE, REV, None, LEAF, None, (), b"car", TIME),
    SyncEvent(ALICE, REV, b"car", TIME, 8),
    IdentityEvent(ALICE, TIME, "alice.test", 9),
    IdentityEvent(ALICE, TIME),
    AccountEvent(ALICE, TIME, True, None, 10),
    AccountEvent(ALICE, TIME, False, "takendown", 11),
    InfoEvent("OutdatedCursor", "too old"),
    InfoEvent("OutdatedCursor"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    assert parse(event.frame()) == event


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_a_frame_fits_its_lexicon(event: Event) -> None:
    frame = decode_frame(event.frame())
    validator = Validator(load_catalog())
    validator.message("com.atproto.sync.subscribeRepos", frame.t or "", frame.body)


def test_a_commit_frame_has_the_fields_the_network_expects() -> None:
    body = decode_frame(COMMIT.frame()).body
    assert body == {
        "seq": 7,
        "rebase": False,
        "tooBig": False,
        "repo": str(ALICE),
        "commit": LEAF,
        "rev": str(REV),
        "since": str(SINCE),
        "blocks": b"car",
        "ops": [
            {"action": "create", "path": "com.example.a/1", "cid": LEAF},
            {"action": "update", "path": "com.example.a/2", "cid": LEAF, "prev": OTHER},
            {"action": "delete", "path": "com.example.a/3", "cid": None, "prev": OTHER},
        ],
        "blobs": [],
        "time": TIME,
        "prevData": OTHER,
    }
    first = decode_frame(EVENTS[1].frame()).body
    assert first["since"] is None
    assert "prevData" not in first


def test_an_active_account_has_no_status() -> None:
    assert "status" not in decode_frame(AccountEvent(ALICE, TIME, True).frame()).body


def test_events_of_a_commit_carry_its_blocks() -> None:
    news = FakeAccount("alice", Clock()).post("hello")
    event = CommitEvent.of(news, TIME)
    car = read_car(event.blocks)
    assert (car.roots, car.blocks) == ([news.commit.cid], news.blocks)
    sync = SyncEvent.of(news.commit, TIME)
    assert read_car(sync.blocks).blocks == {news.commit.cid: news.commit.block}
    assert (sync.did, sync.rev) == (news.commit.did, news.commit.rev)


def test_unknown_fields_are_left_aside() -> None:
    body = decode_frame(COMMIT.frame()).body
    assert parse(encode_frame("#commit", {**body, "later": [1]})) == COMMIT


def test_an_unknown_message_is_told_from_a_broken_one() -> None:
    with pytest.raises(UnknownEvent):
        parse(encode_frame("#labels", {"seq": 1}))


def test_an_error_frame_gives_its_name() -> None:
    with pytest.raises(UpstreamError) as told:
        parse(error_frame("FutureCursor", "too far"))
    assert told.value.name == "FutureCursor"


GONE = AccountEvent(ALICE, TIME, False, "takendown", 11)
MANY_FIELDS = {f"field{number}": number for number in range(100)}

BROKEN: list[dict[str, Any]] = [
    {"seq": "7"},
    {"seq": True},
    {"seq": -1},
    {"seq": 1 << 53},
    {"repo": "nobody"},
    {"repo": None},
    {"rev": "x"},
    {"since": 5},
    {"since": "x"},
    {"commit": None},
    {"commit": "x"},
    {"blocks": "x"},
    {"blocks": None},
    {"prevData": b"x"},
    {"time": 1},
    {"ops": None},
    {"ops": [1]},
    {"ops": [{"action": "rename", "path": "a/b", "cid": None}]},
    {"ops": [{"action": "create", "path": 1, "cid": LEAF}]},
    {"ops": [{"action": "create", "path": "a/b", "cid": "x"}]},
]


@pytest.mark.parametrize("change", BROKEN, ids=str)
def test_a_malformed_commit_is_refused(change: dict[str, Any]) -> None:
    body = decode_frame(COMMIT.frame()).body
    with pytest.raises(InvalidEvent):
        parse(encode_frame("#commit", {**body, **change}))


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff",
        cbor.encode({"op": 1, "t": "#commit"}) + b"\x80",
        encode_frame("#account", {"seq": 1, "did": str(ALICE), "time": TIME, "active": 1}),
        encode_frame("#identity", {"seq": 1, "did": str(ALICE), "time": TIME, "handle": "!"}),
        encode_frame("#sync", {"seq": 1, "did": str(ALICE), "time": TIME, "rev": str(REV)}),
        encode_frame("#account", {**decode_frame(GONE.frame()).body, "status": "x" * 101}),
        encode_frame("#account", {**decode_frame(GONE.frame()).body, **MANY_FIELDS}),
        bytes(5_000_001),
    ],
    ids=range(9),
)
def test_a_malformed_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(InvalidEvent):
        parse(frame)
