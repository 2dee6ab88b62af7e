"""com.atproto.sync.subscribeRepos over an event log.

https://atproto.com/specs/event-stream
"""

import asyncio
import struct
from collections.abc import Iterable
from functools import partial

from aiohttp import WSCloseCode, web

from appliance.atproto.xrpc.errors import InvalidRequest, XrpcError
from appliance.atproto.xrpc.frames import MAX_SEQ, error_frame
from appliance.base.workers import Worker
from appliance.firehose.event_log import EventLog
from appliance.firehose.events import InfoEvent

PING_SECONDS = 30.0
# A subscriber whose socket takes nothing for so long is cut off.
STALLED_SECONDS = 60.0
CLOSE_SECONDS = 2.0
INCOMING_BYTES = 4096

OUTDATED = InfoEvent("OutdatedCursor", "Requested cursor exceeded limit. Possibly missing events")
FUTURE = error_frame("FutureCursor", "Cursor in the future.")
TOO_SLOW = error_frame("ConsumerTooSlow", "Stream consumer too slow")


async def serve_subscribe_repos(request: web.Request, log: EventLog) -> web.WebSocketResponse:
    """Answer a subscription: replay after the cursor, then live, until one side ends it.

    Cursor: none is live from now on; 0 or less is everything kept; one older than what is kept
    begins with an #info OutdatedCursor; one ahead of the log is answered FutureCursor and closed.

    Raises XrpcError for a malformed cursor, or a request that is no WebSocket.
    """
    cursor = _cursor(request)
    # Frames are the same for all subscribers, so they are not compressed for each.
    ws = web.WebSocketResponse(heartbeat=PING_SECONDS, compress=False, max_msg_size=INCOMING_BYTES)
    if not ws.can_prepare(request):
        raise XrpcError(
            426,
            "InvalidRequest",
            "subscribeRepos is a WebSocket",
            {"Upgrade": "websocket", "Connection": "Upgrade"},
        )
    await ws.prepare(request)
    sender = Worker("subscriber", partial(_serve, request, ws, log, cursor))
    sender.begin()
    try:
        async for _ in ws:
            pass  # a subscriber has nothing to say; reading answers pings and sees the close
    finally:
        await sender.stop()
    return ws


def close_on_shutdown(app: web.Application, log: EventLog) -> None:
    """Send subscribers away when the application stops, so that it need not wait for them."""

    async def close(_app: web.Application) -> None:
        log.close()

    app.on_shutdown.append(close)


def websocket_bytes(frames: Iterable[bytes]) -> bytes:
    """Put frames into unmasked binary WebSocket messages, one behind the other."""
    parts: list[bytes] = []
    for frame in frames:
        size = len(frame)
        if size < 126:
            parts.append(b"\x82" + size.to_bytes(1, "big"))
        elif size < 65536:
            parts.append(struct.pack("!HH", 0x827E, size))
        else:
            parts.append(struct.pack("!HQ", 0x827F, size))
        parts.append(frame)
    return b"".join(parts)


def _cursor(request: web.Request) -> int | None:
    text = request.query.get("cursor")
    if text is None:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 16) or int(text) > MAX_SEQ:
        raise InvalidRequest("cursor must be an integer of at most 2^53 - 1")
    return max(int(text), 0)


async def _serve(
    request: web.Request, ws: web.WebSocketResponse, log: EventLog, cursor: int | None
) -> None:
    code = WSCloseCode.SERVICE_RESTART
    try:
        last_word = await _send_all(request, log, cursor)
        if last_word is not None:
            code = WSCloseCode.POLICY_VIOLATION
            await ws.send_bytes(last_word)
    except ConnectionError:
        code = WSCloseCode.GOING_AWAY
    finally:
        # Whatever happened: never begin again on the same socket.
        await ws.close(code=code)


async def _send_all(request: web.Request, log: EventLog, cursor: int | None) -> bytes | None:
    """Send until the log is closed, or give the error frame that ends the stream."""
    head, floor = log.head(), log.floor()
    at = head if cursor is None else cursor
    if at > head:
        return FUTURE
    if at < floor:
        if at:
            await _send(request, [OUTDATED.frame()])
        at = floor
    async for batch in log.batches(at):
        if batch[0][0] > at + 1 and at < log.floor():
            return TOO_SLOW
        await _send(request, [frame for _, frame in batch])
        at = batch[-1][0]
    return None


async def _send(request: web.Request, frames: list[bytes]) -> None:
    """Write to the socket and wait while it is full. Raises ConnectionError when it is gone."""
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the subscriber is gone")
    transport.write(websocket_bytes(frames))
    try:
        async with asyncio.timeout(STALLED_SECONDS):
            await request.writer.drain()
    except TimeoutError:
        transport.abort()
        raise ConnectionResetError("the subscriber takes nothing") from None
