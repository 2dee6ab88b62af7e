"""Find posts and accounts by words and conditions. Runs in the scan pool, under a deadline."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from appliance.appview.hydrate.ids import json_list
from appliance.appview.index.post_text import ROWS_PER_MICROSECOND, row_id
from appliance.appview.skeletons.queries import PostQuery, prefix_match
from appliance.appview.skeletons.slices import NEWEST, Entry, Position, Slice, entries
from appliance.atproto.xrpc.errors import RateLimitExceeded
from appliance.base.database import Connection, Database, DeadlineExceeded
from appliance.base.search_line import LineFull

DEADLINE: Final = 3.0
# When to come back who has too many searches waiting.
RETRY_SECONDS: Final = "5"
# Of a very common word only the newest posts are ranked.
MOST_MATCHES: Final = 3_000
NAME_COLUMNS: Final = ("handle", "display_name")
ALL_COLUMNS: Final = ("handle", "display_name", "description")
EVERYBODY: Final = "*"


@dataclass(frozen=True, slots=True)
class Actors:
    """The accounts a query names, as ids; a name that stands for nobody is 0."""

    viewer: int | None
    by_name: dict[str, int]

    def ids(self, names: Iterable[str]) -> str:
        return json_list(self.by_name.get(name, 0) for name in names)


@dataclass(slots=True)
class _Conditions:
    """Conditions on a post `p`, and their values in order."""

    texts: list[str]
    values: list[Any]

    def add(self, text: str, *values: Any) -> None:
        self.texts.append(text)
        self.values.extend(values)


class SearchTooSlow(Exception):
    """A search took longer than a page may."""

    xrpc_name = "ServiceUnavailable"


async def search_posts(
    db: Database,
    caller: str | None,
    query: PostQuery,
    actors: Actors,
    sort: Literal["top", "latest"],
    place: tuple[Position, int],
) -> Slice[Entry]:
    """Give the posts a query finds; place is (position, limit).

    latest: newest first. top: most liked, reposted and answered first; its position is an offset.
    Raises SearchTooSlow, RateLimitExceeded: `caller` has many searches waiting.
    """
    where = _conditions(query, actors)
    run = _top if sort == "top" else _latest
    with in_time():
        return await db.search(run, query.match, where, *place, deadline=DEADLINE, caller=caller)


@contextmanager
def in_time() -> Iterator[None]:
    """Say in our own words that a scan took too long, or may not begin."""
    try:
        yield
    except DeadlineExceeded as error:
        raise SearchTooSlow("This search takes too long; try other words") from error
    except LineFull as error:
        if error.of_caller:
            raise RateLimitExceeded({"Retry-After": RETRY_SECONDS}) from error
        raise SearchTooSlow("Many are searching right now; try again soon") from error


def _latest(
    conn: Connection, match: str | None, where: _Conditions, before: Position, limit: int
) -> Slice[Entry]:
    """Read newest first until the page is full: by the words, or through all posts."""
    if match is None:
        where.add("(p.sort_us, p.id) < (?, ?)", *before)
        source, order = "post p", "p.sort_us DESC, p.id DESC"
    else:
        where.add("t.rowid < ?", _row_before(before))
        where.add("post_text MATCH ?", match)
        source, order = f"post_text t CROSS JOIN {_POST_OF_ROW}", "t.rowid DESC"
    rows = conn.execute(
        f"SELECT p.sort_us, p.id FROM {source} WHERE {' AND '.join(where.texts)}"  # noqa: S608
        f" ORDER BY {order} LIMIT ?",
        (*where.values, limit + 1),
    ).fetchall()
    return entries(rows, limit)


def _top(
    conn: Connection, match: str | None, where: _Conditions, before: Position, limit: int
) -> Slice[Entry]:
    """Rank the newest that match by what people did with them."""
    offset = 0 if before == NEWEST else before.sort_us
    source = "post p" if match is None else _NEWEST_MATCHES
    values = () if match is None else (match, MOST_MATCHES)
    rows = conn.execute(
        f"SELECT p.sort_us, p.id FROM {source}"  # noqa: S608
        f" CROSS JOIN subject s ON s.id = p.id WHERE {' AND '.join(where.texts)}"
        " ORDER BY s.like_count + 2 * s.repost_count + 2 * s.quote_count + s.reply_count DESC,"
        " p.sort_us DESC, p.id DESC LIMIT ? OFFSET ?",
        (*values, *where.values, limit + 1, offset),
    ).fetchall()
    found = entries(rows, limit)
    return found if found.after is None else Slice(found.rows, Position(offset + limit, 0))


# The post of a row of the full-text index: its place in time is the row's number.
_POST_OF_ROW: Final = (
    f"post p ON p.sort_us = t.rowid / {ROWS_PER_MICROSECOND}"
    f" AND p.id % {ROWS_PER_MICROSECOND} = t.rowid % {ROWS_PER_MICROSECOND}"
)
_NEWEST_MATCHES: Final = (
    "(SELECT rowid FROM post_text WHERE post_text MATCH ? ORDER BY rowid DESC LIMIT ?) t"  # noqa: S608
    f" CROSS JOIN {_POST_OF_ROW}"
)


def _row_before(position: Position) -> int:
    """Give the row to start below. A client may send any position."""
    return min(row_id(*position), 2**63 - 1)


# Posts by what they have; bound: a JSON array of values.
_TAG: Final = "SELECT post_id FROM post_tag WHERE tag IN (SELECT value FROM json_each(?))"
_DOMAIN: Final = "SELECT post_id FROM post_link WHERE domain IN (SELECT value FROM json_each(?))"
_URL: Final = "SELECT post_id FROM post_link WHERE uri IN (SELECT value FROM json_each(?))"
_MENTION: Final = (
    "SELECT post_id FROM post_mention WHERE target_id IN (SELECT value FROM json_each(?))"
)
_EMBEDDED: Final = (
    "SELECT q.id FROM json_each(?) j CROSS JOIN subject s ON s.uri = j.value"
    " CROSS JOIN post q ON q.quote_id = s.id"
)
# A post `p` in one of these languages; no index helps here.
_LANG: Final = "SELECT 1 FROM json_each(?) l WHERE instr(lower(p.langs), ' ' || l.value || ' ') > 0"


def _conditions(query: PostQuery, actors: Actors) -> _Conditions:
    where = _Conditions(["TRUE"], [])
    for tag in query.tags:
        where.add(f"p.id IN ({_TAG})", json_list([tag.casefold()]))
    if query.without_tags:
        tags = [tag.casefold() for tag in query.without_tags]
        where.add(f"p.id NOT IN ({_TAG})", json_list(tags))
    _add_any(where, _DOMAIN, map(_domain, query.domains), map(_domain, query.without_domains))
    _add_any(where, _URL, query.urls, query.without_urls)
    _add_any(where, _EMBEDDED, query.embedded, query.without_embedded)
    for langs, word in ((query.langs, ""), (query.without_langs, "NOT ")):
        if langs:
            where.add(f"{word}EXISTS ({_LANG})", json_list(lang.lower() for lang in langs))
    _add_actors(where, query, actors)
    _add_shape(where, query)
    return where


def _add_any(
    where: _Conditions, having: str, wanted: Iterable[str], unwanted: Iterable[str]
) -> None:
    """Ask for posts that have any of some values, and none of others."""
    for values, word in ((list(wanted), ""), (list(unwanted), "NOT ")):
        if values:
            where.add(f"p.id {word}IN ({having})", json_list(values))


def _domain(text: str) -> str:
    return text.lower().removeprefix("www.")


def _add_actors(where: _Conditions, query: PostQuery, actors: Actors) -> None:
    if query.authors:
        where.add("p.actor_id IN (SELECT value FROM json_each(?))", actors.ids(query.authors))
    if query.without_authors:
        ids = actors.ids(query.without_authors)
        where.add("p.actor_id NOT IN (SELECT value FROM json_each(?))", ids)
    if query.mentions:
        where.add(f"p.id IN ({_MENTION})", actors.ids(query.mentions))
    if query.without_mentions:
        where.add(f"p.id NOT IN ({_MENTION})", actors.ids(query.without_mentions))
    if query.is_followed:
        where.add(
            "EXISTS (SELECT 1 FROM follow w WHERE w.actor_id = ? AND w.target_id = p.actor_id"
            " AND w.counts = 1)",
            actors.viewer,
        )


def _add_shape(where: _Conditions, query: PostQuery) -> None:
    if query.since_us is not None:
        where.add("p.sort_us >= ?", query.since_us)
    if query.until_us is not None:
        where.add("p.sort_us < ?", query.until_us)
    if query.has_media:
        where.add("p.has_media = 1")
    if query.has_video:
        where.add("p.has_video = 1")
    if query.is_reply is not None:
        where.add("p.parent_id IS NOT NULL" if query.is_reply else "p.parent_id IS NULL")
    for column, uri in (("p.parent_id", query.parent), ("p.root_id", query.root)):
        if uri is not None:
            where.add(f"{column} = (SELECT id FROM subject WHERE uri = ?)", uri)  # noqa: S608


async def search_actors(
    db: Database, text: str, viewer: int | None, before: Position, limit: int
) -> Slice[Entry]:
    """Give accounts by handle, name and description; a position is an offset.

    An asterisk means everybody: the official client asks so for people to choose from. Raises
    SearchTooSlow.
    """
    if text.strip() == EVERYBODY:
        with in_time():
            return await db.scan(_everybody, viewer, before, limit, deadline=DEADLINE)
    match = prefix_match(text, ALL_COLUMNS)
    if match is None:
        return Slice([], None)
    with in_time():
        return await db.scan(_ranked, match, text, viewer, before, limit, deadline=DEADLINE)


async def typeahead(db: Database, text: str, viewer: int | None, limit: int) -> list[int]:
    """Give accounts whose handle or name goes on from what is typed."""
    match = prefix_match(text, NAME_COLUMNS)
    if match is None:
        return []
    with in_time():
        found = await db.scan(_ranked, match, text, viewer, NEWEST, limit, deadline=DEADLINE)
    return [entry.id for entry in found.rows]


def _everybody(conn: Connection, viewer: int | None, before: Position, limit: int) -> Slice[Entry]:
    """Those the viewer follows first, then by how many do."""
    offset = 0 if before == NEWEST else before.sort_us
    rows = conn.rows(
        "SELECT 0, a.id FROM actor a WHERE a.status IS NULL AND a.handle IS NOT NULL"
        " ORDER BY EXISTS (SELECT 1 FROM follow w WHERE w.actor_id = ?"
        " AND w.target_id = a.id AND w.counts = 1) DESC, a.followers_count DESC, a.id"
        " LIMIT ? OFFSET ?",
        viewer,
        limit + 1,
        offset,
    )
    found = entries(rows, limit)
    return found if found.after is None else Slice(found.rows, Position(offset + limit, 0))


def _ranked(
    conn: Connection, match: str, text: str, viewer: int | None, before: Position, limit: int
) -> Slice[Entry]:
    """Exact handle first, then those the viewer follows, then by how well the names match."""
    offset = 0 if before == NEWEST else before.sort_us
    rows = conn.rows(
        "SELECT 0, a.id FROM actor_text t CROSS JOIN actor a ON a.id = t.rowid"
        " WHERE actor_text MATCH ? AND a.status IS NULL"
        " ORDER BY a.handle = ? DESC, EXISTS (SELECT 1 FROM follow w WHERE w.actor_id = ?"
        " AND w.target_id = a.id AND w.counts = 1) DESC, bm25(actor_text, 10.0, 8.0, 1.0),"
        " a.followers_count DESC, a.id LIMIT ? OFFSET ?",
        match,
        text.strip().removeprefix("@").lower(),
        viewer,
        limit + 1,
        offset,
    )
    found = entries(rows, limit)
    return found if found.after is None else Slice(found.rows, Position(offset + limit, 0))
