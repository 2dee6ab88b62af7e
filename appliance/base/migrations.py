"""Apply a role's numbered schema files once, in order.

`schema/0001_accounts.sql`, `0002_…`: plain SQL, each applied in one transaction that notes it in
the table `schema_file`. So a file counts by its own number, also where one of a higher number came
before it. A released file is never edited.

`PRAGMA user_version` is for programs from before that table, which open no file whose version is
above all numbers they know: it grows with each file applied, also one of a lower number.
"""

import re
from importlib.resources.abc import Traversable

import apsw

_TABLE = "CREATE TABLE schema_file (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT"
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


class BadSchemaFolder(Exception):
    """The schema folder holds two files of one number, or none."""


class DatabaseTooNew(Exception):
    """The file was written by a later version of the program than this one."""


def read_migrations(schema: Traversable) -> list[tuple[int, str, str]]:
    """Read the (number, file name, SQL) of every migration, in order.

    Raises BadSchemaFolder.
    """
    found: list[tuple[int, str, str]] = []
    for entry in schema.iterdir():
        match = _NAME.fullmatch(entry.name)
        if match:
            found.append((int(match[1]), entry.name, entry.read_text(encoding="utf-8")))
    found.sort()
    numbers = [number for number, _, _ in found]
    if not found or len(set(numbers)) != len(numbers):
        raise BadSchemaFolder(f"{schema}: needs files 0001_name.sql, each number once")
    return found


def migrate(conn: apsw.Connection, schema: Traversable) -> list[str]:
    """Bring a database up to date; return the names of the files applied.

    Raises DatabaseTooNew, BadSchemaFolder, or what SQLite says about the SQL.
    """
    migrations = read_migrations(schema)
    newest = migrations[-1][0]
    done = _applied(conn, migrations)
    if unknown := done - {number for number, _, _ in migrations}:
        raise DatabaseTooNew(
            f"{conn.filename} has schema {min(unknown)}, this program knows {newest}: "
            "install the newer version again, or restore a backup made before it"
        )
    applied: list[str] = []
    for number, name, sql in migrations:
        if number not in done:
            with conn:
                conn.execute(sql)
                conn.execute("INSERT INTO schema_file (number, name) VALUES (?, ?)", (number, name))
                conn.pragma("user_version", max(number, conn.pragma("user_version") + 1))
            applied.append(name)
    return applied


def _applied(conn: apsw.Connection, migrations: list[tuple[int, str, str]]) -> set[int]:
    """Give the numbers of the files a database has been through.

    One from before the table had everything up to its version; of a version that no file here has,
    it is enough to name the version.
    """
    if not conn.execute("SELECT 1 FROM sqlite_schema WHERE name = 'schema_file'").fetchall():
        version = conn.pragma("user_version")
        if version > migrations[-1][0]:
            return {version}
        with conn:
            conn.execute(_TABLE)
            conn.executemany(
                "INSERT INTO schema_file (number, name) VALUES (?, ?)",
                [(number, name) for number, name, _ in migrations if number <= version],
            )
    return {int(number) for (number,) in conn.execute("SELECT number FROM schema_file")}
