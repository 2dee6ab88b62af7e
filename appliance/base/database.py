"""One SQLite file: one writer thread with group commit, inline reads, a small pool for scans.

Only the writer thread writes. It takes the jobs that wait, runs each in a savepoint of one
transaction, commits, and tells the event loop once: a job is answered only when it is on the
disk, and jobs that wait while the disk syncs share the next sync. "database is locked" cannot
happen inside a process, and the order of commits is the order of jobs.

The event loop reads inline through a read-only connection, with statements that are indexed and
bounded; whatever is not goes to `scan`. SQLite's own interface is used in this package only.
"""

import asyncio
import fcntl
import os
import queue
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from functools import partial
from importlib.resources.abc import Traversable
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypeVar, TypeVarTuple

import apsw

from appliance.base import cores
from appliance.base.apart import to_the_end
from appliance.base.connection import Connection, Row
from appliance.base.migrations import migrate
from appliance.base.room import Room
from appliance.base.search_line import SearchLine
from appliance.base.writer import DatabaseClosed, WriteFailed, Writer

__all__ = [
    "Connection",
    "Database",
    "DatabaseClosed",
    "DatabaseInUse",
    "DeadlineExceeded",
    "NoRoomToOpen",
    "Row",
    "WriteFailed",
]

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

SCAN_CONNECTIONS = 2
# While others wait for a search to end, it has so long.
SECONDS_WHILE_OTHERS_WAIT = 1.0
STEPS_PER_DEADLINE_CHECK = 2000
MOST_STATEMENTS_NOTED = 2000
LOG_BYTES_KEPT = 64 * 1024 * 1024
# Of a database made now. A write leaves whole pages in the log: with 2 kB instead of SQLite's 4 a
# third less is written to a card, for the same time of the processor.
PAGE_BYTES = 2048


_SLIM = "PRAGMA shrink_memory"


class DatabaseInUse(Exception):
    """Another process works on this file."""


class NoRoomToOpen(Exception):
    """The disk is too full to bring a file up to date; with room again, opening it goes on."""


class DeadlineExceeded(Exception):
    """A scan took longer than it may."""


class Database:
    """The async face of one SQLite file. Made by `open`; an async context manager."""

    def __init__(self, path: Path, lock: int, writer: Writer, reader: Connection) -> None:
        self._path = path
        self._file = _identity(path)
        self._lock = lock
        self._writer = writer
        self._reader = reader
        self._pool = ThreadPoolExecutor(SCAN_CONNECTIONS, f"{path.stem}-scan", cores.anywhere)
        self._scanners: queue.SimpleQueue[Connection | None] = queue.SimpleQueue()
        for _ in range(SCAN_CONNECTIONS):
            self._scanners.put(None)
        self._line = SearchLine(SCAN_CONNECTIONS - 1)
        self._closing = False
        # For those who are about to keep more than they take away.
        self.room = Room(path.parent)
        self.inline_statements: set[str] = set()

    @classmethod
    async def open(
        cls,
        path: Path,
        schema: Traversable,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
    ) -> Self:
        """Open or create a file and bring it up to date.

        FULL: an answered write survives a power cut. NORMAL: it survives a crash of the process.

        Raises DatabaseInUse, NoRoomToOpen, and what `migrate` raises.
        """
        lock = _lock(path)
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(None, _open_writable, path, schema, synchronous)
        try:
            conn = await asyncio.shield(opening)
            try:
                reader = Connection(path, writable=False)
            except BaseException:
                conn.close()
                raise
        except asyncio.CancelledError:
            # The thread goes on: until it has ended, the file is no other process's.
            opening.add_done_callback(partial(_let_go, lock))
            raise
        except BaseException:
            os.close(lock)
            raise
        writer = Writer(conn, loop, f"{path.stem}-writer")
        return cls(path, lock, writer, reader)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let queued writes finish, stop scans, release the file. May be called twice.

        Whoever is cancelled here is so when all is closed: half closed, the file would be nobody's
        until the process ends.
        """
        if self._closing:
            return
        self._closing = True
        async with AsyncExitStack() as stack:  # the last is called first, and all of them are
            stack.callback(os.close, self._lock)
            stack.push_async_callback(self._writer.close)
            stack.callback(self._close_readers)
            stack.push_async_callback(to_the_end, self._pool.shutdown)
            stack.push_async_callback(self._writer.finish)

    def _close_readers(self) -> None:
        while not self._scanners.empty():
            scanner = self._scanners.get()
            if scanner is not None:
                scanner.close()
        self._reader.close()

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._path

    def is_in_place(self) -> bool:
        """Tell whether the file of that name is still the one that is open.

        Else somebody has put another data folder into its place, and what lies beside the file is
        not ours.
        """
        return _identity(self._path) == self._file

    async def write(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run fn(conn, ...) in the writer thread; return its value once it is committed.

        What fn raises undoes this job alone and is raised here. fn must not await, and must leave
        transactions to the writer. If the caller is cancelled, the job still runs.

        Raises WriteFailed if the storage refuses, DatabaseClosed.
        """
        result: T = await self._writer.submit(lambda conn: fn(conn, *args, **kwargs))
        return result

    def listen(self, about: str, listener: Callable[[Connection, Any], None]) -> None:
        """Have what jobs `tell` about this heard, inside their transactions, from the next on."""
        self._writer.conn.listen(about, listener)

    def read(self, sql: str, *args: Any) -> list[Row]:
        """Fetch rows on the event loop: only through an index, and only a bounded number."""
        self._note(sql)
        return self._reader.execute(sql, args).fetchall()

    def read_one(self, sql: str, *args: Any) -> Row | None:
        """Fetch the first row, or None, on the event loop: only through an index."""
        self._note(sql)
        return self._reader.execute(sql, args).fetchone()

    async def scan(
        self,
        fn: Callable[[Connection, *Ts], T],
        *args: *Ts,
        deadline: float = 10.0,
    ) -> T:
        """Run fn(conn, ...) in a reader thread, in one snapshot, within `deadline` seconds.

        Raises DeadlineExceeded.
        """
        if self._closing:
            raise DatabaseClosed
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._pool, self._scan, lambda conn: fn(conn, *args), lambda: deadline
        )

    async def search(
        self,
        fn: Callable[[Connection, *Ts], T],
        *args: *Ts,
        deadline: float,
        caller: str | None,
    ) -> T:
        """As `scan`, for what strangers may make slow: a thread is always left for other scans.

        Searches wait for each other, callers in turn (None: all without a name); one that others
        wait for ends sooner. Raises DeadlineExceeded, LineFull.
        """
        await self._line.enter(caller)
        try:
            if self._closing:
                raise DatabaseClosed
            running = asyncio.get_running_loop().run_in_executor(
                self._pool,
                self._scan,
                lambda conn: fn(conn, *args),
                lambda: (
                    min(deadline, SECONDS_WHILE_OTHERS_WAIT) if self._line.is_wanted else deadline
                ),
            )
        except BaseException:
            self._line.leave()
            raise
        running.add_done_callback(self._let_next)
        # The thread is free when the search has ended, even if nobody waits for it any more.
        return await asyncio.shield(running)

    def _let_next(self, ended: "asyncio.Future[Any]") -> None:
        """Let the next search begin. Whoever asked for this one may be gone."""
        if not ended.cancelled():
            ended.exception()
        self._line.leave()

    async def slim(self) -> None:
        """Give back what its connections keep in memory of the file."""
        self._reader.execute(_SLIM)
        await self._writer.submit(lambda conn: conn.execute(_SLIM).fetchall())
        for _ in range(SCAN_CONNECTIONS):
            try:
                scanner = self._scanners.get_nowait()
            except queue.Empty:
                return
            if scanner is not None:
                scanner.close()
            self._scanners.put(None)

    def full_scans(self) -> list[str]:
        """List the inline statements used so far that read a whole table."""
        return [sql for sql in sorted(self.inline_statements) if scans_a_table(self._reader, sql)]

    def _note(self, sql: str) -> None:
        if sql not in self.inline_statements and (
            len(self.inline_statements) < MOST_STATEMENTS_NOTED
        ):
            self.inline_statements.add(sql)

    def _scan(self, run: Callable[[Connection], T], seconds: Callable[[], float]) -> T:
        """Run in a pool thread, with a connection of its own, for at most so long."""
        conn = self._scanners.get() or Connection(self._path, writable=False)
        begun = time.monotonic()
        conn.set_progress_handler(
            lambda: self._closing or time.monotonic() - begun > seconds(), STEPS_PER_DEADLINE_CHECK
        )
        try:
            conn.execute("BEGIN")
            return run(conn)
        except apsw.InterruptError as error:
            took = time.monotonic() - begun
            raise DeadlineExceeded(f"scan was ended after {took:.1f} s") from error
        finally:
            conn.set_progress_handler(None)
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            self._scanners.put(conn)


