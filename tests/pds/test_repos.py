"""The repo store: writes, swaps, revisions, events, trees kept and rebuilt."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.atproto import cbor
from appliance.atproto.car import read_car
from appliance.atproto.cid import Cid
from appliance.atproto.repo.commit import parse_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.mst_node import RootMismatch
from appliance.atproto.repo.proof import invert
from appliance.atproto.repo.repo import RecordExists, RecordMissing, RecordOp
from appliance.atproto.syntax import RecordKey
from appliance.base.database import Connection
from appliance.firehose.events import CommitEvent, SyncEvent
from appliance.pds import records, repos
from appliance.pds.repos import CommitTooLarge, InvalidSwap, RepoNotFound
from appliance.pds.writes import Expected
from tests.support.pds_stores import ALICE, BOB, LIKE, NOTE, POST, Stores, like, open_stores, post


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with open_stores(tmp_path) as opened:
        await opened.open_repo()
        yield opened


def root_of_rows(conn: Connection, stores: Stores) -> Cid:
    head = repos.load_head(conn, ALICE)
    assert head.data == Mst.build(records.leaves(conn, head.id)).root
    assert stores.repos.tree_at(conn, head).root == head.data
    return head.data


def rows_left(conn: Connection) -> int:
    return sum(
        conn.value(f"SELECT count(*) FROM {table}")  # noqa: S608
        for table in ("repo", "record", "deleted_record", "blob", "blob_ref")
    )


async def test_a_new_repo_is_one_signed_commit_without_records(stores: Stores) -> None:
    head = stores.repos.head(ALICE)
    commit = parse_commit(head.commit_block)
    assert commit.verify(stores.keys.get(ALICE).public)
    assert (commit.did, commit.rev, commit.data) == (ALICE, head.rev, Mst.empty().root)
    event = stores.last_commit_event()
    assert (event.since, event.prev_data, event.ops) == (None, None, ())


async def test_a_write_becomes_a_record_a_head_and_an_event(stores: Stores) -> None:
    before = stores.repos.head(ALICE)
    write = stores.prepare.create(ALICE, POST, None, post("hello"), None)
    commit = await stores.repos.write(ALICE, [write])
    head = stores.repos.head(ALICE)
    assert commit is not None
    assert (head.commit_cid, head.rev, head.data) == (commit.cid, commit.rev, commit.data)
    assert write.row is not None
    assert stores.records.state(ALICE, write.path) == (write.row.cid, None)
    event = stores.last_commit_event()
    assert (event.commit, event.rev) == (commit.cid, commit.rev)
    assert (event.since, event.prev_data) == (before.rev, before.data)
    assert event.ops == (RecordOp("create", write.path, write.row.cid, None),)
    blocks = read_car(event.blocks).blocks
    assert blocks[write.row.cid] == write.row.block
    assert invert(Mst.load(commit.data, blocks), event.ops) == before.data


async def test_every_kind_of_write_keeps_rows_and_tree_alike(stores: Stores) -> None:
    first = await stores.create(NOTE, {"n": 1}, "a")
    await stores.create(NOTE, {"n": 2}, "b")
    await stores.put(NOTE, "a", {"n": 3})
    assert await stores.db.write(root_of_rows, stores) == stores.repos.head(ALICE).data
    event = stores.last_commit_event()
    assert first.row is not None
    assert event.ops[0].action == "update"
    assert event.ops[0].prev == first.row.cid
    await stores.delete(NOTE, "b")
    assert stores.last_commit_event().ops[0].cid is None
    assert await stores.db.write(root_of_rows, stores) == stores.repos.head(ALICE).data


async def test_the_same_content_has_the_same_root_in_any_order(stores: Stores) -> None:
    await stores.open_repo(BOB)
    for number in range(30):
        await stores.create(NOTE, {"n": number}, f"k{number}")
    for number in reversed(range(30)):
        await stores.create(NOTE, {"n": number}, f"k{number}", BOB)
    assert stores.repos.head(ALICE).data == stores.repos.head(BOB).data


async def test_trees_that_were_given_back_are_made_again(stores: Stores) -> None:
    await stores.repos.write(ALICE, [stores.prepare.create(ALICE, NOTE, None, {"n": 1}, None)])
    trees = stores.repos._trees
    assert trees.find(stores.repos.head(ALICE)) is not None
    assert trees.bytes > 0
    await stores.repos.slim()
    assert trees.find(stores.repos.head(ALICE)) is None
    assert trees.bytes == 0
    await stores.repos.write(ALICE, [stores.prepare.create(ALICE, NOTE, None, {"n": 2}, None)])
    assert await stores.db.write(root_of_rows, stores)


async def test_revs_grow_and_writes_chain_under_concurrency(stores: Stores) -> None:
    commits = await asyncio.gather(
        *(
            stores.repos.write(ALICE, [stores.prepare.create(ALICE, NOTE, None, {"n": n}, None)])
            for n in range(60)
        )
    )
    assert len({commit.rev for commit in commits if commit}) == 60
    events = [event for event in stores.events() if isinstance(event, CommitEvent)]
    for before, after in zip(events, events[1:], strict=False):
        assert after.rev > before.rev
        assert after.since == before.rev
        assert after.prev_data == parse_commit(read_car(before.blocks).blocks[before.commit]).data
        assert after.seq > before.seq
    assert await stores.db.write(root_of_rows, stores)


async def test_a_rev_follows_the_head_even_when_the_clock_went_back(stores: Stores) -> None:
    await stores.create(NOTE, {}, "a")
    before = stores.repos.head(ALICE).rev
    stores.clock.us -= 10 * 365 * 86_400 * 1_000_000
    store = repos.RepoStore(stores.db, stores.blobs, stores.keys, stores.clock)
    write = stores.prepare.create(ALICE, NOTE, RecordKey("b"), {}, None)
    commit = await store.write(ALICE, [write])
    assert commit is not None
    assert commit.rev > before


async def test_a_taken_key_is_refused_and_nothing_changes(stores: Stores) -> None:
    await stores.create(NOTE, {"n": 1}, "a")
    head, events = stores.repos.head(ALICE), stores.events()
    with pytest.raises(RecordExists):
        await stores.create(NOTE, {"n": 2}, "a")
    assert stores.repos.head(ALICE) == head
    assert stores.events() == events
    await stores.create(NOTE, {"n": 2}, "b")


async def test_updating_or_deleting_nothing_is_refused(stores: Stores) -> None:
    place = (NOTE, RecordKey("a"))
    with pytest.raises(RecordMissing):
        await stores.repos.write(ALICE, [stores.prepare.update(ALICE, place, {}, None)])
    with pytest.raises(RecordMissing):
        await stores.delete(NOTE, "a")


async def test_a_batch_is_all_or_nothing(stores: Stores) -> None:
    head = stores.repos.head(ALICE)
    good = stores.prepare.create(ALICE, NOTE, RecordKey("a"), {}, None)
    bad = stores.prepare.delete(ALICE, NOTE, RecordKey("nowhere"))
    with pytest.raises(RecordMissing):
        await stores.repos.write(ALICE, [good, bad])
    assert stores.repos.head(ALICE) == head
    assert stores.records.state(ALICE, good.path) is None


async def test_writes_of_the_same_record_in_a_batch_become_one_operation(stores: Stores) -> None:
    place = (NOTE, RecordKey("a"))
    writes = [
        stores.prepare.create(ALICE, *place, {"n": 1}, None),
        stores.prepare.update(ALICE, place, {"n": 2}, None),
        stores.prepare.create(ALICE, NOTE, RecordKey("gone"), {}, None),
        stores.prepare.delete(ALICE, NOTE, RecordKey("gone")),
    ]
    await stores.repos.write(ALICE, writes)
    assert writes[1].row is not None
    assert stores.last_commit_event().ops == (
        RecordOp("create", f"{NOTE}/a", writes[1].row.cid, None),
    )
    assert stores.records.get(ALICE, *place).value["n"] == 2
    assert await stores.db.write(root_of_rows, stores)


async def test_a_wrong_swap_commit_is_refused(stores: Stores) -> None:
    old = stores.repos.head(ALICE).commit_cid
    await stores.create(NOTE, {}, "a")
    write = stores.prepare.create(ALICE, NOTE, RecordKey("b"), {}, None)
    with pytest.raises(InvalidSwap):
        await stores.repos.write(ALICE, [write], old)
    assert await stores.repos.write(ALICE, [write], stores.repos.head(ALICE).commit_cid)


async def test_putting_the_same_content_changes_nothing(stores: Stores) -> None:
    assert await stores.put(NOTE, "a", {"n": 1})
    events = stores.events()
    assert await stores.put(NOTE, "a", {"n": 1}) is None
    assert stores.events() == events
    assert await stores.put(NOTE, "a", {"n": 2})


async def test_a_put_is_held_against_what_it_expects(stores: Stores) -> None:
    place = (NOTE, RecordKey("a"))

    async def put(number: int, expected: Cid | None) -> Cid:
        write = stores.prepare.put(ALICE, place, {"n": number}, None, Expected(expected))
        await stores.repos.write(ALICE, [write])
        assert write.row is not None
        return write.row.cid

    with pytest.raises(InvalidSwap):
        await put(1, Cid.for_block(b"other"))
    first = await put(1, None)
    with pytest.raises(InvalidSwap):
        await put(2, None)
    second = await put(2, first)
    with pytest.raises(InvalidSwap):
        await put(3, first)
    assert stores.records.get(ALICE, *place).cid == second


async def test_discarding_what_is_not_there_is_fine_whatever_was_expected(stores: Stores) -> None:
    expected = Expected(Cid.for_block(b"other"))
    write = stores.prepare.discard(ALICE, NOTE, RecordKey("a"), expected)
    assert await stores.repos.write(ALICE, [write], Cid.for_block(b"no head")) is None
    await stores.create(NOTE, {}, "a")
    with pytest.raises(InvalidSwap):
        await stores.repos.write(ALICE, [write])
    write = stores.prepare.discard(ALICE, NOTE, RecordKey("a"))
    assert await stores.repos.write(ALICE, [write])
    assert stores.records.state(ALICE, f"{NOTE}/a") is None


async def test_a_new_like_takes_the_place_of_older_ones_in_one_commit(stores: Stores) -> None:
    old = [await stores.create(LIKE, like()) for _ in range(2)]
    other = await stores.create(LIKE, like(f"at://{BOB}/{POST}/3bbbbbbbbbb22"))
    new = stores.prepare.create_replacing(ALICE, LIKE, None, like(), None)
    await stores.repos.write(ALICE, [new])
    ops = {(op.action, op.path) for op in stores.last_commit_event().ops}
    assert ops == {("create", new.path), *(("delete", write.path) for write in old)}
    assert stores.records.state(ALICE, other.path) is not None


async def test_a_commit_that_is_too_large_is_refused(stores: Stores) -> None:
    large = [
        stores.prepare.create(ALICE, NOTE, RecordKey(f"k{n}"), {"t": f"{n}" * 700_000}, None)
        for n in range(3)
    ]
    with pytest.raises(CommitTooLarge):
        await stores.repos.write(ALICE, large)
    assert await stores.repos.write(ALICE, large[:2])


@pytest.mark.parametrize("size", [997_000, 998_000, 999_000, 999_400, 999_800])
async def test_the_archive_of_an_event_keeps_the_limit_of_its_lexicon(
    stores: Stores, size: int
) -> None:
    writes = [
        stores.prepare.create(ALICE, NOTE, RecordKey(f"k{n}"), {"t": f"{n}" * size}, None)
        for n in range(2)
    ]
    if size > 999_500:
        with pytest.raises(CommitTooLarge):
            await stores.repos.write(ALICE, writes)
    else:
        await stores.repos.write(ALICE, writes)
        assert len(stores.last_commit_event().blocks) <= 2_000_000


async def test_equal_records_share_a_block_and_outlive_each_other(stores: Stores) -> None:
    one, two = await stores.create(NOTE, {"n": 1}, "a"), await stores.create(NOTE, {"n": 1}, "b")
    await stores.delete(NOTE, "a")
    assert one.row is not None
    assert two.row is not None
    assert one.row.cid == two.row.cid
    assert stores.records.get(ALICE, NOTE, RecordKey("b")).cid == two.row.cid
    with await stores.exports.blocks(ALICE, [two.row.cid]) as archive:
        assert two.row.cid in read_car(archive.read()).blocks


async def test_a_repo_survives_a_restart(tmp_path: Path) -> None:
    async with open_stores(tmp_path) as before:
        await before.open_repo()
        for number in range(50):
            await before.create(NOTE, {"n": number}, f"k{number}")
        head = before.repos.head(ALICE)
    async with open_stores(tmp_path) as after:
        assert after.repos.head(ALICE) == head
        await after.create(NOTE, {}, "new")
        assert after.last_commit_event().prev_data == head.data


async def test_damaged_rows_are_noticed_and_stop_only_that_account(tmp_path: Path) -> None:
    async with open_stores(tmp_path) as before:
        await before.open_repo()
        await before.open_repo(BOB)
        await before.create(NOTE, {"n": 1}, "a")
        await before.db.write(
            lambda conn: conn.execute("UPDATE record SET cid = ?", (Cid.for_block(b"x"),)).get
        )
    async with open_stores(tmp_path) as after:
        with pytest.raises(RootMismatch, match=ALICE):
            await after.create(NOTE, {}, "b")
        await after.create(NOTE, {}, "b", BOB)


async def test_an_undone_transaction_leaves_the_tree_where_it_was(stores: Stores) -> None:
    await stores.create(NOTE, {"n": 1}, "a")
    write = stores.prepare.create(ALICE, NOTE, RecordKey("b"), {}, None)
    key = stores.keys.get(ALICE)

    def write_and_fail(conn: Connection) -> None:
        stores.repos._write(conn, ALICE, [write], None, key)
        raise LookupError("after the write")

    with pytest.raises(LookupError):
        await stores.db.write(write_and_fail)
    assert stores.records.state(ALICE, write.path) is None
    await stores.repos.write(ALICE, [write])
    assert await stores.db.write(root_of_rows, stores) == stores.repos.head(ALICE).data


async def test_an_unknown_repo_is_named(stores: Stores) -> None:
    with pytest.raises(RepoNotFound, match=BOB):
        stores.repos.head(BOB)


async def test_repos_are_listed_in_order_of_creation(stores: Stores) -> None:
    await stores.open_repo(BOB)
    first, second = stores.repos.page(0, 10)
    assert (first.did, second.did) == (ALICE, BOB)
    assert first.head == stores.repos.head(ALICE).commit_cid
    assert stores.repos.page(0, 1) == [first]
    assert stores.repos.page(first.id, 10) == [second]


async def test_deleting_an_account_leaves_nothing_of_its_repo(stores: Stores) -> None:
    await stores.create(NOTE, {}, "a")
    await stores.create(NOTE, {}, "b")
    await stores.delete(NOTE, "b")
    assert await stores.db.write(repos.delete_account_rows, ALICE) == []
    assert await stores.db.write(repos.delete_account_rows, ALICE) == []
    with pytest.raises(RepoNotFound):
        stores.repos.head(ALICE)
    assert await stores.db.scan(rows_left) == 0


async def test_a_sync_event_carries_just_the_commit(stores: Stores) -> None:
    head = stores.repos.head(ALICE)
    await stores.db.write(repos.append_sync, parse_commit(head.commit_block), 1)
    event = stores.events()[-1]
    assert isinstance(event, SyncEvent)
    car = read_car(event.blocks)
    assert (car.roots, list(car.blocks)) == ([head.commit_cid], [head.commit_cid])
    assert event.rev == head.rev


async def test_the_stored_record_is_what_the_event_carried(stores: Stores) -> None:
    write = await stores.create(POST, post("same bytes"))
    assert write.row is not None
    block = read_car(stores.last_commit_event().blocks).blocks[write.row.cid]
    assert cbor.decode(block) == post("same bytes")
