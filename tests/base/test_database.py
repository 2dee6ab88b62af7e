import asyncio
import multiprocessing
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from appliance.base.database import (
    Connection,
    Database,
    DatabaseClosed,
    DatabaseInUse,
    DeadlineExceeded,
    WriteFailed,
    scans_a_table,
)
from appliance.base.migrations import BadSchemaFolder, DatabaseTooNew
from tests.support.waiting import until

SCHEMA = "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;"
FOREVER = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"


class Refused(Exception):
    pass


def insert(conn: Connection, text: str) -> int:
    conn.execute("INSERT INTO note (text) VALUES (?)", (text,))
    return conn.last_insert_rowid()


def insert_and_fail(conn: Connection, text: str) -> None:
    insert(conn, text)
    raise Refused(text)


def texts(conn: Connection) -> list[str]:
    return [row[0] for row in conn.rows("SELECT text FROM note ORDER BY id")]


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    folder = tmp_path / "schema"
    folder.mkdir()
    (folder / "0001_notes.sql").write_text(SCHEMA, encoding="utf-8")
    return folder


@pytest.fixture
async def db(tmp_path: Path, schema: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "notes.sqlite", schema) as database:
        yield database


async def test_a_write_returns_its_value_and_is_then_readable(db: Database) -> None:
    assert await db.write(insert, "first") == 1
    assert db.read("SELECT text FROM note WHERE id = ?", 1) == [("first",)]
    assert db.read_one("SELECT text FROM note WHERE id = ?", 2) is None


async def test_one_bad_job_never_fails_its_neighbours(db: Database) -> None:
    jobs = [
        db.write(insert_and_fail, f"bad {n}") if n % 3 == 0 else db.write(insert, f"good {n}")
        for n in range(30)
    ]
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [isinstance(result, Refused) for result in results] == [n % 3 == 0 for n in range(30)]
    assert await db.scan(texts) == [f"good {n}" for n in range(30) if n % 3]


