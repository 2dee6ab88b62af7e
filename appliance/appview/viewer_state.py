"""What only we know of our viewers: mutes, what they saved, what they have seen.

Its own file, `viewers.sqlite`, since nobody else has these data: they are in the backup and move
with the account. Everything is keyed by DID and URI text, because the index may be dropped and
its integers with it. Lists come newest first; a page continues after the (time, key) of the last
row of the page before it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import orjson

from appliance.base.database import Connection, Database

# Of one viewer: what an app shows in one list, and what an archive or a move carries along.
MOST_DRAFTS = 500
MOST_DRAFT_BYTES = 10_000_000
# By how many lists a viewer mutes: every page looks who stands on one of them.
MOST_MUTED_LISTS = 500
# After which a page of drafts ends.
PAGE_BYTES = 1_000_000
_LISTS = ("mute", "list_mute", "thread_mute", "bookmark")
_TABLES = (*_LISTS, "draft", "activity_subscription", "push_token")
# Sorts after every (time, key) there is: the start of a newest-first list.
NEWEST: tuple[int, str] = (2**62, "\U0010ffff")


class TooManyDrafts(ValueError):
    """A viewer keeps as many drafts, or as long ones, as anybody may."""

    xrpc_name = "DraftLimitReached"

    def __init__(self) -> None:
        super().__init__("There are too many drafts")


@dataclass(frozen=True, slots=True)
class Mute:
    """How a viewer mutes an account: wholly, or only some of what it does."""

    only_reposts: bool
    only_quoteposts: bool

    @property
    def is_whole(self) -> bool:
        return not (self.only_reposts or self.only_quoteposts)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows (key, time in microseconds) and where the next page starts; None at the end."""

    rows: list[tuple[str, int]]
    after: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class Subscription:
    """Whom to tell about an account's new posts, and whether replies count as such."""

    viewer: str
    post: bool
    reply: bool


