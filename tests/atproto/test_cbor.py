import math
import random
import re
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.atproto import cbor, cbor_python
from appliance.atproto.cbor import InvalidCbor
from appliance.atproto.cid import Cid

LINK = Cid.for_block(b"\xa0")
TAGGED = "d82a582500" + LINK.hex()


class Codec(NamedTuple):
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    decode_prefix: Callable[[bytes, int], tuple[Any, int]]


CODECS = {
    "fastest": Codec(cbor.encode, cbor.decode, cbor.decode_prefix),
    "python": Codec(cbor_python.encode, cbor_python.decode, cbor_python.decode_prefix),
}


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest) -> Codec:
    return CODECS[request.param]


VALID: list[tuple[str, Any]] = [
    ("00", 0),
    ("17", 23),
    ("1818", 24),
    ("18ff", 255),
    ("190100", 256),
    ("1a00010000", 65536),
    ("1b0000000100000000", 1 << 32),
    ("1b001fffffffffffff", (1 << 53) - 1),
    ("1bffffffffffffffff", (1 << 64) - 1),
    ("20", -1),
    ("3818", -25),
    ("3bffffffffffffffff", -(1 << 64)),
    ("f4", False),
    ("f5", True),
    ("f6", None),
    ("fb3ff8000000000000", 1.5),
    ("fb3ff0000000000000", 1.0),
    ("fb0000000000000000", 0.0),
    ("fb7fefffffffffffff", sys.float_info.max),
    ("fb0000000000000001", 5e-324),
    ("40", b""),
    ("4300ff80", b"\x00\xff\x80"),
    ("5818" + "61" * 24, b"a" * 24),
    ("60", ""),
    ("63e282ac", "€"),
    ("64f09f9880", "😀"),
    ("7818" + "61" * 24, "a" * 24),
    ("80", []),
    ("820102", [1, 2]),
    ("981a" + "00" * 26, [0] * 26),
    ("a0", {}),
    ("a16001", {"": 1}),
    ("a361610161620262616103", {"a": 1, "b": 2, "aa": 3}),
    ("a2617a0162c3a902", {"z": 1, "é": 2}),
    ("a3627a7a0162c3a90264f09f988003", {"zz": 1, "é": 2, "😀": 3}),
    (TAGGED, LINK),
    ("a1616c" + TAGGED, {"l": LINK}),
    ("82" + TAGGED + "5824" + LINK.hex(), [LINK, bytes(LINK)]),
    ("81" * 64 + "00", None),
    ("a16161" * 64 + "00", None),
    ("81" * 63 + "80", None),
]

INVALID = {
    "map keys in plain order": "a361610162616103616202",
    "map keys in reverse": "a2616201616102",
    "a longer key first": "a262616101616202",
    "a key of 24 letters before a short one": "a27818" + "61" * 24 + "01616202",
    "a key twice": "a2616101616102",
    "an integer key": "a10102",
    "a bytes key": "a1416102",
    "a null key": "a1f602",
    "a list key": "a18002",
    "a link key": "a1" + TAGGED + "02",
    "a key that is no UTF-8": "a162c32801",
    "one in two bytes": "1801",
    "23 in two bytes": "1817",
    "255 in three bytes": "1900ff",
    "65535 in five bytes": "1a0000ffff",
    "a 32-bit number in nine bytes": "1b00000000ffffffff",
    "a negative in two bytes": "3801",
    "a text length in two bytes": "780161",
    "a bytes length in two bytes": "580161",
    "a list length in two bytes": "980101",
    "a map length in two bytes": "b801616101",
    "a tag in three bytes": "d9002a" + TAGGED[4:],
    "indefinite text": "7f6161ff",
    "indefinite bytes": "5f4161ff",
    "an indefinite list": "9f01ff",
    "an indefinite map": "bf616101ff",
    "a break alone": "ff",
    "nothing": "",
    "a second value": "0100",
    "a second value after a map": "a0f6",
    "half a list": "8201",
    "half a map": "a16161",
    "half a text": "6361",
    "half a number": "19ff",
    "half a float": "fb3ff8",
    "a list of 2^63": "9b7fffffffffffffff",
    "a list of 2^64 - 1": "9bffffffffffffffff",
    "a list of 2^32 - 1": "9affffffff",
    "a map of 2^32 - 1": "baffffffff",
    "bytes of 2^63": "5b7fffffffffffffff",
    "bytes of 2^64 - 1": "5bffffffffffffffff",
    "text of 2^64 - 1": "7bffffffffffffffff",
    "a float of 32 bits": "fa3fc00000",
    "a float of 16 bits": "f93e00",
    "NaN": "fb7ff8000000000000",
    "another NaN": "fbfff8000000000001",
    "infinity": "fb7ff0000000000000",
    "minus infinity": "fbfff0000000000000",
    "NaN of 16 bits": "f97e00",
    "undefined": "f7",
    "simple value 0": "e0",
    "simple value 19": "f3",
    "simple value 255": "f8ff",
    "false in two bytes": "f814",
    "simple value 24": "f818",
    "a date": "c074323031332d30332d32315432303a30343a30305a",
    "a bignum": "c249010000000000000000",
    "the self-description": "d9d9f701",
    "tag 43": "d82b" + TAGGED[4:],
    "a link without the zero": "d82a5824" + LINK.hex(),
    "a link with another prefix": "d82a582501" + LINK.hex(),
    "a link of no bytes": "d82a40",
    "a link of the zero alone": "d82a4100",
    "a link of text": "d82a6161",
    "a link of a number": "d82a01",
    "a link to a link": "d82a" + TAGGED,
    "half a tag": "d82a",
    "a CID of version 0": "d82a5823001220" + "00" * 32,
    "a CID cut short": "d82a582400" + LINK.hex()[:-2],
    "a CID with a byte more": "d82a582600" + LINK.hex() + "00",
    "a CID of garbage": "d82a4300ffff",
    "a CID of dag-pb": "d82a58250001701220" + "00" * 32,
    "a CID of SHA-512/256": "d82a58250001711320" + "00" * 32,
    "text that is no UTF-8": "62c328",
    "a surrogate in text": "63eda080",
    "an overlong letter": "62c080",
    "a letter beyond Unicode": "64f4908080",
    "reserved length 28": "1c",
    "reserved length 29": "5d",
    "reserved length 30": "7e",
    "an indefinite integer": "1f",
    "65 lists": "81" * 65 + "00",
    "65 lists, the last empty": "81" * 64 + "80",
    "65 maps": "a16161" * 65 + "00",
    "1000 lists": "81" * 1000 + "00",
    "100,000 lists": "81" * 100_000 + "00",
}


