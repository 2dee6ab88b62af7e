"""The record index: reading one, listing, counting, hiding."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Nsid, RecordKey
from appliance.pds import records
from appliance.pds.records import LARGE_BLOCK, RecordNotFound
from tests.support.pds_stores import (
    ALICE,
    BOB,
    LIKE,
    NOTE,
    POST,
    Stores,
    like,
    note_with,
    open_stores,
    post,
)


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with open_stores(tmp_path) as opened:
        await opened.open_repo()
        yield opened


def keys(page: list[records.Record]) -> list[str]:
    return [record.uri.rpartition("/")[2] for record in page]


async def test_a_record_is_shown_as_the_json_it_came_in(stores: Stores) -> None:
    blob = await stores.upload()
    value = {**note_with(blob), "raw": {"$bytes": "AQID"}, "link": {"$link": str(blob.cid)}}
    write = await stores.create(NOTE, value, "a")
    record = stores.records.get(ALICE, NOTE, RecordKey("a"))
    assert write.row is not None
    assert (record.uri, record.cid, record.value) == (write.uri, write.row.cid, value)


async def test_a_record_is_found_by_its_cid_only_in_that_version(stores: Stores) -> None:
    await stores.put(NOTE, "a", {"n": 1})
    old = stores.records.get(ALICE, NOTE, RecordKey("a")).cid
    assert stores.records.get(ALICE, NOTE, RecordKey("a"), old).cid == old
    await stores.put(NOTE, "a", {"n": 2})
    with pytest.raises(RecordNotFound):
        stores.records.get(ALICE, NOTE, RecordKey("a"), old)


async def test_what_is_not_there_is_not_found(stores: Stores) -> None:
    await stores.create(NOTE, {}, "a")
    for did, collection, key in (
        (ALICE, NOTE, "b"),
        (ALICE, POST, "a"),
        (BOB, NOTE, "a"),
    ):
        with pytest.raises(RecordNotFound):
            stores.records.get(did, collection, RecordKey(key))
        assert stores.records.state(did, f"{collection}/{key}") is None


async def test_a_collection_is_listed_newest_key_first(stores: Stores) -> None:
    for key in ("b", "d", "a", "c"):
        await stores.create(NOTE, {}, key)
    assert keys(stores.records.page(ALICE, NOTE, 10, None, False)) == ["d", "c", "b", "a"]
    assert keys(stores.records.page(ALICE, NOTE, 10, None, True)) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("oldest_first", [False, True])
async def test_pages_follow_one_another_without_gap(stores: Stores, oldest_first: bool) -> None:
    for number in range(7):
        await stores.create(NOTE, {"n": number}, f"k{number}")
    seen: list[str] = []
    cursor = None
    while page := stores.records.page(ALICE, NOTE, 3, cursor, oldest_first):
        seen += keys(page)
        cursor = seen[-1]
    assert sorted(seen, reverse=not oldest_first) == seen
    assert len(set(seen)) == 7


async def test_collections_with_like_names_stay_apart(stores: Stores) -> None:
    names = ["com.example.note", "com.example.notes", "com.example.note.part", "com.example.not"]
    for name in names:
        await stores.create(Nsid(name), {}, name.replace(".", "-"))
    for name in names:
        listed = keys(stores.records.page(ALICE, Nsid(name), 10, None, False))
        assert listed == [name.replace(".", "-")]
    assert await stores.records.collections(ALICE) == sorted(names)


@pytest.mark.parametrize("cursor", ["", "zzz", "0/", "/../", "~", "\u00e9", "x" * 5000])
async def test_any_cursor_stays_inside_the_collection(stores: Stores, cursor: str) -> None:
    await stores.create(NOTE, {}, "a")
    await stores.create(POST, post())
    for oldest_first in (False, True):
        page = stores.records.page(ALICE, NOTE, 10, cursor, oldest_first)
        assert {record.uri.split("/")[3] for record in page} <= {str(NOTE)}


async def test_a_page_of_very_large_records_ends_early_and_goes_on(stores: Stores) -> None:
    for number in range(5):
        await stores.create(NOTE, {"text": f"{number}" * 900_000}, f"k{number}")
    first = stores.records.page(ALICE, NOTE, 100, None, True)
    assert [record.value["text"][0] for record in first] == ["0", "1", "2"]
    rest = stores.records.page(ALICE, NOTE, 100, keys(first)[-1], True)
    assert keys(rest) == ["k3", "k4"]


async def test_a_repo_without_records_has_no_collections(stores: Stores) -> None:
    assert await stores.records.collections(ALICE) == []
    assert await stores.records.count(ALICE) == 0
    await stores.create(NOTE, {})
    await stores.create(POST, post())
    assert await stores.records.count(ALICE) == 2
    assert await stores.records.count(BOB) == 0


async def test_a_large_record_that_goes_while_a_page_is_read_is_not_on_it(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("a", "b", "c"):
        await stores.create(NOTE, {"text": key * (LARGE_BLOCK + 1)}, key)
    read = stores.db.read

    def read_as_one_goes(sql: str, *args: Any) -> Any:
        rows = read(sql, *args)
        return [row for row in rows if not row[0].endswith("/b")] + [(f"{NOTE}/gone", b"", None)]

    monkeypatch.setattr(stores.db, "read", read_as_one_goes)
    assert keys(stores.records.page(ALICE, NOTE, 10, None, False)) == ["c", "a"]


async def test_a_hidden_record_is_neither_found_nor_listed_and_can_come_back(
    stores: Stores,
) -> None:
    write = await stores.create(NOTE, {}, "a")
    await stores.create(NOTE, {}, "b")
    assert write.row is not None
    assert await stores.db.write(records.set_takedown, ALICE, write.path, "case 1")
    assert stores.records.state(ALICE, write.path) == (write.row.cid, "case 1")
    with pytest.raises(RecordNotFound):
        stores.records.get(ALICE, NOTE, RecordKey("a"))
    assert keys(stores.records.page(ALICE, NOTE, 10, None, False)) == ["b"]
    await stores.put(NOTE, "a", {"n": 2})
    with pytest.raises(RecordNotFound):
        stores.records.get(ALICE, NOTE, RecordKey("a"))
    await stores.db.write(records.set_takedown, ALICE, write.path, None)
    assert stores.records.get(ALICE, NOTE, RecordKey("a")).value["n"] == 2


async def test_hiding_what_is_not_there_says_so(stores: Stores) -> None:
    assert not await stores.db.write(records.set_takedown, ALICE, f"{NOTE}/a", "case 1")


async def test_repos_are_found_by_what_they_collect(stores: Stores) -> None:
    await stores.open_repo(BOB)
    await stores.create(LIKE, like())
    await stores.create(NOTE, {}, "a")
    await stores.create(NOTE, {}, "a", BOB)
    first, second = await stores.records.repos_with(NOTE, 0, 10)
    assert [first[1], second[1]] == [ALICE, BOB]
    assert await stores.records.repos_with(NOTE, first[0], 10) == [second]
    assert await stores.records.repos_with(LIKE, 0, 10) == [first]
    assert await stores.records.repos_with(NOTE, 0, 1) == [first]


async def test_a_hash_collision_of_subjects_replaces_nothing(stores: Stores) -> None:
    write = await stores.create(LIKE, like("at://did:web:a.com/x.y.z/1"))
    other = stores.prepare.create(ALICE, LIKE, None, like("at://did:web:a.com/x.y.z/2"), None)
    assert write.row is not None
    assert other.row is not None
    forged = records.RecordRow(other.path, other.row.cid, other.row.block, write.row.subject)

    async def same(row: records.RecordRow) -> list[str]:
        return await stores.db.scan(records.with_subject, 1, row)

    assert await same(write.row) == []
    assert await same(forged) == []
    again = stores.prepare.create(ALICE, LIKE, None, like("at://did:web:a.com/x.y.z/1"), None)
    assert again.row is not None
    assert await same(again.row) == [write.path]


async def test_every_inline_statement_uses_an_index(stores: Stores) -> None:
    blob = await stores.upload()
    await stores.create(NOTE, note_with(blob), "a")
    stores.records.get(ALICE, NOTE, RecordKey("a"))
    stores.records.page(ALICE, NOTE, 10, None, False)
    stores.records.page(ALICE, NOTE, 10, None, True)
    stores.records.state(ALICE, f"{NOTE}/a")
    stores.blobs.find(ALICE, blob.cid)
    stores.blobs.state(ALICE, Cid.for_blob(b""))
    stores.blobs.discard_files([blob.cid])
    stores.repos.page(0, 10)
    assert len(stores.db.inline_statements) >= 8
    assert stores.db.full_scans() == []
