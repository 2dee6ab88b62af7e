"""Load what can be embedded besides posts: lists, feed generators, starter packs, labelers."""

from collections.abc import Iterable
from typing import Final

import orjson

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.hydrate.ids import json_list, subject_ids
from appliance.appview.hydrate.rows import GeneratorRow, LabelerRow, ListRow, StarterPackRow
from appliance.atproto.syntax import AtUri
from appliance.base.database import Database

# Of a starter pack's list twelve are shown; some may be blocked or gone.
SAMPLE_LOADED = 20
# Long lists are counted one after the other, until so many items are; short ones always.
SHORT_LIST: Final = 500
MOST_COUNTED: Final = 100_000
WEEK_US = 7 * 24 * 3600 * 1_000_000


def load_lists(db: Database, into: Hydration, ids: Iterable[int]) -> None:
    """Load lists, how many are on them, and whether the viewer blocks by them."""
    wanted = set(ids) - into.lists.keys()
    if not wanted:
        return
    rows = db.read(
        "SELECT l.id, s.uri, l.actor_id, l.cid, l.purpose, l.name, l.avatar, l.indexed_us,"
        " l.record FROM json_each(?) j CROSS JOIN list l ON l.id = j.value"
        " CROSS JOIN subject s ON s.id = l.id",
        json_list(wanted),
    )
    counts = _item_counts(db, into, wanted)
    for row in rows:
        into.lists[row[0]] = ListRow._make((*row, counts[row[0]]))
    viewer = into.audience.viewer
    if viewer is None or viewer.id is None:
        return
    blocks = db.read(
        "SELECT b.list_id, b.rkey FROM json_each(?) j CROSS JOIN listblock b"
        " ON b.actor_id = ? AND b.list_id = j.value AND b.counts = 1",
        json_list(wanted),
        viewer.id,
    )
    for list_id, rkey in blocks:
        into.list_blocks[list_id] = AtUri.make(viewer.did, "app.bsky.graph.listblock", rkey)


def load_pack_contents(db: Database, into: Hydration) -> None:
    """Load which feeds the starter packs name, and the newest on their lists."""
    for pack in into.starter_packs.values():
        into.list_samples[pack.list_id] = [
            (actor, rkey)
            for actor, rkey in db.read(
                "SELECT target_id, rkey FROM listitem WHERE list_id = ? AND counts = 1"
                " ORDER BY sort_us DESC, target_id DESC LIMIT ?",
                pack.list_id,
                SAMPLE_LOADED,
            )
        ]
        uris = [feed["uri"] for feed in orjson.loads(pack.record).get("feeds", ())]
        known = subject_ids(db, uris) if uris else {}
        into.pack_feeds[pack.id] = [known[uri] for uri in uris if uri in known]


def load_generators(db: Database, into: Hydration, ids: Iterable[int]) -> None:
    rows = db.read(
        "SELECT g.id, s.uri, g.actor_id, s.like_count, g.cid, g.service_did, g.display_name,"
        " g.avatar, g.indexed_us, g.record"
        " FROM json_each(?) j CROSS JOIN generator g ON g.id = j.value"
        " CROSS JOIN subject s ON s.id = g.id",
        json_list(ids),
    )
    for row in rows:
        into.generators[row[0]] = GeneratorRow._make(row)


def load_starter_packs(db: Database, into: Hydration, ids: Iterable[int]) -> None:
    rows = db.read(
        "SELECT p.id, s.uri, p.actor_id, p.cid, p.list_id, p.indexed_us, p.record,"
        " (SELECT count(*) FROM profile f WHERE f.joined_via_id = p.id),"
        " (SELECT count(*) FROM profile f WHERE f.joined_via_id = p.id AND f.indexed_us > ?)"
        " FROM json_each(?) j CROSS JOIN starter_pack p ON p.id = j.value"
        " CROSS JOIN subject s ON s.id = p.id",
        into.now_us - WEEK_US,
        json_list(ids),
    )
    # Many packs may go by one list, which is counted once.
    counts = _item_counts(db, into, {row[4] for row in rows})
    for row in rows:
        into.starter_packs[row[0]] = StarterPackRow._make((*row, counts[row[4]]))


def _item_counts(db: Database, into: Hydration, lists: Iterable[int]) -> dict[int, int | None]:
    """Count who stands on these lists; of very many long ones the last are not counted."""
    counts = into.item_counts
    new = sorted(set(lists) - counts.keys())
    if not new:
        return counts
    found = db.read(
        "SELECT j.value, (SELECT count(*) FROM (SELECT 1 FROM listitem i"
        " WHERE i.list_id = j.value AND i.counts = 1 LIMIT ?)) FROM json_each(?) j",
        SHORT_LIST,
        json_list(new),
    )
    for list_id, count in found:
        counts[list_id] = count if count < SHORT_LIST else _long_count(db, into, list_id)
    return counts


def _long_count(db: Database, into: Hydration, list_id: int) -> int | None:
    """Count a long list, if that is still due on this page."""
    left = MOST_COUNTED - into.items_counted
    if left <= 0:
        return None
    (count,) = db.read_one(_COUNT, list_id, left) or (0,)
    into.items_counted += count
    return int(count) if count < left else None


_COUNT: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM listitem WHERE list_id = ? AND counts = 1 LIMIT ?)"
)


def load_labelers(db: Database, into: Hydration, ids: Iterable[int]) -> None:
    rows = db.read(
        "SELECT l.id, s.uri, l.actor_id, s.like_count, l.cid, l.indexed_us, l.record"
        " FROM json_each(?) j CROSS JOIN labeler l ON l.id = j.value"
        " CROSS JOIN subject s ON s.id = l.id",
        json_list(ids),
    )
    for row in rows:
        into.labelers[row[0]] = LabelerRow._make(row)
