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

# An account costs a relay something for ever. A host that behaves may have more with time.
MAX_ACCOUNTS = 100
MAX_ACCOUNTS_GROWN = 1000
MAX_ACCOUNTS_TRUSTED = 10_000
LIMIT_GROWS_US = 7 * DAY_US
# A host that nobody chose and that was not to be reached for so long is left alone.
GIVEN_UP_US = 7 * DAY_US

_COLUMNS = (
    "id, hostname, url, standing, trusted, cursor, accounts, max_accounts,"
    " offline_since_us, compare, last_event_us, compared_us, note, is_relay"
)
# Where in them trusted, compare and is_relay stand.
_FLAGS = (4, 9, 13)


class TooManyHosts(ValueError):
    """No further host is taken for the time being."""

    xrpc_name = "RateLimitExceeded"


class HostNotFound(LookupError):
    """The relay does not know this host."""

    xrpc_name = "HostNotFound"


@dataclass(frozen=True, slots=True)
class Host:
    """A host as stored. `cursor` None: begin with what is new. A relay brings others' accounts.

    `compare`: its list of repos is to be compared with ours. Times are microseconds since 1970.
    """

    id: int
    hostname: str
    url: str
    standing: str
    trusted: bool
    cursor: int | None
    accounts: int
    max_accounts: int | None = None
    offline_since_us: int | None = None
    compare: bool = False
    last_event_us: int | None = None
    compared_us: int | None = None
    note: str | None = None
    is_relay: bool = False

    @property
    def account_limit(self) -> int:
        """How many accounts it may have here."""
        if self.max_accounts is not None:
            return self.max_accounts
        return MAX_ACCOUNTS_TRUSTED if self.trusted else MAX_ACCOUNTS

    def given_up(self, now_us: int) -> bool:
        """Whether it has been away for so long that it has to ask again."""
        gone = self.offline_since_us
        return not self.trusted and gone is not None and now_us - gone > GIVEN_UP_US


class HostStore:
    """The hosts, read inline and written through the relay's writer."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self.room = db.room
        self._clock = clock

    def find(self, hostname: str) -> Host | None:
        row = self._db.read_one(f"SELECT {_COLUMNS} FROM host WHERE hostname = ?", hostname)  # noqa: S608
        return None if row is None else _host(row)

    def named(self, hostname: str) -> Host:
        """Raises HostNotFound."""
        host = self.find(hostname)
        if host is None:
            raise HostNotFound(f"the relay does not know {hostname[:253]}")
        return host

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

    def all(self, after: int, limit: int) -> list[Host]:
        """List hosts of every standing behind an id, oldest first."""
        rows = self._db.read(
            f"SELECT {_COLUMNS} FROM host WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608
            after,
            limit,
        )
        return [_host(row) for row in rows]

    def has_throttled(self, host_id: int) -> bool:
        """Tell whether accounts of a host wait for a place."""
        sql = "SELECT 1 FROM account WHERE host_id = ? AND throttled = 1 LIMIT 1"
        return self._db.read_one(sql, host_id) is not None

    def count_throttled(self, host_id: int) -> int:
        """Count the accounts of a host that wait for a place, at most as many as may."""
        sql = "SELECT count(*) FROM account WHERE host_id = ? AND throttled = 1"
        row = self._db.read_one(sql, host_id)
        return 0 if row is None else int(row[0])

    async def standings(self) -> dict[str, int]:
        """Count hosts by their standing."""
        return await self._db.scan(_standings)

    async def configure(self, chosen: Sequence[tuple[str, str, bool]]) -> None:
        """Make the (hostname, URL, is it a relay) of our settings trusted and active.

        They alone are trusted from then on.

        One that was in the settings before and is no longer waits for somebody to ask for it.
        """
        await self._db.write(_configure, chosen, self._clock.now_us())

    async def trust(self, hostname: str, url: str) -> None:
        """Take a host that our owner chose, from its oldest event on; a banned one stays so."""
        await self._db.write(_trust, hostname, url, False, self._clock.now_us())

    async def distrust(self, host_id: int) -> None:
        """Have a host wait that our owner chose before."""
        await self._db.write(_distrust, host_id)

    async def add(self, hostname: str, url: str, *, waiting: bool, whole: bool) -> Host:
        """Take a new host, or one that waited; `whole` begins a new one at its oldest event.

        Raises TooManyHosts.
        """
        return await self._db.write(_add, hostname, url, waiting, whole, self._clock.now_us())

    async def set_cursor(self, host_id: int, cursor: int | None) -> None:
        await self._db.write(save_cursor, host_id, cursor, self._clock.now_us())

    async def set_standing(self, host_id: int, standing: str, note: str | None = None) -> None:
        """Follow, hold or ban a host, with a word why."""
        await self._db.write(_set_standing, host_id, standing, note)

    async def set_offline(self, host_id: int, since_us: int | None) -> None:
        """Note since when a host is away, or that it is back."""
        await self._db.write(_set_offline, host_id, since_us)

    async def want_comparison(self, host_id: int) -> None:
        """Have a host's list of repos compared with ours: something of its stream was missed."""
        await self._db.write(set_compare, host_id, True)

    async def compared(self, host_id: int, note: str | None = None) -> None:
        """Note that a host was compared with us, and what was found."""
        await self._db.write(_compared, host_id, self._clock.now_us(), note)


