"""Room for the copies of others: theirs alone, so much, and never gone at once."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, encode_basic_auth, web
from aiohttp.test_utils import TestServer

from appliance.base.room import Room
from appliance.upkeep.lodging.lodgers import Lodgers, UnfitName
from appliance.upkeep.lodging.routes import FOLDER, LIST, add_lodging
from appliance.upkeep.lodging.store import KEPT_SECONDS, used_in
from tests.support.waiting import until

QUOTA = 1000


@dataclass
class Inn:
    """A server with one lodger, and that lodger's requests."""

    session: ClientSession
    base: str
    data: Path
    token: str

    async def ask(self, verb: str, path: str, body: Any = None, **more: str) -> tuple[int, bytes]:
        login = encode_basic_auth(more.pop("name", "attic"), more.pop("token", self.token))
        headers = {"Authorization": login, **more}
        url = f"{self.base}/-/copies/{path}"
        async with self.session.request(verb, url, data=body, headers=headers) as answer:
            return answer.status, await answer.read()

    async def keep(self, content: bytes, kind: str = "data") -> str:
        name = hashlib.sha256(content).hexdigest()
        assert (await self.ask("POST", f"attic/{kind}/{name}", content))[0] == 200
        return f"attic/{kind}/{name}"


@pytest.fixture
async def inn(tmp_path: Path) -> AsyncIterator[Inn]:
    app = web.Application()
    add_lodging(app, tmp_path)
    token = Lodgers(tmp_path).let_in("attic", QUOTA)
    async with TestServer(app) as server, ClientSession() as session:
        yield Inn(session, str(server.make_url("")).rstrip("/"), tmp_path, token)


async def test_what_is_kept_can_be_listed_read_and_read_in_part(inn: Inn) -> None:
    assert (await inn.ask("POST", "attic/?create=true"))[0] == 200
    assert (await inn.ask("HEAD", "attic/config"))[0] == 404
    assert (await inn.ask("POST", "attic/config", b"sealed"))[0] == 200
    assert await inn.ask("GET", "attic/config") == (200, b"sealed")
    path = await inn.keep(b"0123456789")
    assert await inn.ask("GET", path) == (200, b"0123456789")
    assert await inn.ask("GET", path, Range="bytes=2-4") == (206, b"234")
    status, listed = await inn.ask("GET", "attic/data/", Accept=LIST)
    assert status == 200
    assert path.rpartition("/")[2].encode() in listed
    assert (await inn.ask("HEAD", path))[0] == 200


async def test_nobody_else_is_let_in_and_nobody_reaches_the_files_of_others(inn: Inn) -> None:
    other = Lodgers(inn.data).let_in("cellar", QUOTA)
    path = await inn.keep(b"mine")
    assert (await inn.ask("GET", path, token="guess"))[0] == 401
    assert (await inn.ask("GET", path, name="cellar", token=other))[0] == 401
    assert (await inn.ask("GET", path, name="nobody", token=""))[0] == 401
    assert (await inn.ask("GET", path, name="attic", token=other))[0] == 401
    assert Lodgers(inn.data).put_out("attic")
    assert (await inn.ask("GET", path))[0] == 401
    assert not Lodgers(inn.data).put_out("attic")


@pytest.mark.parametrize(
    "path",
    ["attic/data/short", "attic/..%2f..%2fsecrets/x", "attic/deleted/x", "attic/data/" + "A" * 64],
)
async def test_only_the_names_of_files_are_names(inn: Inn, path: str) -> None:
    assert (await inn.ask("GET", path))[0] == 404
    assert (await inn.ask("POST", path, b"x"))[0] == 404


async def test_nothing_is_overwritten_or_kept_under_a_name_that_is_not_its_own(inn: Inn) -> None:
    path = await inn.keep(b"first")
    assert (await inn.ask("POST", path, b"first"))[0] == 403
    assert (await inn.ask("POST", f"attic/data/{'0' * 64}", b"not it"))[0] == 400
    assert (await inn.ask("POST", "attic/config", b"a"))[0] == 200
    assert (await inn.ask("POST", "attic/config", b"b"))[0] == 403
    files = [each.name for each in (inn.data / FOLDER).rglob("*") if each.is_file()]
    assert sorted(files) == sorted(["config", path.rpartition("/")[2]])


async def test_what_is_deleted_lies_aside_for_a_month_and_counts_so_long(inn: Inn) -> None:
    path = await inn.keep(bytes(900))
    assert (await inn.ask("DELETE", path))[0] == 200
    assert (await inn.ask("GET", path))[0] == 404
    (aside,) = (inn.data / FOLDER / "attic" / "deleted" / "data").iterdir()
    assert aside.read_bytes() == bytes(900)
    more = bytes([1]) * 200
    name = hashlib.sha256(more).hexdigest()
    assert (await inn.ask("POST", f"attic/data/{name}", more))[0] == 507
    then = time.time() - KEPT_SECONDS - 60
    os.utime(aside, (then, then))
    assert (await inn.ask("POST", f"attic/data/{name}", more))[0] == 200
    assert not aside.exists()


async def slowly(content: bytes, half_way: asyncio.Event, go_on: asyncio.Event) -> Any:
    yield content[: len(content) // 2]
    half_way.set()
    await go_on.wait()
    yield content[len(content) // 2 :]


async def test_however_many_files_come_at_once_the_quota_is_for_all(inn: Inn) -> None:
    go_on = asyncio.Event()
    first, second = bytes([1]) * 800, bytes([2]) * 800
    begun = []
    for content in (first, second):
        half_way = asyncio.Event()
        name = hashlib.sha256(content).hexdigest()
        told = inn.ask("POST", f"attic/data/{name}", slowly(content, half_way, go_on))
        begun.append(asyncio.ensure_future(told))
        await asyncio.wait_for(half_way.wait(), 60)
    # The files that have begun to come are there now.
    await until(lambda: len([one for one in inn.data.rglob(".*") if one.is_file()]) == 2)
    go_on.set()
    statuses = [(await each)[0] for each in begun]
    assert sorted(statuses) == [200, 507]
    assert used_in(inn.data / FOLDER / "attic") == 800
    # What was refused takes no room from what comes later.
    await inn.keep(bytes([3]) * 200)
    assert (await inn.ask("POST", f"attic/data/{hashlib.sha256(b'x').hexdigest()}", b"x"))[0] == 507


async def test_no_lodger_fills_the_disk_but_whoever_reads_gets_a_lock(
    inn: Inn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Room, "is_short", True)
    name = hashlib.sha256(b"x").hexdigest()
    assert (await inn.ask("POST", f"attic/data/{name}", b"x"))[0] == 507
    await inn.keep(b"reading", "locks")
    assert [each.name for each in (inn.data / FOLDER / "attic/data").iterdir()] == []


async def test_a_lock_goes_at_once(inn: Inn) -> None:
    path = await inn.keep(b"at work", "locks")
    assert (await inn.ask("DELETE", path))[0] == 200
    assert not [each for each in (inn.data / FOLDER).rglob("*") if each.is_file()]


@pytest.mark.parametrize("name", ["", "Attic", "../x", "a b", "-a", "a" * 41])
def test_a_name_is_plain(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnfitName):
        Lodgers(tmp_path).let_in(name, QUOTA)
