"""What is answered is on the disk: in life, if not in most tests."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import apsw
import pytest

from appliance.base.connection import Connection
from appliance.base.database import Database
from tests.support import quick_disk
from tests.support.faulty_disk import below_sqlite


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    folder = tmp_path / "schema"
    folder.mkdir()
    (folder / "0001_note.sql").write_text("CREATE TABLE note (text TEXT NOT NULL) STRICT;")
    return folder


@pytest.fixture
def disk_as_in_life() -> Iterator[None]:
    with quick_disk.as_in_life():
        yield


async def level(path: Path, schema: Path, promise: Literal["FULL", "NORMAL"]) -> int:
    async with await Database.open(path, schema, promise) as db:
        found = await db.write(lambda conn: conn.value("PRAGMA synchronous"))
    return int(found)


@pytest.mark.usefixtures("disk_as_in_life")
async def test_a_database_keeps_what_it_is_asked_to_promise(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "note.sqlite"
    assert await level(path, schema, "FULL") == 2
    assert await level(path, schema, "NORMAL") == 1


async def test_each_write_is_synced_before_it_is_answered(tmp_path: Path, schema: Path) -> None:
    def insert(conn: Connection) -> None:
        conn.execute("INSERT INTO note VALUES ('a')")

    with below_sqlite() as disk:
        async with await Database.open(tmp_path / "note.sqlite", schema) as db:
            for _ in range(3):
                before = disk.counts["sync"]
                await db.write(insert)
                assert disk.counts["sync"] > before


async def test_no_other_test_waits_for_the_disk(tmp_path: Path, schema: Path) -> None:
    assert await level(tmp_path / "note.sqlite", schema, "FULL") == 0


async def page_bytes(path: Path, schema: Path) -> int:
    async with await Database.open(path, schema) as db:
        found = await db.write(lambda conn: conn.value("PRAGMA page_size"))
    return int(found)


async def test_small_pages_are_written_unless_a_file_has_large_ones(
    tmp_path: Path, schema: Path
) -> None:
    assert await page_bytes(tmp_path / "new.sqlite", schema) == 2048
    with contextlib.closing(apsw.Connection(str(tmp_path / "old.sqlite"))) as old:
        old.pragma("page_size", 4096)
        old.pragma("journal_mode", "WAL")
    assert await page_bytes(tmp_path / "old.sqlite", schema) == 4096
