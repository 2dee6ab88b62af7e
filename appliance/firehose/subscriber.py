"""One subscriber's WebSocket: send no faster than it takes, and put up with little.

What is sent is bytes that are WebSocket messages already, the same for many subscribers, so they go
to the transport as they are.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.workers import Worker

PING_SECONDS = 30.0
# A subscriber whose socket takes nothing for so long is cut off.
STALLED_SECONDS = 60.0
INCOMING_BYTES = 4096
# A subscriber has next to nothing to say; pings and answers to ours count, too.
MOST_SPOKEN = 100
SPOKEN_SECONDS = 60.0

Send = Callable[[bytes], Awaitable[None]]
OnMessage = Callable[[WSMessage], None]


class Refused(ValueError):
    """The subscriber said something that ends the connection; the message tells it why."""


class Stream(Protocol):
    """What is sent to one subscriber."""

    async def __call__(self, send: Send) -> bytes | None:
        """Send until the log is closed, or give the last message before the connection ends."""


async def serve_stream(
    request: web.Request,
    stream: Stream,
    *,
    on_message: OnMessage | None = None,
    incoming_bytes: int = INCOMING_BYTES,
    protocols: Sequence[str] = (),
) -> web.StreamResponse:
    """Answer a subscription and serve it until one side ends it.

    `on_message` gets what the subscriber says, text or binary, and may raise Refused; without it
    nobody listens.
    Raises XrpcError when the request is no WebSocket.
    """
    # Messages are the same for all subscribers, so they are not compressed for each.
    ws = web.WebSocketResponse(
        heartbeat=PING_SECONDS,
        compress=False,
        autoping=False,
        max_msg_size=incoming_bytes,
        protocols=protocols,
    )
    if not ws.can_prepare(request):
        headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
        raise XrpcError(426, "InvalidRequest", "This is a WebSocket", headers)
    try:
        await ws.prepare(request)
    except ConnectionError:
        return web.Response()  # it has hung up already: nobody reads this
    if request.transport is not None:
        # A batch is held whole until its last byte is sent, so the next waits for that.
        request.transport.set_write_buffer_limits(0)
    sender = Worker("subscriber", partial(_serve, request, ws, stream))
    sender.begin()
    try:
        with suppress(ConnectionError):
            await _listen(ws, on_message)
    finally:
        await sender.stop()
    return ws


async def _listen(ws: web.WebSocketResponse, on_message: OnMessage | None) -> None:
    spoken, since = 0, time.monotonic()
    async for message in ws:
        spoken += 1
        if spoken > MOST_SPOKEN:
            now = time.monotonic()
            if now - since < SPOKEN_SECONDS:
                await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many messages")
                return
            spoken, since = 0, now
        if message.type is WSMsgType.PING:
            await ws.pong(message.data)
        elif on_message is not None and not await _heard(ws, message, on_message):
            return


async def _heard(ws: web.WebSocketResponse, message: WSMessage, on_message: OnMessage) -> bool:
    """Hand a message on; False if it ended the connection."""
    if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
        return True
    try:
        on_message(message)
    except Refused as refused:
        reason = str(refused).encode()[:120].decode(errors="ignore").encode()
        await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=reason)
        return False
    return True


async def _serve(request: web.Request, ws: web.WebSocketResponse, stream: Stream) -> None:
    code = WSCloseCode.SERVICE_RESTART
    try:
        last_word = await stream(partial(_send, request))
        if last_word is not None:
            code = WSCloseCode.POLICY_VIOLATION
            await _send(request, last_word)
    except ConnectionError:
        code = WSCloseCode.GOING_AWAY
    finally:
        # Whatever happened: never begin again on the same socket.
        await ws.close(code=code)


async def _send(request: web.Request, messages: bytes) -> None:
    """Write to the socket and wait while it is full. Raises ConnectionError when it is gone."""
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the subscriber is gone")
    transport.write(messages)
    # Let the others have their turn; uvloop also writes only now.
    await asyncio.sleep(0)
    if transport.get_write_buffer_size() <= transport.get_write_buffer_limits()[1]:
        return
    try:
        async with asyncio.timeout(STALLED_SECONDS):
            await request.writer.drain()
    except TimeoutError:
        transport.abort()
        raise ConnectionResetError("the subscriber takes nothing") from None
