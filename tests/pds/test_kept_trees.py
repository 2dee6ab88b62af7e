"""The trees kept in memory: few bytes, and the same commits as if all of them were there."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from appliance.atproto.car import read_car
from appliance.atproto.cid import Cid
from appliance.atproto.repo.mst_node import RootMismatch, key_height
from appliance.atproto.repo.repo import Repo
from appliance.atproto.syntax import Did, RecordKey
from appliance.base.database import Connection
from appliance.pds import kept_trees
from appliance.pds.kept_trees import Head, weight
from appliance.pds.repos import RepoStore
from tests.support.pds_stores import ALICE, BOB, LIKE, NOTE, Stores, like, open_stores


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with open_stores(tmp_path) as opened:
        await opened.open_repo()
        await opened.open_repo(BOB)
        for did in (ALICE, BOB):
            rows = [
                opened.prepare.create(did, NOTE, RecordKey(f"k{number:03d}"), {"n": number}, None)
                for number in range(400)
            ]
            for begin in range(0, 400, 200):
                await opened.repos.write(did, rows[begin : begin + 200])
        yield opened


def with_room_for(stores: Stores, monkeypatch: pytest.MonkeyPatch, capacity: int) -> RepoStore:
    monkeypatch.setattr(kept_trees, "KEPT_BYTES", capacity)
    return RepoStore(stores.db, stores.blobs, stores.keys, stores.clock)


def at_hand(store: RepoStore) -> int:
    """What the trees weigh by what is at hand of them."""
    kept = [repo for repo, _ in store._trees._kept.values()]
    return sum(weight(path for path, _ in repo.tree.items_at_hand()) for repo in kept)


async def make(stores: Stores, store: RepoStore, number: int, did: Did = ALICE) -> None:
    key = RecordKey(f"n{number:03d}")
    await store.write(did, [stores.prepare.create(did, NOTE, key, {"n": number}, None)])


async def is_root_of_rows(stores: Stores, did: Did) -> bool:
    head = stores.repos.head(did)
    tree = await stores.db.scan(lambda conn: kept_trees.rebuild(conn, head).tree)
    return tree.root == head.data


async def test_a_write_makes_only_its_own_way(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = with_room_for(stores, monkeypatch, 10_000_000)
    await make(stores, store, 1)
    assert 0 < store._trees.bytes == at_hand(store) < weight(["x" * 20] * 200)


async def test_what_is_kept_is_known_to_the_byte_and_bounded(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = with_room_for(stores, monkeypatch, 60_000)
    most = 0
    for number in range(30):
        for did in (ALICE, BOB):
            await make(stores, store, number, did)
            assert store._trees.bytes == at_hand(store)
        gone = stores.prepare.delete(ALICE, NOTE, RecordKey(f"k{number * 13:03d}"))
        await store.write(ALICE, [gone])
        most = max(most, store._trees.bytes)
    assert most < 120_000  # a write may need something beyond
    for did in (ALICE, BOB):
        assert await is_root_of_rows(stores, did)


async def test_where_slim_trees_are_too_many_the_oldest_go(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = with_room_for(stores, monkeypatch, 100)
    await make(stores, store, 1)
    await make(stores, store, 1, BOB)
    await make(stores, store, 2, BOB)
    assert store._trees.find(stores.repos.head(ALICE)) is None
    assert store._trees.find(stores.repos.head(BOB)) is not None
    assert store._trees.bytes == at_hand(store)


async def test_a_newer_like_of_the_same_thing_finds_the_older_one_below_a_stub(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await stores.create(LIKE, like("at://did:example:one"), "3aaaaaaaaaa2a")
    between = [
        stores.prepare.create(ALICE, LIKE, None, like(f"at://did:example:{number}"), None)
        for number in range(200)
    ]
    await stores.repos.write(ALICE, between)
    store = with_room_for(stores, monkeypatch, 10_000_000)
    key = RecordKey("3zzzzzzzzzz2z")
    again = stores.prepare.create_replacing(ALICE, LIKE, key, like("at://did:example:one"), None)
    same = stores.prepare.put(ALICE, (NOTE, RecordKey("k001")), {"n": 1}, None)
    await store.write(ALICE, [same, again])
    assert stores.records.state(ALICE, first.path) is None
    assert stores.records.state(ALICE, again.path) is not None
    assert await is_root_of_rows(stores, ALICE)


async def test_rows_that_are_not_those_of_the_tree_stop_a_write_that_goes_there(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = with_room_for(stores, monkeypatch, 10_000_000)
    await make(stores, store, 1)
    low = next(
        path
        for path in (f"{NOTE}/k{number:03d}" for number in range(200))
        if key_height(path.encode()) == 0
    )

    def damage(conn: Connection) -> None:
        conn.execute("UPDATE record SET cid = ? WHERE path = ?", (Cid.for_block(b"x"), low))

    await stores.db.write(damage)
    gone = stores.prepare.delete(ALICE, NOTE, RecordKey(low.partition("/")[2]))
    with pytest.raises(RootMismatch):
        await store.write(ALICE, [gone])
    await make(stores, store, 2)


async def test_archives_and_proofs_are_the_same_from_a_slim_tree(stores: Stores) -> None:
    head = stores.repos.head(ALICE)
    since = head.rev
    exports = stores.exports
    path = f"{NOTE}/k123"
    with await exports.repo(ALICE) as file:
        whole = file.read()
    with await exports.record(ALICE, path) as file:
        proof = file.read()
    trees = stores.repos._trees
    await stores.db.write(lambda _: trees._make_slim(ALICE, 3))
    with await exports.record(ALICE, path) as file:
        assert file.read() == proof
    await exports.slim()
    for _ in range(2):  # the second time the nodes are at hand
        with await exports.repo(ALICE) as file:
            assert file.read() == whole
    await make(stores, stores.repos, 1)
    await stores.repos.write(ALICE, [stores.prepare.delete(ALICE, NOTE, RecordKey("k010"))])
    await stores.db.write(lambda _: trees._make_slim(ALICE, 3))
    with await exports.repo(ALICE, since) as file:
        part = read_car(file.read()).blocks
    new = stores.repos.head(ALICE)
    tree = await stores.db.scan(lambda conn: kept_trees.rebuild(conn, new).tree)
    wanted: dict[Cid, bytes] = {}
    tree.proof(f"{NOTE}/n001", wanted)
    tree.proof(f"{NOTE}/k010", wanted)
    assert wanted.items() <= part.items()
    with await exports.repo(ALICE) as file:  # the nodes are those of now
        assert dict(tree.walk()).items() <= read_car(file.read()).blocks.items()


async def test_a_tree_that_nobody_has_at_hand_is_not_held_whole_if_it_is_large(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports, head, path = stores.exports, stores.repos.head(ALICE), f"{NOTE}/k123"
    whole_trees: list[Cid] = []
    rebuild = kept_trees.rebuild

    def noted(conn: Connection, head: Head) -> Repo:
        whole_trees.append(head.data)
        return rebuild(conn, head)

    monkeypatch.setattr(kept_trees, "rebuild", noted)
    archives = []
    for most in (1_000_000, 100):
        monkeypatch.setattr("appliance.pds.repos._MOST_HELD", most)
        await stores.repos.slim()
        await exports.slim()
        with await exports.repo(ALICE) as file, await exports.record(ALICE, path) as proof:
            archives.append((file.read(), proof.read()))
    assert archives[0] == archives[1]
    assert whole_trees == [head.data]
    # Single blocks are asked for again and again; the nodes given last hold them.
    monkeypatch.setattr("appliance.pds.repos._MOST_HELD", 1_000_000)
    await stores.repos.slim()
    await exports.slim()
    for _ in range(3):
        with await exports.blocks(ALICE, [head.data, head.commit_cid]) as file:
            assert set(read_car(file.read()).blocks) == {head.data, head.commit_cid}
    assert whole_trees == [head.data] * 2


async def test_nodes_of_a_large_archive_are_not_kept(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.pds.exports._LAST_BYTES", 1_000)
    with await stores.exports.repo(ALICE) as file:
        assert len(read_car(file.read()).blocks) > 400
    assert stores.exports._last == (None, {})


async def test_a_tree_that_only_readers_want_is_made_once(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Cid] = []
    build = kept_trees.build

    def noted(head: Head, leaves: Iterable[tuple[str, Cid]], *, slim: bool = False) -> Repo:
        made.append(head.data)
        return build(head, leaves, slim=slim)

    async def proof(path: str) -> bytes:
        with await stores.exports.record(ALICE, path) as file:
            return file.read()

    paths = [f"{NOTE}/k{number:03d}" for number in range(0, 400, 20)] + [f"{NOTE}/none"]
    at_hand = [await proof(path) for path in paths]
    monkeypatch.setattr(kept_trees, "build", noted)
    await stores.repos.slim()
    before = stores.repos.head(ALICE).data
    assert await asyncio.gather(*map(proof, paths)) == at_hand
    assert made == [before]
    # The writer has its own; once that is forgotten, the older one is of no use.
    await make(stores, stores.repos, 1)
    await stores.db.write(lambda _: stores.repos._trees.forget())
    after = stores.repos.head(ALICE).data
    assert await proof(paths[0]) != at_hand[0]
    assert made == [before, before, after]
    await stores.repos.slim()
    await proof(paths[0])
    assert made == [before, before, after, after]


async def test_few_trees_are_held_for_readers(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_trees, "_ASKED", 1)
    await stores.repos.slim()
    for did in (ALICE, BOB):
        with await stores.exports.record(did, f"{NOTE}/k000"):
            pass
    [(did, repo)] = stores.repos._asked._kept.items()
    assert did == BOB
    assert len(list(repo.tree.items_at_hand())) < 40
