"""Before an AppView that lags behind, ours and the reference PDS show a member the same."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from appliance.atproto import jwt
from tests.support.appliance import Appliance
from tests.support.client import Answer, Member, join
from tests.support.node import ReferencePds
from tests.support.ports import free_port

pytestmark = pytest.mark.slow

OLD = "2020-01-01T00:00:00.000Z"
CID = "bafyreihyrpefhacm6kkp4ql6j6udakdit7g3dmkzfriqfykhjw6cad5lrm"
BOB = {"did": "did:plc:bobbobbobbobbobbobbobbob", "handle": "bob.example.com"}
_VARYING = (
    (re.compile(r"http://localhost:\d+|https://localhost"), "URL"),
    (re.compile(r"did:plc:(?!bob)[a-z2-7]{24}"), "DID"),
    (re.compile(r"rw[0-9a-z]+\.test"), "HANDLE"),
    (re.compile(r"app\.bsky\.feed\.post/3[a-z2-7]{12}"), "POST"),
    (re.compile(r"2[1-9]\d\d-\d\d-\d\dT[\d:.]+Z|202[1-9]-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r"bafyrei[a-z2-7]{52}"), "CID"),
)


@dataclass
class Lagging:
    """An AppView that has read no more of a repo than `revs` says."""

    revs: dict[str, str] = field(default_factory=dict)
    handles: dict[str, str] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        did = str(jwt.parse(token).claims["iss"])
        status, body = self.answer(request.match_info["nsid"], request.query, did)
        headers = {"Atproto-Repo-Rev": self.revs[did]}
        return web.json_response(body, status=status, headers=headers)

    def answer(self, nsid: str, query: Any, did: str) -> tuple[int, Any]:
        me = {"did": did, "handle": self.handles[did], "displayName": "before"}
        kind = "app.bsky.feed.defs#threadViewPost"
        feed = [{"post": post("later", "2100-01-01T00:00:00.000Z")}, {"post": post("old", OLD)}]
        match nsid.rpartition(".")[2]:
            case "getProfile":
                return 200, {**me, "followersCount": 7}
            case "getProfiles":
                return 200, {"profiles": [BOB, me]}
            case "getTimeline":
                return 200, {"feed": feed, "cursor": "c"}
            case "getAuthorFeed" | "getActorLikes":
                return 200, {"feed": [{"post": post("mine", OLD, me)}]}
            case "getPosts":
                return 200, {"posts": [post("root", OLD)]}
            case "getPostThread" if query["uri"].endswith("/root"):
                return 200, {"thread": {"$type": kind, "post": post("root", OLD), "replies": []}}
            case _:
                return 400, {"error": "NotFound", "message": "Post not found"}


def post(name: str, time: str, author: Any = BOB) -> dict[str, Any]:
    record = {"$type": "app.bsky.feed.post", "text": name, "createdAt": OLD}
    uri = f"at://{author['did']}/app.bsky.feed.post/{name}"
    return {"uri": uri, "cid": CID, "author": author, "record": record, "indexedAt": time}


@pytest.fixture
async def sides(tmp_path: Path) -> AsyncIterator[tuple[Lagging, list[Member]]]:
    """A member of ours, and one of the reference, with the same AppView."""
    appview, port = Lagging(), free_port()
    async with AsyncExitStack() as stack:
        app = web.Application()
        app.router.add_get("/xrpc/{nsid}", appview.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        for host in ("127.0.0.1", "::1"):
            await web.TCPSite(runner, host, port).start()
        url, did = f"http://localhost:{port}", f"did:web:localhost%3A{port}"
        ours = await asyncio.to_thread(Appliance, "--appview", url, "--appview-did", did)
        stack.callback(ours.finish)
        settings = [f"PDS_BSKY_APP_VIEW_URL={url}", f"PDS_BSKY_APP_VIEW_DID={did}"]
        settings.append(f"PDS_JWT_SECRET={token_hex(16)}")
        theirs = await asyncio.to_thread(ReferencePds, ours.plc, tmp_path, None, settings)
        stack.callback(theirs.stop)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        members = [await join(http, base, "rw") for base in (ours.pds, theirs.pds)]
        for member in members:
            await member.write_post("read already")
            about = await member.get("com.atproto.sync.getLatestCommit", did=member.did)
            appview.revs[member.did] = about["rev"]
            appview.handles[member.did] = member.handle
        yield appview, members


def plain(answer: Answer) -> tuple[int, Any]:
    """What an answer says, without what differs from one account to the next."""

    def shown(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shown(each) for name, each in value.items()}
        if isinstance(value, list):
            return [shown(each) for each in value]
        if isinstance(value, str):
            for pattern, name in _VARYING:
                value = pattern.sub(name, value)
        return value

    return answer.status, shown(answer.json)


async def test_ours_and_the_reference_put_in_the_same(
    sides: tuple[Lagging, list[Member]],
) -> None:
    _, members = sides
    root = {"uri": post("root", OLD)["uri"], "cid": CID}
    answers: list[list[tuple[int, Any]]] = []
    for member in members:
        picture = await member.upload(b"\x89PNG\r\n\x1a\n picture", "image/png")
        profile = {"displayName": "after", "description": "words", "avatar": picture}
        await member.put("app.bsky.actor.profile", "self", **profile)
        images = {"$type": "app.bsky.embed.images", "images": [{"image": picture, "alt": "a"}]}
        quote = {"$type": "app.bsky.embed.record", "record": root}
        written = [
            await member.write_post("plain"),
            await member.write_post("picture", embed=images),
            await member.write_post("quote", embed=quote),
            await member.write_post("reply", reply={"root": root, "parent": root}),
        ]
        new = written[3].uri
        asked: list[tuple[str, dict[str, Any]]] = [
            ("app.bsky.actor.getProfile", {"actor": member.did}),
            ("app.bsky.actor.getProfiles", {"actors": [BOB["did"], member.did]}),
            ("app.bsky.feed.getTimeline", {}),
            ("app.bsky.feed.getAuthorFeed", {"actor": member.did}),
            ("app.bsky.feed.getActorLikes", {"actor": member.did}),
            ("app.bsky.feed.getPostThread", {"uri": root["uri"]}),
            ("app.bsky.feed.getPostThread", {"uri": written[0].uri}),
            ("app.bsky.feed.getPostThread", {"uri": new.replace(member.did, member.handle)}),
            ("app.bsky.feed.getPostThread", {"uri": f"{new[:-13]}3aaaaaaaaaa22"}),
        ]
        found = []
        for nsid, params in asked:
            answer = await member.raw("GET", f"/xrpc/{nsid}", params=params)
            assert ("Atproto-Upstream-Lag" in answer.headers) == (answer.status == 200), nsid
            found.append(plain(answer))
        answers.append(found)
    ours, theirs = answers
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == other
    assert [len(found[1].get("feed", ())) for found in ours[2:5]] == [6, 5, 1]


async def test_neither_touches_what_the_appview_has_read(
    sides: tuple[Lagging, list[Member]],
) -> None:
    appview, members = sides
    for member in members:
        await member.write_post("new")
        about = await member.get("com.atproto.sync.getLatestCommit", did=member.did)
        for rev in (about["rev"], "3aaaaaaaaaa22"):
            appview.revs[member.did] = rev
            answer = await member.raw("GET", "/xrpc/app.bsky.feed.getTimeline")
            assert len(answer.json["feed"]) == 2
            assert "Atproto-Upstream-Lag" not in answer.headers
