"""How the servers of a move are entered, and what an account is called at the new one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.base.http import HttpClient, OutboundPolicy
from appliance.moving import doors
from appliance.moving.command import NOT_FINISHED
from appliance.moving.doors import PasswordDoor, Wish, suitable_handle
from appliance.moving.journal import Journal
from appliance.moving.trouble import Trouble
from tests.support.appliance import Appliance
from tests.support.client import PASSWORD, join
from tests.support.moving import hearth, mailed_code

OLD = {"availableUserDomains": [".old.test"]}
NEW = {"availableUserDomains": [".new.test", ".test"]}


@pytest.mark.parametrize(
    ("handle", "wanted"),
    [
        ("ann.old.test", "ann.new.test"),
        ("ann.new.test", "ann.new.test"),
        ("ann.test", "ann.test"),
        ("ann.example.com", "ann.example.com"),
        ("a.b.old.test", "a.b.old.test"),
    ],
)
def test_a_handle_is_kept_or_gets_the_new_servers_ending(handle: str, wanted: str) -> None:
    assert suitable_handle(Wish(), handle, OLD, NEW) == wanted
    assert suitable_handle(Wish(handle="zoe.test"), handle, OLD, NEW) == "zoe.test"
    assert suitable_handle(Wish(), handle, OLD, {}) == handle


@pytest.fixture
async def shared_door(network: Appliance, http: aiohttp.ClientSession) -> AsyncIterator[str]:
    """A server that signs people in and keeps nothing of theirs."""

    async def sign_in(request: web.Request) -> web.Response:
        headers = {
            name: request.headers[name]
            for name in ("Authorization", "Content-Type")
            if name in request.headers
        }
        body = await request.read()
        async with http.post(network.pds + request.path, data=body, headers=headers) as answer:
            return web.Response(
                status=answer.status, body=await answer.read(), content_type="application/json"
            )

    app = web.Application()
    for name in ("createSession", "refreshSession"):
        app.router.add_post(f"/xrpc/com.atproto.server.{name}", sign_in)
    async with TestServer(app) as server:
        yield f"http://localhost:{server.port}"


async def test_behind_a_door_that_many_servers_share_the_account_is_found(
    second: Appliance,
    network: Appliance,
    shared_door: str,
    http: aiohttp.ClientSession,
    tmp_path: Path,
) -> None:
    ann = await join(http, network.pds, "ann")
    post = await ann.write_post("where I live")
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    order = ["move-in", ann.handle, "--from", shared_door, "--folder", str(tmp_path / "move")]
    order += ["--password-file", str(password)]
    assert (await hearth(second, *order))[0] == NOT_FINISHED
    code = await mailed_code(http, network, ann.did)
    assert (await hearth(second, *order, "--code", code))[0] == 0
    async with http.get(
        f"{second.pds}/xrpc/com.atproto.repo.getRecord",
        params={"repo": ann.did, "collection": "app.bsky.feed.post", "rkey": post.rkey},
    ) as answer:
        assert (await answer.json())["cid"] == post.cid


async def test_a_wrong_password_and_a_useless_address_are_told_in_a_line(
    network: Appliance,
    second: Appliance,
    http: aiohttp.ClientSession,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ann = await join(http, network.pds, "ann")
    password = tmp_path / "password"
    password.write_text("not this one")
    order = ["move-in", ann.handle, "--folder", str(tmp_path / "move")]
    order += ["--password-file", str(password)]
    assert (await hearth(second, *order, "--from", network.pds))[0] == 1
    assert f"signing in as {ann.handle} failed" in capsys.readouterr().err
    assert (await hearth(second, *order, "--from", "http://localhost:9"))[0] == 1
    assert "tells of http://localhost" in capsys.readouterr().err
    order[-3] = str(tmp_path / "other")
    assert (await hearth(second, *order, "--from", "http://localhost:9"))[0] == 1
    assert "http://localhost:9 does not answer" in capsys.readouterr().err
    assert (await hearth(second, *order[:3], str(tmp_path / "x"), "--from", "ftp://x"))[0] == 1
    assert "no usable endpoint" in capsys.readouterr().err


@pytest.mark.parametrize("patience", [0.2, 30.0])
async def test_a_server_may_think_for_as_long_as_a_letter_takes(
    patience: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doors, "SECONDS_TO_ANSWER", patience)
    thinks = asyncio.Event()

    async def sign_in(_: web.Request) -> web.Response:
        await thinks.wait()
        return web.json_response({"accessJwt": "a", "refreshJwt": "b"})

    async def login() -> tuple[str, str]:
        return "zoe.test", PASSWORD

    async def asked(_: str) -> str:
        raise AssertionError

    app = web.Application()
    app.router.add_post("/xrpc/com.atproto.server.createSession", sign_in)
    async with (
        TestServer(app) as server,
        HttpClient.open(OutboundPolicy(allow_loopback=True)) as http,
    ):
        journal = Journal(tmp_path / "journal.json", "move-in", ())
        url = f"http://localhost:{server.port}"
        door = PasswordDoor(http, url, journal, login, asked)
        asyncio.get_running_loop().call_later(1.0, thinks.set)
        if patience > 1.0:
            assert (await door()).token == "a"
            return
        with pytest.raises(Trouble, match=r"no answer within 0\.2 s"):
            await door()


async def test_an_address_without_a_scheme_is_one_of_the_web(
    second: Appliance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = ["move-in", "a.example.com", "--from", "pds.invalid/", "--folder", str(tmp_path / "x")]
    (tmp_path / "password").write_text("x")
    order += ["--password-file", str(tmp_path / "password")]
    assert (await hearth(second, *order))[0] == 1
    assert "https://pds.invalid does not answer" in capsys.readouterr().err
    assert '"peer": "https://pds.invalid"' in next((tmp_path / "x").iterdir()).read_text()
