"""An old server that means harm to the one that an account moves to, or to its member."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.atproto.crypto import PrivateKey
from appliance.base.room import Room
from appliance.moving import server as server_module
from appliance.moving import taking as taking_module
from tests.support.appliance import Appliance
from tests.support.client import PASSWORD, Member, Operator, join
from tests.support.moving import hearth, mailed_code

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
LIST_BLOBS = "com.atproto.sync.listBlobs"
GET_BLOB = "com.atproto.sync.getBlob"
SIGN = "com.atproto.identity.signPlcOperation"
_KEPT = ("Authorization", "Content-Type")


class Wayward:
    """Passes on to a good server whatever it does not answer by itself, in `says`."""

    def __init__(self, http: aiohttp.ClientSession, behind: str) -> None:
        self._http = http
        self._behind = behind
        self.url = ""
        self.says: dict[str, Answer] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        own = self.says.get(request.match_info["nsid"])
        if own is not None:
            return await own(request)
        body: Any = await request.read()
        status, told = await self.behind(request, body)
        return web.Response(status=status, body=told, content_type="application/json")

    async def behind(self, request: web.Request, body: Any) -> tuple[int, bytes]:
        """Ask the good server; that it is the account's home stays untold."""
        headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
        target = f"{self._behind}{request.path_qs}"
        data = None if request.method == "GET" else body
        async with self._http.request(request.method, target, data=data, headers=headers) as answer:
            told = await answer.read()
            return answer.status, told.replace(b'"didDoc"', b'"untold"')

    def lists(self, *cids: str) -> None:
        async def listed(_: web.Request) -> web.Response:
            return web.json_response({"cids": cids})

        self.says[LIST_BLOBS] = listed


@pytest.fixture
async def wayward(network: Appliance, http: aiohttp.ClientSession) -> AsyncIterator[Wayward]:
    found = Wayward(http, network.pds)
    app = web.Application()
    app.router.add_route("*", "/xrpc/{nsid}", found.answer)
    async with TestServer(app) as server:
        found.url = f"http://localhost:{server.port}"
        yield found


@pytest.fixture
async def ann(network: Appliance, http: aiohttp.ClientSession) -> Member:
    return await join(http, network.pds, "ann")


def order(who: Member, wayward: Wayward, around: Path) -> list[str]:
    password = around / "password"
    password.write_text(PASSWORD)
    said = ["move-in", who.handle, "--from", wayward.url, "--folder", str(around / "a/b/move")]
    return [*said, "--password-file", str(password)]


def planted_below(folder: Path) -> list[Path]:
    return list(folder.rglob("*planted"))


