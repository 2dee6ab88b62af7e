"""Handles that are being changed: an identity is in a directory, its account is here.

Whatever fails between the two, both are to say the same afterwards.
"""

from appliance.atproto.syntax import Did, Handle
from appliance.base.database import Connection, Database

_PENDING = "SELECT did, handle FROM rename ORDER BY did LIMIT 20"


def begin(conn: Connection, did: Did, handle: Handle) -> None:
    """Note what is wanted, before the directory hears of it.

    An earlier wish is to be settled before: only here it is known that the directory may have it.
    """
    conn.execute("INSERT OR REPLACE INTO rename (did, handle) VALUES (?, ?)", (did, handle))


def end(conn: Connection, did: Did) -> None:
    """It is done, or it will not be."""
    conn.execute("DELETE FROM rename WHERE did = ?", (did,))


def wanted(db: Database, did: Did) -> Handle | None:
    """Give the handle that a change of an account's, begun and not ended, is to, inline."""
    row = db.read_one("SELECT handle FROM rename WHERE did = ?", did)
    return None if row is None else Handle.unchecked(row[0])


def pending(db: Database) -> list[tuple[Did, Handle]]:
    """Give some of those that were begun and not ended, inline."""
    return [(Did.unchecked(did), Handle.unchecked(handle)) for did, handle in db.read(_PENDING)]