def test_there_are_as_many_vectors_as_it_takes() -> None:
    assert len(VALID) + len(INVALID) > 65 * 1.5


@pytest.mark.parametrize(("encoded", "value"), VALID, ids=[entry[0][:40] for entry in VALID])
def test_a_canonical_encoding_reads_and_writes(codec: Codec, encoded: str, value: Any) -> None:
    raw = bytes.fromhex(encoded)
    decoded = codec.decode(raw)
    if value is not None:
        assert decoded == value
        assert type(decoded) is type(value)
    assert codec.encode(decoded) == raw
    assert codec.decode_prefix(b"\x00" + raw + b"\xff", 1) == (decoded, len(raw) + 1)


@pytest.mark.parametrize("encoded", INVALID.values(), ids=INVALID.keys())
def test_any_other_encoding_is_refused(codec: Codec, encoded: str) -> None:
    with pytest.raises(InvalidCbor):
        codec.decode(bytes.fromhex(encoded))


def test_minus_zero_keeps_its_sign(codec: Codec) -> None:
    raw = bytes.fromhex("fb8000000000000000")
    assert math.copysign(1, codec.decode(raw)) == -1
    assert codec.encode(-0.0) == raw


def test_a_link_is_a_cid_and_never_plain_bytes(codec: Codec) -> None:
    link, plain = codec.decode(codec.encode([LINK, bytes(LINK)]))
    assert type(link) is Cid
    assert type(plain) is bytes


def test_map_keys_are_written_in_order(codec: Codec) -> None:
    jumbled = {"b": 1, "aa": 2, "a": 3, "é": 4, "😀": 5, "\uffff": 6}
    assert codec.decode(codec.encode(jumbled)) == jumbled
    assert list(codec.decode(codec.encode(jumbled))) == ["a", "b", "aa", "é", "\uffff", "😀"]


class Number(int):
    pass


class Mapping(dict[str, int]):
    pass


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        1 << 64,
        -(1 << 64) - 1,
        {1: 2},
        {None: 2},
        {b"a": 2},
        (1, 2),
        {1},
        "\ud800",
        {"\ud800": 1},
        bytearray(b"x"),
        memoryview(b"x"),
        Number(3),
        Mapping(a=1),
        OrderedDict(a=1),
        object(),
        [[object()]],
    ],
    ids=lambda value: re.sub(" at 0x.*?>", ">", repr(value)),
)
def test_what_dag_cbor_does_not_have_is_not_written(codec: Codec, value: Any) -> None:
    with pytest.raises(InvalidCbor):
        codec.encode(value)


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: {"a": x}], ids=["lists", "maps"])
@pytest.mark.parametrize("leaf", [0, [], "ñ" * 100, bytes(range(128, 192))], ids=type)
def test_both_ways_stop_at_64_levels(codec: Codec, wrap: Callable[[Any], Any], leaf: Any) -> None:
    deep = leaf
    for _ in range(64 if not isinstance(leaf, list) else 63):
        deep = wrap(deep)
    assert codec.decode(codec.encode(deep)) == deep
    with pytest.raises(InvalidCbor, match="64"):
        codec.encode(wrap(deep))


