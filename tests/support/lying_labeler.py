"""A labeler elsewhere that says whatever a test has it say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.atproto import labels
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.frames import encode_frame, error_frame

CTS = "2026-01-01T00:00:00.000Z"


class LyingLabeler:
    """Its document, its stream and its answers."""

    def __init__(self) -> None:
        self.key = PrivateKey.generate()
        self.named_key = self.key.public
        self.did = Did("did:web:unknown.example")
        self.frames: list[bytes] = []
        self.cursors: list[str | None] = []
        self.answer: Any = {"labels": []}
        self.status = 200
        self.asked: list[list[str]] = []
        self.documents = 0
        self.is_labeler = True

    def label(self, uri: str, val: str, key: PrivateKey | None = None, **more: Any) -> Any:
        """Sign a label, by the labeler's key or another's."""
        said = {"src": str(self.did), "uri": uri, "val": val, "cts": CTS, **more}
        return labels.sign(said, key or self.key)

    def tell(self, seq: int, *said: Any) -> None:
        """Put a message into the stream."""
        self.frames.append(encode_frame("#labels", {"seq": seq, "labels": list(said)}))

    async def document(self, request: web.Request) -> web.Response:
        self.documents += 1
        url = f"http://{request.host}"
        service = {"id": "#atproto_labeler", "type": "AtprotoLabeler", "serviceEndpoint": url}
        method = {
            "id": f"{self.did}#atproto_label",
            "type": "Multikey",
            "controller": self.did,
            "publicKeyMultibase": self.named_key.multikey,
        }
        services = [service] if self.is_labeler else []
        return web.json_response(
            {"id": self.did, "service": services, "verificationMethod": [method]}
        )

    async def subscribe(self, request: web.Request) -> web.WebSocketResponse:
        cursor = request.query.get("cursor")
        self.cursors.append(cursor)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        if int(cursor or 0) > len(self.frames):
            await ws.send_bytes(error_frame("FutureCursor"))
            await ws.close()
            return ws
        for frame in self.frames[int(cursor or 0) :]:
            await ws.send_bytes(frame)
        await ws.receive()
        return ws

    async def query(self, request: web.Request) -> web.Response:
        self.asked.append(request.query.getall("uriPatterns"))
        return web.json_response(self.answer, status=self.status)


@asynccontextmanager
async def open_labeler() -> AsyncIterator[LyingLabeler]:
    """Run it on loopback."""
    labeler = LyingLabeler()
    app = web.Application()
    app.router.add_get("/.well-known/did.json", labeler.document)
    app.router.add_get("/xrpc/com.atproto.label.subscribeLabels", labeler.subscribe)
    app.router.add_get("/xrpc/com.atproto.label.queryLabels", labeler.query)
    async with TestServer(app, host="localhost") as server:
        labeler.did = Did(f"did:web:localhost%3A{server.port}")
        yield labeler
