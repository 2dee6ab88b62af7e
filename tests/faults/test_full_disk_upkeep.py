"""A full disk, and what is done for a network meanwhile: refused with the reason, or done without.

Backups, proofs, an index made anew, pictures, a start, a schema that is to grow.
"""

import asyncio
import io
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import aiohttp
import pytest
from PIL import Image

from appliance.base.connection import Connection
from appliance.base.database import Database, NoRoomToOpen
from appliance.upkeep.backup_journal import Journal
from tests.backup.test_backup import hearth
from tests.faults.test_full_disk import MIB, disk, fill, free, use
from tests.support.appliance import Appliance
from tests.support.client import Member, Operator, join, sign_in, soon
from tests.support.waiting import until

__all__ = ["disk"]
pytestmark = [pytest.mark.slow, pytest.mark.root]


def picture() -> bytes:
    found = io.BytesIO()
    Image.effect_noise((900, 700), 80).save(found, "JPEG")
    return found.getvalue()


async def shows(ours: Appliance, ann: Member) -> bool:
    """Ask the AppView for a picture, made smaller."""
    (cid,) = (await ann.get("com.atproto.sync.listBlobs", did=ann.did))["cids"]
    where = f"{ours.appview}/img/feed_thumbnail/plain/{ann.did}/{cid}"
    async with ann.http.get(where) as answer:
        return answer.status == 200 and len(await answer.read()) > 10_000


async def rebuild(ours: Appliance, http: aiohttp.ClientSession) -> None:
    appview = Operator(http, ours.appview, ours.operator_token)
    await appview.post("internal.hearth.appview.rebuildIndex")


def left_to_index(data: Path) -> int:
    with closing(Connection(data / "appview.sqlite", writable=False)) as conn:
        return int(conn.value("SELECT count(*) FROM actor WHERE anew = 1"))


def is_told(status: int, said: str) -> bool:
    """Tell whether a command was refused for lack of room, in words."""
    return status == 1 and "room" in said and "Traceback" not in said


def left_over(data: Path) -> list[str]:
    return [path.name for path in data.iterdir() if path.name.startswith(("backup-", ".backup"))]


def sizes(data: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in data.iterdir() if path.is_file()}


@contextmanager
def kept_full(disk: Path) -> Iterator[None]:
    """Take at once what anybody gives back, were it a megabyte of a log."""
    over = threading.Event()

    def keep() -> None:
        while not over.wait(0.01):
            fill(disk, 0)

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


async def fill_to_the_brim(disk: Path) -> None:
    """Take all there is, also what was kept in reserve."""
    fill(disk, 0)
    await until(lambda: not (disk / "data/reserve").exists())
    fill(disk, 0)


async def test_a_full_disk_and_all_that_is_done_for_a_network(
    http: aiohttp.ClientSession, disk: Path, tmp_path: Path
) -> None:
    data, place = disk / "data", tmp_path / "copies"
    ours = await asyncio.to_thread(Appliance, data=data)
    ann, bob = await join(http, ours.pds, "ann"), await join(http, ours.pds, "bob")
    await bob.follow(ann)
    blob = await ann.upload(picture(), "image/jpeg")
    embed = {"$type": "app.bsky.embed.images", "images": [{"image": blob, "alt": ""}]}
    posts = [await ann.write_post("look", embed=embed)]
    posts += [await ann.write_post(f"number {number}") for number in range(30)]
    await bob.sees(posts[-1])
    status, said = await asyncio.to_thread(hearth, "backup", "now", data=data, place=place)
    assert status == 0, said
    await until((data / "reserve").exists)
    await fill_to_the_brim(disk)

    with kept_full(disk):
        for action in ("now", "prove"):
            told = await asyncio.to_thread(hearth, "backup", action, data=data, place=place)
            assert is_told(*told), (told, free(disk), sizes(data))
            assert left_over(data) == []
    assert "room" in Journal.read(data).proof_failure
    for _ in range(2):
        assert await shows(ours, ann)
    await rebuild(ours, http)
    await use(ours, ann, posts.pop())
    await asyncio.to_thread(ours.finish)

    # It starts on a full disk, too.
    fill(disk, 0)
    ours = await asyncio.to_thread(Appliance, data=data)
    ann = await sign_in(http, ours.pds, ann.handle)
    await use(ours, ann, posts.pop())
    assert await shows(ours, ann)

    (disk / "filler").unlink()
    # What failed would be tried again in half a minute.
    await rebuild(ours, http)
    await until(lambda: left_to_index(data) == 0)
    bob = await sign_in(http, ours.pds, bob.handle)
    await soon(bob.timeline, lambda seen: seen == [each.uri for each in posts[::-1]])
    for action in ("now", "prove"):
        status, said = await asyncio.to_thread(hearth, "backup", action, data=data, place=place)
        assert status == 0, said
    assert Journal.read(data).proof_failure == ""
    await asyncio.to_thread(ours.finish)


async def test_a_schema_that_needs_more_room_than_there_is_waits_for_it(
    disk: Path, tmp_path: Path
) -> None:
    path, schema = disk / "some.sqlite", tmp_path / "schema"
    schema.mkdir()
    (schema / "0001_words.sql").write_text("CREATE TABLE word (text TEXT) STRICT")
    async with await Database.open(path, schema) as db:
        await db.write(lambda conn: conn.execute("INSERT INTO word VALUES ('kept')"))
    (schema / "0002_many.sql").write_text(
        "CREATE TABLE many AS WITH RECURSIVE n(i) AS"
        " (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) SELECT randomblob(1000) AS x FROM n"
    )
    fill(disk, MIB)
    for _ in range(2):
        with pytest.raises(NoRoomToOpen, match="no room on the disk"):
            await Database.open(path, schema)
    (disk / "filler").unlink()
    async with await Database.open(path, schema) as db:
        assert db.read("SELECT text FROM word") == [("kept",)]
        assert db.read("SELECT count(*) FROM many") == [(3000,)]
