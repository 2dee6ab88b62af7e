"""Copies of databases in use: of one moment, whole, and without what is left out."""

import threading
from contextlib import closing
from pathlib import Path

import pytest

from appliance.base.connection import Connection
from appliance.base.database_copies import CopyFailed, Source, copy_all


def database(path: Path) -> Connection:
    conn = Connection(path.with_name(path.name), writable=True)
    conn.pragma("journal_mode", "WAL")
    conn.execute(
        "CREATE TABLE host (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);"
        "CREATE TABLE event (seq INTEGER PRIMARY KEY AUTOINCREMENT, frame BLOB);"
        "CREATE INDEX host_name ON host (name);"
        "CREATE VIEW names AS SELECT name FROM host"
    )
    conn.pragma("user_version", 7)
    return conn


def made(path: Path) -> Connection:
    path.touch()
    return database(path)


def test_files_are_copied_as_they_are_at_one_moment_while_somebody_writes(tmp_path: Path) -> None:
    """Each round writes the one, then the other: a copy may be at most one round apart."""
    one, two = tmp_path / "one.sqlite", tmp_path / "two.sqlite"
    writers = [made(one), made(two)]
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            for writer in writers:
                writer.execute("INSERT INTO host (name) VALUES ('x')")

    thread = threading.Thread(target=write)
    thread.start()
    into = tmp_path / "copies"
    into.mkdir()
    try:
        for _ in range(10):
            counts = []
            for copy in copy_all([Source(one), Source(two)], into, lambda done, of: None):
                with closing(Connection(copy, writable=False)) as conn:
                    assert conn.value("PRAGMA integrity_check") == "ok"
                    counts.append(int(conn.value("SELECT count(*) FROM host")))
            assert counts[0] - counts[1] in (0, 1)
    finally:
        ended.set()
        thread.join(60)
        for writer in writers:
            writer.close()
    assert sorted(path.name for path in into.iterdir()) == ["one.sqlite", "two.sqlite"]


def test_rows_left_out_stay_behind_but_their_numbers_stay_given(tmp_path: Path) -> None:
    path = tmp_path / "relay.sqlite"
    with closing(made(path)) as conn:
        conn.execute("INSERT INTO host (name) VALUES ('a'), ('b')")
        conn.execute("INSERT INTO event (frame) VALUES (x'00'), (x'01')")
        into = tmp_path / "copies"
        into.mkdir()
        (copy,) = copy_all([Source(path, ("event",))], into, lambda done, of: None)
    with closing(Connection(copy, writable=True)) as conn:
        assert conn.rows("SELECT name FROM names ORDER BY name") == [("a",), ("b",)]
        assert conn.rows("SELECT * FROM event") == []
        conn.execute("INSERT INTO event (frame) VALUES (x'02')")
        assert conn.value("SELECT max(seq) FROM event") == 3
        assert conn.pragma("user_version") == 7
        plan = conn.rows("EXPLAIN QUERY PLAN SELECT id FROM host WHERE name = 'a'")
        assert "host_name" in plan[0][3]


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "pds.sqlite"
    path.write_bytes(b"not a database at all" * 1000)
    with pytest.raises(CopyFailed, match="NotADB"):
        copy_all([Source(path)], tmp_path / "nowhere", lambda done, of: None)
