"""The event log: append in the writer's own transaction, tail from a cursor, prune.

A subscriber is a cursor and nothing more. What it has not seen is read from a ring of the newest
frames, shared by all, or from the table when it is further behind; so a slow one costs no memory,
and there is no seam between replay and live.

The table `event` stands in the schema of each role that keeps a log (`*_events.sql`).
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import cached_property, partial

from appliance.atproto.car import InvalidCar, read_car
from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.frames import Unnumbered, unnumbered
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.firehose.events import CommitEvent, InvalidEvent, Made, parse
from appliance.firehose.messages import binary_messages
from appliance.firehose.own_frames import OwnFrames

RING_BYTES = 1_000_000
BATCH_FRAMES = 256
# What a subscriber that takes nothing holds on to, unless a single frame is larger.
BATCH_BYTES = 96_000
SHARED_BATCHES = 64
PRUNE_ROWS = 500
# Events are so far apart in time that each operation of a commit can be given a time of its own.
APART_US = 256
# A clock that was ahead by more than this and set right is believed at once.
SET_BACK_US = 600 * 1_000_000
# More events than can be in a write-ahead log that a power cut takes away.
SKIPPED = 100_000
# No number beyond this is jumped to, whoever says that we were there: so enough are left.
MAX_JUMP = 1 << 52

_TABLE = "event"
_LAST_TIME = "SELECT time_us FROM event ORDER BY seq DESC LIMIT 1"
_HEAD = "SELECT seq FROM sqlite_sequence WHERE name = 'event' LIMIT 1"
# One statement sees one moment: between two of them the first event of all may be appended.
_FLOOR = """
    SELECT coalesce(
        (SELECT seq - 1 FROM event ORDER BY seq LIMIT 1),
        (SELECT seq FROM sqlite_sequence WHERE name = 'event' LIMIT 1),
        0
    ) LIMIT 1
