"""One bit of a database file flips, below SQLite: which check sees it, and what nobody sees.

    python -m tests.support.bit_flips FOLDER FLIPS [SEED]

FOLDER holds a network that is stopped. So many bits are flipped in the pages of each table, one at
a time; prints a line for each table: what noticed it, and what was covered and yet not noticed.
"""

import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw

from appliance.atproto.syntax import Did
from appliance.base.connection import Connection
from appliance.base.damage import damage_in
from appliance.directory import soundness as directory_soundness
from appliance.firehose.events import CommitEvent, InvalidEvent, SyncEvent, parse
from appliance.firehose.verify import verify_commit, verify_sync
from appliance.pds import signing_keys, soundness

# What a signature or a hash of the protocol says, and so has to be noticed.
COVERED = {
    ("pds", "account"): "SELECT did FROM account",
    ("pds", "record"): "SELECT repo, path, cid, block FROM record",
    ("pds", "repo"): "SELECT id, did, commit_cid, commit_block, rev, data FROM repo",
    ("pds", "signing_key"): "SELECT did, private FROM signing_key WHERE in_use",
    ("pds", "event"): "SELECT frame FROM event",
    ("relay", "event"): "SELECT frame FROM event",
    ("directory", "operation"): "SELECT did, cid, nullified, operation FROM operation",
}
_FILLING = {"INTEGER": "1", "TEXT": "'x'", "BLOB": "x'01'", "REAL": "1.0", "": "1"}


@dataclass(frozen=True)
class Seen:
    """What became of one flipped bit."""

    by: str  # structure, content or reader; empty: nobody noticed
    is_silent: bool  # nobody noticed, though it is covered and another now


def prepare(data: Path) -> None:
    """Make each database one file, and give every table a row."""
    for path in sorted(data.glob("*.sqlite")):
        with closing(Connection(path, writable=True)) as conn:
            conn.pragma("foreign_keys", False)
            conn.execute("PRAGMA ignore_check_constraints = ON")
            for table in tables(conn):
                if not conn.rows(f'SELECT 1 FROM "{table}" LIMIT 1'):  # noqa: S608
                    _fill(conn, table)
            conn.pragma("journal_mode", "DELETE")


def tables(conn: Connection) -> list[str]:
    """Name the tables that have pages of their own, those below indexes of words included."""
    made = conn.rows(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table'"
        " AND name NOT LIKE 'sqlite_stat_' ORDER BY name"
    )
    return [str(name) for name, sql in made if not str(sql).startswith("CREATE VIRTUAL")]


def _fill(conn: Connection, table: str) -> None:
    columns = conn.rows(f'PRAGMA table_info("{table}")')
    names = ", ".join(f'"{row[1]}"' for row in columns)
    values = ", ".join(_FILLING[row[2]] for row in columns)
    conn.execute(f'INSERT INTO "{table}" ({names}) VALUES ({values})')  # noqa: S608


def flip(path: Path, table: str, dice: random.Random) -> None:
    """Flip one bit of a byte that is in use in a table's pages, its indexes left alone."""
    with closing(Connection(path, writable=False)) as conn:
        size = int(conn.pragma("page_size"))
        pages = [page for (page,) in conn.rows("SELECT pageno FROM dbstat WHERE name = ?", table)]
    content = bytearray(path.read_bytes())
    begin = (dice.choice(pages) - 1) * size
    used = [place for place in range(begin, begin + size) if content[place]]
    content[dice.choice(used)] ^= 1 << dice.randrange(8)
    path.write_bytes(content)


def look(data: Path, database: str, table: str, whole: object) -> Seen:
    """Ask every check there is, in the order in which a restore does; then who reads the stream."""
    if damage_in(data / f"{database}.sqlite", indexes=True):
        return Seen("structure", is_silent=False)
    if any(_faults_of_content(data, database)):
        return Seen("content", is_silent=False)
    if table == "event" and any(_faults_for_readers(data, database)):
        return Seen("reader", is_silent=False)
    return Seen("", is_silent=content_of(data, database, table) != whole)


