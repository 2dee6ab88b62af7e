"""The log of did:plc operations: kept for ever, in order, each checked before it is taken.

https://web.plc.directory/spec/v0.1/did-plc
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from appliance.atproto.cid import Cid
from appliance.atproto.data import dumps, loads
from appliance.atproto.identity.errors import InvalidOperation
from appliance.atproto.identity.plc import cid_of, data_for, document_for
from appliance.atproto.identity.plc_log import (
    LogEntry,
    MisorderedOperation,
    check_next,
    validate_operation,
)
from appliance.atproto.syntax import Datetime, JsonObject
from appliance.base.database import Connection, Database

HOUR_MS: Final = 3_600_000
# How many operations a DID may have had within a time, for one more to be taken.
RATE_LIMITS: Final = (
    ("hour", HOUR_MS, 10),
    ("day", 24 * HOUR_MS, 30),
    ("week", 7 * 24 * HOUR_MS, 100),
)
MAX_EXPORTED: Final = 1000


class NotRegistered(LookupError):
    """The directory has no such DID."""

    xrpc_name: Final = "DidNotFound"


class Tombstoned(LookupError):
    """The DID was ended by its owner."""

    xrpc_name: Final = "DidNotFound"


class DamagedOperation(Exception):
    """What lies here is not the operation that was taken: it is given to nobody."""


class TooManyOperations(InvalidOperation):
    """The DID changes more often than the directory takes."""


class OperationStore:
    """The operations of all DIDs."""

    def __init__(self, db: Database, now_us: Callable[[], int]) -> None:
        self._db = db
        self._now_us = now_us

    async def submit(self, did: str, operation: Any) -> None:
        """Take an operation, if it is valid now; operations on a DID are judged one by one.

        Raises InvalidOperation.
        """
        validate_operation(operation)
        await self._db.write(append, did, operation, self._now_us() // 1000)

    def document(self, did: str) -> JsonObject:
        """Return the DID document. Raises NotRegistered, Tombstoned."""
        return _unless_ended(did, document_for(did, self.last(did)))

    def data(self, did: str) -> JsonObject:
        """Return the state: keys, aliases, services. Raises NotRegistered, Tombstoned."""
        return _unless_ended(did, data_for(did, self.last(did)))

    def last(self, did: str) -> JsonObject:
        """Return the last operation, maybe a tombstone. Raises NotRegistered, DamagedOperation."""
        row = self._db.read_one(
            "SELECT operation, cid FROM operation WHERE did = ? AND nullified = 0 "
            "ORDER BY seq DESC LIMIT 1",
            did,
        )
        if row is None:
            raise NotRegistered(f"DID not registered: {did}")
        return _whole(did, *row)

    async def log(self, did: str) -> list[JsonObject]:
        """Return the operations valid now, oldest first. Raises NotRegistered."""
        return [entry.operation for entry in await self._entries(did) if not entry.nullified]

    async def audit_log(self, did: str) -> list[JsonObject]:
        """Return all operations, also nullified ones, as entries. Raises NotRegistered."""
        return [
            {
                "did": did,
                "operation": entry.operation,
                "cid": str(entry.cid),
                "nullified": entry.nullified,
                "createdAt": Datetime.from_us(entry.created_us),
            }
            for entry in await self._entries(did)
        ]

    async def export(self, after_seq: int, count: int) -> list[JsonObject]:
        """Return at most count operations of all DIDs after a seq, as sequenced entries."""
        rows = await self._db.scan(select_after_seq, after_seq, min(count, MAX_EXPORTED))
        return [
            {
                "type": "sequenced_op",
                "did": did,
                "operation": _whole(did, operation, cid),
                "cid": str(Cid(cid)),
                "createdAt": Datetime.from_us(created_ms * 1000),
                "seq": seq,
            }
            for seq, did, cid, created_ms, _, operation in rows
        ]

    async def export_by_time(self, after_us: int, count: int) -> list[JsonObject]:
        """Return at most count operations accepted after a time, in the older form."""
        rows = await self._db.scan(select_after_time, after_us // 1000, min(count, MAX_EXPORTED))
        return [
            {
                "did": did,
                "operation": _whole(did, operation, cid),
                "cid": str(Cid(cid)),
                "nullified": bool(nullified),
                "createdAt": Datetime.from_us(created_ms * 1000),
            }
            for _, did, cid, created_ms, nullified, operation in rows
        ]

    async def counts(self) -> JsonObject:
        """Return how many DIDs and operations there are."""
        return await self._db.scan(count_all)

    async def _entries(self, did: str) -> list[LogEntry]:
        entries = await self._db.scan(select_log, did)
        if not entries:
            raise NotRegistered(f"DID not registered: {did}")
        return entries


def _unless_ended(did: str, value: JsonObject | None) -> JsonObject:
    if value is None:
        raise Tombstoned(f"DID not available: {did}")
    return value


def _whole(did: str, operation: str, cid: bytes) -> JsonObject:
    """Read an operation that is what its CID says. Raises DamagedOperation."""
    try:
        found: JsonObject = loads(operation.encode())
        if bytes(cid_of(found)) == cid:
            return found
    except ValueError as problem:
        raise DamagedOperation(f"an operation of {did} cannot be read: {problem}") from None
    raise DamagedOperation(f"an operation of {did} is not the one that was taken")


def append(conn: Connection, did: str, operation: JsonObject, now_ms: int) -> None:
    """Check an operation against the log and add it; mark what it nullifies.

    Times of acceptance grow strictly over all DIDs, so that a time is an exact cursor.
    Raises InvalidOperation.
    """
    newest = conn.value("SELECT created_ms FROM operation ORDER BY created_ms DESC LIMIT 1")
    created_ms = max(now_ms, (newest or 0) + 1)
    entries = select_log(conn, did)
    cid = cid_of(operation)
    if any(entry.cid == cid for entry in entries):
        raise MisorderedOperation("the log already has this operation")
    valid = [entry for entry in entries if not entry.nullified]
    nullified = check_next(did, valid, operation, created_ms * 1000)
    if not nullified:  # nobody may keep an owner from undoing a theft by filling the log
        _check_rate(valid, created_ms)
    for undone in nullified:
        conn.execute("UPDATE operation SET nullified = 1 WHERE did = ? AND cid = ?", (did, undone))
    conn.execute(
        "INSERT INTO operation (did, cid, created_ms, operation) VALUES (?, ?, ?, ?)",
        (did, cid, created_ms, dumps(operation).decode()),
    )


def _check_rate(valid: Sequence[LogEntry], now_ms: int) -> None:
    for name, span_ms, limit in RATE_LIMITS:
        recent = sum(entry.created_us > (now_ms - span_ms) * 1000 for entry in valid)
        if recent >= limit:
            raise TooManyOperations(f"too many operations within the last {name} (max {limit})")


def select_log(conn: Connection, did: str) -> list[LogEntry]:
    """Return all operations of a DID, oldest first. Raises DamagedOperation."""
    rows = conn.rows(
        "SELECT operation, cid, created_ms, nullified FROM operation WHERE did = ? ORDER BY seq",
        did,
    )
    return [
        LogEntry(_whole(did, operation, cid), Cid(cid), created_ms * 1000, bool(nullified))
        for operation, cid, created_ms, nullified in rows
    ]


def select_after_seq(conn: Connection, after: int, count: int) -> list[tuple[Any, ...]]:
    """Return rows of all DIDs: seq, did, cid, created_ms, nullified, operation."""
    return conn.rows(
        "SELECT seq, did, cid, created_ms, nullified, operation FROM operation "
        "WHERE seq > ? ORDER BY seq LIMIT ?",
        after,
        count,
    )


def select_after_time(conn: Connection, after_ms: int, count: int) -> list[tuple[Any, ...]]:
    """Return rows as `select_after_seq` does, by their time of acceptance."""
    return conn.rows(
        "SELECT seq, did, cid, created_ms, nullified, operation FROM operation "
        "WHERE created_ms > ? ORDER BY created_ms LIMIT ?",
        after_ms,
        count,
    )


def count_all(conn: Connection) -> JsonObject:
    """Count DIDs and operations."""
    dids = conn.value("SELECT count(DISTINCT did) FROM operation")
    return {"dids": dids, "operations": conn.value("SELECT count(*) FROM operation")}
