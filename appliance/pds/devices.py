"""Browsers in which members are signed in: one cookie, and the accounts behind it.

The cookie is random; its hash is a row for each account. Every sign-in gives a new cookie, so a
cookie planted before is worth nothing after. A browser that stays away for 30 days is signed out.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database

KEPT_US: Final = 30 * 86_400 * 1_000_000
# Within this time after password and second step were given, neither is asked for again.
FRESH_US: Final = 10 * 60 * 1_000_000
# How often it is written down that a browser was here.
SEEN_US: Final = 3600 * 1_000_000
MOST_ACCOUNTS: Final = 12
LONGEST_AGENT: Final = 200
TOKEN_BYTES: Final = 32


@dataclass(frozen=True)
class DeviceAccount:
    """One account in one browser; times in microseconds. `device` is no secret."""

    device: str
    did: Did
    agent: str
    signed_in_at: int
    proved_at: int
    seen_at: int


_COLUMNS: Final = "device, did, agent, signed_in_at, proved_at, seen_at"


class DeviceSessions:
    """Who is signed in in which browser."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def signed_in(self, cookie: str) -> list[DeviceAccount]:
        """The accounts of a browser, the one that signed in last first."""
        if not cookie:
            return []
        rows = self._db.read(
            f"SELECT {_COLUMNS} FROM device_account WHERE device = ? AND seen_at > ?",  # noqa: S608
            device_of(cookie),
            self._clock.now_us() - KEPT_US,
        )
        return sorted((_device_account(row) for row in rows), key=lambda one: -one.signed_in_at)

    def devices_of(self, did: Did) -> list[DeviceAccount]:
        """The browsers an account is signed in in, the one that was here last first."""
        rows = self._db.read(
            f"SELECT {_COLUMNS} FROM device_account WHERE did = ? AND seen_at > ?",  # noqa: S608
            did,
            self._clock.now_us() - KEPT_US,
        )
        return sorted((_device_account(row) for row in rows), key=lambda one: -one.seen_at)

    def is_fresh(self, one: DeviceAccount) -> bool:
        """Whether its owner has proved who they are a few minutes ago."""
        return one.proved_at > self._clock.now_us() - FRESH_US

    async def start(self, cookie: str, did: Did, agent: str) -> str:
        """Sign an account in, or note that its owner proved it anew; return the new cookie."""
        new = secrets.token_urlsafe(TOKEN_BYTES)
        devices = (device_of(cookie) if cookie else "", device_of(new))
        await self._db.write(start, devices, did, shown_agent(agent), self._clock.now_us())
        return new

    async def note_seen(self, one: DeviceAccount) -> None:
        """Write down, once in an hour, that a browser was here."""
        now = self._clock.now_us()
        if one.seen_at < now - SEEN_US:
            await self._db.write(note_seen, one.device, one.did, now)

    async def end(self, device: str, did: Did) -> None:
        """Sign an account out of one browser."""
        await self._db.write(end, device, did)


def shown_agent(agent: str) -> str:
    """What a browser calls itself, as far as it is kept."""
    return "".join(each for each in agent if each.isprintable())[:LONGEST_AGENT]


def device_of(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def start(conn: Connection, devices: tuple[str, str], did: Did, agent: str, now_us: int) -> None:
    old, new = devices
    conn.execute("DELETE FROM device_account WHERE seen_at < ?", (now_us - KEPT_US,))
    conn.execute("UPDATE device_account SET device = ? WHERE device = ?", (new, old))
    conn.execute(
        f"INSERT INTO device_account ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608
        " ON CONFLICT (device, did) DO UPDATE SET agent = excluded.agent,"
        " signed_in_at = excluded.signed_in_at, proved_at = excluded.proved_at,"
        " seen_at = excluded.seen_at",
        (new, did, agent, now_us, now_us, now_us),
    )
    conn.execute(
        "DELETE FROM device_account WHERE device = ?1 AND did NOT IN (SELECT did FROM"
        " device_account WHERE device = ?1 ORDER BY signed_in_at DESC LIMIT ?2)",
        (new, MOST_ACCOUNTS),
    )


def note_seen(conn: Connection, device: str, did: Did, now_us: int) -> None:
    conn.execute(
        "UPDATE device_account SET seen_at = ? WHERE device = ? AND did = ?", (now_us, device, did)
    )


def end(conn: Connection, device: str, did: Did) -> None:
    conn.execute("DELETE FROM device_account WHERE device = ? AND did = ?", (device, did))


def end_all(conn: Connection, did: Did) -> None:
    """Sign an account out everywhere."""
    conn.execute("DELETE FROM device_account WHERE did = ?", (did,))


def _device_account(row: tuple[str, str, str, int, int, int]) -> DeviceAccount:
    device, did, agent, *times = row
    return DeviceAccount(device, Did.unchecked(did), agent, *times)
