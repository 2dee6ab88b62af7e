"""Listen to a relay's Jetstream, in either dialect."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import pytest
import zstandard

from appliance.relay.jetstream import compression
from tests.relay.conftest import Running

LEGACY = "/subscribe"
EVENTS = "/xrpc/network.bsky.jetstream.subscribeEvents"

Params = Sequence[tuple[str, str]]


@dataclass
class Listener:
    """One subscriber of Jetstream."""

    ws: aiohttp.ClientWebSocketResponse

    async def next(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(await self.ws.receive_str(timeout=60))
        return found

    async def take(self, count: int) -> list[dict[str, Any]]:
        return [await self.next() for _ in range(count)]

    async def payloads(self, count: int) -> list[dict[str, Any]]:
        """What subscribeEvents says, out of its frames."""
        frames = await self.take(count)
        assert all(set(frame) == {"$type", "payload"} for frame in frames)
        return [frame["payload"] for frame in frames]

    async def decompressed(self, name: str) -> dict[str, Any]:
        dictionary = zstandard.ZstdCompressionDict(compression.dictionary(name))
        data = await self.ws.receive_bytes(timeout=60)
        plain = zstandard.ZstdDecompressor(dict_data=dictionary).decompress(data)
        found: dict[str, Any] = orjson.loads(plain)
        return found

    async def closed(self) -> int | None:
        while (await self.ws.receive(timeout=60)).type is not aiohttp.WSMsgType.CLOSE:
            pass
        return self.ws.close_code


@asynccontextmanager
async def listen(
    running: Running,
    path: str,
    *params: tuple[str, str],
    headers: dict[str, str] | None = None,
    protocols: Sequence[str] = (),
) -> AsyncIterator[Listener]:
    url = running.server.make_url(path)
    async with running.session.ws_connect(
        url, params=params, headers=headers, protocols=protocols, max_msg_size=0
    ) as ws:
        yield Listener(ws)


async def refusal(running: Running, path: str, *params: tuple[str, str]) -> tuple[int, str]:
    """Ask for a stream that is refused; give the status, and the body of the same question."""
    url = running.server.make_url(path)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await running.session.ws_connect(url, params=params)
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with running.session.get(url, params=params, headers=headers) as answer:
        assert answer.status == refused.value.status
        return answer.status, await answer.text()
