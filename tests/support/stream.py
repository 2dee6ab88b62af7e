"""Readers of `com.atproto.sync.subscribeRepos`, for tests from outside."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from appliance.firehose.events import AccountEvent, Event, UpstreamError, parse

QUIET_SECONDS = 0.3


@asynccontextmanager
async def subscribed(
    http: aiohttp.ClientSession, base: str, cursor: int | None = None
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Open the stream of a PDS or relay."""
    params = {} if cursor is None else {"cursor": str(cursor)}
    url = f"{base}/xrpc/com.atproto.sync.subscribeRepos"
    async with http.ws_connect(url, params=params, max_msg_size=0) as socket:
        yield socket


async def next_event(socket: aiohttp.ClientWebSocketResponse, seconds: float = 60.0) -> Event:
    """Give the next message. Raises UpstreamError for an error frame."""
    return parse(await socket.receive_bytes(timeout=seconds))


async def frames(
    http: aiohttp.ClientSession,
    base: str,
    socket: aiohttp.ClientWebSocketResponse,
    quiet: float = QUIET_SECONDS,
) -> AsyncIterator[bytes]:
    """Give what a server tells until nothing more comes, although it has had its turn meanwhile."""
    had_its_turn = False
    while True:
        try:
            frame = await socket.receive_bytes(timeout=quiet)
        except TimeoutError:
            if had_its_turn:
                return
            # What it has to tell goes out before this is answered, however busy the machine.
            async with http.get(f"{base}/xrpc/_health"):
                had_its_turn = True
        else:
            had_its_turn = False
            yield frame


async def events_after(
    http: aiohttp.ClientSession,
    base: str,
    cursor: int,
    until: Callable[[list[Any]], bool] = lambda _seen: False,
    quiet: float = QUIET_SECONDS,
) -> list[Any]:
    """Read from a cursor until what was read is enough, or nothing more comes."""
    seen: list[Any] = []
    async with subscribed(http, base, cursor) as socket:
        if not until(seen):
            async for frame in frames(http, base, socket, quiet):
                seen.append(parse(frame))
                if until(seen):
                    break
    return seen


async def head(http: aiohttp.ClientSession, base: str) -> int:
    """Tell the newest seq of a stream."""
    seqs = [event.seq for event in await events_after(http, base, 0)]
    assert seqs == sorted(set(seqs)), "seq must grow"
    return seqs[-1] if seqs else 0


async def refused_with(http: aiohttp.ClientSession, base: str, cursor: int) -> str:
    """Open a stream that must be refused; give the name in its error frame."""
    async with subscribed(http, base, cursor) as socket:
        try:
            event = await next_event(socket)
        except UpstreamError as error:
            closed = await asyncio.wait_for(socket.receive(), 60)
            assert closed.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
            return error.name
    raise AssertionError(f"was not refused, but told {event}")


def account_states(events: Sequence[object], did: str) -> list[tuple[bool, str | None]]:
    """Give what the #account events of one account say, in order."""
    found = [each for each in events if isinstance(each, AccountEvent) and each.did == did]
    return [(each.active, each.status) for each in found]
