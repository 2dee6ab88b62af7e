"""An SQLite connection with the few calls the stores use."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

STATEMENTS_CACHED = 256
BUSY_TIMEOUT_MS = 5000
CACHE_KIB = 1024

Row = tuple[Any, ...]


class Connection(apsw.Connection):
    """An SQLite connection; the writer's also collects what is to happen after the commit."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        flags = apsw.SQLITE_OPEN_READWRITE if writable else apsw.SQLITE_OPEN_READONLY
        super().__init__(str(path), flags=flags, statementcachesize=STATEMENTS_CACHED)
        self.committed: list[Callable[[], object]] = []
        self.undone: list[Callable[[], object]] = []
        self._listeners: dict[str, list[Callable[[Connection, Any], None]]] = {}
        # A statement keeps its plan, whatever it is given: planned by what is bound, it would be
        # prepared anew at each execution.
        self.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        self.set_busy_timeout(BUSY_TIMEOUT_MS)
        self.pragma("cache_size", -CACHE_KIB)
        self.pragma("temp_store", "MEMORY")
        self.pragma("foreign_keys", True)

    def row(self, sql: str, *args: Any) -> Row | None:
        """Fetch the first row, or None."""
        return self.execute(sql, args).fetchone()

    def rows(self, sql: str, *args: Any) -> list[Row]:
        """Fetch every row."""
        return self.execute(sql, args).fetchall()

    def value(self, sql: str, *args: Any) -> Any:
        """Fetch the first column of the first row, or None."""
        row = self.execute(sql, args).fetchone()
        return None if row is None else row[0]

    def tell(self, about: str, news: Any) -> None:
        """Let who listens about this know what is being written, inside the transaction."""
        for listener in self._listeners.get(about, ()):
            listener(self, news)

    def listen(self, about: str, listener: "Callable[[Connection, Any], None]") -> None:
        """Have every `tell` about this heard, in the thread that writes; once, if asked twice."""
        listeners = self._listeners.setdefault(about, [])
        if listener not in listeners:
            listeners.append(listener)

    def after_commit(self, fn: Callable[[], object]) -> None:
        """Call fn on the event loop once this job is on the disk; jobs keep their order."""
        self.committed.append(fn)

    def if_undone(self, fn: Callable[[], object]) -> None:
        """Call fn in the writer thread if what this job did is taken back, newest first."""
        self.undone.append(fn)
