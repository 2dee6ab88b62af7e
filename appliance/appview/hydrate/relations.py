"""Load what stands between accounts: follows, blocks, mutes, and blocks by lists."""

from collections.abc import Collection, Iterable
from itertools import product
from typing import Final

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.hydrate.ids import json_list, subject_ids
from appliance.appview.hydrate.rows import Relation
from appliance.appview.viewer_state import ViewerState
from appliance.base.database import Database

# By so many lists, the newest, an account blocks: whoever blocks by a hundred thousand would make
# every page dear that they look at, or stand on.
MOST_BLOCK_LISTS: Final = 200


def _blocked_by_lists(blocker: str, blocked: str) -> str:
    """Join the newest list for moderation (`m`) by which one account blocks another on it."""
    return (
        " CROSS JOIN list m ON m.id = (SELECT i.list_id FROM (SELECT l.list_id FROM listblock l"  # noqa: S608
        f" WHERE l.actor_id = {blocker} AND l.counts = 1"
        f" ORDER BY l.sort_us DESC LIMIT {MOST_BLOCK_LISTS}) b"
        " CROSS JOIN listitem i INDEXED BY listitem_by_target"
        f" ON i.target_id = {blocked} AND i.list_id = b.list_id AND i.counts = 1"
        " CROSS JOIN list p ON p.id = i.list_id AND p.purpose = 'app.bsky.graph.defs#modlist'"
        " LIMIT 1)"
    )


# By field of Relation: whether the viewer (?1) has any such relation, and to which of ?2.
_RELATIONS: Final = {
    "following": (
        "SELECT 1 FROM follow WHERE actor_id = ?1 AND counts = 1",
        "f.rkey FROM json_each(?2) j CROSS JOIN follow f"
        " ON f.actor_id = ?1 AND f.target_id = j.value AND f.counts = 1",
    ),
    "followed_by": (
        "SELECT 1 FROM follow WHERE target_id = ?1 AND counts = 1",
        "f.rkey FROM json_each(?2) j CROSS JOIN follow f"
        " ON f.target_id = ?1 AND f.actor_id = j.value AND f.counts = 1",
    ),
    "blocking": (
        "SELECT 1 FROM block WHERE actor_id = ?1 AND counts = 1",
        "b.rkey FROM json_each(?2) j CROSS JOIN block b"
        " ON b.actor_id = ?1 AND b.target_id = j.value AND b.counts = 1",
    ),
    "blocked_by": (
        "SELECT 1 FROM block WHERE target_id = ?1 AND counts = 1",
        "b.rkey FROM json_each(?2) j CROSS JOIN block b"
        " ON b.target_id = ?1 AND b.actor_id = j.value AND b.counts = 1",
    ),
    "blocking_by_list": (
        "SELECT 1 FROM listblock WHERE actor_id = ?1 AND counts = 1",
        f"m.id FROM json_each(?2) j {_blocked_by_lists('?1', 'j.value')}",
    ),
    "blocked_by_list": (
        "SELECT 1 FROM listitem WHERE target_id = ?1 AND counts = 1",
        f"m.id FROM json_each(?2) j {_blocked_by_lists('j.value', '?1')}",
    ),
}
# Most people block nobody: to ask that first costs a fiftieth of asking it of everybody on a page.
_HAS_ANY: Final = f"SELECT {', '.join(f'EXISTS ({any_})' for any_, _ in _RELATIONS.values())}"
# By which kinds there are, in the order above.
_OF_KINDS: Final = {
    kinds: " UNION ALL ".join(
        f"SELECT j.value, '{name}', {rows}"
        for (name, (_, rows)), is_there in zip(_RELATIONS.items(), kinds, strict=True)
        if is_there
    )
    for kinds in product((0, 1), repeat=len(_RELATIONS))
    if any(kinds)
}


