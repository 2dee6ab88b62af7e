import asyncio
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest

from appliance.appview import viewer_state
from appliance.appview.viewer_state import Mute, Subscription, TooManyDrafts, ViewerState
from appliance.base.database import Database
from tests.support.clock import FakeClock

ALICE, BOB, CAROL = "did:plc:alice", "did:plc:bob", "did:plc:carol"
EVERYBODY = (ALICE, BOB, CAROL)
POST = "at://did:plc:bob/app.bsky.feed.post/3a"


class Ticking(FakeClock):
    """Every look at this clock is one second later."""

    def now_us(self) -> int:
        self.advance(1)
        return super().now_us()


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    schema = files("appliance.appview") / "schema_viewers"
    async with await Database.open(tmp_path / "viewers.sqlite", schema) as db:
        yield db


@pytest.fixture
def state(db: Database) -> ViewerState:
    return ViewerState(db, Ticking().now_us)


async def test_mutes_are_private_and_can_be_partial(state: ViewerState) -> None:
    await state.mute(ALICE, BOB)
    await state.mute(ALICE, CAROL, only_reposts=True)
    assert state.mutes(ALICE, EVERYBODY) == {BOB: Mute(False, False), CAROL: Mute(True, False)}
    assert [mute.is_whole for mute in state.mutes(ALICE, EVERYBODY).values()] == [True, False]
    assert state.mutes(BOB, EVERYBODY) == {}
    await state.unmute(ALICE, BOB)
    assert list(state.mutes(ALICE, EVERYBODY)) == [CAROL]


async def test_pages_go_newest_first_to_the_end_without_gaps(state: ViewerState) -> None:
    for number in range(5):
        await state.mute(ALICE, f"did:plc:{number}")
    first = state.mutes_page(ALICE, 2)
    assert first.after is not None
    second = state.mutes_page(ALICE, 2, first.after)
    assert second.after is not None
    third = state.mutes_page(ALICE, 2, second.after)
    assert third.after is None
    keys = [key for page in (first, second, third) for key, _ in page.rows]
    assert keys == [f"did:plc:{number}" for number in (4, 3, 2, 1, 0)]


async def test_lists_and_threads_can_be_muted(state: ViewerState) -> None:
    await state.mute_list(ALICE, "at://l/1/a")
    await state.mute_list(ALICE, "at://l/1/a")
    await state.mute_thread(ALICE, POST)
    assert state.muted_lists(ALICE) == {"at://l/1/a"}
    assert [key for key, _ in state.muted_lists_page(ALICE, 5).rows] == ["at://l/1/a"]
    assert state.muted_threads(ALICE, [POST, "at://other"]) == {POST}
    await state.unmute_list(ALICE, "at://l/1/a")
    await state.unmute_thread(ALICE, POST)
    assert (state.muted_lists(ALICE), state.muted_threads(ALICE, [POST])) == (set(), set())


async def test_bookmarks_are_counted_over_all_viewers(state: ViewerState) -> None:
    await state.bookmark(ALICE, POST, "cid")
    await state.bookmark(ALICE, POST, "cid")
    await state.bookmark(BOB, POST, "cid")
    assert state.bookmark_counts([POST, "at://other"]) == {POST: 2}
    assert state.bookmarked(ALICE, [POST, "at://other"]) == {POST}
    assert [row[:2] for row in state.bookmarks_page(ALICE, 5)] == [(POST, "cid")]
    await state.remove_bookmark(ALICE, POST)
    assert state.bookmark_counts([POST]) == {POST: 1}


async def test_a_draft_changed_comes_first(state: ViewerState) -> None:
    await state.put_draft(ALICE, "3a", {"text": "one"})
    await state.put_draft(ALICE, "3b", {"text": "two"})
    await state.put_draft(ALICE, "3a", {"text": "one more"})
    rows = state.drafts_page(ALICE, 5)
    assert [(key, draft) for key, draft, *_ in rows] == [
        ("3a", '{"text":"one more"}'),
        ("3b", '{"text":"two"}'),
    ]
    assert rows[0][2] < rows[0][3]
    await state.delete_draft(ALICE, "3a")
    assert [key for key, *_ in state.drafts_page(ALICE, 5)] == ["3b"]


