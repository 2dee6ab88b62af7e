import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.atproto import cbor
from appliance.atproto.car import (
    MAX_HEADER,
    MAX_SECTION,
    CarReader,
    InvalidCar,
    car_block,
    car_header,
    read_car,
    write_car,
)
from appliance.atproto.cid import Cid

BLOCKS = [(Cid.for_block(data), data) for data in (b"\xa0", b"\x80", b"\x61a")]
ROOT = BLOCKS[0][0]
WHOLE = write_car(ROOT, BLOCKS)


def section(content: bytes) -> bytes:
    """Frame bytes of less than 128 as one section."""
    return bytes((len(content),)) + content


def headed(header: object) -> bytes:
    return section(cbor.encode(header))


def test_an_archive_is_laid_out_as_the_specification_says() -> None:
    header = (
        bytes.fromhex("a265726f6f747381d82a582500") + ROOT + bytes.fromhex("6776657273696f6e01")
    )
    assert car_header(ROOT) == bytes((len(header),)) + header
    assert car_block(*BLOCKS[0]) == b"\x25" + ROOT + b"\xa0"
    assert car_header(ROOT) + b"".join(car_block(*block) for block in BLOCKS) == WHOLE


def test_what_is_written_reads_back() -> None:
    car = read_car(WHOLE)
    assert car.roots == [ROOT]
    assert list(car.blocks.items()) == BLOCKS


def test_an_archive_may_name_no_root() -> None:
    car = read_car(write_car(None, BLOCKS))
    assert car.roots == []
    assert len(car.blocks) == 3


def test_an_archive_may_hold_no_block_or_one_twice() -> None:
    assert read_car(car_header(ROOT)).blocks == {}
    assert read_car(WHOLE + car_block(*BLOCKS[1])).blocks == dict(BLOCKS)


def test_a_long_block_has_a_longer_length() -> None:
    data = bytes(1_000_000)
    cid = Cid.for_blob(data)
    assert read_car(write_car(cid, [(cid, data)])).blocks == {cid: data}


@given(st.lists(st.integers(1, 40), max_size=20))
def test_the_pieces_do_not_matter(sizes: list[int]) -> None:
    reader = CarReader()
    blocks = []
    at = 0
    for size in [*sizes, len(WHOLE)]:
        blocks += reader.feed(WHOLE[at : at + size])
        at += size
    reader.finish()
    assert reader.roots == [ROOT]
    assert blocks == BLOCKS


def test_a_reader_gives_each_block_as_soon_as_it_is_whole() -> None:
    reader = CarReader()
    assert reader.roots == []
    assert reader.feed(car_header(ROOT)[:-1]) == []
    assert reader.roots == []
    assert reader.feed(car_header(ROOT)[-1:] + car_block(*BLOCKS[0])) == BLOCKS[:1]
    assert reader.roots == [ROOT]
    for byte in car_block(*BLOCKS[1])[:-1]:
        assert reader.feed(bytes((byte,))) == []
    with pytest.raises(InvalidCar, match="cut short"):
        reader.finish()
    assert reader.feed(car_block(*BLOCKS[1])[-1:]) == BLOCKS[1:2]
    reader.finish()


def test_an_archive_cut_anywhere_is_refused() -> None:
    boundaries = {len(car_header(ROOT)) + 38 * count for count in range(3)}
    for end in set(range(len(WHOLE))) - boundaries:
        with pytest.raises(InvalidCar):
            read_car(WHOLE[:end])


def test_a_flipped_bit_anywhere_in_a_block_is_found() -> None:
    start = len(car_header(ROOT)) + 1
    for at in range(start, start + 37):
        damaged = bytearray(WHOLE)
        damaged[at] ^= 1
        with pytest.raises(InvalidCar):
            read_car(bytes(damaged))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        section(b"\xff"),
        section(b"\x80"),
        headed({"roots": [ROOT], "version": 2}),
        headed({"roots": [ROOT]}),
        headed({"version": 1}),
        headed({"roots": ROOT, "version": 1}),
        headed({"roots": [bytes(ROOT)], "version": 1}),
        headed({"roots": [1], "version": 1}),
        section(cbor.encode({"roots": [], "version": 1}) + b"\x00"),
        b"\x80\x80\x01" + bytes(MAX_HEADER),
        b"\xff" * 9,
        b"\xff" * 8 + b"\x7f",
        b"\x91\x00" + cbor.encode({"roots": [], "version": 1}),
    ],
    ids=lambda data: data.hex()[:40],
)
def test_a_bad_header_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidCar):
        read_car(data)


@pytest.mark.parametrize(
    "tail",
    [
        b"\x00",
        section(b"\x01"),
        section(ROOT[:-1]),
        section(ROOT),
        section(ROOT + b"\x80"),
        section(b"\x12\x20" + bytes(32) + b"\x00\x00\x00"),
        b"\xa5\x00" + ROOT + b"\xa0",
        b"\xff" * 9 + b"\x01",
    ],
    ids=lambda data: data.hex()[:40],
)
def test_a_bad_block_is_refused(tail: bytes) -> None:
    with pytest.raises(InvalidCar):
        read_car(car_header(ROOT) + tail)


def test_a_length_beyond_the_cap_is_refused_before_its_bytes_come() -> None:
    reader = CarReader()
    reader.feed(car_header(ROOT))
    length = MAX_SECTION + 1
    varint = bytes((length & 127 | 128, length >> 7 & 127 | 128, length >> 14 & 127 | 128, 1))
    with pytest.raises(InvalidCar, match=str(MAX_SECTION)):
        reader.feed(varint[:3] + bytes((length >> 21,)))


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    reader = CarReader()
    try:
        for cid, block in reader.feed(data) + reader.feed(data):
            assert cid.names(block)
    except InvalidCar:
        return
    assert len(data) < 200 or reader.roots is not None
