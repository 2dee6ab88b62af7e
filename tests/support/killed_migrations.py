"""Migrations that are killed anywhere: run as a program, since it forks and its children die.

    python -m tests.support.killed_migrations DATABASE SCHEMA WORK POINTS

DATABASE may be missing: then it is made from nothing. A copy of it is brought up to date by the
files of the folder SCHEMA, by a child that kills itself: at a number of steps of SQLite, before
each commit and after it. Then another child does it again, and must come to what one does that
nobody kills. Prints how many were to be killed, how many were, and how many before the
last commit, in JSON.
"""

import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw

from appliance.base.connection import Connection
from appliance.base.database import _open_writable

STEPS = 1
ENDINGS = ("", "-wal", "-shm")


@dataclass(frozen=True)
class Point:
    """Where to die: at the `number`th step, commit that begins, or commit that is done."""

    kind: str
    number: int


class Counter:
    """Counts the steps and commits of a connection, and dies where it is told."""

    def __init__(self, point: Point | None = None) -> None:
        self.counts = {"step": 0, "commit": 0, "committed": 0}
        self._point = point

    def watch(self, conn: apsw.Connection) -> None:
        conn.set_progress_handler(lambda: self._note("step"), STEPS)
        conn.set_commit_hook(lambda: self._note("commit"))
        conn.set_wal_hook(lambda *_: int(self._note("committed")))

    def _note(self, kind: str) -> bool:
        self.counts[kind] += 1
        if self._point == Point(kind, self.counts[kind]):
            os.kill(os.getpid(), signal.SIGKILL)
        return False


def place(database: Path, target: Path) -> None:
    """Begin anew: what an earlier child left is gone."""
    for ending in ENDINGS:
        Path(f"{target}{ending}").unlink(missing_ok=True)
    if database.exists():
        shutil.copy(database, target)


def in_child(work: Callable[[], None]) -> int:
    """Run in a process of its own; give the signal that ended it, or 0."""
    child = os.fork()
    if child == 0:
        work()
        # Nothing is tidied up, as when the power fails.
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0, status
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def migrate(path: Path, schema: Path, counter: Counter) -> None:
    apsw.connection_hooks.append(counter.watch)
    _open_writable(path, schema, "FULL")


def fingerprint(path: Path) -> str:
    """Sum up the schema and every row."""
    digest = hashlib.sha256()
    with closing(Connection(path, writable=True)) as conn:
        assert conn.value("PRAGMA integrity_check(1)") == "ok", path
        assert not conn.rows("PRAGMA foreign_key_check"), path
        digest.update(repr(conn.value("PRAGMA user_version")).encode())
        made = conn.rows("SELECT name, sql, type FROM sqlite_schema ORDER BY name")
        for name, sql, kind in made:
            digest.update(repr((name, sql)).encode())
            if kind == "table" and not str(sql).startswith("CREATE VIRTUAL"):
                for row in conn.execute(f'SELECT * FROM "{name}"'):  # noqa: S608
                    digest.update(repr(row).encode())
    return digest.hexdigest()


def points(counts: dict[str, int], most: int) -> Iterator[Point]:
    for kind in ("commit", "committed"):
        for number in range(counts[kind]):
            yield Point(kind, number + 1)
    steps = counts["step"]
    for number in sorted({1 + steps * index // most for index in range(min(most, steps))}):
        yield Point("step", number)


def version(path: Path) -> int:
    with closing(Connection(path, writable=True)) as conn:
        return int(conn.value("PRAGMA user_version"))


def main(database: Path, schema: Path, work: Path, most: int) -> dict[str, int]:
    """Kill, look, go on, compare; count."""
    target = work / "database.sqlite"
    place(database, target)
    whole = Counter()

    def undisturbed() -> None:
        migrate(target, schema, whole)
        (work / "counts").write_text(json.dumps(whole.counts))

    assert in_child(undisturbed) == 0
    counts = json.loads((work / "counts").read_text())
    expected, newest = fingerprint(target), version(target)
    tried = killed = early = 0
    for point in points(counts, most):
        tried += 1
        place(database, target)
        killed += in_child(lambda at=point: migrate(target, schema, Counter(at))) == signal.SIGKILL  # type: ignore[misc]
        early += version(target) < newest
        assert in_child(lambda: migrate(target, schema, Counter())) == 0
        assert fingerprint(target) == expected, point
    return {"tried": tried, "killed": killed, "early": early}


if __name__ == "__main__":
    paths = [Path(text) for text in sys.argv[1:4]]
    sys.stdout.write(json.dumps(main(*paths, int(sys.argv[4]))))  # type: ignore[call-arg, arg-type]