async def test_jobs_that_wait_share_a_transaction(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.base.writer.LONGEST_BATCH_SECONDS", 60.0)
    begun, release = threading.Event(), asyncio.Event()
    commits: list[int] = []
    loop = asyncio.get_running_loop()

    def note_commit() -> bool:
        commits.append(1)
        return False

    def count_commits(conn: Connection) -> None:
        conn.set_commit_hook(note_commit)

    def slow(conn: Connection) -> None:
        begun.set()
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(60)

    await db.write(count_commits)
    commits.clear()
    held = asyncio.ensure_future(db.write(slow))
    await until(begun.is_set)
    waiting = [asyncio.ensure_future(db.write(insert, f"shared {n}")) for n in range(10)]
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(held, *waiting)
    assert len(await db.scan(texts)) == 10
    assert len(commits) == 2  # the held one, and one for all that waited


async def test_what_follows_a_commit_runs_in_order_and_reads_what_was_written(
    db: Database,
) -> None:
    seen: list[tuple[str, int]] = []

    def job(conn: Connection, text: str) -> None:
        insert(conn, text)
        conn.after_commit(lambda: seen.append((text, len(db.read("SELECT id FROM note LIMIT 99")))))

    await asyncio.gather(*(db.write(job, str(n)) for n in range(5)))
    assert [text for text, _ in seen] == ["0", "1", "2", "3", "4"]
    assert all(count >= n + 1 for n, (_, count) in enumerate(seen))


async def test_what_follows_a_commit_comes_before_the_answer(db: Database) -> None:
    seen: list[str] = []

    def job(conn: Connection) -> None:
        conn.after_commit(lambda: seen.append("published"))

    await db.write(job)
    assert seen == ["published"]


async def test_an_undone_job_publishes_nothing_and_takes_back(db: Database) -> None:
    seen: list[str] = []

    def job(conn: Connection) -> None:
        conn.after_commit(lambda: seen.append("published"))
        conn.if_undone(lambda: seen.append("undone 1"))
        conn.if_undone(lambda: seen.append("undone 2"))
        raise Refused

    with pytest.raises(Refused):
        await db.write(job)
    assert seen == ["undone 2", "undone 1"]


async def test_a_failing_publisher_does_not_stop_the_others(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def broken() -> None:
        raise Refused("publisher")

    def job(conn: Connection) -> None:
        conn.after_commit(broken)
        conn.after_commit(lambda: seen.append("second"))

    await db.write(job)
    assert seen == ["second"]
    assert "call after a write failed" in caplog.text


async def test_a_full_disk_fails_the_jobs_by_name_and_the_database_stays_usable(
    db: Database,
) -> None:
    await db.write(insert, "before")
    undone: list[str] = []

    def cap(conn: Connection, pages: int) -> None:
        conn.pragma("max_page_count", conn.pragma("page_count") + pages)

    def fill(conn: Connection, text: str) -> None:
        conn.if_undone(lambda: undone.append(text[0]))
        insert(conn, text)

    await db.write(cap, 0)
    with pytest.raises(WriteFailed, match="full"):
        await db.write(fill, "x" * 100_000)
    assert undone == ["x"]
    await db.write(cap, 10_000)
    await db.write(insert, "after")
    assert await db.scan(texts) == ["before", "after"]


async def test_a_lost_transaction_fails_every_job_in_it(db: Database) -> None:
    def lose(conn: Connection) -> None:
        conn.execute("ROLLBACK")
        raise apsw.FullError("database or disk is full")

    results = await asyncio.gather(
        db.write(insert, "a"), db.write(lose), db.write(insert, "b"), return_exceptions=True
    )
    assert isinstance(results[1], WriteFailed)
    kept = await db.scan(texts)
    for text, result in (("a", results[0]), ("b", results[2])):
        assert (text in kept) == (not isinstance(result, BaseException))


async def test_a_refused_commit_fails_the_jobs_and_leaves_nothing(
    tmp_path: Path, schema: Path
) -> None:
    (schema / "0002_child.sql").write_text(
        "CREATE TABLE child (note INTEGER REFERENCES note(id) DEFERRABLE INITIALLY DEFERRED);",
        encoding="utf-8",
    )

    def orphan(conn: Connection) -> None:
        insert(conn, "parentless")
        conn.execute("INSERT INTO child VALUES (?)", (4711,))

    async with await Database.open(tmp_path / "c.sqlite", schema) as db:
        with pytest.raises(apsw.ConstraintError):
            await db.write(orphan)
        await db.write(insert, "next")
        assert await db.scan(texts) == ["next"]


async def test_a_cancelled_caller_does_not_lose_the_write(db: Database) -> None:
    task = asyncio.ensure_future(db.write(insert, "kept"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await db.write(insert, "later")
    assert await db.scan(texts) == ["kept", "later"]


async def test_closing_waits_for_queued_writes(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "q.sqlite"
    db = await Database.open(path, schema)
    writes = [asyncio.ensure_future(db.write(insert, str(n))) for n in range(50)]
    await asyncio.sleep(0)
    await db.close()
    assert await asyncio.gather(*writes) == list(range(1, 51))
    with pytest.raises(DatabaseClosed):
        await db.write(insert, "too late")
    assert not path.with_name("q.sqlite-wal").exists()


async def test_what_follows_the_last_commit_may_still_read(tmp_path: Path, schema: Path) -> None:
    db = await Database.open(tmp_path / "l.sqlite", schema)
    seen: list[int] = []

    def job(conn: Connection) -> None:
        insert(conn, "last")
        conn.after_commit(lambda: seen.append(len(db.read("SELECT id FROM note LIMIT 9"))))

    write = asyncio.ensure_future(db.write(job))
    await asyncio.sleep(0)
    await db.close()
    await write
    assert seen == [1]


async def test_the_reading_connection_cannot_write(db: Database) -> None:
    with pytest.raises(apsw.ReadOnlyError):
        db.read("INSERT INTO note (text) VALUES ('x') RETURNING id")


async def test_a_scan_past_its_deadline_is_stopped_and_the_next_one_works(db: Database) -> None:
    with pytest.raises(DeadlineExceeded):
        async with asyncio.timeout(60):
            await db.scan(lambda conn: conn.value(FOREVER), deadline=0.05)
    assert await db.scan(texts) == []


async def test_closing_stops_a_running_scan(tmp_path: Path, schema: Path) -> None:
    db = await Database.open(tmp_path / "s.sqlite", schema)
    begun = threading.Event()

    def endless(conn: Connection) -> None:
        begun.set()
        conn.value(FOREVER)

    scan = asyncio.ensure_future(db.scan(endless, deadline=3600))
    await until(begun.is_set)
    async with asyncio.timeout(60):
        await db.close()
    with pytest.raises(DeadlineExceeded):
        await scan


async def test_what_is_kept_in_memory_is_given_back_and_all_goes_on(db: Database) -> None:
    await db.write(insert, "x" * 500_000)
    assert len(await db.scan(texts)) == 1
    before = apsw.memory_used()
    await db.slim()
    assert apsw.memory_used() < before - 500_000
    await db.write(insert, "more")
    assert len(await db.scan(texts)) == 2


async def test_a_scan_sees_one_snapshot(db: Database) -> None:
    await db.write(insert, "one")
    loop = asyncio.get_running_loop()

    def twice(conn: Connection) -> tuple[int, int]:
        before = len(texts(conn))
        asyncio.run_coroutine_threadsafe(db.write(insert, "two"), loop).result(60)
        return before, len(texts(conn))

    assert await db.scan(twice) == (1, 1)


async def test_inline_statements_are_noted_and_scans_among_them_found(db: Database) -> None:
    db.read("SELECT id FROM note WHERE text = ?", "x")
    db.read_one("SELECT id FROM note WHERE text LIKE ?1 || 'x'", "x")
    assert db.full_scans() == ["SELECT id FROM note WHERE text LIKE ?1 || 'x'"]


def test_a_limited_scan_in_index_order_is_bounded(tmp_path: Path) -> None:
    conn = apsw.Connection(":memory:")
    conn.execute(SCHEMA)
    assert not scans_a_table(conn, "SELECT id FROM note ORDER BY id DESC LIMIT ?")
    assert scans_a_table(conn, "SELECT id FROM note ORDER BY length(text) LIMIT ?")
    assert scans_a_table(conn, "SELECT count(*) FROM note")


def _hold(path: str, ready: str) -> None:
    async def hold() -> None:
        folder = Path(path).parent / "schema"
        async with await Database.open(Path(path), folder):
            await asyncio.to_thread(Path(ready).touch)
            await asyncio.sleep(30)

    asyncio.run(hold())


async def test_a_second_process_is_refused_and_told_who_holds_the_file(
    tmp_path: Path, schema: Path
) -> None:
    path, ready = tmp_path / "held.sqlite", tmp_path / "ready"
    process = multiprocessing.get_context("spawn").Process(
        target=_hold, args=(str(path), str(ready))
    )
    process.start()
    try:
        await until(ready.exists)
        with pytest.raises(DatabaseInUse, match=str(process.pid)):
            await Database.open(path, schema)
    finally:
        process.kill()
        process.join(60)
    async with await Database.open(path, schema) as db:
        await db.write(insert, "the lock died with its holder")


async def test_files_are_readable_by_their_owner_only(db: Database) -> None:
    await db.write(insert, "secret")
    for path in db.path.parent.glob("notes.sqlite*"):
        assert path.stat().st_mode & 0o077 == 0, path


async def test_migrations_run_once_in_order(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "m.sqlite"
    async with await Database.open(path, schema) as db:
        await db.write(insert, "old")
    (schema / "0002_stars.sql").write_text(
        "ALTER TABLE note ADD COLUMN stars INTEGER NOT NULL DEFAULT 3;", encoding="utf-8"
    )
    for _ in range(2):
        async with await Database.open(path, schema) as db:
            assert db.read_one("SELECT stars FROM note WHERE id = 1") == (3,)


async def test_a_failing_migration_leaves_the_file_as_it_was(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "f.sqlite"
    bad = schema / "0002_bad.sql"
    bad.write_text("CREATE TABLE half (x); SELECT no_such_thing;", encoding="utf-8")
    with pytest.raises(apsw.SQLError):
        await Database.open(path, schema)
    bad.write_text("CREATE TABLE half (x);", encoding="utf-8")
    async with await Database.open(path, schema) as db:
        assert db.read("SELECT x FROM half LIMIT 1") == []


async def test_a_file_of_a_later_version_is_refused(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "n.sqlite"
    later = schema / "0002_later.sql"
    later.write_text("CREATE TABLE later (x);", encoding="utf-8")
    await (await Database.open(path, schema)).close()
    later.unlink()
    with pytest.raises(DatabaseTooNew, match="schema 2, this program knows 1"):
        await Database.open(path, schema)


async def test_a_schema_folder_with_one_number_twice_is_refused(
    tmp_path: Path, schema: Path
) -> None:
    (schema / "0001_again.sql").write_text("SELECT 1;", encoding="utf-8")
    with pytest.raises(BadSchemaFolder):
        await Database.open(tmp_path / "d.sqlite", schema)


async def test_the_log_is_copied_back_when_nothing_waits(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.base.writer.IDLE_SECONDS", 0.02)
    monkeypatch.setattr("appliance.base.writer.SMALL_LOG_BYTES", 1)
    before = db.path.stat().st_size
    await db.write(insert, "y" * 100_000)
    await until(lambda: db.path.stat().st_size > before + 100_000)
