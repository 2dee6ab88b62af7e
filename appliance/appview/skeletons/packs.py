"""Starter packs and feed generators: by whom, by popularity, by the words they are told of with."""

from typing import Final

import orjson

from appliance.appview.skeletons.search import DEADLINE, in_time
from appliance.appview.skeletons.slices import Entry, Position, Slice, entries
from appliance.base.database import Connection, Database

# More likes than anything has.
_BEFORE_ALL: Final = 10**12


def starter_packs_by(db: Database, actor: int, before: Position, limit: int) -> Slice[Entry]:
    """Give an account's starter packs, the newest first."""
    rows = db.read(
        "SELECT sort_us, id FROM starter_pack WHERE actor_id = ? AND (sort_us, id) < (?, ?)"
        " ORDER BY sort_us DESC, id DESC LIMIT ?",
        actor,
        *before,
        limit + 1,
    )
    return entries(rows, limit)


async def popular_starter_packs(
    db: Database, caller: str | None, before: Position, limit: int
) -> Slice[Entry]:
    """Give all starter packs, those most accounts joined by first.

    Raises SearchTooSlow, RateLimitExceeded.
    """
    with in_time():
        return await db.search(_popular_packs, before, limit, deadline=DEADLINE, caller=caller)


async def search_starter_packs(
    db: Database, caller: str | None, text: str, before: Position, limit: int
) -> Slice[Entry]:
    """Give starter packs with a text in name or description, newest first.

    Raises SearchTooSlow, RateLimitExceeded.
    """
    with in_time():
        return await db.search(_packs_with, text, before, limit, deadline=DEADLINE, caller=caller)


async def popular_generators(
    db: Database, caller: str | None, text: str, own: str | None, before: Position, limit: int
) -> Slice[Entry]:
    """Give feed generators with a text in name or description, the most liked first.

    Before them those of the service `own`.

    Raises SearchTooSlow, RateLimitExceeded.
    """
    with in_time():
        return await db.search(
            _generators_with, text, own, before, limit, deadline=DEADLINE, caller=caller
        )


def _popular_packs(conn: Connection, before: Position, limit: int) -> Slice[Entry]:
    rows = conn.rows(
        "SELECT joined, id FROM (SELECT p.id, (SELECT count(*) FROM profile f"
        " WHERE f.joined_via_id = p.id) AS joined FROM starter_pack p)"
        " WHERE (joined, id) < (?, ?) ORDER BY joined DESC, id DESC LIMIT ?",
        *before,
        limit + 1,
    )
    return entries(rows, limit)


def _packs_with(conn: Connection, text: str, before: Position, limit: int) -> Slice[Entry]:
    rows = conn.execute(
        "SELECT sort_us, id, record FROM starter_pack WHERE (sort_us, id) < (?, ?)"
        " ORDER BY sort_us DESC, id DESC",
        before,
    )
    found = []
    for sort_us, pack_id, record in rows:
        if _has(record, ("name", "description"), text):
            found.append((sort_us, pack_id))
            if len(found) > limit:
                break
    return entries(found, limit)


def _generators_with(
    conn: Connection, text: str, own: str | None, before: Position, limit: int
) -> Slice[Entry]:
    rows = conn.execute(
        "SELECT o.rank, o.id, r.record FROM (SELECT rank, id FROM"
        " (SELECT s.like_count + (g.service_did = ?) * ? AS rank, g.id"
        " FROM generator g CROSS JOIN subject s ON s.id = g.id)"
        " WHERE (rank, id) < (?, ?) ORDER BY rank DESC, id DESC LIMIT -1) o"
        " CROSS JOIN generator r ON r.id = o.id",
        (own or "", _BEFORE_ALL, *before),
    )
    found = []
    for likes, generator_id, record in rows:
        if _has(record, ("displayName", "description"), text):
            found.append((likes, generator_id))
            if len(found) > limit:
                break
    return entries(found, limit)


def _has(record: str, fields: tuple[str, ...], text: str) -> bool:
    """Tell whether every word of a text is in the fields of a record."""
    value = orjson.loads(record)
    said = " ".join(str(value.get(name, "")) for name in fields).casefold()
    return all(word in said for word in text.casefold().split())
