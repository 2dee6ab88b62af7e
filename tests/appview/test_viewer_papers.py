"""The private rows of a viewer leave one AppView of ours and enter another."""

from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from string import ascii_lowercase
from typing import Any, cast

import pytest

from appliance.appview.viewer_papers import KINDS, PAGE, InvalidPapers, ViewerPapers, key_of
from appliance.appview.viewer_state import Mute, ViewerState
from appliance.atproto.data import dumps
from appliance.atproto.xrpc.bodies import json_limit
from appliance.atproto.xrpc.client import MOST_JSON_BYTES
from appliance.base.database import Database
from appliance.moving.vault import Vault
from appliance.operator import Operator

ANN, BOB = "did:plc:" + "a" * 24, "did:plc:" + "b" * 24
POST = f"at://{BOB}/app.bsky.feed.post/3aaaaaaaaaa22"
LIST = f"at://{BOB}/app.bsky.graph.list/3aaaaaaaaaa22"
CID = "bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454"
DRAFT = "3aaaaaaaaaa22"


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    schema = files("appliance.appview") / "schema_viewers"
    async with await Database.open(tmp_path / "one.sqlite", schema) as db:
        yield db


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Database]:
    schema = files("appliance.appview") / "schema_viewers"
    async with await Database.open(tmp_path / "two.sqlite", schema) as db:
        yield db


async def fill(state: ViewerState) -> None:
    await state.mute(ANN, BOB, only_reposts=True)
    await state.mute_list(ANN, LIST)
    await state.mute_thread(ANN, POST)
    await state.bookmark(ANN, POST, CID)
    await state.put_draft(ANN, DRAFT, {"posts": [{"text": "later"}]})
    await state.subscribe(ANN, BOB, post=True, reply=False)
    await state.mark_seen(ANN, 5)
    await state.put_notification_preferences(ANN, {"like": {"include": "follows"}})


async def carry(source: ViewerPapers, target: ViewerPapers) -> int:
    put = 0
    for kind in KINDS:
        after = ""
        while rows := await source.page(ANN, kind, after):
            put += await target.put(ANN, kind, rows)
            after = key_of(kind, rows[-1])
    return put


async def test_every_row_arrives_as_it_was_with_its_time(db: Database, other: Database) -> None:
    old, new = ViewerState(db, lambda: 7), ViewerState(other, lambda: 9)
    await fill(old)
    assert await carry(ViewerPapers(db), ViewerPapers(other)) == len(KINDS)
    assert new.mutes(ANN, [BOB]) == {BOB: Mute(only_reposts=True, only_quoteposts=False)}
    assert new.mutes_page(ANN, 5).rows == [(BOB, 7)]
    assert new.muted_lists(ANN) == {LIST}
    assert new.muted_threads(ANN, [POST]) == {POST}
    assert new.bookmarks_page(ANN, 5) == [(POST, CID, 7)]
    assert new.drafts_page(ANN, 5) == old.drafts_page(ANN, 5)
    assert new.subscriptions(ANN, [BOB]) == old.subscriptions(ANN, [BOB])
    assert new.seen_us(ANN) == 5
    assert new.notification_preferences(ANN) == {"like": {"include": "follows"}}
    assert await ViewerPapers(other).page(BOB, "mutes", "") == []


async def test_what_is_there_already_stays(db: Database, other: Database) -> None:
    old, new = ViewerState(db, lambda: 7), ViewerState(other, lambda: 9)
    await fill(old)
    await new.mute(ANN, BOB)
    await new.mark_seen(ANN, 8)
    await carry(ViewerPapers(db), ViewerPapers(other))
    assert new.mutes(ANN, [BOB]) == {BOB: Mute(only_reposts=False, only_quoteposts=False)}
    assert new.seen_us(ANN) == 8
    assert new.notification_preferences(ANN) == {"like": {"include": "follows"}}
    again = await carry(ViewerPapers(db), ViewerPapers(other))
    assert again == 1  # the settings are merged each time


async def test_many_rows_come_page_by_page(db: Database, other: Database) -> None:
    old, new = ViewerState(db, lambda: 7), ViewerState(other, lambda: 9)
    uris = [f"at://{BOB}/app.bsky.feed.post/{number:05}" for number in range(PAGE + 3)]
    for uri in uris:
        await old.bookmark(ANN, uri, CID)
    assert await carry(ViewerPapers(db), ViewerPapers(other)) == PAGE + 3
    assert new.bookmarked(ANN, uris) == set(uris)


async def test_long_drafts_come_few_at_a_time_and_in_bodies_that_are_taken(
    db: Database, other: Database
) -> None:
    old, new = ViewerState(db, lambda: 7), ViewerState(other, lambda: 9)
    # As long as an app may send them, and written with as many escapes as there can be.
    for number in range(20):
        words = '"' * (70_000 if number % 2 else 7)
        await old.put_draft(
            ANN, f"3aaaaaaaaaaa{ascii_lowercase[number]}", {"posts": [{"text": words}]}
        )
    taken: list[int] = []

    class AppView:
        """Takes and gives what the methods of an AppView do."""

        async def call(self, nsid: str, *, did: str, kind: str, rows: list[Any]) -> Any:
            taken.append(len(dumps({"did": did, "kind": kind, "rows": rows})))
            assert taken[-1] <= json_limit(nsid)
            return {"put": await ViewerPapers(other).put(did, kind, rows)}

        async def pages(self, _nsid: str, _name: str, *, did: str, kind: str) -> Any:
            after = ""
            while rows := await ViewerPapers(db).page(did, kind, after):
                assert len(dumps(rows)) < MOST_JSON_BYTES
                for row in rows:
                    yield row
                after = key_of(kind, rows[-1])

    vault = Vault(cast(Operator, AppView()))
    papers = await vault.read(ANN)
    assert papers is not None
    assert len(dumps(papers)) > json_limit("internal.hearth.appview.putPrivateState")
    assert await vault.write(ANN, papers) == 20
    assert len(taken) < 20
    page = new.drafts_page(ANN, 100)
    rest = new.drafts_page(ANN, 100, (page[-1][3], page[-1][0]))
    assert len(page) + len(rest) == 20


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("secrets", {}),
        ("mutes", "text"),
        ("mutes", {"target": BOB}),
        ("muted-threads", {"root": POST, "created_us": "7"}),
        ("muted-threads", {"root": POST, "created_us": True}),
        ("muted-threads", {"root": POST, "created_us": -1}),
        ("muted-threads", {"root": "nonsense", "created_us": 7}),
        ("bookmarks", {"uri": POST, "cid": "x", "created_us": 7}),
        ("drafts", {"id": DRAFT, "draft": "no json", "created_us": 7, "updated_us": 7}),
        ("drafts", {"id": DRAFT, "draft": "[]", "created_us": 7, "updated_us": 7}),
        ("settings", {"seen_us": 0, "priority": 0, "notification_preferences": '{"like":5}'}),
    ],
)
async def test_rows_that_are_not_of_their_kind_are_refused(
    db: Database, kind: str, row: Any
) -> None:
    with pytest.raises(InvalidPapers):
        await ViewerPapers(db).put(ANN, kind, [row])
