"""Archives of hosted repos: whole, since a revision, single blocks, proofs."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any, BinaryIO

import pytest

from appliance.atproto import cbor
from appliance.atproto.car import Car, read_car
from appliance.atproto.cid import Cid
from appliance.atproto.repo.commit import parse_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.proof import verify_slice
from appliance.atproto.syntax import RecordKey
from appliance.atproto.tid import Tid
from appliance.firehose.events import CommitEvent
from appliance.pds import exports, out_tray, records
from appliance.pds.exports import BlockNotFound
from appliance.pds.repos import RepoNotFound
from tests.support.pds_stores import ALICE, BOB, NOTE, Stores, open_stores


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with open_stores(tmp_path) as opened:
        await opened.open_repo()
        for number in range(40):
            await opened.create(NOTE, {"n": number // 2}, f"k{number:02}")
        yield opened


async def exported(stores: Stores, since: Tid | None = None) -> Car:
    with await stores.exports.repo(ALICE, since) as archive:
        return read_car(archive.read())


def leaves(car: Car) -> dict[str, Cid]:
    commit = parse_commit(car.blocks[car.roots[0]])
    return dict(Mst.load(commit.data, car.blocks).items())


async def test_an_export_is_the_whole_repo_and_nothing_else(stores: Stores) -> None:
    await stores.put(NOTE, "k00", {"n": "changed"})
    await stores.delete(NOTE, "k39")
    car = await exported(stores)
    head = stores.repos.head(ALICE)
    assert car.roots == [head.commit_cid]
    assert next(iter(car.blocks)) == head.commit_cid
    assert parse_commit(car.blocks[head.commit_cid]).verify(stores.keys.get(ALICE).public)
    found = leaves(car)
    assert len(found) == 39
    assert all(cid in car.blocks for cid in found.values())
    nodes = dict(Mst.load(head.data, car.blocks).walk())
    assert car.blocks.keys() == {head.commit_cid, *nodes, *found.values()}


async def test_no_block_of_an_export_comes_twice(stores: Stores) -> None:
    with await stores.exports.repo(ALICE) as archive:
        size = len(archive.read())
    car = await exported(stores)
    header = 60
    assert size < sum(38 + len(block) for block in car.blocks.values()) + header + 200


async def test_an_export_since_the_head_has_no_blocks(stores: Stores) -> None:
    head = stores.repos.head(ALICE)
    car = await exported(stores, head.rev)
    assert (car.roots, car.blocks) == ([head.commit_cid], {})


async def test_an_export_since_a_rev_completes_an_older_copy(stores: Stores) -> None:
    old, rev = await exported(stores), stores.repos.head(ALICE).rev
    await stores.create(NOTE, {"n": "new"}, "k50")
    await stores.put(NOTE, "k07", {"n": "changed"})
    for number in range(10, 30):
        await stores.delete(NOTE, f"k{number}")
    await stores.create(NOTE, {"n": "again"}, "k12")
    new = await exported(stores, rev)
    full = await exported(stores)
    assert new.roots == full.roots
    assert {**old.blocks, **new.blocks}.items() >= full.blocks.items()
    assert new.blocks.items() <= full.blocks.items()
    changed = {cid for path, cid in leaves(full).items() if path[-3:] in ("k50", "k07", "k12")}
    in_new = {cid for cid in leaves(full).values() if cid in new.blocks}
    assert in_new == changed


async def test_an_export_of_very_many_changes_holds_all_nodes(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, rev = await exported(stores), stores.repos.head(ALICE).rev
    for number in range(6):
        await stores.put(NOTE, f"k{number:02}", {"n": "changed"})
    few = await exported(stores, rev)
    monkeypatch.setattr(exports, "_MOST_WAYS", 5)
    many, full = await exported(stores, rev), await exported(stores)
    assert {**old.blocks, **few.blocks}.items() >= full.blocks.items()
    assert {**old.blocks, **many.blocks}.items() >= full.blocks.items()
    nodes = dict(Mst.load(stores.repos.head(ALICE).data, full.blocks).walk())
    assert many.blocks.keys() >= nodes.keys() > few.blocks.keys() & nodes.keys()
    assert len(many.blocks) == len(nodes) + 2  # and the commit, and what is the same at six paths


async def test_an_export_since_a_rev_holds_every_node_that_a_deletion_made(
    stores: Stores,
) -> None:
    old, rev = await exported(stores), stores.repos.head(ALICE).rev
    for number in range(39):
        await stores.delete(NOTE, f"k{number:02}")
        new, full = await exported(stores, rev), await exported(stores)
        assert {**old.blocks, **new.blocks}.items() >= full.blocks.items()


@pytest.mark.parametrize("seed", range(4))
async def test_any_history_verifies_event_by_event_and_copy_by_copy(
    stores: Stores, seed: int
) -> None:
    random = Random(seed)  # noqa: S311
    model = {f"{NOTE}/k{n:02}": n // 2 for n in range(40)}
    copy, rev, seen = (await exported(stores)).blocks, stores.repos.head(ALICE).rev, 41
    for step in range(100, 160):  # so that no put repeats what is there
        batch = []
        keys = {f"k{random.randrange(60):02}" for _ in range(random.choice([1, 1, 2, 9]))}
        for key in sorted(keys):
            place, path = (NOTE, RecordKey(key)), f"{NOTE}/{key}"
            if path in model and random.random() < 0.5:
                batch.append(stores.prepare.delete(ALICE, *place))
                del model[path]
            else:
                batch.append(stores.prepare.put(ALICE, place, {"n": step}, None))
                model[path] = step
        await stores.repos.write(ALICE, batch)
        if random.random() < 0.2:
            copy |= (await exported(stores, rev)).blocks
            rev = stores.repos.head(ALICE).rev
            tree = Mst.load(stores.repos.head(ALICE).data, copy)
            assert {path: cbor.decode(copy[cid])["n"] for path, cid in tree.items()} == model
    for event in stores.events(seen):
        assert isinstance(event, CommitEvent)
        verify_slice(read_car(event.blocks).blocks, event.commit, event.ops, event.prev_data)
    assert len(stores.events(seen)) == 60


async def test_a_large_export_goes_by_way_of_a_file(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = await exported(stores)
    monkeypatch.setattr(out_tray, "LARGEST_IN_MEMORY", 100)
    assert await exported(stores) == small


async def test_what_slow_readers_hold_of_any_archive_is_counted(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out_tray, "IN_MEMORY", 20_000)
    car = await exported(stores)
    wanted = list(car.blocks)
    held: list[BinaryIO] = []
    for _ in range(10):
        held.append(await stores.exports.repo(ALICE))
        held.append(await stores.exports.blocks(ALICE, wanted))
        held.append(await stores.exports.record(ALICE, f"{NOTE}/k05"))
    tray = stores.exports.tray
    assert 0 < tray.in_memory <= 20_000
    assert tray.in_files > 20_000
    assert read_car(held[-3].read()) == car
    for archive in held:
        archive.close()
    assert (tray.in_memory, tray.in_files) == (0, 0)


async def test_archives_are_made_one_at_a_time_so_that_others_can_read(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()
    nodes_at = stores.repos.nodes_at

    def slowly(*args: Any) -> Any:
        begun.release()
        assert go_on.wait(60)
        return nodes_at(*args)

    monkeypatch.setattr(stores.repos, "nodes_at", slowly)
    async with asyncio.timeout(60):
        many = [asyncio.ensure_future(stores.exports.repo(ALICE)) for _ in range(5)]
        await asyncio.to_thread(begun.acquire)
        assert await stores.records.count(ALICE) == 40
        assert not begun.acquire(blocking=False)
        go_on.set()
        for archive in await asyncio.gather(*many):
            archive.close()


def test_the_nodes_of_ten_thousand_records_are_kept() -> None:
    said = Random(7)  # noqa: S311
    times = sorted(said.sample(range(1_700_000_000_000_000, 1_760_000_000_000_000), 10_000))
    items = [(f"{NOTE}/{Tid.from_us(time)}", Cid.for_block(b"%d" % time)) for time in times]
    nodes = list(Mst.build(items).walk())
    kept = sum(len(block) + exports._NODE_BYTES for _, block in nodes)
    assert exports._LAST_BYTES / 2 < kept <= exports._LAST_BYTES


async def test_nodes_at_hand_are_given_back_when_memory_is_short(stores: Stores) -> None:
    await exported(stores)
    assert stores.exports._last[1]
    await stores.exports.slim()
    assert not stores.exports._last[1]
    assert len(leaves(await exported(stores))) == 40


async def test_an_export_after_a_restart_is_the_same(tmp_path: Path) -> None:
    async with open_stores(tmp_path) as before:
        await before.open_repo()
        await before.create(NOTE, {"n": 1}, "a")
        car = await exported(before)
    async with open_stores(tmp_path) as after:
        assert await exported(after) == car


async def test_a_hidden_record_is_still_part_of_the_repo(stores: Stores) -> None:
    await stores.db.write(records.set_takedown, ALICE, f"{NOTE}/k00", "case 1")
    car = await exported(stores)
    assert leaves(car)[f"{NOTE}/k00"] in car.blocks


async def test_blocks_of_all_kinds_are_found_by_cid(stores: Stores) -> None:
    car = await exported(stores)
    wanted = list(car.blocks)
    with await stores.exports.blocks(ALICE, [*wanted, *wanted]) as archive:
        assert read_car(archive.read()) == Car([], {cid: car.blocks[cid] for cid in car.blocks})
    with await stores.exports.blocks(ALICE, wanted[-1:]) as archive:
        assert read_car(archive.read()).blocks == {wanted[-1]: car.blocks[wanted[-1]]}


async def test_one_missing_block_fails_the_call(stores: Stores) -> None:
    unknown = Cid.for_block(b"unknown")
    with pytest.raises(BlockNotFound, match=str(unknown)):
        await stores.exports.blocks(ALICE, [stores.repos.head(ALICE).data, unknown])
    assert stores.exports.tray.in_memory == 0


async def test_a_proof_shows_a_record_or_its_absence(stores: Stores) -> None:
    head = stores.repos.head(ALICE)
    for path, present in ((f"{NOTE}/k05", True), (f"{NOTE}/k99", False), ("a.b.c/d", False)):
        with await stores.exports.record(ALICE, path) as archive:
            car = read_car(archive.read())
        assert car.roots == [head.commit_cid]
        commit = parse_commit(car.blocks[head.commit_cid])
        cid = Mst.load(commit.data, car.blocks).get(path)
        assert (cid is not None) == present
        if cid is not None:
            assert cbor.decode(car.blocks[cid])["n"] == 2
        assert len(car.blocks) < len((await exported(stores)).blocks)


async def test_an_unknown_repo_has_no_archive(stores: Stores) -> None:
    with pytest.raises(RepoNotFound):
        await stores.exports.repo(BOB)
    with pytest.raises(RepoNotFound):
        await stores.exports.record(BOB, f"{NOTE}/a")
