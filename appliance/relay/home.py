"""The PDS beside us: its accounts, as the relay knows them, and what it is asked to do."""

from dataclasses import dataclass
from typing import Final

from appliance.atproto.syntax import Did
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import UpstreamFailure
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.relay.hosts import HostStore
from appliance.relay.policy import Named

_REQUEST_CRAWL: Final = "internal.hearth.pds.requestCrawl"
_ASKED_LATELY: Final = "AskedLately"


@dataclass(frozen=True, slots=True)
class HomeAccount:
    """An active account of ours and its newest commit."""

    did: Did
    rev: Tid


class Home:
    """What our own PDS has told us, and its ear."""

    def __init__(
        self, db: Database, hosts: HostStore, named: Named, pds: XrpcClient, operator: str
    ) -> None:
        """`operator`: the header by which the PDS knows us."""
        self._db = db
        self._hosts = hosts
        self._pds = pds
        self._headers = {"Authorization": operator}
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

    async def ask_to_crawl(self, relay: str) -> str | None:
        """Have the PDS ask a relay to follow it; it alone knows when that one was asked last.

        Gives the name of the relay's refusal, empty if it agreed, None if it is too soon to ask.
        Raises XrpcError.
        """
        given = {"relays": [relay]}
        told = await self._pds.procedure(_REQUEST_CRAWL, given, self._headers)
        try:
            failure = told["relays"][0].get("failure", "")
        except (TypeError, KeyError, IndexError, AttributeError) as odd:
            raise UpstreamFailure("the PDS does not say what came of it") from odd
        return None if failure == _ASKED_LATELY else str(failure)


def _accounts(conn: Connection, host_id: int, limit: int) -> list[HomeAccount]:
    rows = conn.rows(
        "SELECT did, rev FROM account WHERE host_id = ? AND active = 1 AND throttled = 0"
        " AND local_status IS NULL AND rev IS NOT NULL ORDER BY rev DESC LIMIT ?",
        host_id,
        limit,
    )
    return [HomeAccount(Did.unchecked(did), Tid.unchecked(rev)) for did, rev in rows]
