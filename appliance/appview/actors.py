"""The accounts we know: their integer keys, handles, status, and how far we have indexed them."""

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.appview.text_segments import segmented
from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Did
from appliance.base.connection import Connection
from appliance.base.database import Database

# Values of actor.sync.
UNKNOWN, SYNCED, PENDING = "unknown", "synced", "pending"

# Values of actor.handle_due_us that are no times: the accounts of the stream are looked up before
# those that a record merely names, of which anybody can write any number.
DUE_FIRST, DUE_NEXT = 0, 1


@dataclass(frozen=True, slots=True)
class SyncState:
    """How far an account is indexed; rev and data are None before its first commit."""

    actor_id: int
    sync: str
    rev: str | None
    data: Cid | None


class ActorStore:
    """The async face of the actor table, for the workers that keep it fresh."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def due_for_identity(self, now_us: int, limit: int) -> list[Did]:
        """Accounts whose identity is to be looked up again, longest overdue first."""
        rows = self._db.read(
            "SELECT did FROM actor WHERE handle_due_us <= ? ORDER BY handle_due_us LIMIT ?",
            now_us,
            limit,
        )
        return [Did.unchecked(did) for (did,) in rows]

    def is_unidentified(self, did: str, due_before_us: int) -> bool:
        """Tell whether an account of the stream awaits its first look-up, due before then."""
        row = self._db.read_one(
            "SELECT pds IS NULL AND rev IS NOT NULL AND handle_due_us <= ? FROM actor"
            " WHERE did = ?",
            due_before_us,
            did,
        )
        return row is not None and bool(row[0])

    def due_for_backfill(self, now_us: int, limit: int) -> list[Did]:
        """Accounts whose whole repo is to be fetched now."""
        rows = self._db.read(
            "SELECT did FROM actor WHERE sync = 'pending' AND sync_due_us <= ? AND status IS NULL"
            " ORDER BY sync_due_us LIMIT ?",
            now_us,
            limit,
        )
        return [Did.unchecked(did) for (did,) in rows]

    def deleted_before(self, before_us: int, limit: int) -> list[Did]:
        """Accounts deleted before then, whose rows are still here."""
        rows = self._db.read(
            "SELECT did FROM actor WHERE status = 'deleted' AND status_us < ? LIMIT ?",
            before_us,
            limit,
        )
        return [Did.unchecked(did) for (did,) in rows]

    def rev(self, did: str) -> str | None:
        """The rev of the last commit of this account that is indexed."""
        row = self._db.read_one("SELECT rev FROM actor WHERE did = ?", did)
        return row[0] if row else None

    def is_active(self, did: str) -> bool:
        """Tell whether an account is known, and active as far as its PDS says."""
        row = self._db.read_one("SELECT status FROM actor WHERE did = ?", did)
        return row is not None and row[0] is None

    def pds(self, did: str) -> str | None:
        """The PDS endpoint in the account's DID document, as last seen."""
        row = self._db.read_one("SELECT pds FROM actor WHERE did = ?", did)
        return row[0] if row else None

    async def set_identity(
        self, did: str, handle: str | None, pds: str | None, due_us: int
    ) -> None:
        """Note a verified handle (None = invalid) and when to look again."""
        await self._db.write(set_identity, did, handle, pds, due_us)

    async def put_off_identities(self, dids: Sequence[str], due_us: int) -> None:
        """Keep what is known, and look again then; for those that are looked up from now on."""
        await self._db.write(put_off_identities, dids, due_us)

    async def look_again(self, did: str, due_us: int) -> None:
        """Keep what is known after a look-up in vain; a wish that came meanwhile comes first."""
        await self._db.write(look_again, did, due_us)

    async def take_up_identities(self, now_us: int, until_us: int) -> None:
        """Have those looked up at once that would be due between now and then."""
        await self._db.write(take_up_identities, now_us, until_us)

    async def put_off_backfill(self, did: str, reason: str, due_us: int) -> None:
        """Note why a repo could not be fetched, and when to try again."""
        await self._db.write(put_off_backfill, did, reason, due_us)

    async def set_purged(self, did: str) -> None:
        """Note that nothing of a deleted account is left here."""
        await self._db.write(set_purged, did)

    def backfill_attempts(self, did: str) -> int:
        row = self._db.read_one("SELECT sync_attempts FROM actor WHERE did = ?", did)
        return int(row[0]) if row else 0


