"""Each file of a schema counts once, by its own number, whatever came before it."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from appliance.base import database
from appliance.base.database import Connection, Database, process_at
from appliance.base.migrations import DatabaseTooNew, migrate
from tests.support.waiting import until


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[apsw.Connection]:
    with closing(apsw.Connection(str(tmp_path / "data.sqlite"))) as opened:
        yield opened


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    folder = tmp_path / "schema"
    folder.mkdir()
    for number in (1, 20):
        add(folder, number)
    return folder


def add(schema: Path, number: int) -> str:
    path = schema / f"{number:04}_of_{number}.sql"
    path.write_text(f"CREATE TABLE of_{number} (id INTEGER) STRICT;", encoding="utf-8")
    return path.name


def tables(conn: apsw.Connection) -> set[str]:
    found = conn.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'of_%'")
    return {name for (name,) in found}


def as_before_the_table(conn: apsw.Connection, schema: Path, version: int) -> None:
    """What programs made that knew nothing but a version."""
    for path in sorted(schema.iterdir()):
        conn.execute(path.read_text(encoding="utf-8"))
    conn.pragma("user_version", version)


def test_each_file_is_applied_once_in_order(conn: apsw.Connection, schema: Path) -> None:
    assert migrate(conn, schema) == ["0001_of_1.sql", "0020_of_20.sql"]
    assert migrate(conn, schema) == []
    assert conn.execute("SELECT number, name FROM schema_file ORDER BY number").fetchall() == [
        (1, "0001_of_1.sql"),
        (20, "0020_of_20.sql"),
    ]


def test_a_lower_number_that_comes_later_is_applied(conn: apsw.Connection, schema: Path) -> None:
    migrate(conn, schema)
    late = add(schema, 7)
    assert migrate(conn, schema) == [late]
    assert tables(conn) == {"of_1", "of_7", "of_20"}
    assert migrate(conn, schema) == []


def test_a_database_from_before_the_table_has_all_up_to_its_version(
    conn: apsw.Connection, schema: Path
) -> None:
    as_before_the_table(conn, schema, 20)
    newer = add(schema, 21)
    assert migrate(conn, schema) == [newer]
    late = add(schema, 7)
    assert migrate(conn, schema) == [late]
    assert tables(conn) == {"of_1", "of_7", "of_20", "of_21"}


def test_what_only_a_later_version_knows_is_refused_also_below_the_newest(
    conn: apsw.Connection, schema: Path
) -> None:
    late = add(schema, 7)
    migrate(conn, schema)
    (schema / late).unlink()
    with pytest.raises(DatabaseTooNew, match="has schema 7, this program knows 20"):
        migrate(conn, schema)
    assert tables(conn) == {"of_1", "of_7", "of_20"}


def test_a_version_from_before_the_table_that_nobody_here_knows_is_refused_untouched(
    conn: apsw.Connection, schema: Path
) -> None:
    as_before_the_table(conn, schema, 30)
    with pytest.raises(DatabaseTooNew, match="has schema 30, this program knows 20"):
        migrate(conn, schema)
    assert conn.pragma("user_version") == 30
    assert not conn.execute("SELECT 1 FROM sqlite_schema WHERE name = 'schema_file'").fetchall()


def test_programs_from_before_the_table_refuse_by_the_version_whatever_came_since(
    conn: apsw.Connection, schema: Path
) -> None:
    as_before_the_table(conn, schema, 20)
    migrate(conn, schema)
    assert conn.pragma("user_version") == 20  # nothing new: they may go on
    add(schema, 7)
    migrate(conn, schema)
    assert conn.pragma("user_version") > 20
    add(schema, 21)
    migrate(conn, schema)
    assert conn.pragma("user_version") > 21


async def test_a_file_is_held_until_what_brings_it_up_to_date_has_ended_though_it_was_given_up(
    tmp_path: Path, schema: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, begun, go_on = tmp_path / "g.sqlite", threading.Event(), threading.Event()
    open_writable, opened = database._open_writable, list[Connection]()

    def slow(path: Path, schema: Path, synchronous: str) -> Connection:
        begun.set()
        assert go_on.wait(60)
        opened.append(open_writable(path, schema, synchronous))
        return opened[0]

    monkeypatch.setattr(database, "_open_writable", slow)
    opening = asyncio.ensure_future(Database.open(path, schema))
    await until(begun.is_set)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert process_at(path) == os.getpid()
    go_on.set()
    await until(lambda: process_at(path) is None)
    with pytest.raises(apsw.ConnectionClosedError):
        opened[0].pragma("user_version")
