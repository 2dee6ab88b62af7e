"""The accounts of the PDS beside us, as the relay knows them."""

from dataclasses import dataclass

from appliance.atproto.syntax import Did
from appliance.atproto.tid import Tid
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.relay.hosts import HostStore
from appliance.relay.policy import Named


@dataclass(frozen=True, slots=True)
class HomeAccount:
    """An active account of ours and its newest commit."""

    did: Did
    rev: Tid


class Home:
    """What our own PDS has told us."""

    def __init__(self, db: Database, hosts: HostStore, named: Named) -> None:
        self._db = db
        self._hosts = hosts
        self.hostname = named.hostname
        self.url = named.url

    def seq(self) -> int:
        """Give the number of the last event of the PDS that was handled here."""
        host = self._hosts.find(self.hostname)
        return 0 if host is None else host.cursor or 0

    async def accounts(self, limit: int) -> list[HomeAccount]:
        """List active accounts that have a repo; the one that wrote last comes first."""
        host = self._hosts.find(self.hostname)
        return [] if host is None else await self._db.scan(_accounts, host.id, limit)


def _accounts(conn: Connection, host_id: int, limit: int) -> list[HomeAccount]:
    rows = conn.rows(
        "SELECT did, rev FROM account WHERE host_id = ? AND active = 1 AND throttled = 0"
        " AND local_status IS NULL AND rev IS NOT NULL ORDER BY rev DESC LIMIT ?",
        host_id,
        limit,
    )
    return [HomeAccount(Did.unchecked(did), Tid.unchecked(rev)) for did, rev in rows]
