"""What lasts: the paired houses, and the identities of their members."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from appliance.atproto.data import dumps, loads
from appliance.atproto.syntax import JsonObject
from appliance.base.connection import Connection, Row
from appliance.base.database import Database
from appliance.neighbours.cards import Card

MOST_NEIGHBOURS: Final = 32
MOST_MEMBERS: Final = 1000
_COLUMNS: Final = "key, certificate, name, did, pds, domains, address, port, paired_us, seen_us"
_ALL: Final = f"{_COLUMNS}, proved_pds, proved_us"
# A proof that could not be renewed for so long is none.
PROOF_US: Final = 30 * 86_400_000_000


class TooManyNeighbours(ValueError):
    """No further house can be paired."""

    xrpc_name: Final = "TooManyNeighbours"


class NameTaken(ValueError):
    """A house goes by an address or an ending of handles that another one has."""

    xrpc_name: Final = "NameTaken"


class NoSuchNeighbour(LookupError):
    """No house of this key is paired."""

    xrpc_name: Final = "NoSuchNeighbour"


@dataclass(frozen=True)
class Neighbour:
    """A paired house. Times are microseconds since 1970."""

    key: str
    certificate: bytes
    card: Card
    address: str
    port: int
    paired_us: int
    seen_us: int | None = None
    proved_pds: str | None = None
    proved_us: int | None = None

    def is_who_it_says(self, now_us: int) -> bool:
        """Whether its address speaks for nobody else: one at home, or one that was proved."""
        if not self.card.is_public:
            return True
        proved = self.proved_us if self.proved_pds == self.card.pds else None
        return proved is not None and now_us - proved < PROOF_US

    @property
    def url(self) -> str:
        """Where it is reached."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"https://{host}:{self.port}"

    def at(self, address: str, port: int) -> "Neighbour":
        return replace(self, address=address, port=port)


@dataclass(frozen=True)
class Member:
    """A member of a paired house; the audit log was verified when it came."""

    did: str
    key: str
    handle: str | None
    log: Sequence[JsonObject]
    checked_us: int


class NeighbourStore:
    """The tables, read inline: they are small."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> list[Neighbour]:
        """List the paired houses, in the order they were."""
        rows = self._db.read(
            f"SELECT {_ALL} FROM neighbour ORDER BY rowid LIMIT ?",  # noqa: S608
            MOST_NEIGHBOURS,
        )
        return [_neighbour(row) for row in rows]

    def find(self, key: str) -> Neighbour | None:
        row = self._db.read_one(f"SELECT {_ALL} FROM neighbour WHERE key = ?", key)  # noqa: S608
        return None if row is None else _neighbour(row)

    def named(self, key: str) -> Neighbour:
        """Raises NoSuchNeighbour."""
        found = self.find(key)
        if found is None:
            raise NoSuchNeighbour("no house of this key is paired")
        return found

    async def add(self, neighbour: Neighbour) -> None:
        """Keep a house. Raises TooManyNeighbours, NameTaken."""
        await self._db.write(_add, neighbour)

    async def remove(self, key: str) -> None:
        """Forget a house, and whom we know there."""
        await self._db.write(_remove, key)

    async def met(self, neighbour: Neighbour, now_us: int) -> None:
        """Note that a house answered at this address, and what it says of itself now."""
        await self._db.write(_met, neighbour, now_us)

    async def proved(self, key: str, pds: str | None, now_us: int) -> None:
        """Note under which public URL a house has its key; None: under none."""
        await self._db.write(_proved, key, pds, now_us)

    def member(self, did: str) -> Member | None:
        row = self._db.read_one(
            "SELECT did, key, handle, log, checked_us FROM member WHERE did = ?", did
        )
        return None if row is None else _member(row)

    def member_called(self, handle: str) -> Member | None:
        """Find who goes by a handle."""
        row = self._db.read_one(
            "SELECT did, key, handle, log, checked_us FROM member WHERE handle = ?"
            " ORDER BY checked_us DESC LIMIT 1",
            handle,
        )
        return None if row is None else _member(row)

    async def counts(self) -> dict[str, int]:
        """Count the members known, by the key of their house."""
        return await self._db.scan(_counts)

    async def keep_member(self, member: Member) -> bool:
        """Keep an identity; tell whether there was a place for it."""
        return await self._db.write(_keep_member, member)


def _add(conn: Connection, new: Neighbour) -> None:
    others = [_neighbour(row) for row in conn.rows(f"SELECT {_ALL} FROM neighbour")]  # noqa: S608
    others = [one for one in others if one.key != new.key]
    if len(others) >= MOST_NEIGHBOURS:
        raise TooManyNeighbours(f"{MOST_NEIGHBOURS} houses are paired, which is as many as can be")
    for one in others:
        if one.card.pds == new.card.pds or set(one.card.domains) & set(new.card.domains):
            raise NameTaken("another paired house has the same address, or the same handles")
    conn.execute("DELETE FROM neighbour WHERE key = ?", (new.key,))
    card = new.card
    conn.execute(
        f"INSERT INTO neighbour ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            *(new.key, new.certificate, card.name, card.did, card.pds),
            *(dumps(list(card.domains)).decode(), new.address, new.port),
            *(new.paired_us, new.seen_us),
        ),
    )


def _remove(conn: Connection, key: str) -> None:
    conn.execute("DELETE FROM member WHERE key = ?", (key,))
    conn.execute("DELETE FROM neighbour WHERE key = ?", (key,))


def _met(conn: Connection, one: Neighbour, now_us: int) -> None:
    taken = conn.value(
        "SELECT count(*) FROM neighbour WHERE pds = ? AND key <> ?", one.card.pds, one.key
    )
    if taken:
        return
    conn.execute(
        "UPDATE neighbour SET name = ?, pds = ?, domains = ?, address = ?, port = ?, seen_us = ?"
        " WHERE key = ?",
        (
            *(one.card.name, one.card.pds, dumps(list(one.card.domains)).decode()),
            *(one.address, one.port, now_us, one.key),
        ),
    )


def _proved(conn: Connection, key: str, pds: str | None, now_us: int) -> None:
    conn.execute(
        "UPDATE neighbour SET proved_pds = ?, proved_us = ? WHERE key = ?", (pds, now_us, key)
    )


def _counts(conn: Connection) -> dict[str, int]:
    return dict(conn.rows("SELECT key, count(*) FROM member GROUP BY key"))


def _keep_member(conn: Connection, one: Member) -> bool:
    owner = conn.value("SELECT key FROM member WHERE did = ?", one.did)
    if owner is None:
        held = conn.value("SELECT count(*) FROM member WHERE key = ?", one.key)
        if held >= MOST_MEMBERS or not conn.value(
            "SELECT count(*) FROM neighbour WHERE key = ?", one.key
        ):
            return False
    conn.execute(
        "INSERT INTO member (did, key, handle, log, checked_us) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (did) DO UPDATE SET key = excluded.key, handle = excluded.handle,"
        " log = excluded.log, checked_us = excluded.checked_us",
        (one.did, one.key, one.handle, dumps(list(one.log)).decode(), one.checked_us),
    )
    return True


def _neighbour(row: Row) -> Neighbour:
    key, certificate, name, did, pds, domains, address, port, paired_us, seen_us, *proof = row
    card = Card(name, did, pds, tuple(loads(domains.encode())))
    return Neighbour(key, bytes(certificate), card, address, port, paired_us, seen_us, *proof)


def _member(row: Row) -> Member:
    did, key, handle, log, checked_us = row
    kept: Any = loads(log.encode())
    return Member(did, key, handle, kept, checked_us)
