from base64 import b32decode, b32encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.atproto.cid import DAG_CBOR, RAW, Cid, InvalidCid

# The empty map and the empty blob, as every implementation names them.
EMPTY_MAP = "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua"
EMPTY_BLOB = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"

digests = st.binary(min_size=32, max_size=32)
codecs = st.sampled_from([DAG_CBOR, RAW])


def test_a_block_and_a_blob_have_their_known_names() -> None:
    assert str(Cid.for_block(b"\xa0")) == EMPTY_MAP
    assert str(Cid.for_blob(b"")) == EMPTY_BLOB


@given(codecs, digests)
def test_text_and_bytes_say_the_same(codec: int, digest: bytes) -> None:
    cid = Cid.from_digest(codec, digest)
    assert str(cid) == "b" + b32encode(cid).decode().lower().rstrip("=")
    assert Cid.parse(str(cid)) == cid
    assert b32decode(str(cid)[1:].upper() + "======") == bytes(cid)
    assert (cid.codec, cid.digest) == (codec, digest)


def test_a_cid_is_the_bytes_it_stands_for() -> None:
    cid = Cid.for_block(b"\xa0")
    assert cid == bytes(cid)
    assert {bytes(cid): 1}[cid] == 1
    assert f"{cid}" == EMPTY_MAP
    assert repr(cid) == f"Cid('{EMPTY_MAP}')"
    assert Cid(bytes(cid)) == cid


def test_a_cid_knows_its_data() -> None:
    assert Cid.for_blob(b"x").names(b"x")
    assert not Cid.for_blob(b"x").names(b"y")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01\x71\x12\x20" + bytes(31),
        b"\x01\x71\x12\x20" + bytes(33),
        b"\x00\x71\x12\x20" + bytes(32),
        b"\x01\x70\x12\x20" + bytes(32),
        b"\x01\x71\x13\x20" + bytes(32),
        b"\x12\x20" + bytes(32),
        b"\x00\x01\x71\x12\x20" + bytes(31),
    ],
    ids=bytes.hex,
)
def test_other_bytes_are_no_cid(raw: bytes) -> None:
    with pytest.raises(InvalidCid):
        Cid(raw)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        EMPTY_MAP[:-1],
        EMPTY_MAP + "a",
        EMPTY_MAP + "\n",
        " " + EMPTY_MAP[1:],
        EMPTY_MAP.upper(),
        "B" + EMPTY_MAP[1:],
        "z" + EMPTY_MAP[1:],
        EMPTY_MAP[:10] + "_" + EMPTY_MAP[11:],
        EMPTY_MAP[:10] + "1" + EMPTY_MAP[11:],
        EMPTY_MAP[:-1] + "b",
        "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
        "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR",
    ],
)
def test_other_text_is_no_cid(text: str) -> None:
    with pytest.raises(InvalidCid):
        Cid.parse(text)


def test_a_digest_needs_32_bytes_and_a_known_codec() -> None:
    digest = sha256(b"").digest()
    assert str(Cid.from_digest(RAW, digest)) == EMPTY_BLOB
    with pytest.raises(InvalidCid, match="0x70"):
        Cid.from_digest(0x70, digest)
    with pytest.raises(InvalidCid):
        Cid.from_digest(RAW, digest[1:])