def save_cursor(conn: Connection, host_id: int, cursor: int | None, now_us: int) -> None:
    """Note how far a host's stream has been handled."""
    conn.execute(
        "UPDATE host SET cursor = ?, last_event_us = ? WHERE id = ?", (cursor, now_us, host_id)
    )


def places_of(conn: Connection, host: Host) -> int:
    """Tell how many more accounts a host may have here."""
    held = int(conn.value("SELECT accounts FROM host WHERE id = ?", host.id) or 0)
    return host.account_limit - held


def load(conn: Connection, host_id: int) -> Host:
    """Raises HostNotFound."""
    row = conn.row(f"SELECT {_COLUMNS} FROM host WHERE id = ?", host_id)  # noqa: S608
    if row is None:
        raise HostNotFound(f"no host {host_id}")
    return _host(row)


def every(conn: Connection) -> list[Host]:
    """List all hosts."""
    return [_host(row) for row in conn.rows(f"SELECT {_COLUMNS} FROM host ORDER BY id")]  # noqa: S608


def by_url(conn: Connection, url: str) -> Host | None:
    """Find the host that DID documents name by this URL."""
    row = conn.row(f"SELECT {_COLUMNS} FROM host WHERE url = ?", url)  # noqa: S608
    return None if row is None else _host(row)


def note_fault(conn: Connection, host_id: int, now_us: int) -> None:
    """Note that a host sent something that is wrong; its limit does not grow for a while."""
    conn.execute("UPDATE host SET fault_us = ? WHERE id = ?", (now_us, host_id))


def set_limit(conn: Connection, host_id: int, most: int | None, now_us: int) -> None:
    """Set how many accounts a host may have; None: as many as its standing gives."""
    conn.execute(
        "UPDATE host SET max_accounts = ?, limit_since_us = ? WHERE id = ?",
        (most, now_us, host_id),
    )


def ready_to_grow(conn: Connection, now_us: int) -> list[Host]:
    """List full hosts that have behaved for so long that their limit may grow."""
    since = now_us - LIMIT_GROWS_US
    rows = conn.rows(
        f"SELECT {_COLUMNS} FROM host WHERE standing = 'active' AND trusted = 0"  # noqa: S608
        " AND max(added_us, limit_since_us, ifnull(fault_us, 0)) < ?"
        " AND EXISTS (SELECT 1 FROM account WHERE host_id = host.id AND throttled = 1)",
        since,
    )
    return [host for host in map(_host, rows) if host.account_limit < MAX_ACCOUNTS_GROWN]


def count_account(conn: Connection, host_id: int, change: int) -> None:
    """Count an account that came to a host (1) or left it (-1)."""
    conn.execute("UPDATE host SET accounts = accounts + ? WHERE id = ?", (change, host_id))


def _configure(conn: Connection, chosen: Sequence[tuple[str, str, bool]], now_us: int) -> None:
    conn.execute("UPDATE host SET standing = 'waiting' WHERE trusted = 1 AND standing = 'active'")
    conn.execute("UPDATE host SET trusted = 0 WHERE trusted = 1")
    for hostname, url, is_relay in chosen:
        _trust(conn, hostname, url, is_relay, now_us)


def _trust(conn: Connection, hostname: str, url: str, is_relay: bool, now_us: int) -> None:
    conn.execute(
        "INSERT INTO host (hostname, url, standing, trusted, cursor, added_us, is_relay)"
        " VALUES (?, ?, 'active', 1, iif(?, NULL, 0), ?, ?)"
        " ON CONFLICT (hostname) DO UPDATE"
        " SET url = excluded.url, trusted = 1, offline_since_us = NULL,"
        " is_relay = excluded.is_relay,"
        " standing = iif(standing = 'banned', 'banned', 'active')",
        (hostname, url, is_relay, now_us, is_relay),
    )


def _distrust(conn: Connection, host_id: int) -> None:
    conn.execute("UPDATE host SET trusted = 0, standing = 'waiting' WHERE id = ?", (host_id,))


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


def _standings(conn: Connection) -> dict[str, int]:
    return dict(conn.rows("SELECT standing, count(*) FROM host GROUP BY standing"))


def _set_standing(conn: Connection, host_id: int, standing: str, note: str | None) -> None:
    conn.execute(
        "UPDATE host SET standing = ?, note = ?, offline_since_us = NULL WHERE id = ?",
        (standing, note, host_id),
    )


def _set_offline(conn: Connection, host_id: int, since_us: int | None) -> None:
    conn.execute("UPDATE host SET offline_since_us = ? WHERE id = ?", (since_us, host_id))


def set_compare(conn: Connection, host_id: int, compare: bool) -> None:
    conn.execute("UPDATE host SET compare = ? WHERE id = ?", (compare, host_id))


def _compared(conn: Connection, host_id: int, now_us: int, note: str | None) -> None:
    conn.execute(
        "UPDATE host SET compare = 0, compared_us = ?, note = ? WHERE id = ?",
        (now_us, note, host_id),
    )


def _stored(conn: Connection, hostname: str) -> Host:
    row = conn.row(f"SELECT {_COLUMNS} FROM host WHERE hostname = ?", hostname)  # noqa: S608
    if row is None:
        raise HostNotFound(f"no host {hostname}")
    return _host(row)


def _host(row: Row) -> Host:
    values = list(row)
    for at in _FLAGS:
        values[at] = bool(values[at])
    return Host(*values)
