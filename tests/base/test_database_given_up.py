"""Whoever opens a file may be ended before it is open."""

import asyncio
import os
import threading
from pathlib import Path

import apsw
import pytest

from appliance.base import database
from appliance.base.database import Connection, Database, process_at
from tests.support.waiting import until


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    folder = tmp_path / "schema"
    folder.mkdir()
    (folder / "0001_notes.sql").write_text("CREATE TABLE note (text TEXT) STRICT;", "utf-8")
    return folder


async def test_a_file_is_held_until_an_opening_that_was_given_up_has_ended(
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