def process_at(path: Path) -> int | None:
    """Give the number of the process that works on a file, or None."""
    try:
        lock = os.open(f"{path}.lock", os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.read(lock, 32) or 0) or None
    finally:
        os.close(lock)
    return None


def scans_a_table(conn: apsw.Connection, sql: str) -> bool:
    """Tell whether a statement reads a whole table: an unbounded SCAN in its query plan.

    A scan in index order with a LIMIT is bounded; virtual tables are bounded by their argument.
    """
    numbers = [int(number or 0) for number in re.findall(r"\?(\d*)", sql)]
    parameters = (None,) * max([numbers.count(0), *numbers])
    plan = [row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    sorts = any("TEMP B-TREE" in line for line in plan)
    bounded = " LIMIT " in " ".join(sql.upper().split()) and not sorts
    return not bounded and any(_is_table_scan(line) for line in plan)


def _is_table_scan(line: str) -> bool:
    return line.startswith("SCAN ") and not ("VIRTUAL TABLE" in line or "CONSTANT ROW" in line)


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(FileNotFoundError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None


def _lock(path: Path) -> int:
    """Take the file beside the database for this process. Raises DatabaseInUse."""
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(lock, 32).decode("ascii", "replace").strip()
        os.close(lock)
        raise DatabaseInUse(f"{path} is in use by process {holder or 'unknown'}") from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
    return lock


def _let_go(lock: int, opening: "asyncio.Future[Connection]") -> None:
    """Close what was opened for nobody."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
    os.close(lock)


def _open_writable(path: Path, schema: Traversable, synchronous: str) -> Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # it may hold secrets
    conn = Connection(path, writable=True)
    try:
        conn.pragma("page_size", PAGE_BYTES)
        conn.pragma("journal_mode", "WAL")
        conn.pragma("synchronous", synchronous)
        conn.pragma("journal_size_limit", LOG_BYTES_KEPT)
        migrate(conn, schema)
    except apsw.Error as problem:
        conn.close()
        if Room(path.parent).is_short:
            raise NoRoomToOpen(f"no room on the disk of {path} to bring it up to date") from problem
        raise
    except BaseException:
        conn.close()
        raise
    return conn
