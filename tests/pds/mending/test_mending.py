"""Damaged records and blobs are found, told, and had again wherever the same bytes are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.atproto.car import write_car
from appliance.atproto.cid import Cid
from appliance.base.connection import Connection
from appliance.pds import soundness
from tests.support.pds_box import Box, Member, open_box

POST = "app.bsky.feed.post"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@dataclass(frozen=True)
class Kept:
    """A record as it lies on the disk."""

    did: str
    path: str
    cid: Cid
    block: bytes


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path) as box:
        yield box


async def order(box: Box, sql: str, *args: Any) -> list[Any]:
    """Do something to the database, behind everybody's back."""

    def run(conn: Connection) -> list[Any]:
        return conn.rows(sql, *args)

    return await box.pds.doctor.mending._db.write(run)


async def record_of(box: Box, member: Member, **more: Any) -> Kept:
    """Have a post written; give it as it lies."""
    post = {"$type": POST, "text": "hi", "createdAt": "2026-11-20T10:00:00Z", **more}
    given = {"repo": member.did, "collection": POST, "record": post}
    answer = await box.post("com.atproto.repo.createRecord", member.access, **given)
    path = "/".join(answer.json["uri"].split("/")[-2:])
    return Kept(member.did, path, *await row_of(box, path))


async def row_of(box: Box, path: str) -> tuple[Cid, bytes]:
    [(cid, block)] = await order(box, "SELECT cid, block FROM record WHERE path = ?", path)
    return Cid(cid), block


def flipped(value: bytes, at: int = 20) -> bytes:
    return bytes(byte ^ (place == at) for place, byte in enumerate(value))


async def damage(box: Box, kept: Kept, column: str = "block") -> None:
    value = kept.block if column == "block" else kept.cid
    sql = f"UPDATE record SET {column} = ? WHERE path = ?"  # noqa: S608
    await order(box, sql, flipped(value), kept.path)


async def forget_events(box: Box) -> None:
    """As after nine days."""
    await order(box, "DELETE FROM event")


async def mend(box: Box, place: str = "") -> None:
    await box.pds.doctor.mend(place)


def faults(box: Box) -> list[str]:
    """Ask those who look at a backup."""
    data = box.pds.settings.paths.data
    conn = Connection(data / "pds.sqlite", writable=False)
    try:
        return soundness.examine(conn, data / "blobs", lambda *_: None).faults
    finally:
        conn.close()


def causes(box: Box) -> list[str]:
    return [one.cause for one in box.pds.doctor.mending.findings() if one.level == "bad"]