def load_relations(
    db: Database, viewers: ViewerState, into: Hydration, ids: Collection[int]
) -> None:
    """Load what stands between the viewer and these accounts. The accounts are loaded already."""
    viewer = into.audience.viewer
    wanted = set(ids) - into.relations.keys()
    if viewer is None or not wanted:
        return
    load_public_relations(db, into, wanted)
    _load_mutes(db, viewers, into, wanted)


def load_public_relations(db: Database, into: Hydration, ids: Collection[int]) -> None:
    """Load follows and blocks between the viewer and these accounts: what repos say."""
    viewer = into.viewer_id
    if viewer is None:
        return
    kinds = db.read_one(_HAS_ANY, viewer)
    if kinds is None or not any(kinds):
        return
    others = json_list(set(ids) - {viewer})
    for actor, name, value in db.read(_OF_KINDS[kinds], viewer, others):
        setattr(into.relations.setdefault(actor, Relation()), name, value)


def _load_mutes(db: Database, viewers: ViewerState, into: Hydration, wanted: set[int]) -> None:
    """Add what the viewer keeps here: mutes, muted lists, subscriptions."""
    viewer = into.audience.viewer
    if viewer is None:
        return
    by_did = {row.did: actor for actor in wanted if (row := into.actors.get(actor)) is not None}
    for did, mute in viewers.mutes(viewer.did, by_did).items():
        relation = into.relations.setdefault(by_did[did], Relation())
        relation.muted = mute.is_whole
        relation.muted_only_reposts = mute.only_reposts
        relation.muted_only_quoteposts = mute.only_quoteposts
    for did, told in viewers.subscriptions(viewer.did, by_did).items():
        relation = into.relations.setdefault(by_did[did], Relation())
        relation.told_of_posts, relation.told_of_replies = told.post, told.reply
    muted_lists = viewers.muted_lists(viewer.did)
    if muted_lists:
        into.muted_lists = set(subject_ids(db, muted_lists).values())
        for actor, list_id in members(db, _modlists(db, into.muted_lists), wanted):
            into.relations.setdefault(actor, Relation()).muted_by_list = list_id


def _modlists(db: Database, lists: Collection[int]) -> list[int]:
    """Give those that are there and made for moderation: no other list mutes anybody."""
    rows = db.read(
        "SELECT l.id FROM json_each(?) j CROSS JOIN list l ON l.id = j.value"
        " AND l.purpose = 'app.bsky.graph.defs#modlist'",
        json_list(lists),
    )
    return [list_id for (list_id,) in rows]


def members(db: Database, lists: Collection[int], actors: Collection[int]) -> list[tuple[int, int]]:
    """Say which of these accounts stand on which of these lists: (actor, list)."""
    rows = db.read(
        "SELECT i.target_id, i.list_id FROM json_each(?) j CROSS JOIN listitem i"
        " INDEXED BY listitem_by_target ON i.target_id = j.value AND i.counts = 1"
        " AND i.list_id IN (SELECT value FROM json_each(?))",
        json_list(actors),
        json_list(lists),
    )
    return [(actor, list_id) for actor, list_id in rows]


_BLOCKER: Final = "j.value ->> 0"


def load_blocks(db: Database, into: Hydration, pairs: Iterable[tuple[int, int]]) -> None:
    """Find blocks, also by lists, between pairs of accounts, either way."""
    wanted = {(one, other) for one, other in pairs if one != other}
    wanted |= {(other, one) for one, other in wanted}
    if not wanted:
        return
    keys = json_list(wanted)
    rows = db.read(
        "SELECT b.actor_id, b.target_id FROM json_each(?) j CROSS JOIN block b"  # noqa: S608
        " ON b.actor_id = j.value ->> 0 AND b.target_id = j.value ->> 1 AND b.counts = 1"
        f" UNION ALL SELECT {_BLOCKER}, j.value ->> 1 FROM json_each(?) j"
        f"{_blocked_by_lists(_BLOCKER, 'j.value ->> 1')}",
        keys,
        keys,
    )
    into.blocks.update((one, other) for one, other in rows)
