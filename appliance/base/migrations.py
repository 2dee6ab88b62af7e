"""Apply a role's numbered schema files once, in order.

`schema/0001_accounts.sql`, `0002_…`: plain SQL, each applied in one transaction and recorded in
`PRAGMA user_version`. A released file is never edited.
"""

import re
from importlib.resources.abc import Traversable

import apsw

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
    version = conn.pragma("user_version")
    newest = migrations[-1][0]
    if version > newest:
        raise DatabaseTooNew(
            f"{conn.filename} has schema {version}, this program knows {newest}: "
            "install the newer version again, or restore a backup made before it"
        )
    applied: list[str] = []
    for number, name, sql in migrations:
        if number > version:
            with conn:
                conn.execute(sql)
                conn.pragma("user_version", number)
            applied.append(name)
    return applied