def intern(conn: Connection, did: str, now_us: int) -> int:
    """Return the key of a DID, making one if need be."""
    row = conn.execute("SELECT id FROM actor WHERE did = ?", (did,)).fetchone()
    if row is not None:
        return int(row[0])
    conn.execute(
        "INSERT INTO actor (did, indexed_us, handle_due_us) VALUES (?, ?, ?)",
        (did, now_us, DUE_NEXT),
    )
    return conn.last_insert_rowid()


def find(conn: Connection, did: str) -> int | None:
    """Return the key of a DID if it has one."""
    row = conn.execute("SELECT id FROM actor WHERE did = ?", (did,)).fetchone()
    return None if row is None else int(row[0])


def rev(conn: Connection, actor_id: int) -> str | None:
    """Return the rev of the last commit of an account that is indexed."""
    found = conn.value("SELECT rev FROM actor WHERE id = ?", actor_id)
    return None if found is None else str(found)


def rev_behind(conn: Connection, did: str, head: str) -> str | None:
    """Return the rev up to which an active account is indexed, if that is before this one."""
    found = conn.value(
        "SELECT rev FROM actor WHERE did = ? AND rev < ? AND sync = 'synced' AND status IS NULL",
        did,
        head,
    )
    return None if found is None else str(found)


def is_behind(conn: Connection, did: str, head: str) -> bool:
    """Tell whether less of an account is indexed than up to a rev, and its repo not asked for."""
    row = conn.row("SELECT sync, rev FROM actor WHERE did = ?", did)
    return row is None or (row[0] != PENDING and (row[1] is None or row[1] < head))


def sync_state(conn: Connection, did: str, now_us: int) -> SyncState:
    """Return how far an account is indexed, making its row if need be."""
    row = conn.execute("SELECT id, sync, rev, data FROM actor WHERE did = ?", (did,)).fetchone()
    if row is None:
        actor_id = intern(conn, did, now_us)
        identity_is_due(conn, actor_id)
        return SyncState(actor_id, UNKNOWN, None, None)
    return SyncState(row[0], row[1], row[2], None if row[3] is None else Cid(row[3]))


def set_synced(conn: Connection, actor_id: int, rev: str, data: bytes) -> None:
    """Note that everything up to this rev is indexed."""
    conn.execute(
        "UPDATE actor SET sync = 'synced', rev = ?, data = ?, sync_error = NULL, anew = 0,"
        " sync_attempts = 0, sync_due_us = NULL WHERE id = ?",
        (rev, data, actor_id),
    )


def set_pending(conn: Connection, actor_id: int, reason: str, due_us: int) -> None:
    """Ask for an account's whole repo; the earlier of two due times stands."""
    conn.execute(
        "UPDATE actor SET sync = 'pending', sync_error = ?,"
        " sync_due_us = min(coalesce(sync_due_us, ?), ?) WHERE id = ?",
        (reason, due_us, due_us, actor_id),
    )


def put_off_backfill(conn: Connection, did: str, reason: str, due_us: int) -> None:
    """Note a failed attempt to fetch a repo."""
    conn.execute(
        "UPDATE actor SET sync_error = ?, sync_attempts = sync_attempts + 1, sync_due_us = ?"
        " WHERE did = ? AND sync = 'pending'",
        (reason, due_us, did),
    )


def set_status(conn: Connection, actor_id: int, status: str | None, now_us: int) -> bool:
    """Note what #account says; None = active. The time of an unchanged status stands.

    Tells whether the whole repo of an account that is active again is wanted: at once, however
    often it was asked for while the account was closed. Its handle is looked up anew, too: nobody
    confirms that of an account that is closed.
    """
    conn.execute(
        "UPDATE actor SET status = ?, status_us = ?,"
        " handle_due_us = iif(?, ?, handle_due_us)"
        " WHERE id = ? AND status IS NOT ?",
        (status, now_us, status is None, DUE_FIRST, actor_id, status),
    )
    if status is not None or not conn.changes():
        return False
    conn.execute(
        "UPDATE actor SET sync_attempts = 0, sync_due_us = ? WHERE id = ? AND sync = 'pending'",
        (now_us, actor_id),
    )
    return conn.changes() > 0


def set_purged(conn: Connection, did: str) -> None:
    """Forget how far a deleted account was indexed; should it come back, all is fetched."""
    conn.execute(
        "UPDATE actor SET status = 'purged', rev = NULL, data = NULL, sync = 'unknown', anew = 0,"
        " handle = NULL WHERE did = ? AND status = 'deleted'",
        (did,),
    )


