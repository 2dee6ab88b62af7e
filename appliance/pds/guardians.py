"""Members who are looked after: by another member, or by the owner; until they are grown up."""

from collections.abc import Callable
from dataclasses import dataclass

import orjson

from appliance.atproto.syntax import Datetime, Did
from appliance.base.clock import Clock
from appliance.base.connection import Row
from appliance.base.database import Connection, Database
from appliance.pds import accounts, preferences
from appliance.pds.pins import Pins, Preference, UnfitPins

_COLUMNS = "did, guardian, pins, since"


class InvalidGuardian(ValueError):
    """This member cannot look after that one."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True)
class Ward:
    """Somebody who is looked after; `guardian` is None where the owner does. In microseconds."""

    did: Did
    guardian: Did | None
    pins: Pins
    since: int


class Guardians:
    """Who looks after whom, and what they have fixed."""

    def __init__(self, db: Database, clock: Clock, usual: Callable[[], list[Preference]]) -> None:
        """`usual` gives the preferences of somebody who has chosen nothing yet."""
        self._db = db
        self._clock = clock
        self._usual = usual

    def ward(self, did: Did) -> Ward | None:
        """Tell how a member is looked after; None for who looks after themselves."""
        row = self._db.read_one(f"SELECT {_COLUMNS} FROM ward WHERE did = ?", did)  # noqa: S608
        return _ward(row) if row else None

    def pins(self, did: Did) -> Pins | None:
        found = self.ward(did)
        return found.pins if found else None

    def wards_of(self, guardian: Did) -> list[Ward]:
        """Those whom a member looks after."""
        rows = self._db.read(
            f"SELECT {_COLUMNS} FROM ward WHERE guardian = ? ORDER BY did",  # noqa: S608
            guardian,
        )
        return [_ward(row) for row in rows]

    async def all(self) -> list[Ward]:
        return await self._db.scan(everybody)

    async def look_after(self, did: Did, guardian: Did | None, pins: Pins) -> None:
        """Fix a member's settings, or change what is fixed. Raises InvalidGuardian, UnfitPins."""
        if pins.birth_date > self.today:
            raise UnfitPins("birthDate", "a day that has been")
        await self._db.write(put, did, guardian, pins, self._clock.now_us())

    async def hand_over(self, did: Did) -> None:
        """Let a member look after themselves; all stays set as it was until they change it."""
        await self._db.write(hand_over, did, self._usual())

    def is_grown_up(self, ward: Ward) -> bool:
        return ward.pins.is_grown_up(self.today)

    @property
    def today(self) -> str:
        return Datetime.from_us(self._clock.now_us())[:10]


def put(conn: Connection, did: Did, guardian: Did | None, pins: Pins, now_us: int) -> None:
    """Raises InvalidGuardian."""
    if guardian is not None:
        known = accounts.get(conn, guardian)
        looked_after = conn.value("SELECT 1 FROM ward WHERE did = ?", guardian)
        if guardian == did or known is None or looked_after is not None:
            raise InvalidGuardian("a guardian is another member, who looks after themselves")
    if conn.value("SELECT 1 FROM ward WHERE guardian = ?", did) is not None:
        raise InvalidGuardian("who looks after somebody cannot be looked after")
    conn.execute(
        "INSERT INTO ward (did, guardian, pins, since) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (did) DO UPDATE SET guardian = ?2, pins = ?3",
        (did, guardian, orjson.dumps(pins.stored()), now_us),
    )


def hand_over(conn: Connection, did: Did, usual: list[Preference]) -> None:
    """Let somebody go; `usual` is what apps were told if nothing was ever put."""
    row = conn.row(f"SELECT {_COLUMNS} FROM ward WHERE did = ?", did)  # noqa: S608
    if row is None:
        return
    preferences.fix(conn, did, usual, _ward(row).pins.put_into)
    conn.execute("DELETE FROM ward WHERE did = ?", (did,))


def everybody(conn: Connection) -> list[Ward]:
    rows = conn.rows(f"SELECT {_COLUMNS} FROM ward ORDER BY since, did")  # noqa: S608
    return [_ward(row) for row in rows]


def delete_all(conn: Connection, did: Did) -> None:
    """Forget somebody; those they looked after fall to the owner."""
    conn.execute("DELETE FROM ward WHERE did = ?", (did,))
    conn.execute("UPDATE ward SET guardian = NULL WHERE guardian = ?", (did,))


def _ward(row: Row) -> Ward:
    did, guardian, pins, since = row
    by = None if guardian is None else Did.unchecked(guardian)
    return Ward(Did.unchecked(did), by, Pins.read(orjson.loads(pins)), since)
