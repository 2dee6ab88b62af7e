"""Listen at another relay until a write of ours comes back."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp

from appliance.atproto.syntax import Did
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.frames import InvalidFrame, decode_frame
from appliance.base.http import HttpClient
from appliance.firehose.events import MAX_FRAME_BYTES
from appliance.firehose.follow import PATH

# A busy relay has told of our write before we listen: how far to go back, and what that may cost.
REWIND = 10_000
MOST_FRAMES = 20_000
MOST_BYTES = 100_000_000
# A stream that says nothing for so long is quiet, so that all of it is little.
QUIET_SECONDS = 2.0


async def hear_again(http: HttpClient, relay: str, did: Did, rev: Tid, seconds: float) -> bool:
    """Tell whether a commit is heard within some seconds.

    Raises OutboundFailed, OutboundRefused.
    """
    try:
        async with asyncio.timeout(seconds):
            newest = await _newest(http, relay)
            cursor = 0 if newest is None else max(newest - REWIND, 0)
            return await _heard(http, relay, cursor, did, rev)
    except TimeoutError:
        return False


async def _newest(http: HttpClient, relay: str) -> int | None:
    """Give the number of what comes next, None on a quiet stream."""
    async with _stream(http, relay, None) as ws:
        try:
            message = await ws.receive(QUIET_SECONDS)
        except TimeoutError:
            return None
    if message.type is not aiohttp.WSMsgType.BINARY:
        return None
    seq = _body(message.data).get("seq")
    return seq if type(seq) is int else None


async def _heard(http: HttpClient, relay: str, cursor: int, did: Did, rev: Tid) -> bool:
    """Read from a cursor on until the commit comes, or it is enough."""
    frames = size = 0
    wanted = (did.encode(), rev.encode())
    async with _stream(http, relay, cursor) as ws:
        async for message in ws:
            if message.type is not aiohttp.WSMsgType.BINARY:
                return False
            frame: bytes = message.data
            # The next commit names this one, too, as the one before it.
            if all(each in frame for each in wanted) and _body(frame).get("rev") == rev:
                return True
            frames, size = frames + 1, size + len(frame)
            if frames > MOST_FRAMES or size > MOST_BYTES:
                return False
    return False


def _body(frame: bytes) -> dict[str, Any]:
    try:
        body: dict[str, Any] = decode_frame(frame).body
    except InvalidFrame:
        return {}
    return body


def _stream(
    http: HttpClient, relay: str, cursor: int | None
) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
    params = [] if cursor is None else [("cursor", str(cursor))]
    return http.ws_connect(relay, path=PATH, params=params, max_bytes=MAX_FRAME_BYTES)