def identity_is_due(conn: Connection, actor_id: int) -> None:
    """Ask for an account's identity to be looked up again now."""
    conn.execute("UPDATE actor SET handle_due_us = ? WHERE id = ?", (DUE_FIRST, actor_id))


def any_identity_is_due(conn: Connection) -> bool:
    """Tell whether an account was never looked up, or has to be again at once."""
    found = conn.value("SELECT 1 FROM actor WHERE handle_due_us <= ? LIMIT 1", DUE_NEXT)
    return found is not None


def set_identity(
    conn: Connection, did: str, handle: str | None, pds: str | None, due_us: int
) -> None:
    """Store a verified handle; whoever had it before has it no more and is looked up again.

    When it is due again stays as it is if an #identity event has come since the look-up began.
    """
    actor_id = find(conn, did)
    if actor_id is None:
        return
    if handle is not None:
        for (other,) in conn.rows(
            "SELECT id FROM actor WHERE handle = ? AND id <> ?", handle, actor_id
        ):
            conn.execute("UPDATE actor SET handle = NULL, handle_due_us = 0 WHERE id = ?", (other,))
            refresh_text(conn, other)
    conn.execute(
        "UPDATE actor SET handle = ?, pds = coalesce(?, pds),"
        " handle_due_us = iif(handle_due_us = 0, 0, ?) WHERE id = ?",
        (handle, pds, due_us, actor_id),
    )
    refresh_text(conn, actor_id)


def take_up_identities(conn: Connection, now_us: int, until_us: int) -> None:
    """Let those identities be due now that would be soon."""
    sql = "UPDATE actor SET handle_due_us = 0 WHERE handle_due_us > ? AND handle_due_us <= ?"
    conn.execute(sql, (now_us, until_us))


def put_off_identities(conn: Connection, dids: Sequence[str], due_us: int) -> None:
    """Look these identities up again later, keeping what is known."""
    for did in dids:
        conn.execute("UPDATE actor SET handle_due_us = ? WHERE did = ?", (due_us, did))


def look_again(conn: Connection, did: str, due_us: int) -> None:
    """Look an identity up again then, or now if that was asked for since its look-up began."""
    sql = "UPDATE actor SET handle_due_us = iif(handle_due_us = 0, 0, ?) WHERE did = ?"
    conn.execute(sql, (due_us, did))


def set_profile_text(
    conn: Connection, actor_id: int, display_name: str | None, description: str | None
) -> None:
    """Make an account searchable by handle, name and description."""
    handle = conn.value("SELECT handle FROM actor WHERE id = ?", actor_id)
    conn.execute("DELETE FROM actor_text WHERE rowid = ?", (actor_id,))
    conn.execute(
        "INSERT INTO actor_text (rowid, handle, display_name, description) VALUES (?, ?, ?, ?)",
        (actor_id, handle, segmented(display_name or ""), segmented(description or "")),
    )


def refresh_text(conn: Connection, actor_id: int) -> None:
    """Take a changed handle into the search text."""
    row = conn.row("SELECT display_name, description FROM profile WHERE actor_id = ?", actor_id)
    set_profile_text(conn, actor_id, *(row or (None, None)))


def count(
    conn: Connection,
    actor_id: int,
    *,
    posts: int = 0,
    lists: int = 0,
    feedgens: int = 0,
    starter_packs: int = 0,
) -> None:
    """Add to what an account has made."""
    conn.execute(
        "UPDATE actor SET posts_count = posts_count + ?, lists_count = lists_count + ?,"
        " feedgens_count = feedgens_count + ?, starter_packs_count = starter_packs_count + ?"
        " WHERE id = ?",
        (posts, lists, feedgens, starter_packs, actor_id),
    )


def count_follow(conn: Connection, actor_id: int, target_id: int, change: int) -> None:
    """Add one follow (change 1) or take one away (-1) on both sides."""
    conn.execute(
        "UPDATE actor SET follows_count = follows_count + ? WHERE id = ?", (change, actor_id)
    )
    conn.execute(
        "UPDATE actor SET followers_count = followers_count + ? WHERE id = ?", (change, target_id)
    )


def set_created(conn: Connection, actor_id: int, created_us: int | None) -> None:
    conn.execute("UPDATE actor SET created_us = ? WHERE id = ?", (created_us, actor_id))


def set_labeler(conn: Connection, actor_id: int, is_labeler: bool) -> None:
    conn.execute("UPDATE actor SET is_labeler = ? WHERE id = ?", (int(is_labeler), actor_id))