@pytest.mark.parametrize("way", ["/../../../../planted", "x/../../../../planted", "/{}/planted"])
async def test_a_blob_is_named_by_its_hash_and_never_by_a_way(
    way: str,
    second: Appliance,
    wayward: Wayward,
    ann: Member,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wayward.lists(way.format(tmp_path))

    async def planted(_: web.Request) -> web.Response:
        return web.Response(body=b"from elsewhere")

    wayward.says[GET_BLOB] = planted
    assert (await hearth(second, *order(ann, wayward, tmp_path)))[0] == 1
    assert planted_below(tmp_path) == []
    assert "which is no name of a blob" in capsys.readouterr().err


async def test_a_list_of_blobs_has_an_end(
    second: Appliance,
    wayward: Wayward,
    ann: Member,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(taking_module, "MOST_BLOBS", 10)
    cid = "bafkreifb65wzkskevjn263kzzpbtpe2dfrvo3dftbc2zlykqkwu6g4mfw4"

    async def listed(_: web.Request) -> web.Response:
        return web.json_response({"cids": [cid], "cursor": "again"})

    wayward.says[LIST_BLOBS] = listed
    assert (await hearth(second, *order(ann, wayward, tmp_path)))[0] == 1
    assert "more than 10 blobs" in capsys.readouterr().err


async def test_what_is_sent_without_end_leaves_room_on_the_disk(
    second: Appliance,
    wayward: Wayward,
    ann: Member,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    looks = iter([10_000_000_000] * 3)
    short = lambda _: (next(looks, 1_000_000), 20_000_000_000)  # noqa: E731
    clock = iter(range(1_000_000))
    monkeypatch.setattr(server_module, "Room", lambda at: Room(at, short, lambda: next(clock)))
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 300_000_000:
            await response.write(bytes(1_000_000))
            sent += 1_000_000
        return response

    wayward.says["com.atproto.sync.getRepo"] = endless
    assert (await hearth(second, *order(ann, wayward, tmp_path)))[0] == 1
    assert "the disk is nearly full" in capsys.readouterr().err
    assert sent < 300_000_000
    assert not list((tmp_path / "a/b/move").rglob("*repo.car*"))


async def test_what_a_server_says_moves_nothing_on_the_terminal(
    second: Appliance,
    wayward: Wayward,
    ann: Member,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def refused(_: web.Request) -> web.Response:
        told = {"error": "InvalidRequest", "message": "\x1b]0;taken\x07\x1b[2Jno \u202epreferences"}
        return web.json_response(told, status=400)

    wayward.says["app.bsky.actor.getPreferences"] = refused
    wayward.lists("\x1b[2Jbafy")
    await hearth(second, *order(ann, wayward, tmp_path))
    wayward.lists()
    await hearth(second, *order(ann, wayward, tmp_path))
    told = capsys.readouterr().err
    assert "no ?preferences" in told
    assert not {"\x1b", "\x07", "\u202e"} & set(told)


@pytest.mark.parametrize("told", ["²", "1" * 400, "soon"])
async def test_a_strange_time_to_wait_is_none(
    told: str,
    second: Appliance,
    wayward: Wayward,
    ann: Member,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(server_module, "LONGEST_WAIT", 3.0)
    monkeypatch.setattr("appliance.moving.server.asyncio.sleep", wait)

    async def busy(_: web.Request) -> web.Response:
        return web.json_response({"error": "Busy"}, status=429, headers={"Retry-After": told})

    wayward.says[LIST_BLOBS] = busy
    assert (await hearth(second, *order(ann, wayward, tmp_path)))[0] == 1
    assert waited
    assert max(waited) <= 8.0


async def test_an_operation_is_taken_only_as_it_was_asked_for(
    second: Appliance,
    network: Appliance,
    wayward: Wayward,
    ann: Member,
    http: aiohttp.ClientSession,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    thief = PrivateKey.generate().public.did_key

    async def sign(request: web.Request) -> web.Response:
        asked = await request.json()
        asked["rotationKeys"] = [thief, *asked["rotationKeys"]]
        status, told = await wayward.behind(request, aiohttp.JsonPayload(asked))
        return web.Response(status=status, body=told, content_type="application/json")

    wayward.says[SIGN] = sign
    given = order(ann, wayward, tmp_path)
    await hearth(second, *given)
    code = await mailed_code(http, network, ann.did)
    assert (await hearth(second, *given, "--code", code))[0] == 1
    assert "another operation than was asked for" in capsys.readouterr().err
    async with http.get(f"{network.plc}/{ann.did}/data") as answer:
        assert thief not in (await answer.json())["rotationKeys"]
    # Where it signs what it was asked for, the move goes on.
    del wayward.says[SIGN]
    await hearth(second, *given)
    code = await mailed_code(http, network, ann.did)
    assert (await hearth(second, *given, "--code", code))[0] == 0


async def test_keys_that_stay_beside_ours_are_told(
    second: Appliance,
    network: Appliance,
    wayward: Wayward,
    ann: Member,
    http: aiohttp.ClientSession,
    tmp_path: Path,
) -> None:
    own = (await ann.get("com.atproto.identity.getRecommendedDidCredentials"))["rotationKeys"]

    async def recommended(request: web.Request) -> web.Response:
        return web.json_response({"rotationKeys": []})

    # Its own key is kept as if it were the member's.
    wayward.says["com.atproto.identity.getRecommendedDidCredentials"] = recommended
    given = order(ann, wayward, tmp_path)
    await hearth(second, *given)
    code = await mailed_code(http, network, ann.did)
    status, said = await hearth(second, *given, "--code", code)
    assert status == 0
    assert any(own[0] in line for line in said)


async def test_nobody_elses_account_is_filled_and_opened_again(
    second: Appliance,
    wayward: Wayward,
    ann: Member,
    http: aiohttp.ClientSession,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    operator = Operator(http, second.pds, second.operator_token)
    invite = await operator.post("com.atproto.server.createInviteCode", useCount=1)
    fields = {"handle": "zoe.second.test", "inviteCode": invite["code"]}
    zoe = await join(http, second.pds, **fields)
    # Everybody could read her repo, and keep it.
    kept = {}
    for nsid in ("com.atproto.sync.getRepo", "com.atproto.sync.getLatestCommit"):
        async with http.get(f"{second.pds}/xrpc/{nsid}", params={"did": zoe.did}) as answer:
            kept[nsid] = await answer.read()
    await zoe.post("com.atproto.server.deactivateAccount")

    async def session(request: web.Request) -> web.Response:
        status, told = await wayward.behind(request, await request.read())
        told = told.replace(ann.did.encode(), zoe.did.encode())
        return web.Response(status=status, body=told, content_type="application/json")

    async def hers(request: web.Request) -> web.Response:
        return web.Response(body=kept[request.path.rpartition("/")[2]])

    for name in ("createSession", "refreshSession", "getSession"):
        wayward.says[f"com.atproto.server.{name}"] = session
    wayward.says.update(dict.fromkeys(kept, hers))
    wayward.lists()
    assert (await hearth(second, *order(ann, wayward, tmp_path)))[0] == 1
    said = capsys.readouterr().err
    assert f"{zoe.did} moves, which is here already and lives at {second.pds}" in said, said
    assert not (await zoe.get("com.atproto.server.checkAccountStatus"))["activated"]
