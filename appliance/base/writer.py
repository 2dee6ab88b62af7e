"""The one thread that writes to a database: group commit, one savepoint per job."""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import apsw

from appliance.base.apart import to_the_end
from appliance.base.connection import Connection
from appliance.base.workers import Outcome, attempt

log = logging.getLogger(__name__)

MOST_JOBS_PER_COMMIT = 512
LONGEST_BATCH_SECONDS = 0.02
# Checkpoints are our own: a large log is copied back under load, a small one when nothing waits.
LARGE_LOG_BYTES = 16 * 1024 * 1024
SMALL_LOG_BYTES = 256 * 1024
IDLE_SECONDS = 1.0
QUIET_SECONDS = 30.0

_STORAGE_FAULTS = (apsw.FullError, apsw.IOError, apsw.BusyError, apsw.ReadOnlyError)


class WriteFailed(Exception):
    """The storage refused a write (disk full, I/O error); nothing of it was kept."""

    xrpc_name = "NotEnoughResources"


class DatabaseClosed(Exception):
    """The database was closed before the job could run."""


@dataclass(slots=True)
class Job:
    """One unit of writing and the future of whoever waits for it."""

    run: Callable[[Connection], Any]
    future: asyncio.Future[Any]


@dataclass(slots=True)
class _Done:
    """A job that ran: what it gave, and what is to follow its commit or its undoing."""

    job: Job
    outcome: Outcome[Any]
    committed: list[Callable[[], object]]
    undone: list[Callable[[], object]]


