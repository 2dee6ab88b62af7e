import time
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.atproto import cbor
from appliance.atproto.cid import Cid
from appliance.atproto.data import (
    MAX_INTEGER,
    BlobRef,
    InvalidData,
    cid_texts,
    dumps,
    find_blobs,
    from_json,
    loads,
    record_from_json,
    record_json,
    to_json,
)
from tests.support import interop

LINK = Cid.for_block(b"\xa0")
PICTURE = Cid.for_blob(b"picture")
BLOB = {
    "$type": "blob",
    "ref": {"$link": str(PICTURE)},
    "mimeType": "image/png",
    "size": 7,
}


@pytest.mark.parametrize(
    ("json", "value"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (7.0, 7),
        (-0.0, 0),
        (float(MAX_INTEGER), MAX_INTEGER),
        (-MAX_INTEGER, -MAX_INTEGER),
        ("text", "text"),
        ([], []),
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
        ({"$link": str(LINK)}, LINK),
        ({"$bytes": ""}, b""),
        ({"$bytes": "AP8"}, b"\x00\xff"),
        ({"$bytes": "AP8="}, b"\x00\xff"),
        ({"a": {"$link": str(LINK)}}, {"a": LINK}),
        ({"$type": "app.bsky.feed.post"}, {"$type": "app.bsky.feed.post"}),
        ({"other": "$link"}, {"other": "$link"}),
        (
            BLOB,
            {"$type": "blob", "ref": PICTURE, "mimeType": "image/png", "size": 7},
        ),
        ({"cid": str(PICTURE), "mimeType": "image/png"},) * 2,
    ],
)
def test_json_becomes_the_value_it_means(json: Any, value: Any) -> None:
    converted = from_json(json)
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    "json",
    [
        1.5,
        float("inf"),
        float("nan"),
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        2.0**53,
        1e300,
        {"a": [1.5]},
        {"$link": str(LINK), "other": 1},
        {"$link": 1},
        {"$link": None},
        {"$link": "b"},
        {"$link": ""},
        {"$link": str(LINK)[1:]},
        {"$link": str(LINK).upper()},
        {"$link": "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR"},
        {"$link": "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"},
        {"$bytes": "AP8", "other": 1},
        {"$bytes": [1, 2]},
        {"$bytes": "A"},
        {"$bytes": "A==="},
        {"$bytes": "AP8=="},
        {"$bytes": "="},
        {"$bytes": "A P8"},
        {"$bytes": "AP8\n"},
        {"$bytes": "_-8"},
        {"$bytes": "é"},
        {"$link": str(LINK), "$bytes": "AP8"},
        {"$type": None},
        {"$type": ""},
        {"$type": 1},
        BLOB | {"ref": str(PICTURE)},
        BLOB | {"ref": {"$link": str(LINK)}},
        BLOB | {"ref": None},
        BLOB | {"mimeType": ""},
        BLOB | {"mimeType": 1},
        BLOB | {"size": "7"},
        BLOB | {"size": -1},
        BLOB | {"size": True},
        BLOB | {"more": 1},
        {"$type": "blob", "mimeType": "image/png", "size": 7},
        {"$type": "blob", "ref": {"$link": str(PICTURE)}, "size": 7},
        {"$type": "blob", "ref": {"$link": str(PICTURE)}, "mimeType": "image/png"},
        (1, 2),
        b"bytes",
    ],
    ids=repr,
)
def test_what_the_data_model_cannot_hold_is_refused(json: Any) -> None:
    with pytest.raises(InvalidData):
        from_json({"a": json})


def test_an_integer_of_more_than_64_bits_is_refused() -> None:
    for digits in (
        b"9007199254740992",
        b"18446744073709551616",
        b"1e400",
        b"-99999999999999999999",
    ):
        with pytest.raises(InvalidData):
            from_json(loads(b'{"a":' + digits + b"}"))


FIXTURES = [
    (
        {"$type": "com.example.kept", "image": BLOB, "raw": {"$bytes": "AP8"}, "n": 3},
        "bafyreig3nzfy3eclgwbmaxymf3wdjc3ftkk3aiasucpzucoiurrjpiraqa",
    ),
    *[(case["json"], case["cid"]) for case in interop.cases("data-model/data-model-fixtures.json")],
]


@pytest.mark.parametrize(("json", "cid"), FIXTURES)
def test_a_record_has_one_encoding_and_one_name(json: Any, cid: str) -> None:
    block = cbor.encode(from_json(json))
    assert str(Cid.for_block(block)) == cid
    assert to_json(cbor.decode(block)) == json
    assert record_json(block) == json


def test_the_fixtures_have_the_published_bytes() -> None:
    own = {"json": {"a": 1}, "cbor_base64": "oWFhAQ"}
    for case in [own, *interop.cases("data-model/data-model-fixtures.json")]:
        encoded = case["cbor_base64"]
        padded = encoded + "=" * (-len(encoded) % 4)
        assert cbor.encode(from_json(case["json"])) == b64decode(padded)


