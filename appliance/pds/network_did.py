"""Which of the accounts is the network's own: one row, or none."""

from typing import Final

from appliance.atproto.syntax import Did
from appliance.base.database import Connection

FIND: Final = "SELECT did FROM network_account WHERE only = 1"


def note(conn: Connection, did: Did) -> None:
    conn.execute("INSERT OR REPLACE INTO network_account (only, did) VALUES (1, ?)", (did,))


def delete_all(conn: Connection, did: Did) -> None:
    """Forget that an account was the network's."""
    conn.execute("DELETE FROM network_account WHERE did = ?", (did,))