@asynccontextmanager
async def elsewhere(answers: dict[str, bytes]) -> AsyncIterator[tuple[str, list[str]]]:
    """Another server that has something; give its address, and what it is asked."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        nsid = request.match_info["nsid"]
        asked.append(nsid)
        if nsid not in answers:
            return web.json_response({"error": "NotFound"}, status=404)
        return web.Response(body=answers[nsid])

    app = web.Application()
    app.router.add_get("/xrpc/{nsid}", answer)
    async with TestServer(app) as server:
        yield f"http://localhost:{server.port}", asked


@pytest.mark.parametrize("column", ["block", "cid"])
async def test_a_damaged_record_is_told_and_had_again_from_our_own_log(
    box: Box, column: str
) -> None:
    member = await box.sign_up()
    kept = [await record_of(box, member, text=f"number {number}") for number in range(5)]
    assert await box.pds.doctor.mending.look() == []
    await damage(box, kept[2], column)
    [finding] = await box.pds.doctor.mending.look()
    assert (finding.level, finding.cause) == ("bad", "record-damaged")
    assert f"at://{member.did}/{kept[2].path}" in finding.seen
    await mend(box)
    assert await row_of(box, kept[2].path) == (kept[2].cid, kept[2].block)
    assert (causes(box), faults(box)) == ([], [])
    [told] = box.pds.doctor.mending.findings()
    assert told.seen.startswith("1 put right: ")


async def test_of_several_damaged_ones_each_is_told_apart_by_the_signed_root(box: Box) -> None:
    member, other = await box.sign_up(), await box.sign_up("bob")
    kept = [await record_of(box, member, text=f"number {number}") for number in range(3)]
    kept.append(await record_of(box, other))
    for number, column in enumerate(["cid", "block", "block", "cid"]):
        await damage(box, kept[number], column)
    await mend(box)
    assert faults(box) == []
    for each in kept:
        assert await row_of(box, each.path) == (each.cid, each.block)


async def test_what_the_log_has_no_more_comes_from_the_app_view_if_its_bytes_are_the_same(
    box: Box,
) -> None:
    member = await box.sign_up()
    kept = await record_of(box, member)
    value = {"$type": POST, "text": "hi", "createdAt": "2026-11-20T10:00:00Z"}
    await forget_events(box)
    await damage(box, kept)
    box.appview.body = orjson.dumps({"uri": "", "cid": "", "value": {**value, "text": "ho"}})
    await mend(box)
    assert causes(box) == ["record-damaged"]
    assert (await row_of(box, kept.path))[1] == flipped(kept.block)
    box.appview.body = orjson.dumps({"uri": "", "cid": "", "value": value})
    await mend(box)
    assert (await row_of(box, kept.path), faults(box)) == ((kept.cid, kept.block), [])


@pytest.mark.parametrize("method", ["getBlocks", "getRecord"])
async def test_a_server_elsewhere_gives_it_and_need_not_be_trusted(box: Box, method: str) -> None:
    member = await box.sign_up()
    kept = await record_of(box, member)
    await forget_events(box)
    await damage(box, kept)
    nsid = f"com.atproto.sync.{method}"
    lie = write_car(Cid.for_block(b"\xa0"), [(Cid.for_block(b"\xa0"), b"\xa0")])
    # An archive that says of other bytes that they are this one.
    forged = write_car(kept.cid, [(kept.cid, flipped(kept.block))])
    for body in (b"nonsense", lie, forged):
        async with elsewhere({nsid: body}) as (url, asked):
            await mend(box, url)
        assert nsid in asked
        assert causes(box) == ["record-damaged"]
        assert (await row_of(box, kept.path))[1] == flipped(kept.block)
    [finding] = box.pds.doctor.mending.findings()
    assert "nobody who was asked has it" in finding.remedy
    assert "backup" in finding.remedy
    async with elsewhere({nsid: write_car(kept.cid, [(kept.cid, kept.block)])}) as (url, _):
        await mend(box, url)
    assert (await row_of(box, kept.path), faults(box)) == ((kept.cid, kept.block), [])


async def test_nothing_is_written_where_the_signed_commit_itself_is_damaged(box: Box) -> None:
    member = await box.sign_up()
    kept = await record_of(box, member)
    await damage(box, kept)
    [(block,)] = await order(box, "SELECT commit_block FROM repo")
    await order(box, "UPDATE repo SET commit_block = ?", flipped(block, len(block) - 1))
    await mend(box)
    assert causes(box) == ["record-damaged"]
    assert (await row_of(box, kept.path))[1] == flipped(kept.block)


@pytest.mark.parametrize("is_missing", [True, False])
async def test_a_blob_comes_from_a_server_that_has_it_and_no_other_bytes_do(
    box: Box, is_missing: bool
) -> None:
    member = await box.sign_up()
    kind = {"Content-Type": "image/png"}
    path = "/xrpc/com.atproto.repo.uploadBlob"
    sent = await box.ask("POST", path, token=member.access, data=PNG, headers=kind)
    images = [{"image": sent.json["blob"], "alt": ""}]
    await record_of(box, member, embed={"$type": "app.bsky.embed.images", "images": images})
    assert await box.pds.doctor.mending.look() == []
    [file] = (box.pds.settings.paths.blobs).rglob("b*")
    if is_missing:
        file.unlink()
    else:
        file.write_bytes(flipped(PNG))
    [finding] = await box.pds.doctor.mending.look()
    assert (finding.cause, file.name in finding.seen) == ("blob-damaged", True)
    nsid = "com.atproto.sync.getBlob"
    async with elsewhere({nsid: flipped(PNG, 30)}) as (url, asked):
        await mend(box, url)
    assert (asked, causes(box)) == ([nsid], ["blob-damaged"])
    assert file.exists() != is_missing
    async with elsewhere({nsid: PNG}) as (url, _):
        await mend(box, url)
    assert (file.read_bytes(), causes(box), faults(box)) == (PNG, [], [])


async def test_a_look_that_has_no_time_goes_on_where_the_last_one_ended(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await box.sign_up()
    kept = [await record_of(box, member, text=f"number {number}") for number in range(6)]
    await damage(box, kept[5])
    monkeypatch.setattr("appliance.pds.mending.mending._PAGE", 2)
    for _ in range(2):
        assert await box.pds.doctor.mending.look(0.0) == []
    [finding] = await box.pds.doctor.mending.look(0.0)
    assert kept[5].path in finding.seen