class ViewerState:
    """The private state of viewers: reads are inline, writes wait for the disk."""

    def __init__(self, db: Database, now_us: Callable[[], int]) -> None:
        self._db = db
        self._now_us = now_us

    # Mutes of accounts.

    async def mute(
        self, viewer: str, target: str, *, only_reposts: bool = False, only_quoteposts: bool = False
    ) -> None:
        await self._write(
            "INSERT OR REPLACE INTO mute (viewer, target, created_us, only_reposts,"
            " only_quoteposts) VALUES (?, ?, ?, ?, ?)",
            (viewer, target, self._now_us(), int(only_reposts), int(only_quoteposts)),
        )

    async def unmute(self, viewer: str, target: str) -> None:
        await self._write("DELETE FROM mute WHERE viewer = ? AND target = ?", (viewer, target))

    def mutes(self, viewer: str, targets: Iterable[str]) -> dict[str, Mute]:
        """How the viewer mutes those of these accounts that are muted at all, by DID."""
        sql = (
            "SELECT target, only_reposts, only_quoteposts FROM mute"
            " WHERE viewer = ? AND target IN (SELECT value FROM json_each(?))"
        )
        rows = self._db.read(sql, viewer, _json_list(targets))
        return {target: Mute(bool(reposts), bool(quotes)) for target, reposts, quotes in rows}

    def mutes_page(self, viewer: str, limit: int, after: tuple[int, str] = NEWEST) -> Page:
        rows = self._db.read(
            "SELECT target, created_us FROM mute WHERE viewer = ? AND (created_us, target) < (?, ?)"
            " ORDER BY created_us DESC, target DESC LIMIT ?",
            viewer,
            *after,
            limit + 1,
        )
        return _page(rows, limit)

    # Mutes of lists.

    async def mute_list(self, viewer: str, uri: str) -> None:
        await self._write(
            "INSERT OR IGNORE INTO list_mute (viewer, list, created_us) VALUES (?, ?, ?)",
            (viewer, uri, self._now_us()),
        )

    async def unmute_list(self, viewer: str, uri: str) -> None:
        await self._write("DELETE FROM list_mute WHERE viewer = ? AND list = ?", (viewer, uri))

    def muted_lists(self, viewer: str) -> set[str]:
        """The lists by which the viewer mutes: the newest, if there are very many."""
        sql = "SELECT list FROM list_mute WHERE viewer = ? ORDER BY created_us DESC LIMIT ?"
        rows = self._db.read(sql, viewer, MOST_MUTED_LISTS)
        return {uri for (uri,) in rows}

    def muted_lists_page(self, viewer: str, limit: int, after: tuple[int, str] = NEWEST) -> Page:
        rows = self._db.read(
            "SELECT list, created_us FROM list_mute"
            " WHERE viewer = ? AND (created_us, list) < (?, ?)"
            " ORDER BY created_us DESC, list DESC LIMIT ?",
            viewer,
            *after,
            limit + 1,
        )
        return _page(rows, limit)

    # Mutes of threads.

    async def mute_thread(self, viewer: str, root: str) -> None:
        await self._write(
            "INSERT OR IGNORE INTO thread_mute (viewer, root, created_us) VALUES (?, ?, ?)",
            (viewer, root, self._now_us()),
        )

    async def unmute_thread(self, viewer: str, root: str) -> None:
        await self._write("DELETE FROM thread_mute WHERE viewer = ? AND root = ?", (viewer, root))

    def muted_threads(self, viewer: str, roots: Iterable[str]) -> set[str]:
        """Which of these threads (URIs of their first posts) the viewer has muted."""
        rows = self._db.read(
            "SELECT root FROM thread_mute"
            " WHERE viewer = ? AND root IN (SELECT value FROM json_each(?))",
            viewer,
            _json_list(roots),
        )
        return {root for (root,) in rows}

    # Bookmarks.

    async def bookmark(self, viewer: str, uri: str, cid: str) -> None:
        await self._write(
            "INSERT OR IGNORE INTO bookmark (viewer, uri, cid, created_us) VALUES (?, ?, ?, ?)",
            (viewer, uri, cid, self._now_us()),
        )

    async def remove_bookmark(self, viewer: str, uri: str) -> None:
        await self._write("DELETE FROM bookmark WHERE viewer = ? AND uri = ?", (viewer, uri))

    def bookmarked(self, viewer: str, uris: Iterable[str]) -> set[str]:
        """Which of these records the viewer has saved."""
        rows = self._db.read(
            "SELECT uri FROM bookmark WHERE viewer = ? AND uri IN (SELECT value FROM json_each(?))",
            viewer,
            _json_list(uris),
        )
        return {uri for (uri,) in rows}

    def bookmark_counts(self, uris: Iterable[str]) -> dict[str, int]:
        """How many viewers saved each of these; those nobody saved are left out."""
        rows = self._db.read(
            "SELECT uri, count(*) FROM bookmark WHERE uri IN (SELECT value FROM json_each(?))"
            " GROUP BY uri",
            _json_list(uris),
        )
        return dict(rows)

    def bookmarks_page(
        self, viewer: str, limit: int, after: tuple[int, str] = NEWEST
    ) -> list[tuple[str, str, int]]:
        """Rows (uri, cid, time), at most `limit`."""
        return self._db.read(
            "SELECT uri, cid, created_us FROM bookmark"
            " WHERE viewer = ? AND (created_us, uri) < (?, ?)"
            " ORDER BY created_us DESC, uri DESC LIMIT ?",
            viewer,
            *after,
            limit,
        )

    # Drafts.

    async def put_draft(self, viewer: str, draft_id: str, draft: Any) -> None:
        """Keep a draft. Raises TooManyDrafts."""
        now = self._now_us()
        await self._db.write(
            _write_draft,
            viewer,
            "INSERT INTO draft (viewer, id, draft, created_us, updated_us) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET draft = excluded.draft, updated_us = excluded.updated_us",
            (viewer, draft_id, orjson.dumps(draft).decode(), now, now),
        )

    async def replace_draft(self, viewer: str, draft_id: str, draft: Any) -> None:
        """Change a draft that is there; one that is gone stays gone. Raises TooManyDrafts."""
        await self._db.write(
            _write_draft,
            viewer,
            "UPDATE draft SET draft = ?, updated_us = ? WHERE viewer = ? AND id = ?",
            (orjson.dumps(draft).decode(), self._now_us(), viewer, draft_id),
        )

    async def delete_draft(self, viewer: str, draft_id: str) -> None:
        await self._write("DELETE FROM draft WHERE viewer = ? AND id = ?", (viewer, draft_id))

    def _how_many_drafts(self, viewer: str, limit: int, after: tuple[int, str]) -> int:
        """Tell how many drafts make a page that is no heavier than it should be; one at least."""
        sizes = self._db.read(
            "SELECT octet_length(draft) FROM draft"
            " WHERE viewer = ? AND (updated_us, id) < (?, ?)"
            " ORDER BY updated_us DESC, id DESC LIMIT ?",
            viewer,
            *after,
            limit,
        )
        together = accumulate(int(size) for (size,) in sizes)
        return max(1, sum(size <= PAGE_BYTES for size in together))

    def drafts_page(
        self, viewer: str, limit: int, after: tuple[int, str] = NEWEST
    ) -> list[tuple[str, str, int, int]]:
        """Rows (id, draft as JSON text, created, updated), at most `limit`; fewer of large ones."""
        limit = self._how_many_drafts(viewer, limit, after)
        return self._db.read(
            "SELECT id, draft, created_us, updated_us FROM draft"
            " WHERE viewer = ? AND (updated_us, id) < (?, ?)"
            " ORDER BY updated_us DESC, id DESC LIMIT ?",
            viewer,
            *after,
            limit,
        )

    # Notifications: what was seen, and what is wanted.

    async def mark_seen(self, viewer: str, seen_us: int) -> None:
        await self._write(
            "INSERT INTO viewer (did, seen_us) VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET seen_us = excluded.seen_us",
            (viewer, seen_us),
        )

    def seen_us(self, viewer: str) -> int:
        """When the viewer last looked at notifications; 0 = never."""
        row = self._db.read_one("SELECT seen_us FROM viewer WHERE did = ?", viewer)
        return int(row[0]) if row else 0

    async def put_priority(self, viewer: str, priority: bool) -> None:
        await self._write(
            "INSERT INTO viewer (did, priority) VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET priority = excluded.priority",
            (viewer, int(priority)),
        )

    def priority(self, viewer: str) -> bool:
        row = self._db.read_one("SELECT priority FROM viewer WHERE did = ?", viewer)
        return bool(row and row[0])

    async def put_notification_preferences(self, viewer: str, changes: dict[str, Any]) -> None:
        """Merge these preferences, by their names, into the stored ones."""
        await self._db.write(merge_preferences, viewer, changes)

    def notification_preferences(self, viewer: str) -> dict[str, Any]:
        """Only what the viewer has set; the defaults are the view's."""
        row = self._db.read_one("SELECT notification_preferences FROM viewer WHERE did = ?", viewer)
        stored: dict[str, Any] = orjson.loads(row[0]) if row else {}
        return stored

    # Activity subscriptions: tell me when they post.

    async def subscribe(self, viewer: str, target: str, *, post: bool, reply: bool) -> None:
        """Set a subscription; with neither kind wanted, end it."""
        if post or reply:
            await self._write(
                "INSERT INTO activity_subscription (viewer, target, post, reply, created_us)"
                " VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET post = excluded.post, reply = excluded.reply",
                (viewer, target, int(post), int(reply), self._now_us()),
            )
        else:
            await self._write(
                "DELETE FROM activity_subscription WHERE viewer = ? AND target = ?",
                (viewer, target),
            )

    def subscriptions(self, viewer: str, targets: Iterable[str]) -> dict[str, Subscription]:
        """The viewer's subscriptions to these accounts, by DID."""
        rows = self._db.read(
            "SELECT target, post, reply FROM activity_subscription"
            " WHERE viewer = ? AND target IN (SELECT value FROM json_each(?))",
            viewer,
            _json_list(targets),
        )
        return {row[0]: Subscription(viewer, bool(row[1]), bool(row[2])) for row in rows}

    def subscribers(self, target: str) -> list[Subscription]:
        """Who wants to hear of this account's new posts."""
        rows = self._db.read(
            "SELECT viewer, post, reply FROM activity_subscription WHERE target = ?", target
        )
        return [Subscription(viewer, bool(post), bool(reply)) for viewer, post, reply in rows]

    def subscriptions_page(self, viewer: str, limit: int, after: tuple[int, str] = NEWEST) -> Page:
        rows = self._db.read(
            "SELECT target, created_us FROM activity_subscription"
            " WHERE viewer = ? AND (created_us, target) < (?, ?)"
            " ORDER BY created_us DESC, target DESC LIMIT ?",
            viewer,
            *after,
            limit + 1,
        )
        return _page(rows, limit)

    # Push tokens: kept for a push service that may come.

    async def register_push(
        self, viewer: str, service_did: str, platform: str, app_id: str, token: str
    ) -> None:
        await self._write(
            "INSERT OR REPLACE INTO push_token (viewer, service_did, platform, app_id, token,"
            " created_us) VALUES (?, ?, ?, ?, ?, ?)",
            (viewer, service_did, platform, app_id, token, self._now_us()),
        )

    async def unregister_push(
        self, viewer: str, service_did: str, platform: str, app_id: str, token: str
    ) -> None:
        await self._write(
            "DELETE FROM push_token WHERE viewer = ? AND service_did = ? AND platform = ?"
            " AND app_id = ? AND token = ?",
            (viewer, service_did, platform, app_id, token),
        )

    async def forget(self, viewer: str) -> None:
        """Delete everything a viewer has here, for a deleted account."""
        await self._db.write(forget, viewer)

    async def _write(self, sql: str, args: tuple[Any, ...]) -> None:
        await self._db.write(_execute, sql, args)


