"""Blocks that wait in a file: each is found again, and costs little memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.atproto import spool
from appliance.atproto.cid import Cid
from appliance.atproto.spool import Spool, TooManyBlocks


@pytest.fixture
def blocks(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path) as blocks:
        yield blocks


def block(number: int) -> tuple[Cid, bytes]:
    data = str(number).encode() * (number % 7)
    return Cid.for_block(b"%d " % number + data), b"%d " % number + data


def test_every_block_is_found_again_however_many_there_are(blocks: Spool) -> None:
    many = dict(block(number) for number in range(20_000))
    for cid, data in many.items():
        blocks.add(cid, data)
    assert len(blocks) == len(many)
    assert all(blocks[cid] == data for cid, data in many.items())
    assert set(blocks) == set(many)


def test_a_block_that_is_read_before_the_next_is_added_is_whole(blocks: Spool) -> None:
    for number in range(500):
        cid, data = block(number)
        blocks.add(cid, data)
        assert blocks[cid] == data


def test_what_was_never_added_is_not_there(blocks: Spool) -> None:
    cid, data = block(1)
    blocks.add(cid, data)
    missing = block(2)[0]
    assert missing not in blocks
    assert blocks.get(missing) is None
    with pytest.raises(KeyError):
        blocks[missing]


def test_a_block_with_the_same_place_in_the_table_is_not_taken_for_another(
    blocks: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can foresee the table's hash; were two the same, the CID would tell them apart."""
    monkeypatch.setattr(spool, "_HASH_MASK", 0)
    first, second = block(1), block(2)
    blocks.add(*first)
    assert blocks[first[0]] == first[1]
    assert second[0] not in blocks


def test_an_empty_block_and_a_block_twice_are_stored_once(blocks: Spool) -> None:
    empty = Cid.for_block(b"")
    for _ in range(3):
        blocks.add(empty, b"")
    assert (len(blocks), blocks[empty]) == (1, b"")


def test_there_is_an_end_to_it(blocks: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MAX_BLOCKS", 3)
    for number in range(3):
        blocks.add(*block(number))
    blocks.add(*block(2))
    with pytest.raises(TooManyBlocks):
        blocks.add(*block(3))


def test_where_a_block_lies_costs_a_few_bytes(blocks: Spool) -> None:
    count = 30_000
    for number in range(count):
        blocks.add(*block(number))
    held = sum(len(table) * table.itemsize for table in (blocks._hashes, blocks._places))
    assert held <= 48 * count
