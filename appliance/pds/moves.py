"""Moving away: where to, and how far it has come, as the other server and the directory say.

Nothing but the goal is stored: each step is looked at where it happens, so a move that was broken
off goes on from where it is, by whatever tool.
"""

from dataclasses import dataclass
from typing import Any, Final

from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.syntax import Did, InvalidSyntax
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.base.http import HttpClient

_SECONDS: Final = 8.0


class NoSuchHost(ValueError):
    """There is no server of the protocol at this address."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True)
class Goal:
    """Where somebody moves to."""

    host: str
    host_did: Did


@dataclass(frozen=True)
class Progress:
    """How far a move has come; `rev` is that of the repo at the other server."""

    is_known: bool
    rev: str
    is_active: bool
    is_named: bool


class Moves:
    """Moves away from here."""

    def __init__(
        self, db: Database, http: HttpClient, resolver: IdentityResolver, clock: Clock
    ) -> None:
        self._db = db
        self._http = http
        self._resolver = resolver
        self._clock = clock

    def goal(self, did: Did) -> Goal | None:
        row = self._db.read_one("SELECT host, host_did FROM moving WHERE did = ?", did)
        return Goal(row[0], Did.unchecked(row[1])) if row else None

    async def begin(self, did: Did, address: str) -> Goal:
        """Note where somebody moves to. Raises NoSuchHost."""
        host = address if "://" in address else f"https://{address}"
        try:
            said = await self._ask(host.rstrip("/"), "com.atproto.server.describeServer", {})
            goal = Goal(host.rstrip("/"), Did(str(said.get("did"))))
        except (OSError, ValueError, InvalidSyntax) as bad:
            raise NoSuchHost("No server answers there") from bad
        await self._db.write(insert, did, goal, self._clock.now_us())
        return goal

    async def stop(self, did: Did) -> None:
        await self._db.write(delete_all, did)

    async def progress(self, did: Did, goal: Goal) -> Progress:
        """Ask the other server and the directory how far it has come."""
        status: dict[str, Any] = {}
        try:
            status = await self._ask(goal.host, "com.atproto.sync.getRepoStatus", {"did": did})
            latest = await self._ask(goal.host, "com.atproto.sync.getLatestCommit", {"did": did})
        except (OSError, ValueError):
            latest = {}
        try:
            document = await self._resolver.document(did, fresh=True)
            is_named = document.pds == goal.host
        except (LookupError, OSError):
            is_named = False
        rev = str(latest.get("rev") or status.get("rev") or "")
        return Progress(bool(status), rev, status.get("active") is True, is_named)

    async def _ask(self, host: str, nsid: str, params: dict[str, str]) -> dict[str, Any]:
        """Call a query. Raises OSError, or ValueError for what is no object."""
        found = await self._http.get_json(
            host, path=f"/xrpc/{nsid}", params=list(params.items()), timeout=_SECONDS
        )
        if not isinstance(found, dict):
            raise ValueError(f"{nsid} gave no object")
        return found


def insert(conn: Connection, did: Did, goal: Goal, now_us: int) -> None:
    conn.execute(
        "INSERT OR REPLACE INTO moving (did, host, host_did, begun_at) VALUES (?, ?, ?, ?)",
        (did, goal.host, goal.host_did, now_us),
    )


def delete_all(conn: Connection, did: Did) -> None:
    conn.execute("DELETE FROM moving WHERE did = ?", (did,))