def test_a_wide_value_is_not_a_deep_one(codec: Codec) -> None:
    wide = [{"a": [[LINK], {"b": []}]} for _ in range(500)]
    assert codec.decode(codec.encode(wide)) == wide


def test_a_deep_corner_of_a_wide_value_is_found(codec: Codec) -> None:
    deep: Any = 0
    for _ in range(64):
        deep = [deep]
    with pytest.raises(InvalidCbor, match="64"):
        codec.encode([0, {"a": "b"}, deep, [[]]])


@pytest.mark.parametrize("offset", [-1, 2, 100])
def test_a_prefix_begins_within_the_data(codec: Codec, offset: int) -> None:
    with pytest.raises(InvalidCbor):
        codec.decode_prefix(b"\x01", offset)


def test_two_values_in_a_row_are_read_one_by_one(codec: Codec) -> None:
    data = codec.encode({"op": 1, "t": "#commit"}) + codec.encode([LINK])
    header, end = codec.decode_prefix(data, 0)
    assert header == {"op": 1, "t": "#commit"}
    assert codec.decode_prefix(data, end) == ([LINK], len(data))


# Every shape a value can have; text without surrogates, floats without NaN.
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 64), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
    | st.binary(max_size=40)
    | st.builds(Cid.for_block, st.binary(max_size=2))
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=20,
)


@given(values)
def test_both_codecs_write_the_same(value: Any) -> None:
    encoded = cbor.encode(value)
    assert cbor_python.encode(value) == encoded
    assert cbor.decode(encoded) == cbor_python.decode(encoded) == value


@given(st.binary(max_size=60))
def test_both_codecs_judge_random_bytes_alike(data: bytes) -> None:
    assert verdict(CODECS["fastest"], data) == verdict(CODECS["python"], data)


def verdict(codec: Codec, data: bytes) -> tuple[bool, Any]:
    """Say whether a codec accepts the bytes, and prove that it would write them the same way."""
    try:
        value = codec.decode(data)
    except InvalidCbor:
        return False, None
    assert codec.encode(value) == data
    return True, value


def third_opinion(data: bytes) -> Any:
    """Decode by cbor2, whose rules are looser: it must agree wherever ours accept."""

    def link(tag: cbor2.CBORTag, immutable: bool = False) -> Cid:
        return Cid(tag.value[1:])

    return cbor2.loads(data, tag_hook=link)


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Change, drop, add, double or cut a few bytes."""
    out = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(out) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            out[at : at + 1] = bytes((rng.randrange(256),))
        elif kind == 1:
            del out[at : at + rng.randrange(1, 3)]
        elif kind == 2:
            out.insert(at, rng.choice(b"\x00\x18\x40\x60\x80\xa0\xd8\xf6\xfb\xff"))
        elif kind == 3:
            out[at:at] = out[at : at + 8]
        else:
            out[at : at + 1] = bytes((out[at] ^ (1 << rng.randrange(8)),)) if at < len(out) else b""
    return bytes(out)


SEEDS = [bytes.fromhex(encoded) for encoded, _ in VALID] + [
    cbor_python.encode(value)
    for value in (
        {
            "$type": "app.bsky.feed.post",
            "text": "Grüße 😀",
            "createdAt": "2026-11-20T10:00:00.123Z",
            "reply": {"root": {"cid": str(LINK)}, "parent": {"cid": str(LINK)}},
        },
        {"l": LINK, "e": [{"k": b"app.bsky", "p": 0, "t": None, "v": LINK}] * 3},
        {"did": "did:plc:abc", "rev": "3jzfcijpj2z2a", "data": LINK, "prev": None, "version": 3},
        [1.5, -1, {"a": [True, None, b"\xd8\x2a"]}],
    )
]


def test_three_decoders_agree_on_twenty_thousand_mutations() -> None:
    rng = random.Random(20261120)  # noqa: S311
    accepted = 0
    for _ in range(20_000):
        data = mutated(rng, rng.choice(SEEDS))
        judged = verdict(CODECS["fastest"], data)
        assert judged == verdict(CODECS["python"], data), data.hex()
        if judged[0]:
            accepted += 1
            assert third_opinion(data) == judged[1], data.hex()
    assert 500 < accepted < 19_500
