"""Archives made to hurt: refused with the right error, in little time and memory."""

import time
import tracemalloc
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest

from appliance.atproto import cbor, spool
from appliance.atproto.car import InvalidCar, car_block, car_header, read_car, write_car
from appliance.atproto.cid import Cid
from appliance.atproto.repo.commit import sign_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.tid import Tid
from appliance.base.room import NoRoom, Room
from appliance.pds import transfer
from appliance.pds.transfer import ImportProgress, InvalidImport
from tests.support.import_house import House, notes, open_house, refused, repository
from tests.support.pds_stores import ALICE, NOTE, pieces

SECONDS = 20  # of this process's own time


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


def signed(house: House, root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> bytes:
    """Sign any block as the root of the account's tree."""
    commit = sign_commit(ALICE, Tid.from_us(1), root, house.old_key)
    return write_car(commit.cid, [(commit.cid, commit.block), *blocks])


def named(value: object) -> tuple[Cid, bytes]:
    block = cbor.encode(value)
    return Cid.for_block(block), block


async def test_a_record_at_very_many_paths_does_not_fill_the_disk(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_ALWAYS_ALLOWED", 1_000_000)
    cid, block = named({"$type": str(NOTE), "text": "x" * 500_000})
    tree = Mst.build((f"{NOTE}/{number:06}", cid) for number in range(20_000))
    archive = signed(house, tree.root, [*tree.walk(), (cid, block)])
    assert len(archive) < 4_000_000  # 10 GB of records
    begun = time.process_time()
    await refused(house, archive, "too many paths")
    assert time.process_time() - begun < SECONDS


async def test_more_paths_than_anybody_has_are_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "MAX_BLOCKS", 1000)
    cid, block = named({"$type": str(NOTE)})
    for number, is_taken in ((1000, True), (2000, False)):
        tree = Mst.build((f"{NOTE}/{each:06}", cid) for each in range(number))
        archive = signed(house, tree.root, [*tree.walk(), (cid, block)])
        if is_taken:
            await house.take(archive)
        else:
            await refused(house, archive, "more than")


async def test_the_rows_there_are_and_names_of_collections_are_not_all_in_memory(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_ROWS_TOGETHER", 50)
    monkeypatch.setattr(transfer, "_COLLECTIONS_REMEMBERED", 50)
    cid, block = named({"$type": str(NOTE)})

    def archive(letter: str, rev: int) -> bytes:
        paths = (f"com.{'x' * 60}.{'y' * 60}.c{each:05}/{letter}" for each in range(4_000))
        tree = Mst.build((path, cid) for path in paths)
        commit = sign_commit(ALICE, Tid.from_us(rev), tree.root, house.old_key)
        return write_car(commit.cid, [(commit.cid, commit.block), *tree.walk(), (cid, block)])

    one, other = archive("a", 1), archive("b", 2)
    await house.take(one)
    tracemalloc.start()
    try:
        await house.take(other)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 900_000


async def test_an_import_ends_when_the_disk_fills_up_and_leaves_nothing(house: House) -> None:
    await house.take(repository(house.old_key, notes(40)))
    before, head = await house.paths(), house.stores.repos.head(ALICE)
    paths = {f"{NOTE}/n{number:04}": {"$type": str(NOTE), "n": number} for number in range(1200)}
    archive = repository(house.old_key, paths, rev=Tid.from_us(1_700_000_000_000_001))
    folder = house.stores.db.path.parent
    files = {file.name for file in folder.iterdir()}
    looks = 0
    while True:
        now = iter(range(10**6))
        left = iter([10**9] * looks)
        house.stores.db.room = Room(folder, partial(_measured, left), partial(next, now))
        try:
            await house.imports.take(ALICE, pieces(archive, 40_000))
        except NoRoom:
            assert house.stores.repos.head(ALICE) == head
            assert await house.paths() == before
            assert {file.name for file in folder.iterdir()} == files
            looks += 1
        else:
            break
    # Before it comes, with each piece of it, and with each batch that is checked and written.
    assert looks > 1 + len(archive) // 40_000 + 2 + 3


def _measured(left: Iterator[int], _folder: Path) -> tuple[int, int]:
    return next(left, 0), 10**9


async def test_a_block_that_comes_again_and_again_is_stored_once(house: House) -> None:
    car = read_car(repository(house.old_key, notes(5)))
    blocks = [*car.blocks.items(), *list(car.blocks.items()) * 50]
    archive = car_header(car.roots[0]) + b"".join(car_block(*each) for each in blocks)
    await house.take(archive)
    with await house.stores.exports.repo(ALICE) as exported:
        assert read_car(exported.read()).blocks == car.blocks


async def test_more_blocks_than_anybody_has_are_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MAX_BLOCKS", 10)
    with pytest.raises(spool.TooManyBlocks):
        await house.take(repository(house.old_key, notes(30)))
    assert await house.paths() == []


async def test_a_commit_that_points_at_a_record_or_a_commit_is_refused(house: House) -> None:
    """A true cycle would need a hash that names itself; this is what is left of it."""
    record, block = named({"$type": str(NOTE)})
    commit = sign_commit(ALICE, Tid.from_us(1), record, house.old_key)
    for root, parts in (
        (record, [(record, block)]),
        (commit.cid, [(commit.cid, commit.block)]),
    ):
        await refused(house, signed(house, root, parts), "damaged")


async def test_one_subtree_at_many_places_is_refused_at_the_second(house: House) -> None:
    """Thirty layers of two links each would be a thousand million records."""
    cid, block = named({"$type": str(NOTE)})
    parts = [(cid, block)]
    kid = None
    for layer in range(30):
        key = f"{NOTE}/{layer:03}".encode()
        entries = [
            {"p": 0, "k": key, "v": cid, "t": kid},
            {"p": len(key), "k": b"z", "v": cid, "t": kid},
        ]
        kid, node = named({"l": kid, "e": entries})
        parts.append((kid, node))
    assert kid is not None
    begun = time.process_time()
    await refused(house, signed(house, kid, parts), "damaged")
    assert time.process_time() - begun < SECONDS


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"\xff" * 12, "63 bits"),
        (b"\xa6\x80\x00", "shortest"),
        (b"\xff\xff\xff\xff\x7f", "allowed"),
        (b"\x05abcde", "CID"),
        (b"\x24" + bytes(36), "CID"),
        (car_block(Cid.for_block(b"this"), b"that"), "hash"),
    ],
    ids=["long varint", "padded varint", "huge block", "short block", "no CID", "wrong CID"],
)
async def test_what_breaks_the_form_of_archives_is_refused(
    house: House, broken: bytes, reason: str
) -> None:
    archive = repository(house.old_key, notes(3))
    with pytest.raises(InvalidCar, match=reason):
        await house.take(archive + broken)
    assert await house.paths() == []


async def test_records_nested_too_deeply_are_refused(house: House) -> None:
    block = b"\xa1\x61a" + b"\x81" * 100_000 + b"\x80"
    cid = Cid.for_block(block)
    tree = Mst.build([(f"{NOTE}/a", cid)])
    await refused(house, signed(house, tree.root, [*tree.walk(), (cid, block)]), "damaged")


async def test_an_import_tells_how_far_it_is_and_forgets_it_at_its_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int]] = []
    enter = ImportProgress.enter

    def note(progress: ImportProgress, phase: transfer.Phase, of: int) -> None:
        told.append((progress.phase, progress.done))
        enter(progress, phase, of)
        assert house.imports.running() == [progress]

    monkeypatch.setattr(ImportProgress, "enter", note)
    archive = repository(house.old_key, notes(30))
    await house.take(archive)
    assert told == [("receiving", len(archive)), ("checking", 30)]
    with pytest.raises(InvalidImport):
        await house.take(repository(house.old_key, {"no-collection": {}}))
    assert house.imports.running() == []
