from contextlib import closing
from pathlib import Path

import apsw

from appliance.base.connection import Connection

SCHEMA = """
CREATE TABLE post (id INTEGER PRIMARY KEY, parent INTEGER, hidden INTEGER NOT NULL, text TEXT);
CREATE INDEX children ON post (parent, id) WHERE parent IS NOT NULL;
"""
CHILDREN = "SELECT id, text FROM post WHERE parent = ? AND hidden = 0 LIMIT ?"


def test_a_statement_is_prepared_once_whatever_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    path.touch()
    asked = []

    def allow(*what: object) -> int:
        """Be asked for leave, as SQLite does whenever it prepares a statement."""
        asked.append(what)
        return apsw.SQLITE_OK

    with closing(Connection(path, writable=True)) as conn:
        conn.execute(SCHEMA)
        conn.authorizer = allow
        conn.rows(CHILDREN, 0, 10)
        assert asked
        asked.clear()
        for parent in range(1, 5):
            conn.rows(CHILDREN, parent, 10 + parent)
        assert asked == []