OWN_VALID = [{"note": "plain", "json": {"a": 1, "b": [None, {"c": ""}]}}]
OWN_INVALID = [{"note": "a list is no record", "json": [1]}, {"note": "null", "json": None}]


@pytest.mark.parametrize("case", OWN_VALID + interop.cases("data-model/data-model-valid.json"))
def test_a_valid_record_survives(case: dict[str, Any]) -> None:
    assert to_json(record_from_json(case["json"])) == case["json"]


@pytest.mark.parametrize("case", OWN_INVALID + interop.cases("data-model/data-model-invalid.json"))
def test_an_invalid_record_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidData):
        record_from_json(case["json"])


def test_without_the_c_codec_a_record_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    block = cbor.encode(from_json(FIXTURES[0][0]))
    monkeypatch.setattr(cbor, "decode_json", None)
    assert record_json(block) == FIXTURES[0][0]


def test_a_record_that_is_no_cbor_is_refused() -> None:
    for block in (b"", b"\xa0\x00", b"\xff"):
        with pytest.raises(cbor.InvalidCbor):
            record_json(block)


def nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


def test_values_nest_64_levels_and_no_more() -> None:
    assert to_json(from_json(nested(64))) == nested(64)
    for levels in (65, 500, 100_000):
        with pytest.raises(InvalidData, match="64"):
            from_json(nested(levels))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 64 + b"]" * 64,
        b'{"a":' * 64 + b"0" + b"}" * 64,
        b'["' + b"[" * 1000 + b'"]',
        b'["\\"' + b"[" * 1000 + b'","{{{\\\\"]',
        b"[" + b"[]," * 1000 + b"{}]",
        b" {} ",
        b"1",
    ],
    ids=lambda body: body[:20],
)
def test_json_within_64_levels_is_read(body: bytes) -> None:
    assert dumps(loads(body)) == body.strip()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'[{"a":' * 33 + b"0" + b"}]" * 33,
        b'["]]]]"' + b"," + b"[" * 64 + b"]" * 65,
        b'["\\"]]",' + b"[" * 64 + b"]" * 65,
    ],
    ids=lambda body: body[:20],
)
def test_deeper_json_is_refused_unread(body: bytes) -> None:
    with pytest.raises(InvalidData, match="64"):
        loads(body)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nul", b"NaN", b"{'a':1}", b'"\\ud800"', b'"\xff"', b"[1,]", b"1 2", b'{"a"}'],
)
def test_malformed_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidData, match="malformed"):
        loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 65 + b'"' + b'\\"' * 500_000,
        b"[" * 65 + b'"' + b"a" * 1_000_000,
        (b'"\\' * 500_000) + b"[" * 65,
        b'["' * 300_000,
        b"[]" * 500_000,
    ],
    ids=["escapes", "letters", "both", "alternating", "brackets"],
)
def test_no_body_keeps_the_depth_check_busy(body: bytes) -> None:
    started = time.process_time()
    with pytest.raises(InvalidData):
        loads(body)
    assert time.process_time() - started < 1


def test_json_cannot_say_everything() -> None:
    for value in (LINK, {1: 2}, {"a": {1}}):
        with pytest.raises(InvalidData):
            dumps(value)


def test_blobs_are_found_wherever_they_are() -> None:
    other = BLOB | {"mimeType": "image/jpeg", "size": 9}
    record = from_json({"images": [{"image": BLOB, "alt": ""}, {"image": other}], "thumb": BLOB})
    picture = BlobRef(PICTURE, "image/png", 7)
    assert find_blobs(record) == [picture, BlobRef(PICTURE, "image/jpeg", 9), picture]


def test_what_only_resembles_a_blob_is_not_found() -> None:
    assert find_blobs({"$type": "blob", "ref": "text", "mimeType": "a/b", "size": 1}) == []
    assert find_blobs({"cid": str(PICTURE), "mimeType": "image/png"}) == []
    assert find_blobs("blob") == []


def test_a_blob_is_found_inside_what_only_resembles_one() -> None:
    outer = {"$type": "blob", "ref": from_json(BLOB)}
    assert find_blobs(outer) == [BlobRef(PICTURE, "image/png", 7)]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.text(max_size=20)
    | st.builds(lambda data: {"$link": str(Cid.for_block(data))}, st.binary(max_size=2)),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["a", "b", "ü", ""]), inner)
    ),
    max_leaves=20,
)


@given(json_values)
def test_json_goes_through_cbor_and_back(json: Any) -> None:
    block = cbor.encode(from_json(loads(dumps(json))))
    assert to_json(cbor.decode(block)) == json
    assert record_json(block) == json


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 1000])
def test_many_cids_are_written_at_once_as_each_is(size: int) -> None:
    cids = [Cid.for_block(bytes((number % 256, number // 256))) for number in range(size)]
    assert cid_texts(cids) == [str(cid) for cid in cids]
