"""Load accounts: profile, counts, the singleton records that show in a profile."""

from collections.abc import Collection
from typing import Final

from appliance.appview.hydrate.hydration import Hydration
from appliance.appview.hydrate.ids import json_list
from appliance.appview.hydrate.rows import ActorRow, Declaration, VerificationRow
from appliance.atproto.syntax import AtUri
from appliance.base.database import Database

# Five are shown; of those loaded some may be blocked or gone.
KNOWN_LOADED = 10
# Among so many, the newest, whom the viewer follows, those they know are looked for.
MOST_KNOWN = 20_000

_NEWEST_FOLLOWS: Final = (
    "(SELECT target_id FROM follow INDEXED BY follow_by_actor"
    " WHERE actor_id = ? AND counts = 1 ORDER BY sort_us DESC LIMIT ?) w"
)


def load_actors(db: Database, into: Hydration, ids: Collection[int]) -> None:
    """Load these accounts, hidden ones too: placeholders need their DIDs."""
    wanted = set(ids) - into.actors.keys()
    if not wanted:
        return
    rows = db.read(
        "SELECT a.id, a.did, a.handle, a.status, a.rev, a.created_us, a.indexed_us,"
        " a.followers_count, a.follows_count, a.posts_count, a.lists_count, a.feedgens_count,"
        " a.starter_packs_count, a.is_labeler, p.cid, p.indexed_us, p.display_name,"
        " p.description, p.avatar, p.banner, p.pinned_id, p.joined_via_id, p.record"
        " FROM json_each(?) j CROSS JOIN actor a ON a.id = j.value"
        " LEFT JOIN profile p ON p.actor_id = a.id",
        json_list(wanted),
    )
    for values in rows:
        row = ActorRow._make(values)
        profile = AtUri.make(row.did, "app.bsky.actor.profile", "self")
        into.actors[row.id] = row.without_profile() if into.is_removed(profile) else row
    declared = db.read(
        "SELECT d.actor_id, d.collection, d.cid, d.indexed_us, d.record"
        " FROM json_each(?) j CROSS JOIN declaration d ON d.actor_id = j.value",
        json_list(wanted),
    )
    for actor, collection, *rest in declared:
        into.declarations.setdefault(actor, {})[collection] = Declaration(*rest)


def load_verifications(db: Database, into: Hydration, ids: Collection[int]) -> None:
    """Load what the trusted verifiers say of these accounts, and the verifiers."""
    if not into.verifiers:
        return
    rows = db.read(
        "SELECT v.target_id, v.actor_id, v.rkey, v.handle, v.display_name, v.created_us"
        " FROM json_each(?) j CROSS JOIN verification v ON v.target_id = j.value"
        " CROSS JOIN actor a ON a.id = v.actor_id"
        " AND a.did IN (SELECT value FROM json_each(?)) ORDER BY v.sort_us",
        json_list(ids),
        json_list(into.verifiers),
    )
    for target, *values in rows:
        found = VerificationRow._make(values)
        into.verifications.setdefault(target, []).append(found)
    load_actors(db, into, {issuer for _, issuer, *_ in rows})


def known_followers(db: Database, viewer: int, target: int) -> tuple[int, list[int]]:
    """Count whom the viewer follows among an account's followers, and give the newest few.

    Reads at most the viewer's own newest follows, by index.
    """
    rows = db.read(
        f"SELECT w.target_id FROM {_NEWEST_FOLLOWS} CROSS JOIN follow f"  # noqa: S608
        " ON f.actor_id = w.target_id AND f.target_id = ? AND f.counts = 1",
        viewer,
        MOST_KNOWN,
        target,
    )
    return len(rows), [actor for (actor,) in rows[:KNOWN_LOADED]]


def known_likers(db: Database, viewer: int, post: int) -> tuple[int, list[int]]:
    """Count whom the viewer follows among those who like a post, and give the newest few.

    Reads at most the viewer's own newest follows, by index.
    """
    rows = db.read(
        f'SELECT w.target_id FROM {_NEWEST_FOLLOWS} CROSS JOIN "like" l'  # noqa: S608
        " ON l.actor_id = w.target_id AND l.subject_id = ? AND l.counts = 1",
        viewer,
        MOST_KNOWN,
        post,
    )
    return len(rows), [actor for (actor,) in rows[:KNOWN_LOADED]]
