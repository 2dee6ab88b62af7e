"""Taking a repository in: everything is checked, and only the difference is written."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from appliance.atproto import cbor, data
from appliance.atproto.car import Car, InvalidCar, read_car, write_car
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.data import BlobRef
from appliance.atproto.repo.commit import parse_commit, sign_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.syntax import RecordKey
from appliance.atproto.tid import Tid
from appliance.base.database import Connection
from appliance.firehose.events import SyncEvent
from appliance.pds import repos, transfer
from appliance.pds.blobs import BlobCounts, MissingBlob
from appliance.pds.repos import RepoStore
from appliance.pds.transfer import InvalidImport
from tests.support.import_house import House, notes, open_house, refused, repository
from tests.support.pds_stores import (
    ALICE,
    BOB,
    LIKE,
    NOTE,
    POST,
    like,
    note_with,
    picture,
    pieces,
    post,
)
from tests.support.waiting import PATIENCE_SECONDS, until

BLOB = BlobRef(Cid.for_blob(b"elsewhere"), "image/png", 9)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


async def test_an_imported_repo_has_the_records_and_the_commit_of_the_archive(
    house: House,
) -> None:
    archive = repository(house.old_key, {**notes(30), f"{POST}/3aaaaaaaaaa22": post()})
    await house.take(archive)
    car = read_car(archive)
    head = house.stores.repos.head(ALICE)
    commit = parse_commit(car.blocks[car.roots[0]])
    assert (head.commit_cid, head.rev, head.data) == (commit.cid, commit.rev, commit.data)
    assert len(await house.paths()) == 31
    with await house.stores.exports.repo(ALICE) as exported:
        assert read_car(exported.read()) == Car(car.roots, car.blocks)


async def test_nothing_is_announced_for_an_account_that_is_not_active(house: House) -> None:
    events = house.stores.events()
    await house.take(repository(house.old_key, notes(3)))
    assert house.stores.events() == events


async def test_the_next_commit_follows_the_imported_one(house: House) -> None:
    await house.take(repository(house.old_key, notes(3)))
    head = house.stores.repos.head(ALICE)
    await house.stores.create(NOTE, {}, "new")
    event = house.stores.last_commit_event()
    assert (event.since, event.prev_data) == (head.rev, head.data)
    assert event.rev > head.rev


async def test_importing_again_applies_the_difference(house: House) -> None:
    await house.take(repository(house.old_key, notes(20)))
    changed = {**notes(10), f"{NOTE}/k003": {"$type": str(NOTE), "n": "changed"}}
    await house.take(repository(house.old_key, changed, rev=Tid.from_us(1_700_000_000_000_001)))
    assert await house.paths() == sorted(changed)
    assert house.stores.records.get(ALICE, NOTE, RecordKey("k003")).value["n"] == "changed"
    again = repository(house.old_key, changed, rev=Tid.from_us(1_700_000_000_000_001))
    await house.take(again)
    assert await house.paths() == sorted(changed)


@pytest.mark.parametrize("seed", range(5))
async def test_any_state_follows_any_other(
    house: House, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(transfer, "_ROWS_TOGETHER", 7)
    random = Random(seed)  # noqa: S311
    state: dict[str, Any] = {}
    for step in range(12):
        keys = [f"{NOTE}/k{number:03}" for number in range(60)]
        for path in random.sample(keys, random.choice([0, 3, 30, 60])):
            state[path] = {"$type": str(NOTE), "n": random.randrange(3)}
        gone = random.sample(sorted(state), random.choice([0, len(state) // 3, len(state)]))
        state = {path: value for path, value in state.items() if path not in gone}
        rev = Tid.from_us(1_700_000_000_000_000 + step)
        rows = "SELECT path, cid, rev FROM record ORDER BY path"
        before = {path: (cid, at) for path, cid, at in house.stores.db.read(rows)}
        await house.take(repository(house.old_key, state, rev=rev))
        after = {path: (cid, at) for path, cid, at in house.stores.db.read(rows)}
        blocks = {path: Cid.for_block(cbor.encode(value)) for path, value in state.items()}
        assert {path: cid for path, (cid, _) in after.items()} == blocks
        # What stays as it was is not written anew, and what goes is noted.
        for path, (cid, at) in after.items():
            is_same = path in before and before[path][0] == cid
            assert at == (before[path][1] if is_same else rev)
        noted = house.stores.db.read("SELECT path FROM deleted_record WHERE rev = ?", rev)
        assert {path for (path,) in noted} == before.keys() - after.keys()


async def test_blobs_of_imported_records_are_expected_until_they_come(house: House) -> None:
    path = f"{POST}/3aaaaaaaaaa22"
    with_picture = data.from_json(picture(BLOB))
    await house.take(repository(house.old_key, {path: with_picture}))
    blobs = house.stores.blobs
    assert await blobs.counts(ALICE) == BlobCounts(1, 0)
    (missing,) = await blobs.missing(ALICE, 10)
    assert missing == MissingBlob(BLOB.cid, missing.record)
    assert missing.record == f"at://{ALICE}/{path}"
    assert await blobs.missing(ALICE, 10, BLOB.cid) == []
    await house.stores.upload(b"elsewhere", "image/png")
    assert await blobs.missing(ALICE, 10) == []
    assert blobs.find(ALICE, BLOB.cid).size == 9


async def test_blobs_that_no_imported_record_needs_go(house: House) -> None:
    blob = await house.stores.upload()
    await house.stores.create(NOTE, note_with(blob), "a")
    await house.take(repository(house.old_key, notes(1)))
    assert not house.stores.has_file(blob.cid)


async def test_imported_likes_are_known_by_their_subject(house: House) -> None:
    path = f"{LIKE}/3aaaaaaaaaa22"
    await house.take(repository(house.old_key, {path: like()}))
    new = house.stores.prepare.create_replacing(ALICE, LIKE, None, like(), None)
    await house.stores.repos.write(ALICE, [new])
    assert await house.paths() == [new.path]


async def test_the_repo_of_an_active_account_only_goes_forward(house: House) -> None:
    await house.open_account()
    with pytest.raises(InvalidImport, match="newer"):
        await house.take(repository(house.old_key, notes(3)))
    late = Tid.from_us(house.stores.clock.us + 10)
    await house.take(repository(house.old_key, notes(3), rev=late))
    event = house.stores.events()[-1]
    assert isinstance(event, SyncEvent)
    assert event.rev == late


async def test_whoever_becomes_active_during_an_import_is_told_of(house: House) -> None:
    archive = repository(house.old_key, notes(3))

    async def slowly() -> AsyncIterator[bytes]:
        yield archive[:100]
        await house.open_account()
        yield archive[100:]

    with pytest.raises(InvalidImport, match="newer"):
        await house.imports.take(ALICE, slowly())
    assert await house.paths() == []


async def test_archives_of_one_account_are_read_one_after_the_other(house: House) -> None:
    archive = repository(house.old_key, notes(3))
    under_way: list[int] = []

    async def watched() -> AsyncIterator[bytes]:
        for piece in (archive[:100], archive[100:]):
            under_way.append(len(house.imports.running()))
            await asyncio.sleep(0.01)
            yield piece

    await asyncio.gather(*(house.imports.take(ALICE, watched()) for _ in range(3)))
    assert under_way == [1] * 6
    assert len(await house.paths()) == 3


async def test_where_none_are_taken_or_they_are_too_large_imports_are_refused(
    house: House,
) -> None:
    archive = repository(house.old_key, notes(30))
    house.imports._limit = len(archive) - 1
    await refused(house, archive, "larger than")
    house.imports._limit = 0
    await refused(house, archive, "Service is not accepting repo imports")
    house.imports._limit = len(archive)
    await house.take(archive)


def without(archive: bytes, is_unwanted: Callable[[Car, Cid], bool]) -> bytes:
    car = read_car(archive)
    kept = [(cid, block) for cid, block in car.blocks.items() if not is_unwanted(car, cid)]
    return write_car(car.roots[0], kept)


def is_node(car: Car, cid: Cid) -> bool:
    commit = parse_commit(car.blocks[car.roots[0]])
    nodes = [node for node, _ in Mst.load(commit.data, car.blocks).walk()]
    return cid == nodes[-1]


def is_record(car: Car, cid: Cid) -> bool:
    return cid == list(car.blocks)[-1]


def is_commit(car: Car, cid: Cid) -> bool:
    return cid == car.roots[0]


@pytest.mark.parametrize("is_unwanted", [is_node, is_record, is_commit])
async def test_an_archive_with_a_hole_is_refused(
    house: House, is_unwanted: Callable[[Car, Cid], bool]
) -> None:
    await refused(house, without(repository(house.old_key, notes(30)), is_unwanted))


async def test_the_repository_of_somebody_else_is_refused(house: House) -> None:
    house.directory.keys[BOB] = house.old_key
    await refused(house, repository(house.old_key, notes(3), BOB), "not of")


async def test_a_commit_signed_by_another_key_is_refused(house: House) -> None:
    await refused(house, repository(PrivateKey.generate(), notes(3)), "signed")


async def test_what_is_no_archive_is_refused(house: House) -> None:
    archive = repository(house.old_key, notes(3))
    for broken in (b"", b"text", archive[:-1], archive[:70], b"\xff" * 100):
        with pytest.raises(InvalidCar):
            await house.take(broken)
    flipped = bytearray(archive)
    flipped[-3] ^= 1
    with pytest.raises(InvalidCar, match="hash"):
        await house.take(bytes(flipped))


async def test_an_archive_with_two_roots_or_none_is_refused(house: House) -> None:
    car = read_car(repository(house.old_key, notes(3)))
    await refused(house, write_car(None, car.blocks.items()), "root")


@pytest.mark.parametrize(
    "found",
    [
        {"no-collection": {}},
        {"com.example.note/..": {}},
        {"com.example.note/a/b": {}},
        {"note/a": {}},
        {"com.example.note/a": [1, 2]},
        {"com.example.note/a": "text"},
    ],
)
async def test_records_that_can_not_be_kept_are_refused(
    house: House, found: dict[str, Any]
) -> None:
    await refused(house, repository(house.old_key, found))


async def test_a_tree_that_is_not_canonical_is_refused(house: House) -> None:
    block = cbor.encode({"$type": str(NOTE)})
    cid = Cid.for_block(block)
    entries = [{"p": 0, "k": f"{NOTE}/{key}".encode(), "v": cid, "t": None} for key in ("b", "a")]
    node = cbor.encode({"l": None, "e": entries})
    root = Cid.for_block(node)
    commit = sign_commit(ALICE, Tid.from_us(1), root, house.old_key)
    parts = [(commit.cid, commit.block), (root, node), (cid, block)]
    await refused(house, write_car(commit.cid, parts))


async def test_blocks_nobody_refers_to_are_not_kept(house: House) -> None:
    car = read_car(repository(house.old_key, notes(3)))
    extra = cbor.encode({"stray": True})
    parts = {**car.blocks, Cid.for_block(extra): extra}
    await house.take(write_car(car.roots[0], parts.items()))
    with await house.stores.exports.repo(ALICE) as exported:
        assert read_car(exported.read()).blocks == car.blocks


async def test_an_import_outlives_a_restart_of_the_store(house: House) -> None:
    await house.take(repository(house.old_key, notes(100)))
    stores = house.stores
    fresh = RepoStore(stores.db, stores.blobs, stores.keys, stores.clock)
    write = stores.prepare.create(ALICE, NOTE, None, {"n": 1}, None)
    await fresh.write(ALICE, [write])
    repo = fresh._trees.find(stores.repos.head(ALICE))
    assert repo is not None
    assert repo.tree.root == stores.repos.head(ALICE).data


async def test_between_two_imports_members_write(house: House) -> None:
    house.directory.keys[BOB] = house.old_key
    await house.stores.open_repo(BOB)
    heads = {did: house.stores.repos.head(did).commit_cid for did in (ALICE, BOB)}
    held, let_go = threading.Event(), threading.Event()

    def hold(conn: Connection) -> None:
        held.set()
        assert let_go.wait(PATIENCE_SECONDS)

    def how_many_came(conn: Connection) -> int:
        found = [repos.load_head(conn, did).commit_cid != heads[did] for did in heads]
        return sum(found)

    async with asyncio.timeout(PATIENCE_SECONDS):
        busy = asyncio.ensure_future(house.stores.db.write(hold))
        await until(held.is_set)
        arriving = [
            asyncio.ensure_future(
                house.imports.take(did, pieces(repository(house.old_key, notes(20), did)))
            )
            for did in heads
        ]
        await until(lambda: [one.phase for one in house.imports.running()] == ["writing"] * 2)
        await asyncio.sleep(0)
        written = asyncio.ensure_future(house.stores.db.write(how_many_came))
        await asyncio.sleep(0)
        let_go.set()
        assert await written == 1
        await asyncio.gather(busy, *arriving)
        assert await house.stores.db.write(how_many_came) == 2
