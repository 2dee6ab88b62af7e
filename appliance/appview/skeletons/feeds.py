"""The posts of a feed that a rule makes: candidates newest first, then what fits the rule.

Each kind reads its candidates from an index, a window at a time, and a page reads no more than a
few windows: where little fits, a page is short and its cursor goes on.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from appliance.appview.feeds.rules import FeedRule
from appliance.appview.hydrate.ids import json_list
from appliance.appview.index.post_text import ROWS_PER_MICROSECOND, row_id
from appliance.appview.skeletons.queries import any_of
from appliance.appview.skeletons.search import in_time
from appliance.appview.skeletons.slices import Position, Slice, sift
from appliance.base.database import Connection, Database

DEADLINE: Final = 2.0
# Whose follows count, and how many of each: the newest.
MOST_FRIENDS: Final = 150
MOST_OF_EACH: Final = 150
MOST_CIRCLE: Final = 1000
HOUR_US: Final = 3600 * 1_000_000
# If less than this part of the newest posts is by members, they are gathered member by member.
RARE: Final = 4

Row = tuple[Any, ...]
Candidates = Callable[[Position, int], list[Row]]


class FeedPost(NamedTuple):
    """A post of a feed and its place there."""

    sort_us: int
    id: int
    actor_id: int
    uri: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Who reads (the id, if known), where members have their repos, and when."""

    reader: int | None
    home: str
    now_us: int


async def rule_feed(
    db: Database, rule: FeedRule, reading: Reading, before: Position, limit: int
) -> Slice[FeedPost]:
    """Give posts that fit a rule, newest first; may give few and a position to go on from.

    Raises SearchTooSlow.
    """
    with in_time():
        return await db.scan(_page, rule, reading, before, limit, deadline=DEADLINE)


def _page(
    conn: Connection, rule: FeedRule, reading: Reading, before: Position, limit: int
) -> Slice[FeedPost]:
    candidates = _candidates(conn, rule, reading)
    if candidates is None:
        return Slice([], None)
    oldest = 0
    if rule.max_age_hours is not None:
        oldest = reading.now_us - rule.max_age_hours * HOUR_US

    def read(place: Position, window: int) -> list[Row]:
        rows = [row for row in candidates(place, window) if row[0] >= oldest]
        return _judged(conn, rule, reading, rows)

    return sift(read, lambda row: FeedPost(*row), before, limit)


def _candidates(conn: Connection, rule: FeedRule, reading: Reading) -> Candidates | None:
    """Choose where posts are read from; None where there can be none."""
    if rule.kind == "hashtags":
        return lambda place, window: _tagged(conn, rule.words, place, window)
    if rule.kind == "words":
        match = any_of(rule.words)
        if match is None:
            return None
        return lambda place, window: _with_words(conn, match, place, window)
    if rule.kind == "friends":
        if reading.reader is None:
            return None
        circle = _circle(conn, reading.reader)
        return lambda place, window: _gathered(conn, circle, rule, place, window)
    if rule.scope == "here":
        return _Members(conn, rule, reading.home)
    return lambda place, window: _newest(conn, place, window)


class _Members:
    """Posts of members: read through all, or member by member where theirs are few."""

    def __init__(self, conn: Connection, rule: FeedRule, home: str) -> None:
        self._conn = conn
        self._rule = rule
        self._home = home
        self._members: list[int] | None = None

    def __call__(self, place: Position, window: int) -> list[Row]:
        if self._members is None:
            rows = _newest(self._conn, place, window)
            if len(rows) < window or self._count(rows) * RARE >= len(rows):
                return rows
            found = self._conn.rows("SELECT id FROM actor WHERE pds = ?", self._home)
            self._members = [actor for (actor,) in found]
        return _gathered(self._conn, self._members, self._rule, place, window)

    def _count(self, rows: list[Row]) -> int:
        """Count the posts that are by members."""
        authors = json_list({row[2] for row in rows})
        found = self._conn.rows(
            "SELECT a.id FROM json_each(?) j CROSS JOIN actor a ON a.id = j.value WHERE a.pds = ?",
            authors,
            self._home,
        )
        members = {actor for (actor,) in found}
        return sum(row[2] in members for row in rows)


def _newest(conn: Connection, before: Position, window: int) -> list[Row]:
    return conn.rows(
        "SELECT sort_us, id, actor_id FROM post WHERE (sort_us, id) < (?, ?)"
        " ORDER BY sort_us DESC, id DESC LIMIT ?",
        *before,
        window,
    )


