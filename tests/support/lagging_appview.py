"""A member beside an AppView that is somebody else's, lags behind, and answers as it is told."""

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support.pds_box import Answer, Box, Member, open_box
from tests.support.pds_stores import PNG

OLD = "2020-01-01T00:00:00.000Z"
BOB = {"did": "did:plc:bobbobbobbobbobbobbobbob", "handle": "bob.example.com"}
CID = "bafyreihyrpefhacm6kkp4ql6j6udakdit7g3dmkzfriqfykhjw6cad5lrm"


@dataclass
class Lagging:
    """An AppView that answers what it is told to, at the rev it is told."""

    rev: str | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    pack: bool = False
    asked: list[web.Request] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        answer = self.answers.get(request.match_info["nsid"])
        status = self.status if answer is not None else 404
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        headers = {"Content-Type": "application/json", "atproto-content-labelers": "did:web:l.test"}
        if self.rev is not None:
            headers["Atproto-Repo-Rev"] = self.rev
        if self.pack:
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        return web.Response(status=status, body=body, headers=headers)


@dataclass
class Scene:
    """A member with an old post and something new, and the AppView that knows only the old."""

    box: Box
    appview: Lagging
    alice: Member

    async def write(self, collection: str, record: dict[str, Any], rkey: str = "") -> str:
        given = {"createdAt": OLD, "$type": collection, **record}
        method = "putRecord" if rkey else "createRecord"
        answer = await self.box.post(
            f"com.atproto.repo.{method}",
            self.alice.access,
            repo=self.alice.did,
            collection=collection,
            record=given,
            **({"rkey": rkey} if rkey else {}),
        )
        assert answer.status == 200, answer
        return str(answer.json["uri"])

    async def post(self, text: str, **more: Any) -> str:
        return await self.write("app.bsky.feed.post", {"text": text, **more})

    async def picture(self) -> Any:
        answer = await self.box.ask(
            "POST",
            "/xrpc/com.atproto.repo.uploadBlob",
            token=self.alice.access,
            data=PNG,
            headers={"Content-Type": "image/png"},
        )
        return answer.json["blob"]

    async def get(self, nsid: str, /, **params: str) -> Answer:
        return await self.box.get(nsid, self.alice.access, **params)

    def now_read(self) -> None:
        """The AppView has read everything up to here."""
        self.appview.rev = self.box.pds.repos.head(self.alice.did).rev


def item(name: str, time: str, author: Any = BOB, **more: Any) -> dict[str, Any]:
    uri = f"at://{author['did']}/app.bsky.feed.post/{name}"
    record = {"$type": "app.bsky.feed.post", "text": name, "createdAt": time}
    post = {"uri": uri, "cid": CID, "author": author, "record": record, "indexedAt": time}
    return {"post": post, **more}


def texts(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [one["post"]["record"]["text"] for one in answer.json["feed"]]


@asynccontextmanager
async def open_scene(folder: Path, **changes: Any) -> AsyncIterator[Scene]:
    appview = Lagging()
    app = web.Application()
    app.router.add_get("/xrpc/{nsid}", appview.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with open_box(folder, appview_url=url, **changes) as box:
            scene = Scene(box, appview, await box.sign_up())
            await scene.post("old")
            scene.now_read()
            box.clock.advance(60)
            yield scene
    finally:
        await runner.cleanup()
