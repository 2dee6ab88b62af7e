"""What SQLite finds wrong with a file of ours."""

from collections.abc import Iterator
from pathlib import Path

import apsw

from appliance.base.connection import Connection


def damage_in(path: Path, *, indexes: bool = False) -> list[str]:
    """Let SQLite check a file's structure; return what is wrong, nothing when it is whole.

    With its indexes, each row is read and looked up in all of them, which takes several times as
    long and also finds values that were changed where they lie.
    """
    check = "integrity_check" if indexes else "quick_check"
    try:
        conn = Connection(path, writable=False)
    except apsw.Error as error:
        return [str(error)]
    try:
        found = [str(row[0]) for row in conn.execute(f"PRAGMA {check}(5)")]
        if indexes and found == ["ok"]:
            found = list(_unreadable(conn)) or found
    except apsw.Error as error:
        return [str(error)]
    finally:
        conn.close()
    return [] if found == ["ok"] else found


def _unreadable(conn: Connection) -> Iterator[str]:
    """Name the tables with a text that is none: SQLite itself does not look into texts."""
    made = conn.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
    for name, sql in made:
        if str(sql).startswith("CREATE VIRTUAL"):
            continue
        try:
            for _ in conn.execute(f'SELECT * FROM "{name}"'):  # noqa: S608
                pass
        except UnicodeDecodeError:
            yield f"a text in the table {name} cannot be read"