def merge_preferences(conn: Connection, viewer: str, changes: dict[str, Any]) -> None:
    """Merge preferences by name into what is stored."""
    text = conn.value("SELECT notification_preferences FROM viewer WHERE did = ?", viewer)
    merged = {**(orjson.loads(text) if text else {}), **changes}
    conn.execute(
        "INSERT INTO viewer (did, notification_preferences) VALUES (?, ?) ON CONFLICT DO UPDATE"
        " SET notification_preferences = excluded.notification_preferences",
        (viewer, orjson.dumps(merged).decode()),
    )


def forget(conn: Connection, viewer: str) -> None:
    """Delete every row of a viewer."""
    for table in _TABLES:
        conn.execute(f"DELETE FROM {table} WHERE viewer = ?", (viewer,))  # noqa: S608
    conn.execute("DELETE FROM viewer WHERE did = ?", (viewer,))


def _write_draft(conn: Connection, viewer: str, sql: str, args: tuple[Any, ...]) -> None:
    """Change drafts, unless they would become too many. Raises TooManyDrafts."""
    conn.execute(sql, args)
    count, size = conn.rows(
        "SELECT count(*), total(octet_length(draft)) FROM draft WHERE viewer = ?", viewer
    )[0]
    if count > MOST_DRAFTS or size > MOST_DRAFT_BYTES:
        raise TooManyDrafts


def _execute(conn: Connection, sql: str, args: tuple[Any, ...]) -> None:
    conn.execute(sql, args)


def _page(rows: list[tuple[str, int]], limit: int) -> Page:
    if len(rows) <= limit:
        return Page(rows, None)
    key, time_us = rows[limit - 1]
    return Page(rows[:limit], (time_us, key))


def _json_list(values: Iterable[str]) -> str:
    return orjson.dumps(list(values)).decode()