async def test_drafts_are_bounded_in_number_and_bytes_even_if_many_come_at_once(
    state: ViewerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer_state, "MOST_DRAFTS", 5)
    monkeypatch.setattr(viewer_state, "MOST_DRAFT_BYTES", 1000)
    coming = (state.put_draft(ALICE, f"3{n:02}", {"n": n}) for n in range(20))
    came = await asyncio.gather(*coming, return_exceptions=True)
    assert sum(isinstance(one, TooManyDrafts) for one in came) == 15
    await state.put_draft(BOB, "3a", {"text": "x" * 600})
    for write in (state.put_draft, state.replace_draft):
        with pytest.raises(TooManyDrafts):
            await write(BOB, "3a", {"text": "x" * 1000})
    with pytest.raises(TooManyDrafts):
        await state.put_draft(BOB, "3b", {"text": "x" * 500})
    await state.replace_draft(BOB, "3a", {"text": "x" * 100})
    await state.put_draft(BOB, "3b", {"text": "x" * 500})
    assert len(state.drafts_page(BOB, 100)) == 2


async def test_a_page_of_long_drafts_ends_early(
    state: ViewerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer_state, "PAGE_BYTES", 1000)
    for number in range(5):
        await state.put_draft(ALICE, f"3{number}", {"text": "x" * 400})
    await state.put_draft(ALICE, "3z", {"text": "x" * 5000})
    seen: list[str] = []
    after = viewer_state.NEWEST
    while page := state.drafts_page(ALICE, 100, after):
        assert len(page) <= 2
        seen += [key for key, *_ in page]
        after = page[-1][3], page[-1][0]
    assert seen == ["3z", "34", "33", "32", "31", "30"]


async def test_preferences_are_merged_by_name(state: ViewerState) -> None:
    assert state.notification_preferences(ALICE) == {}
    await state.put_notification_preferences(ALICE, {"like": {"push": False}, "reply": 1})
    await state.put_notification_preferences(ALICE, {"reply": 2})
    assert state.notification_preferences(ALICE) == {"like": {"push": False}, "reply": 2}
    await state.mark_seen(ALICE, 7)
    await state.put_priority(ALICE, True)
    assert (state.seen_us(ALICE), state.priority(ALICE)) == (7, True)
    assert (state.seen_us(BOB), state.priority(BOB)) == (0, False)
    assert state.notification_preferences(ALICE)["reply"] == 2


async def test_a_subscription_to_nothing_is_none(state: ViewerState) -> None:
    await state.subscribe(ALICE, BOB, post=True, reply=False)
    await state.subscribe(ALICE, BOB, post=True, reply=True)
    assert state.subscribers(BOB) == [Subscription(ALICE, True, True)]
    assert state.subscriptions(ALICE, [BOB, CAROL]) == {BOB: Subscription(ALICE, True, True)}
    assert [key for key, _ in state.subscriptions_page(ALICE, 5).rows] == [BOB]
    await state.subscribe(ALICE, BOB, post=False, reply=False)
    assert state.subscribers(BOB) == []


async def test_forgetting_a_viewer_leaves_nothing_of_theirs(
    state: ViewerState, db: Database
) -> None:
    for viewer in (ALICE, BOB):
        await state.mute(viewer, CAROL)
        await state.mute_list(viewer, POST)
        await state.mute_thread(viewer, POST)
        await state.bookmark(viewer, POST, "cid")
        await state.put_draft(viewer, "3a", {})
        await state.mark_seen(viewer, 1)
        await state.subscribe(viewer, CAROL, post=True, reply=False)
        await state.register_push(viewer, "did:web:push", "ios", "app", "token")
    await state.unregister_push(BOB, "did:web:push", "ios", "app", "token")
    await state.forget(ALICE)
    left = {
        table: db.read(f'SELECT count(*) FROM "{table}"')[0][0]  # noqa: S608
        for (table,) in db.read("SELECT name FROM sqlite_schema WHERE type = 'table'")
    }
    assert left.pop("push_token") == 0
    for table in ("takedown", "feed", "feeds_begun", "schema_file"):
        del left[table]  # the operator's or our own, not a viewer's
    assert set(left.values()) == {1}


async def test_every_inline_read_uses_an_index(state: ViewerState, db: Database) -> None:
    state.mutes(ALICE, EVERYBODY)
    state.mutes_page(ALICE, 1)
    state.muted_lists(ALICE)
    state.muted_lists_page(ALICE, 1)
    state.muted_threads(ALICE, [])
    state.bookmarked(ALICE, [])
    state.bookmark_counts([])
    state.bookmarks_page(ALICE, 1)
    state.drafts_page(ALICE, 1)
    state.subscriptions(ALICE, [])
    state.subscribers(ALICE)
    state.subscriptions_page(ALICE, 1)
    assert db.inline_statements
    assert db.full_scans() == []
