"""What is waited for to the end: a database that closes, though its closer is told to end."""

import asyncio
import threading
from pathlib import Path

import pytest

from appliance.base.apart import to_the_end
from appliance.base.database import Connection, Database
from tests.support.waiting import PATIENCE_SECONDS, until


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    folder = tmp_path / "schema"
    folder.mkdir()
    (folder / "0001_notes.sql").write_text("CREATE TABLE note (text TEXT) STRICT;")
    return folder


class Held:
    """Work in a thread that goes on until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.free = threading.Event()

    def work(self, _conn: Connection | None = None) -> str:
        self.begun.set()
        assert self.free.wait(PATIENCE_SECONDS)
        return "done"


@pytest.mark.parametrize("how", ["write", "scan"])
async def test_a_closing_that_is_cancelled_leaves_the_file_to_the_next(
    tmp_path: Path, schema: Path, how: str
) -> None:
    path, held = tmp_path / "c.sqlite", Held()
    db = await Database.open(path, schema)
    await db.write(lambda conn: conn.execute("INSERT INTO note VALUES ('kept')"))
    work = asyncio.ensure_future(getattr(db, how)(held.work))
    await until(held.begun.is_set)
    closing = asyncio.ensure_future(db.close())
    for _ in range(2):
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing], timeout=0.05)
    held.free.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert await work == "done"
    assert not path.with_name("c.sqlite-wal").exists()
    async with await Database.open(path, schema) as again:
        assert again.read("SELECT text FROM note LIMIT 9") == [("kept",)]


async def test_a_closing_that_takes_too_long_for_somebody_is_told_so_at_its_end(
    tmp_path: Path, schema: Path
) -> None:
    path, held = tmp_path / "t.sqlite", Held()
    db = await Database.open(path, schema)
    work = asyncio.ensure_future(db.write(held.work))
    await until(held.begun.is_set)
    threading.Timer(0.2, held.free.set).start()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await db.close()
    assert await work == "done"
    await (await Database.open(path, schema)).close()


async def test_what_fails_amid_the_closing_leaves_nothing_else_open(
    tmp_path: Path, schema: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = await Database.open(tmp_path / "f.sqlite", schema)

    def no_thread() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(db._pool, "shutdown", no_thread)
    with pytest.raises(RuntimeError, match="new thread"):
        await db.close()
    await (await Database.open(tmp_path / "f.sqlite", schema)).close()


async def test_what_is_waited_for_to_the_end_gives_and_raises_what_it_does() -> None:
    assert await to_the_end(lambda: 1) == 1
    with pytest.raises(ValueError, match="x"):
        await to_the_end(lambda: int("x"))