"""

Entry = tuple[int, bytes]


class Batch(list[Entry]):
    """Some (seq, frame) in order. Of the newest there is one for all who ask at the same place."""

    @cached_property
    def messages(self) -> bytes:
        """The frames as WebSocket messages, built once."""
        return binary_messages(frame for _, frame in self)


def append(conn: Connection, did: Did, kind: str, frame_body: bytes, now_us: int) -> int:
    """Append a frame inside the caller's transaction; give the seq it gets.

    `frame_body` is a whole frame with any `seq`; only that number is rewritten. `kind` is commit,
    sync, identity or account. Tailers see it once the transaction is committed. Its time is now,
    or as much later as keeps the events in order and apart.
    """
    return _append(conn, did, kind, unnumbered(frame_body), now_us, None)


def append_made(conn: Connection, event: CommitEvent, made: Made, now_us: int) -> int:
    """Append a commit that this process made; the log notes it for those who will read it."""
    return _append(conn, event.did, event.kind, made.frame, now_us, replace(event, made=made))


def _append(
    conn: Connection,
    did: Did,
    kind: str,
    frame: Unnumbered,
    now_us: int,
    made: CommitEvent | None,
) -> int:
    seq = int(conn.value(_HEAD) or 0) + 1
    next_us = int(conn.value(_LAST_TIME) or 0) + APART_US
    if now_us < next_us < now_us + SET_BACK_US:
        now_us = next_us
    numbered = frame.numbered(seq)
    conn.execute(
        "INSERT INTO event (seq, did, kind, time_us, frame) VALUES (?, ?, ?, ?, ?)",
        (seq, did, kind, now_us, numbered),
    )
    conn.tell(_TABLE, ((seq, numbered), made))
    return seq


def forget(conn: Connection, did: Did) -> None:
    """Take every event of an account out of the log; their numbers stay used."""
    conn.execute("DELETE FROM event WHERE did = ?", (did,))
    conn.tell(_TABLE, None)


def skip_numbers(conn: Connection) -> None:
    """Leave out some numbers, in case the last ones given were lost after they were told.

    For a log that is not synced with each commit, when it was not closed in good order.
    """
    conn.execute("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'event'", (SKIPPED,))


def jump(conn: Connection, to: int) -> None:
    """Give no number up to this one any more: others have seen it already."""
    if conn.value(_HEAD) is None:
        conn.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('event', 0)")
    conn.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'event'", (to,))


def find_block(conn: Connection, did: Did, cid: Cid) -> bytes | None:
    """Look for a block in the commits of an account that are still in the log, the newest first.

    What it gives is what the CID says, whatever a damaged disk made of the log.
    """
    sql = "SELECT frame FROM event WHERE did = ? AND kind = 'commit' ORDER BY seq DESC"
    for (frame,) in conn.execute(sql, (did,)):
        if cid not in frame:
            continue
        try:
            event = parse(frame)
            found = read_car(event.blocks) if isinstance(event, CommitEvent) else None
        except (InvalidEvent, InvalidCar):
            continue
        if found is not None and cid in found.blocks:
            return found.blocks[cid]
    return None


class EventLog:
    """The log of one database, for reading. `append` and `forget` are its writing half.

    It listens in the writing connection, so who appends needs no reference to it. `own` hears of
    the commits that were made here.
    """

    def __init__(
        self, db: Database, ring_bytes: int = RING_BYTES, own: OwnFrames | None = None
    ) -> None:
        self._db = db
        self._own = own or OwnFrames()
        self._news = asyncio.Event()
        self._listening = False
        self._closed = False
        self._ring: list[Entry] = []
        self._ring_bytes = 0
        self._most_ring_bytes = ring_bytes
        # The ring holds all events after this number; None until somebody tails.
        self._start: int | None = None
        # Batches of the ring by the cursor before them, until something comes or goes.
        self._batches: dict[int, Batch] = {}

    def head(self) -> int:
        """Give the newest seq ever given, 0 if there is none."""
        row = self._db.read_one(_HEAD)
        return 0 if row is None else int(row[0])

    def floor(self) -> int:
        """Give the seq before the oldest event kept; whoever has it or a later one misses none."""
        row = self._db.read_one(_FLOOR)
        return 0 if row is None else int(row[0])

    def held_bytes(self) -> int:
        """Tell how much of the newest frames is kept in memory."""
        return self._ring_bytes

    @property
    def closed(self) -> bool:
        """Whether nothing more is told."""
        return self._closed

    def close(self) -> None:
        """End every tail, so that subscribers are sent away before the server stops."""
        self._closed = True
        self._wake()

    async def tail(self, cursor: int) -> AsyncIterator[Entry]:
        """Yield (seq, frame) after cursor, in order, until the log is closed."""
        async for batch in self.batches(cursor):
            for entry in batch:
                yield entry

    async def batches(self, cursor: int) -> AsyncIterator[Batch]:
        """Yield non-empty lists of (seq, frame) after cursor, in order, until `close`."""
        while batch := await self.next(cursor):
            cursor = batch[-1][0]
            yield batch

    async def next(self, cursor: int) -> Batch:
        """Give the events after cursor as soon as there are any; empty when the log is closed."""
        if not self._listening:
            # Before the note of it: a write that the disk refuses is tried again by the next.
            await self._db.write(self._listen)
            self._listening = True
        while not self._closed:
            news = self._news  # taken before reading, so nothing falls in between
            if batch := self.after(cursor):
                return batch
            await news.wait()
        return Batch()

    def after(self, cursor: int) -> Batch:
        """Give the next events after cursor, at most 256 and about 96 kB; empty if none."""
        if self._start is None or cursor < self._start:
            return self._stored(cursor)
        batch = self._batches.get(cursor)
        if batch is None:
            at = bisect_right(self._ring, cursor, key=_seq_of)
            batch = Batch(self._ring[at : at + BATCH_FRAMES])
            del batch[_within_bytes([len(frame) for _, frame in batch]) :]
            if len(self._batches) < SHARED_BATCHES:
                self._batches[cursor] = batch
        return batch

    def since(self, time_us: int) -> int:
        """Give the cursor after which every event was appended at a time or later.

        As good as the clock was: where it was set back, the search may end at either side of that.
        """
        low, high = self.floor(), self.head()
        while low < high:
            middle = (low + high) // 2
            row = self._db.read_one(
                "SELECT seq, time_us FROM event WHERE seq > ? ORDER BY seq LIMIT 1", middle
            )
            if row is None or row[1] >= time_us:
                high = middle
            else:
                low = int(row[0])
        return low

    def time_of(self, seq: int) -> int:
        """Tell when an event was appended, in microseconds since 1970; 0 if it is not there."""
        row = self._db.read_one("SELECT time_us FROM event WHERE seq = ?", seq)
        return 0 if row is None else int(row[0])

    async def prune(self, before_us: int, max_bytes: int) -> int:
        """Drop events appended before a time, and the oldest above a size; count them."""
        cut = await self._db.scan(_find_cut, before_us, max_bytes, deadline=60.0)
        dropped = 0
        while True:
            gone = await self._db.write(_drop, cut)
            dropped += gone
            if gone < PRUNE_ROWS:
                return dropped

    def _stored(self, cursor: int) -> Batch:
        sizes = self._db.read(
            "SELECT seq, length(frame) FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
            cursor,
            BATCH_FRAMES,
        )
        if not sizes:
            return Batch()
        last = sizes[_within_bytes([size for _, size in sizes]) - 1][0]
        return Batch(
            (seq, frame)
            for seq, frame in self._db.read(
                "SELECT seq, frame FROM event WHERE seq > ? AND seq <= ? ORDER BY seq",
                cursor,
                last,
            )
        )

    def _listen(self, conn: Connection) -> None:
        """Hear of every change of the table. Runs in the writer thread."""
        conn.listen(_TABLE, self._told)
        conn.after_commit(self._restart)

    def _told(self, conn: Connection, news: tuple[Entry, CommitEvent | None] | None) -> None:
        """Take what was written once it is on the disk; None: events were deleted."""
        if news is not None:
            conn.after_commit(partial(self._take, *news))
        elif self._restart not in conn.committed[-1:]:
            conn.after_commit(self._restart)

    def _restart(self) -> None:
        """Empty the ring: events were deleted, or this is the beginning."""
        self._ring = []
        self._batches.clear()
        self._ring_bytes = 0
        self._start = self.head()
        self._wake()

    def _take(self, entry: Entry, made: CommitEvent | None) -> None:
        """Take what was appended into the ring; note what was made here."""
        if made is not None:
            self._own.note(made)
        if self._start is None or entry[0] <= self._start:
            return  # it came before the ring began
        self._batches.clear()
        self._ring.append(entry)
        self._ring_bytes += len(entry[1])
        self._trim()
        self._wake()

    def _trim(self) -> None:
        if self._ring_bytes <= self._most_ring_bytes:
            return
        # Somewhat more than needed, so that not every event moves the list.
        drop = 0
        while drop < len(self._ring) and self._ring_bytes > self._most_ring_bytes * 7 // 8:
            self._ring_bytes -= len(self._ring[drop][1])
            drop += 1
        self._start = self._ring[drop - 1][0]
        del self._ring[:drop]

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _within_bytes(sizes: list[int]) -> int:
    """Count how many frames make a batch: up to 96 kB, but at least one."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if total > BATCH_BYTES and count:
            return count
    return len(sizes)


def _seq_of(entry: Entry) -> int:
    return entry[0]


def _find_cut(conn: Connection, before_us: int, max_bytes: int) -> int:
    """Find the newest event to drop.

    By time, those before the first that is young: what a clock said that was set back for a while
    (a computer without one of its own starts long ago) does not take along what came before it.
    """
    cut = kept = 0
    for seq, time_us in conn.execute("SELECT seq, time_us FROM event ORDER BY seq"):
        if time_us >= before_us:
            break
        cut = int(seq)
    sql = "SELECT seq, length(frame) FROM event WHERE seq > ? ORDER BY seq DESC"
    for seq, size in conn.execute(sql, (cut,)):
        kept += size
        if kept > max_bytes:
            return int(seq)
    return cut


def _drop(conn: Connection, cut: int) -> int:
    conn.execute(
        "DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE seq <= ? LIMIT ?)",
        (cut, PRUNE_ROWS),
    )
    dropped = int(conn.changes())
    if dropped:
        conn.tell(_TABLE, None)
    return dropped