class Writer:
    """A thread that owns the writing connection and runs jobs in batches, in order."""

    def __init__(self, conn: Connection, loop: asyncio.AbstractEventLoop, name: str) -> None:
        self.conn = conn
        self._loop = loop
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = False
        self._closing = False
        self._log_pages = 0
        self._page_bytes: int = conn.pragma("page_size")
        self._large_log = LARGE_LOG_BYTES // self._page_bytes
        self._checkpoint_at = self._large_log
        conn.set_wal_hook(self._note_log_size)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, run: Callable[[Connection], Any]) -> asyncio.Future[Any]:
        """Queue a job. Raises DatabaseClosed."""
        if self._closed:
            raise DatabaseClosed
        future: asyncio.Future[Any] = self._loop.create_future()
        self._jobs.put(Job(run, future))
        return future

    async def finish(self) -> None:
        """Run what is queued, publish it, and end the thread."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        await to_the_end(self._thread.join)

    async def close(self) -> None:
        """Copy the log back and close the connection: after `finish`, and after every reader."""
        await to_the_end(self._close)

    def _close(self) -> None:
        attempt(self.conn.pragma, "optimize")
        attempt(self.conn.wal_checkpoint, None, apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self.conn.close()

    def _work(self) -> None:
        waiting: list[Job] = []
        while True:
            waiting = waiting or self._take()
            if waiting:
                waiting = self._run_batch(waiting)
                if self._log_pages >= self._checkpoint_at:
                    self._checkpoint()
            elif self._closing:
                break
            else:
                self._checkpoint()

    def _take(self) -> list[Job]:
        """Wait for jobs; an empty list says that it is time to tidy up or to end."""
        if self._closing:
            return []
        jobs: list[Job] = []
        with contextlib.suppress(queue.Empty):
            job = self._jobs.get(timeout=self._patience())
            while job is not None and len(jobs) < MOST_JOBS_PER_COMMIT - 1:
                jobs.append(job)
                job = self._jobs.get_nowait()
            if job is None:
                self._closing = True
            else:
                jobs.append(job)
        return jobs

    def _patience(self) -> float | None:
        """Tell how long to wait for a job before copying the log back; None: for ever."""
        if self._log_pages == 0:
            return None
        log_bytes = self._log_pages * self._page_bytes
        return IDLE_SECONDS if log_bytes >= SMALL_LOG_BYTES else QUIET_SECONDS

    def _run_batch(self, jobs: list[Job]) -> list[Job]:
        """Run jobs in one transaction; return those left for the next one."""
        begun = attempt(self.conn.execute, "BEGIN IMMEDIATE")
        if begun.error is not None:
            self._give_back([_Done(job, begun, [], []) for job in jobs], begun.error)
            return []
        done: list[_Done] = []
        until = time.monotonic() + LONGEST_BATCH_SECONDS
        for job in jobs:
            done.append(self._run_job(job, alone=len(jobs) == 1))
            # A full disk can make SQLite end the whole transaction by itself.
            if not self.conn.in_transaction or time.monotonic() > until:
                break
        self._finish(done)
        return jobs[len(done) :]

    def _run_job(self, job: Job, *, alone: bool) -> _Done:
        """Run a job; if it fails, take back what it did. One alone needs no savepoint for that."""
        conn = self.conn
        conn.committed, conn.undone = [], []
        if not alone:
            conn.execute("SAVEPOINT job")
        outcome = attempt(job.run, conn)
        done = _Done(job, outcome, conn.committed, conn.undone)
        if not conn.in_transaction:
            return done
        if outcome.error is not None:
            conn.execute("ROLLBACK; BEGIN" if alone else "ROLLBACK TO job")
            _undo(done)
        if not alone:
            conn.execute("RELEASE job")
        return done

    def _finish(self, done: list[_Done]) -> None:
        """Commit and tell the loop, or undo everything and say so."""
        if not self.conn.in_transaction:
            self._give_back(done, done[-1].outcome.error)
            return
        commit = attempt(self.conn.execute, "COMMIT")
        if commit.error is None:
            self._tell(done)
            return
        if self.conn.in_transaction:
            attempt(self.conn.execute, "ROLLBACK")
        self._give_back(done, commit.error)

    def _give_back(self, done: list[_Done], cause: BaseException | None) -> None:
        """Fail every job of a transaction that is lost; those that failed keep their own error."""
        log.error("transaction lost jobs=%d cause=%s", len(done), cause)
        for each in reversed(done):
            if each.outcome.error is None:
                each.outcome = Outcome(None, cause)
            _undo(each)
        self._tell(done)

    def _tell(self, done: list[_Done]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            self._loop.call_soon_threadsafe(_resolve, done)

    def _note_log_size(self, _conn: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        """Copy the log back as far as no reader needs it; never wait."""
        outcome = attempt(self.conn.wal_checkpoint, None, apsw.SQLITE_CHECKPOINT_PASSIVE)
        if outcome.value is None:
            log.warning("checkpoint failed cause=%s", outcome.error)
            self._checkpoint_at = self._log_pages + self._large_log
        elif outcome.value[0] == outcome.value[1]:
            self._checkpoint_at = self._large_log
        else:
            self._checkpoint_at = self._log_pages + self._large_log
        self._log_pages = 0


def _undo(done: _Done) -> None:
    """Call what the job asked for in this case, newest first, once; forget its after_commit."""
    for fn in reversed(done.undone):
        _call(fn)
    done.undone, done.committed = [], []


def _resolve(done: list[_Done]) -> None:
    """Publish what was committed, in order, then wake those who wait. Runs on the loop."""
    for each in done:
        if each.outcome.error is None:
            for fn in each.committed:
                _call(fn)
    for each in done:
        future, error = each.job.future, each.outcome.error
        if future.done():
            continue
        if error is None:
            future.set_result(each.outcome.value)
        else:
            future.set_exception(_named(error))


def _named(error: BaseException) -> BaseException:
    """Give storage faults one name, whatever SQLite called them."""
    if not isinstance(error, _STORAGE_FAULTS):
        return error
    failed = WriteFailed(f"{type(error).__name__}: {error}")
    failed.__cause__ = error
    return failed


def _call(fn: Callable[[], object]) -> None:
    outcome = attempt(fn)
    if outcome.error is not None:
        log.error("call after a write failed", exc_info=outcome.error)
