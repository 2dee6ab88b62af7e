"""Lists, feed generators, starter packs and labelers, and who stands on a list."""

from collections.abc import Iterable
from typing import NamedTuple

from appliance.appview.hydrate.ids import json_list
from appliance.appview.skeletons.slices import Entry, Position, Slice, cut, entries
from appliance.base.database import Database


class ListItem(NamedTuple):
    """A place on a list; id is the account listed."""

    sort_us: int
    id: int
    rkey: str


def lists_by(
    db: Database, actor: int, purposes: Iterable[str], before: Position, limit: int
) -> Slice[Entry]:
    """Give an account's lists with one of these purposes, the newest first."""
    rows = db.read(
        "SELECT sort_us, id FROM list WHERE actor_id = ? AND (sort_us, id) < (?, ?)"
        " AND purpose IN (SELECT value FROM json_each(?)) ORDER BY sort_us DESC, id DESC LIMIT ?",
        actor,
        *before,
        json_list(purposes),
        limit + 1,
    )
    return entries(rows, limit)


def list_members(db: Database, list_id: int, before: Position, limit: int) -> Slice[ListItem]:
    """Give who stands on a list, the newest first."""
    rows = db.read(
        "SELECT sort_us, target_id, rkey FROM listitem WHERE list_id = ? AND counts = 1"
        " AND (sort_us, target_id) < (?, ?) ORDER BY sort_us DESC, target_id DESC LIMIT ?",
        list_id,
        *before,
        limit + 1,
    )
    return cut([ListItem(*row) for row in rows], limit)


def memberships(db: Database, lists: Iterable[int], actor: int) -> dict[int, str]:
    """Give the record keys by which an account stands on these lists, by list."""
    return dict(
        db.read(
            "SELECT i.list_id, i.rkey FROM json_each(?) j CROSS JOIN listitem i"
            " ON i.list_id = j.value AND i.target_id = ? AND i.counts = 1",
            json_list(lists),
            actor,
        )
    )


def blocked_lists(db: Database, viewer: int, before: Position, limit: int) -> Slice[Entry]:
    """Give the lists the viewer blocks by."""
    rows = db.read(
        "SELECT sort_us, list_id FROM listblock WHERE actor_id = ? AND counts = 1"
        " AND (sort_us, list_id) < (?, ?) ORDER BY sort_us DESC, list_id DESC LIMIT ?",
        viewer,
        *before,
        limit + 1,
    )
    return entries(rows, limit)


def generators_by(db: Database, actor: int, before: Position, limit: int) -> Slice[Entry]:
    """Give an account's feed generators, the newest first."""
    rows = db.read(
        "SELECT sort_us, id FROM generator WHERE actor_id = ? AND (sort_us, id) < (?, ?)"
        " ORDER BY sort_us DESC, id DESC LIMIT ?",
        actor,
        *before,
        limit + 1,
    )
    return entries(rows, limit)


def labelers(db: Database, dids: Iterable[str]) -> dict[str, int]:
    """Give the subject ids of those DIDs that are labelers we know."""
    return dict(
        db.read(
            "SELECT a.did, l.id FROM json_each(?) j CROSS JOIN actor a ON a.did = j.value"
            " CROSS JOIN labeler l ON l.actor_id = a.id",
            json_list(dids),
        )
    )