def _gathered(
    conn: Connection, actors: Iterable[int], rule: FeedRule, before: Position, window: int
) -> list[Row]:
    """Merge the posts of accounts, newest first; of each no more is read than is needed."""
    media = " AND has_media = 1" if rule.media_only else ""
    sql = (
        "SELECT sort_us, id, actor_id FROM post WHERE actor_id = ? AND (sort_us, id) < (?, ?)"  # noqa: S608
        f"{media} ORDER BY sort_us DESC, id DESC"
    )
    each = [iter(conn.execute(sql, (actor, *before))) for actor in actors]
    return list(islice(heapq.merge(*each, reverse=True), window))


def _tagged(conn: Connection, tags: Iterable[str], before: Position, window: int) -> list[Row]:
    found: set[Row] = set()
    for tag in tags:
        found.update(
            conn.rows(
                "SELECT t.sort_us, t.post_id, p.actor_id FROM post_tag t"
                " CROSS JOIN post p ON p.id = t.post_id"
                " WHERE t.tag = ? AND (t.sort_us, t.post_id) < (?, ?)"
                " ORDER BY t.sort_us DESC, t.post_id DESC LIMIT ?",
                tag,
                *before,
                window,
            )
        )
    return heapq.nlargest(window, found)


def _with_words(conn: Connection, match: str, before: Position, window: int) -> list[Row]:
    return conn.rows(
        "SELECT p.sort_us, p.id, p.actor_id FROM post_text t CROSS JOIN post p"  # noqa: S608
        f" ON p.sort_us = t.rowid / {ROWS_PER_MICROSECOND}"
        f" AND p.id % {ROWS_PER_MICROSECOND} = t.rowid % {ROWS_PER_MICROSECOND}"
        " WHERE t.rowid < ? AND post_text MATCH ? ORDER BY t.rowid DESC LIMIT ?",
        min(row_id(*before), 2**63 - 1),
        match,
        window,
    )


_NEWEST_FOLLOWS: Final = (
    "SELECT target_id FROM follow WHERE actor_id = ? AND counts = 1 ORDER BY sort_us DESC LIMIT ?"
)


def _circle(conn: Connection, reader: int) -> list[int]:
    """Name those followed by whom somebody follows, the most followed among them first.

    Without the reader and those whom the reader follows already.
    """
    friends = [actor for (actor,) in conn.rows(_NEWEST_FOLLOWS, reader, MOST_FRIENDS)]
    followed: Counter[int] = Counter()
    for friend in friends:
        followed.update(actor for (actor,) in conn.rows(_NEWEST_FOLLOWS, friend, MOST_OF_EACH))
    followed.pop(reader, None)
    best = [actor for _, actor in sorted(((n, who) for who, n in followed.items()), reverse=True)]
    circle: list[int] = []
    # Whoever follows very many is not asked for all of them.
    for start in range(0, len(best), MOST_CIRCLE):
        some = best[start : start + MOST_CIRCLE]
        known = {actor for (actor,) in conn.rows(_FOLLOWED, json_list(some), reader)}
        circle += [actor for actor in some if actor not in known]
        if len(circle) >= MOST_CIRCLE:
            break
    return circle[:MOST_CIRCLE]


_FOLLOWED: Final = (
    "SELECT j.value FROM json_each(?) j CROSS JOIN follow f"
    " ON f.actor_id = ? AND f.target_id = j.value AND f.counts = 1"
)


def _judged(conn: Connection, rule: FeedRule, reading: Reading, rows: list[Row]) -> list[Row]:
    """Add to each row the post's address, and whether the post fits the rule."""
    texts = ["a.status IS NULL", "p.violates_threadgate = 0"]
    values: list[Any] = []
    if rule.scope == "here":
        texts.append("a.pds = ?")
        values.append(reading.home)
    if not rule.with_replies:
        texts.append("p.parent_id IS NULL")
    if rule.media_only:
        texts.append("p.has_media = 1")
    if rule.min_likes:
        texts.append("s.like_count >= ?")
        values.append(rule.min_likes)
    if rule.languages:
        texts.append(_SPEAKS)
        values.append(json_list(rule.languages))
    judged = {
        row[0]: (row[1], bool(row[2]))
        for row in conn.execute(
            f"SELECT p.id, s.uri, {' AND '.join(texts)} FROM json_each(?) j"  # noqa: S608
            " CROSS JOIN post p ON p.id = j.value CROSS JOIN subject s ON s.id = p.id"
            " CROSS JOIN actor a ON a.id = p.actor_id",
            (*values, json_list(row[1] for row in rows)),
        )
    }
    return [(*row, *judged.get(row[1], ("", False))) for row in rows]


# A post in one of some languages, or in a regional form of one.
_SPEAKS: Final = (
    "EXISTS (SELECT 1 FROM json_each(?) l WHERE instr(lower(p.langs), ' ' || l.value || ' ') > 0"
    " OR instr(lower(p.langs), ' ' || l.value || '-') > 0)"
)
