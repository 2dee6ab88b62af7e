"""The PDS hosts we follow: standing, cursor, number of accounts."""

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.base.clock import Clock
from appliance.base.connection import Connection, Row
from appliance.base.database import Database

MAX_HOSTS = 200
MAX_WAITING = 1000
NEW_HOSTS_PER_DAY = 20
DAY_US = 24 * 3600 * 1_000_000

_COLUMNS = "id, hostname, url, standing, trusted, cursor, accounts"


class TooManyHosts(ValueError):
    """No further host is taken for the time being."""

    xrpc_name = "RateLimitExceeded"


class HostNotFound(LookupError):
    """The relay does not know this host."""

    xrpc_name = "HostNotFound"


@dataclass(frozen=True, slots=True)
class Host:
    """A host as stored. `cursor` None: begin with what is new."""

    id: int
    hostname: str
    url: str
    standing: str
    trusted: bool
    cursor: int | None
    accounts: int


class HostStore:
    """The hosts, read inline and written through the relay's writer."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def find(self, hostname: str) -> Host | None:
        row = self._db.read_one(f"SELECT {_COLUMNS} FROM host WHERE hostname = ?", hostname)  # noqa: S608
        return None if row is None else _host(row)

    def by_id(self, host_id: int) -> Host:
        """Raises HostNotFound."""
        row = self._db.read_one(f"SELECT {_COLUMNS} FROM host WHERE id = ?", host_id)  # noqa: S608
        if row is None:
            raise HostNotFound(f"no host {host_id}")
        return _host(row)

    def page(self, after: int, limit: int) -> list[Host]:
        """List active hosts behind an id, oldest first."""
        rows = self._db.read(
            f"SELECT {_COLUMNS} FROM host WHERE id > ? AND standing = 'active'"  # noqa: S608
            " ORDER BY id LIMIT ?",
            after,
            limit,
        )
        return [_host(row) for row in rows]

    def active(self) -> list[Host]:
        """List every host to be followed."""
        return self.page(0, MAX_HOSTS + MAX_WAITING)

    async def configure(self, chosen: Sequence[tuple[str, str]]) -> None:
        """Make the (hostname, URL) of our settings trusted and active, and them alone trusted.

        One that was in the settings before and is no longer waits for somebody to ask for it.
        """
        await self._db.write(_configure, chosen, self._clock.now_us())

    async def add(self, hostname: str, url: str, *, waiting: bool, whole: bool) -> Host:
        """Take a new host, or one that waited; `whole` begins a new one at its oldest event.

        Raises TooManyHosts.
        """
        return await self._db.write(_add, hostname, url, waiting, whole, self._clock.now_us())

    async def set_cursor(self, host_id: int, cursor: int | None) -> None:
        await self._db.write(save_cursor, host_id, cursor, self._clock.now_us())


def save_cursor(conn: Connection, host_id: int, cursor: int | None, now_us: int) -> None:
    """Note how far a host's stream has been handled."""
    conn.execute(
        "UPDATE host SET cursor = ?, last_event_us = ? WHERE id = ?", (cursor, now_us, host_id)
    )


def accounts_of(conn: Connection, host_id: int) -> int:
    """Tell how many accounts a host has here."""
    return int(conn.value("SELECT accounts FROM host WHERE id = ?", host_id) or 0)


def count_account(conn: Connection, host_id: int, change: int) -> None:
    """Count an account that came to a host (1) or left it (-1)."""
    conn.execute("UPDATE host SET accounts = accounts + ? WHERE id = ?", (change, host_id))


def _configure(conn: Connection, chosen: Sequence[tuple[str, str]], now_us: int) -> None:
    conn.execute("UPDATE host SET trusted = 0, standing = 'waiting' WHERE trusted = 1")
    for hostname, url in chosen:
        conn.execute(
            "INSERT INTO host (hostname, url, standing, trusted, cursor, added_us)"
            " VALUES (?, ?, 'active', 1, 0, ?)"
            " ON CONFLICT (hostname) DO UPDATE"
            " SET url = excluded.url, trusted = 1, standing = 'active'",
            (hostname, url, now_us),
        )


def _add(
    conn: Connection, hostname: str, url: str, waiting: bool, whole: bool, now_us: int
) -> Host:
    standing = "waiting" if waiting else "active"
    held = conn.value("SELECT count(*) FROM host WHERE standing = ?", standing)
    recent = conn.value(
        "SELECT count(*) FROM host WHERE added_us > ? AND standing = 'active' AND trusted = 0",
        now_us - DAY_US,
    )
    if held >= (MAX_WAITING if waiting else MAX_HOSTS):
        raise TooManyHosts("the relay follows as many hosts as it may")
    if not waiting and recent >= NEW_HOSTS_PER_DAY:
        raise TooManyHosts("the relay has taken as many new hosts as it may in a day")
    conn.execute(
        "INSERT INTO host (hostname, url, standing, trusted, cursor, added_us)"
        " VALUES (?, ?, ?, 0, ?, ?)"
        " ON CONFLICT (hostname) DO UPDATE SET standing = excluded.standing",
        (hostname, url, standing, 0 if whole else None, now_us),
    )
    return _stored(conn, hostname)


def _stored(conn: Connection, hostname: str) -> Host:
    row = conn.row(f"SELECT {_COLUMNS} FROM host WHERE hostname = ?", hostname)  # noqa: S608
    if row is None:
        raise HostNotFound(f"no host {hostname}")
    return _host(row)


def _host(row: Row) -> Host:
    host_id, hostname, url, standing, trusted, cursor, accounts = row
    return Host(host_id, hostname, url, standing, bool(trusted), cursor, accounts)
