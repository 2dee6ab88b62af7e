"""A database that was made by an earlier version of the program ends up as a new one begins."""

from importlib.resources import files
from pathlib import Path

import apsw
import pytest

from appliance.base.migrations import migrate, read_migrations

# The newest file that each of these versions had; files came later with numbers above it only.
EARLIER = {
    "the first light": ("0001", "0002", "0003"),
    "the relay": ("0001", "0002", "0003", "0100", "0101"),
    "members' pages": ("0001", "0002", "0003", "0100", "0101", "0250", "0251", "0252"),
}


def shape(conn: apsw.Connection) -> set[str]:
    """What tables and indexes there are, however they were made."""
    columns = {
        f"{table}.{row[1]} {row[2]}"
        for (table,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for row in conn.execute(f"PRAGMA table_info({table})")
    }
    return columns | {name for (name,) in conn.execute("SELECT name FROM sqlite_master")}


@pytest.mark.parametrize("numbers", EARLIER.values(), ids=EARLIER)
def test_an_older_database_is_brought_up_to_date(tmp_path: Path, numbers: tuple[str, ...]) -> None:
    schema = files("appliance.pds") / "schema"
    old, new = (apsw.Connection(str(tmp_path / name)) for name in ("old", "new"))
    for number, _, sql in read_migrations(schema):
        if f"{number:04}" in numbers:
            old.execute(sql)
            old.pragma("user_version", number)
    migrate(old, schema)
    migrate(new, schema)
    assert shape(old) == shape(new)
    old.close()
    new.close()
