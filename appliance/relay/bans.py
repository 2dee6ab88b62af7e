"""Whom this relay does not carry: accounts by DID, hosts by domain with everything below it."""

from collections.abc import Iterator
from dataclasses import dataclass

from appliance.base.clock import Clock
from appliance.base.connection import Connection
from appliance.base.database import Database


class BanNotFound(LookupError):
    """There is no such ban."""

    xrpc_name = "BanNotFound"


@dataclass(frozen=True, slots=True)
class Ban:
    """A DID or a domain, and why."""

    name: str
    reason: str
    added_us: int


class BanStore:
    """The bans, read inline and written through the relay's writer."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def page(self, after: str, limit: int) -> list[Ban]:
        """List bans by name, behind a name."""
        rows = self._db.read(
            "SELECT name, reason, added_us FROM ban WHERE name > ? ORDER BY name LIMIT ?",
            after,
            limit,
        )
        return [Ban(*row) for row in rows]

    def of_host(self, hostname: str) -> Ban | None:
        """Find the ban that covers a host: its name, or any domain above it."""
        for name in domains_of(hostname):
            row = self._db.read_one("SELECT name, reason, added_us FROM ban WHERE name = ?", name)
            if row is not None:
                return Ban(*row)
        return None

    async def add(self, name: str, reason: str) -> None:
        await self._db.write(_add, name, reason, self._clock.now_us())

    async def remove(self, name: str) -> None:
        """Raises BanNotFound."""
        await self._db.write(_remove, name)


def domains_of(hostname: str) -> Iterator[str]:
    """Give a name without its port, then every domain above it: a.b.c, b.c, c."""
    name = hostname.partition(":")[0]
    while name:
        yield name
        name = name.partition(".")[2]


def is_banned(conn: Connection, did: str) -> bool:
    """Tell whether an account is banned by its DID."""
    return conn.value("SELECT 1 FROM ban WHERE name = ?", did) is not None


def _add(conn: Connection, name: str, reason: str, now_us: int) -> None:
    conn.execute(
        "INSERT INTO ban (name, reason, added_us) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET reason = excluded.reason",
        (name, reason, now_us),
    )


def _remove(conn: Connection, name: str) -> None:
    conn.execute("DELETE FROM ban WHERE name = ?", (name,))
    if not conn.changes():
        raise BanNotFound(f"{name} is not banned")