def _faults_of_content(data: Path, database: str) -> Iterator[str]:
    if database == "pds":
        with closing(Connection(data / "pds.sqlite", writable=False)) as conn:
            yield from soundness.examine(conn, data / "blobs", lambda *_: None).faults
    elif database == "directory":
        with closing(Connection(data / "directory.sqlite", writable=False)) as conn:
            yield from directory_soundness.faults(conn)


def _faults_for_readers(data: Path, database: str) -> Iterator[str]:
    """What whoever follows the stream finds: every one verifies what is signed."""
    if database == "labeler":
        return
    with (
        closing(Connection(data / f"{database}.sqlite", writable=False)) as conn,
        closing(Connection(data / "pds.sqlite", writable=False)) as keys,
    ):
        for (frame,) in conn.execute("SELECT frame FROM event"):
            try:
                event = parse(frame)
                if isinstance(event, CommitEvent):
                    verify_commit(event, None, signing_keys.load(keys, Did(event.did)).public)
                elif isinstance(event, SyncEvent):
                    verify_sync(event, None, signing_keys.load(keys, Did(event.did)).public)
            except (InvalidEvent, signing_keys.NoSigningKey) as problem:
                yield str(problem)


def content_of(data: Path, database: str, table: str) -> object:
    """Give what is covered, or what reading it comes to."""
    sql = COVERED.get((database, table))
    if sql is None:
        return None
    with closing(Connection(data / f"{database}.sqlite", writable=False)) as conn:
        try:
            rows = conn.rows(sql)
            if table == "event":
                return [signed for (frame,) in rows if (signed := _signed(parse(frame)))]
            return sorted(map(repr, rows))
        except (apsw.Error, UnicodeDecodeError, InvalidEvent):
            return "cannot be read"


def _signed(event: object) -> object:
    """Give what the signature in a frame covers: not when it was told, nor after what."""
    if isinstance(event, CommitEvent):
        return event.did, event.rev, event.commit, event.ops, event.prev_data, event.blocks
    if isinstance(event, SyncEvent):
        return event.did, event.rev, event.blocks
    return None


def flips(
    data: Path, scratch: Path, often: int, seed: int, only: str | None = None
) -> Iterator[tuple[str, str, list[Seen]]]:
    """Flip bits in each table of each database of a prepared folder; say what was seen."""
    for path in sorted(data.glob("*.sqlite")):
        if only not in (None, path.stem):
            continue
        with closing(Connection(path, writable=False)) as conn:
            names = tables(conn)
        for table in names:
            dice = random.Random(f"{seed} {path.stem} {table}")  # noqa: S311
            before = content_of(data, path.stem, table)
            found = []
            for _ in range(often):
                _stand_in(data, scratch, path)
                flip(scratch / path.name, table, dice)
                found.append(look(scratch, path.stem, table, before))
            yield path.stem, table, found


def _stand_in(data: Path, scratch: Path, damaged: Path) -> None:
    """Make a folder with a copy of the file to be damaged; the rest is that of the whole one."""
    for path in data.glob("*.sqlite"):
        target = scratch / path.name
        target.unlink(missing_ok=True)
        if path == damaged:
            shutil.copy(path, target)
        else:
            target.symlink_to(path)
    if not (scratch / "blobs").exists():
        (scratch / "blobs").symlink_to(data / "blobs")


def main(data: Path, often: int, seed: int) -> None:
    silent = 0
    with tempfile.TemporaryDirectory() as folder:
        whole, scratch = Path(folder, "whole"), Path(folder, "scratch")
        shutil.copytree(data, whole, ignore=shutil.ignore_patterns("run", "reserve"))
        scratch.mkdir()
        prepare(whole)
        for database, table, found in flips(whole, scratch, often, seed):
            by = Counter(each.by or "nobody" for each in found)
            bad = sum(each.is_silent for each in found)
            silent += bad
            counts = ", ".join(f"{name} {number}" for name, number in sorted(by.items()))
            sys.stdout.write(f"{database}.{table}: {counts}{f'; SILENT {bad}' * bool(bad)}\n")
            sys.stdout.flush()
    sys.exit(bool(silent))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
