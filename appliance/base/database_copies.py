"""Copies of databases that are in use: all of one moment, taken while others write.

For that moment, some milliseconds, every writer is held up; then each file is copied as it was,
page for page, while the writing goes on.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from appliance.base.connection import Connection

PAGES_A_STEP = 1000


class CopyFailed(Exception):
    """A database could not be copied: damaged, no room, or written to without a pause."""


@dataclass(frozen=True)
class Source:
    """A database to copy. The rows of tables `left_out` stay behind."""

    path: Path
    left_out: tuple[str, ...] = ()


def copy_all(sources: Sequence[Source], into: Path, note: Callable[[int, int], None]) -> list[Path]:
    """Copy databases into a folder, under their names; `note` is told (files done, of how many).

    Raises CopyFailed.
    """
    try:
        return _copy_all(sources, into, note)
    except apsw.Error as error:
        raise CopyFailed(f"{type(error).__name__}: {error}") from error


def _copy_all(
    sources: Sequence[Source], into: Path, note: Callable[[int, int], None]
) -> list[Path]:
    copies: list[Path] = []
    with _of_one_moment([source.path for source in sources]) as readers:
        for source, reader in zip(sources, readers, strict=True):
            note(len(copies), len(sources))
            copy = into / source.path.name
            with closing(_created(copy)) as target:
                if source.left_out:
                    _copy_rows(reader, target, source.left_out)
                else:
                    _copy_pages(reader, target)
                # One file, with nothing beside it.
                target.pragma("journal_mode", "DELETE")
            copies.append(copy)
    note(len(copies), len(sources))
    return copies


@contextmanager
def _of_one_moment(paths: Sequence[Path]) -> Iterator[list[Connection]]:
    """Give readers that see all files as they are at one moment."""
    with ExitStack() as stack:
        readers = [stack.enter_context(closing(Connection(path, writable=False))) for path in paths]
        with ExitStack() as held:
            for path in paths:
                writer = held.enter_context(closing(Connection(path, writable=True)))
                writer.execute("BEGIN IMMEDIATE")
            for reader in readers:
                reader.execute("BEGIN")
                reader.value("SELECT count(*) FROM sqlite_schema")
        yield readers


def _created(path: Path) -> Connection:
    path.unlink(missing_ok=True)
    path.touch(0o600)
    return Connection(path, writable=True)


def _copy_pages(reader: Connection, target: Connection) -> None:
    with target.backup("main", reader, "main") as backup:
        while not backup.done:
            backup.step(PAGES_A_STEP)


def _copy_rows(reader: Connection, target: Connection, left_out: Sequence[str]) -> None:
    """Make the same tables and fill all but some; indexes come last, which is quicker."""
    target.pragma("foreign_keys", False)
    target.execute("BEGIN")
    made = reader.rows(
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
        " AND name NOT LIKE 'sqlite_%' ORDER BY type = 'table' DESC, rowid"
    )
    tables = [str(name) for kind, name, _ in made if kind == "table"]
    for kind, _, sql in made:
        if kind == "table":
            target.execute(sql)
    if reader.value("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'"):
        tables.append("sqlite_sequence")
    for table in tables:
        if table not in left_out:
            _copy_table(reader, target, table)
    for kind, _, sql in made:
        if kind != "table":
            target.execute(sql)
    target.execute("COMMIT")
    for name in ("user_version", "application_id"):
        target.pragma(name, reader.pragma(name))


def _copy_table(reader: Connection, target: Connection, table: str) -> None:
    # Names come from the schema itself, which is ours.
    target.execute(f'DELETE FROM "{table}"')  # noqa: S608
    columns = [str(row[1]) for row in reader.rows(f'PRAGMA table_xinfo("{table}")') if not row[6]]
    names = ", ".join(f'"{name}"' for name in columns)
    rows = reader.execute(f'SELECT {names} FROM "{table}"')  # noqa: S608
    marks = ", ".join("?" * len(columns))
    target.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)  # noqa: S608
