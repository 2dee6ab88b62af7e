"""com.atproto.sync.subscribeRepos over an event log.

https://atproto.com/specs/event-stream
"""

import socket
import time
from functools import partial

from aiohttp import web

from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.frames import MAX_SEQ, error_frame
from appliance.firehose.event_log import EventLog
from appliance.firehose.events import InfoEvent
from appliance.firehose.inside import Haste, Pace
from appliance.firehose.messages import binary_messages
from appliance.firehose.seats import Seats
from appliance.firehose.subscriber import Send, serve_stream

OUTDATED = InfoEvent("OutdatedCursor", "Requested cursor exceeded limit. Possibly missing events")
FUTURE = error_frame("FutureCursor", "Cursor in the future.")
TOO_SLOW = error_frame("ConsumerTooSlow", "Stream consumer too slow")

# How long frames for a role of ours are gathered: 20 ms at 100 a second, so that what somebody
# writes is with the others within 50; a tenth of a second from 500 a second on.
SECONDS_FOR_A_RATE = 0.0002
LONGEST_GATHERING = 0.1


async def serve_subscribe_repos(
    request: web.Request,
    log: EventLog,
    seats: Seats | None = None,
    haste: Haste | None = None,
) -> web.StreamResponse:
    """Answer a subscription: replay after the cursor, then live, until one side ends it.

    Cursor: none is live from now on; 0 or less is everything kept; one older than what is kept
    begins with an #info OutdatedCursor; one ahead of the log is answered FutureCursor and closed.
    With `haste` a role of ours gets what is new in gathered batches: each is a transaction there.

    Raises XrpcError for a malformed cursor, a request that is no WebSocket, too many
    subscribers.
    """
    cursor = _cursor(request)
    inside = haste if _is_from_inside(request) else None
    with (seats or Seats()).taken_by(request):
        return await serve_stream(request, partial(_send_all, log, cursor, inside))


def close_on_shutdown(app: web.Application, log: EventLog) -> None:
    """Send subscribers away when the application stops, so that it need not wait for them."""

    async def close(_app: web.Application) -> None:
        log.close()

    app.on_shutdown.append(close)


def _cursor(request: web.Request) -> int | None:
    text = request.query.get("cursor")
    if text is None:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 16) or int(text) > MAX_SEQ:
        raise InvalidRequest("cursor must be an integer of at most 2^53 - 1")
    return max(int(text), 0)


def _is_from_inside(request: web.Request) -> bool:
    """Tell whether a request came through the socket that only our own roles can reach."""
    listener = None if request.transport is None else request.transport.get_extra_info("socket")
    return listener is not None and listener.family == socket.AF_UNIX


async def _send_all(
    log: EventLog, cursor: int | None, inside: Haste | None, send: Send
) -> bytes | None:
    """Send until the log is closed, or give the error that ends the stream."""
    head, floor = log.head(), log.floor()
    at = head if cursor is None else cursor
    if at > head:
        return binary_messages([FUTURE])
    if at < floor:
        if at:
            await send(binary_messages([OUTDATED.frame()]))
        at = floor
    pace = Pace()
    while batch := await log.next(at):
        if batch[0][0] > at + 1 and at < log.floor():
            return binary_messages([TOO_SLOW])
        at, messages, size = batch[-1][0], batch.messages, len(batch)
        # While the socket takes nothing, hold on to no more than what is being sent.
        del batch
        await send(messages)
        if inside is not None and not log.after(at):
            # Longer the busier it is; nothing waits where there is little.
            rate = pace.note(size, time.monotonic())
            await inside.pause(min(rate * SECONDS_FOR_A_RATE, LONGEST_GATHERING))
    return None
