"""Event-stream frames, and the rewriting of `seq` that leaves every other byte alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.atproto import cbor
from appliance.atproto.cid import Cid
from appliance.atproto.xrpc.frames import (
    MAX_SEQ,
    InvalidFrame,
    decode_frame,
    encode_frame,
    error_frame,
    with_seq,
)

COMMIT = {
    "ops": [
        {"path": "app.bsky.feed.post/xcseq", "cid": Cid.for_block(b"x"), "action": "create"},
        {"path": "cseq\x01", "cid": None, "action": "delete"},
    ],
    "rev": "3jqfcqzm3fo2j",
    "seq": 0,
    "repo": "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
    "blocks": b"cseq\x05" * 40,
    "future": {"seq": 9},
}


def test_a_frame_is_read_as_it_was_written() -> None:
    frame = decode_frame(encode_frame("#commit", COMMIT))
    assert (frame.op, frame.t, frame.body) == (1, "#commit", COMMIT)
    assert frame.body_offset == len(cbor.encode({"op": 1, "t": "#commit"}))


def test_a_message_frame_has_the_documented_bytes() -> None:
    assert encode_frame("#info", {"name": "x"}) == (
        bytes.fromhex("a2617465") + b"#info" + bytes.fromhex("626f7001") + b"\xa1\x64name\x61x"
    )


def test_an_error_frame_carries_name_and_message() -> None:
    frame = decode_frame(error_frame("FutureCursor", "too far"))
    assert (frame.op, frame.t) == (-1, None)
    assert frame.body == {"error": "FutureCursor", "message": "too far"}
    assert decode_frame(error_frame("FutureCursor")).body == {"error": "FutureCursor"}


@given(st.integers(0, MAX_SEQ), st.integers(0, MAX_SEQ))
def test_a_new_seq_changes_nothing_else(old: int, new: int) -> None:
    frame = encode_frame("#commit", {**COMMIT, "seq": old})
    assert with_seq(frame, new) == encode_frame("#commit", {**COMMIT, "seq": new})


def test_a_new_seq_works_in_a_body_of_many_unknown_fields() -> None:
    body = {**{f"k{number}": number for number in range(300)}, "seq": 5}
    assert with_seq(encode_frame("#x", body), 7) == encode_frame("#x", {**body, "seq": 7})
    huge = {**{f"k{number}": number for number in range(70_000)}, "seq": 5}
    assert with_seq(encode_frame("#x", huge), 7) == encode_frame("#x", {**huge, "seq": 7})
    small = {**{f"k{number}": number for number in range(100)}, "seq": 5}
    assert with_seq(encode_frame("#x", small), 7) == encode_frame("#x", {**small, "seq": 7})


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        encode_frame("#x", {"a": 1}),
        cbor.encode({"op": 1, "t": "#x"}),
        cbor.encode({"op": 1, "t": "#x"}) + b"\x80",
        cbor.encode({"op": 1, "t": "#x"}) + b"\xa2\x61a",
        encode_frame("#x", {"a": 1, "seq": 4})[:-1],
        cbor.encode({"op": 1, "t": "#x"}) + b"\xb9\x00",
    ],
)
def test_a_frame_without_seq_is_refused(frame: bytes) -> None:
    with pytest.raises(InvalidFrame):
        with_seq(frame, 1)


HEADER = cbor.encode({"op": 1, "t": "#x"})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEADER,
        HEADER + b"\xa0\x00",
        HEADER + b"\x80",
        b"\x80\xa0",
        b"\xff",
        cbor.encode({"op": 2, "t": "#x"}) + b"\xa0",
        cbor.encode({"op": True, "t": "#x"}) + b"\xa0",
        cbor.encode({"op": 1}) + b"\xa0",
        cbor.encode({"t": "#x"}) + b"\xa0",
        HEADER + b"\xbf\xff",
        HEADER + b"\xa1\x61a\xf9\x3c\x00",
    ],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidFrame):
        decode_frame(data)
