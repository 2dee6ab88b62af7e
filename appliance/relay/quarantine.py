"""Frames that were not passed on: kept whole, with the reason in plain words, for a while."""

from dataclasses import dataclass

from appliance.base.connection import Connection, Row
from appliance.base.database import Database

KEPT_PER_ACCOUNT = 20
KEPT_PER_HOST = 500
KEPT_BYTES_PER_HOST = 8_000_000
KEPT_US = 7 * 24 * 3600 * 1_000_000
MAX_REASON = 300

_COLUMNS = "id, host_id, did, seq, verdict, reason, size, added_us"


class QuarantineNotFound(LookupError):
    """No such frame is kept, or no longer."""

    xrpc_name = "QuarantineNotFound"


@dataclass(frozen=True, slots=True)
class Kept:
    """A frame that was held back. `did` is empty where the frame could not be read."""

    id: int
    host_id: int
    did: str
    seq: int | None
    verdict: str
    reason: str
    size: int
    added_us: int


class QuarantineStore:
    """What is kept, for people; newest first."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def page(self, did: str | None, before: int, limit: int) -> list[Kept]:
        """List frames behind an id, of one account or of all."""
        if did is None:
            rows = self._db.read(
                f"SELECT {_COLUMNS} FROM quarantine WHERE id < ? ORDER BY id DESC LIMIT ?",  # noqa: S608
                before,
                limit,
            )
        else:
            rows = self._db.read(
                f"SELECT {_COLUMNS} FROM quarantine WHERE did = ? AND id < ?"  # noqa: S608
                " ORDER BY id DESC LIMIT ?",
                did,
                before,
                limit,
            )
        return [Kept(*row) for row in rows]

    def find(self, kept_id: int) -> tuple[Kept, bytes]:
        """Give one with its frame. Raises QuarantineNotFound."""
        return _found(
            self._db.read_one(f"SELECT {_COLUMNS}, frame FROM quarantine WHERE id = ?", kept_id),  # noqa: S608
            kept_id,
        )

    async def count(self) -> int:
        return await self._db.scan(_count)

    async def discard(self, kept_id: int) -> None:
        """Forget a frame. Raises QuarantineNotFound."""
        await self._db.write(drop, kept_id)

    async def prune(self, now_us: int) -> None:
        """Forget what has been kept long enough."""
        await self._db.write(_prune, now_us - KEPT_US)


def keep(conn: Connection, kept: Kept, frame: bytes) -> None:
    """Keep a frame; its `id` and `size` are given here. The oldest of its account and host go."""
    conn.execute(
        "INSERT INTO quarantine (host_id, did, seq, verdict, reason, size, added_us, frame)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            kept.host_id,
            kept.did,
            kept.seq,
            kept.verdict,
            kept.reason[:MAX_REASON],
            len(frame),
            kept.added_us,
            frame,
        ),
    )
    conn.execute(
        "DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine"
        " WHERE host_id = ? AND did = ? ORDER BY id DESC LIMIT -1 OFFSET ?)",
        (kept.host_id, kept.did, KEPT_PER_ACCOUNT),
    )
    _trim_host(conn, kept.host_id)


def count_since(conn: Connection, host_id: int, did: str, since_us: int) -> int:
    """Count the frames of an account that its host sent since a time and that were kept."""
    return int(
        conn.value(
            "SELECT count(*) FROM quarantine WHERE host_id = ? AND did = ? AND added_us > ?",
            host_id,
            did,
            since_us,
        )
    )


def take(conn: Connection, kept_id: int) -> tuple[Kept, bytes]:
    """Give one with its frame. Raises QuarantineNotFound."""
    return _found(
        conn.row(f"SELECT {_COLUMNS}, frame FROM quarantine WHERE id = ?", kept_id),  # noqa: S608
        kept_id,
    )


def drop(conn: Connection, kept_id: int) -> None:
    """Forget one. Raises QuarantineNotFound."""
    conn.execute("DELETE FROM quarantine WHERE id = ?", (kept_id,))
    if not conn.changes():
        raise QuarantineNotFound(f"nothing is kept under {kept_id}")


def forget(conn: Connection, did: str) -> None:
    """Forget what is kept of an account."""
    conn.execute("DELETE FROM quarantine WHERE did = ?", (did,))


def _trim_host(conn: Connection, host_id: int) -> None:
    total, size = 0, 0
    rows = conn.rows("SELECT id, size FROM quarantine WHERE host_id = ? ORDER BY id DESC", host_id)
    for kept_id, each in rows:
        total, size = total + 1, size + each
        if total > KEPT_PER_HOST or size > KEPT_BYTES_PER_HOST:
            conn.execute("DELETE FROM quarantine WHERE host_id = ? AND id <= ?", (host_id, kept_id))
            return


def _prune(conn: Connection, before_us: int) -> None:
    conn.execute("DELETE FROM quarantine WHERE added_us < ?", (before_us,))


def _count(conn: Connection) -> int:
    return int(conn.value("SELECT count(*) FROM quarantine"))


def _found(row: Row | None, kept_id: int) -> tuple[Kept, bytes]:
    if row is None:
        raise QuarantineNotFound(f"nothing is kept under {kept_id}")
    return Kept(*row[:-1]), row[-1]
