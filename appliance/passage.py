"""From the front door to roles in other processes, and who it is that asks, as the door saw it.

A role beside the door is mounted there (`front_door`). One that is elsewhere has a second socket,
for the door alone: what comes in there is answered as if it had come in at the door itself, since
the door says who called and how. What it says is believed at that socket and nowhere else.
Bodies and streams go through as they come; a WebSocket is bytes from one side to the other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from aiohttp import web
from multidict import CIMultiDict

from appliance.base.addresses import OutboundFailed
from appliance.base.answers import pass_body
from appliance.base.http import HttpClient

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# What the name of a role's socket for the door ends in.
FROM_THE_DOOR: Final = "-door"
CALLER: Final = "Hearth-Door-Caller"
SCHEME: Final = "Hearth-Door-Scheme"
_OURS: Final = frozenset((CALLER.lower(), SCHEME.lower()))
# What is between two neighbours on the way, and goes no further (RFC 9110, 7.6.1).
_OF_THE_HOP: Final = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding")
    + ("upgrade", "expect")
)
_AS_SOCKET: Final = ("Connection: Upgrade", "Upgrade: websocket")
_CHUNK: Final = 1 << 16
# Subscribers have little to say.
_MOST_UNSAID: Final = 1 << 20
SECONDS_TO_ANSWER: Final = 30.0
STALLED_SECONDS: Final = 60.0


def build_passage(role: str, address: str, http: HttpClient) -> web.Application:
    """Make what stands at the door for a role that answers at `address` ("unix:...")."""

    async def pass_on(request: web.Request) -> web.StreamResponse:
        try:
            if _wants_socket(request):
                found = await _Tunnel.dug(request, address.removeprefix("unix:"))
                if isinstance(found, _Tunnel):
                    return await found.served()
                if found is not None:
                    return found
            return await _pass(request, http, address)
        except (OutboundFailed, OSError, EOFError, TimeoutError):
            return _no_answer(role)

    passage = web.Application()
    passage.router.add_route("*", "/{path:.*}", pass_on)
    return passage


@web.middleware
async def as_at_the_door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Take the caller and the scheme from the door; for the socket that only the door knows."""
    scheme = request.headers.get(SCHEME, "http")
    meant = request.clone(remote=request.headers.get(CALLER, ""), scheme=scheme)
    try:
        return await handler(meant)
    finally:
        # What is put into the answer at last is looked for with the request that came.
        request.update(meant.items())


def _wants_socket(request: web.Request) -> bool:
    ways = request.headers.get("Connection", "").lower().replace(" ", "").split(",")
    return "upgrade" in ways and request.headers.get("Upgrade", "").lower() == "websocket"


def _no_answer(role: str) -> web.Response:
    told = f"The {role} of this network does not answer at the moment"
    return web.json_response(
        {"error": "UpstreamFailure", "message": told},
        status=502,
        headers={"Access-Control-Allow-Origin": "*", "Retry-After": "5"},
    )


def _passed(headers: Any) -> Iterator[tuple[str, str]]:
    """Give the headers that are for the other end."""
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    for name, text in headers.items():
        if name.lower() not in _OF_THE_HOP | _OURS | named:
            yield name, text


def _asked(request: web.Request) -> CIMultiDict[str]:
    """Give the headers of a request as the role gets them."""
    asked = CIMultiDict(_passed(request.headers))
    asked[CALLER] = request.remote or ""
    asked[SCHEME] = request.scheme
    # Who says nothing gets nothing packed; a client would ask for it by itself.
    asked.setdefault("Accept-Encoding", "identity")
    return asked


async def _pass(request: web.Request, http: HttpClient, address: str) -> web.StreamResponse:
    """Ask the role, and pass on what it answers while it comes. Raises OutboundFailed."""
    body = request.content.iter_any() if request.body_exists else None
    async with http.stream(
        request.method,
        address,
        path=request.rel_url.raw_path_qs,
        headers=_asked(request),
        body=body,
        idle=SECONDS_TO_ANSWER,
    ) as answer:
        response = web.StreamResponse(status=answer.status, reason=answer.reason)
        response.headers.extend(_passed(answer.headers))
        return await pass_body(request, answer, response)


async def _refusal(head: bytes, reader: asyncio.StreamReader) -> web.Response | None:
    """Read an answer that refuses in few words; None for others. Raises EOFError.

    Who asks again without the wish for a WebSocket is refused for another reason.
    """
    first, *lines = head.decode("utf-8", "surrogateescape").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = CIMultiDict((name, text.strip()) for name, _, text in pairs)
    _, status, reason = first.split(" ", 2)
    length = int(headers.popall("Content-Length", ["-1"])[0])
    if int(status) < 400 or not 0 <= length <= _CHUNK:
        return None
    body = await reader.readexactly(length)
    answer = web.Response(status=int(status), reason=reason, body=body)
    answer.headers.extend(_passed(headers))
    return answer


class _Tunnelled(web.StreamResponse):
    """What is said when all has been said already."""

    async def prepare(self, request: web.BaseRequest) -> None:
        self.force_close()

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""


class _Tunnel:
    """A WebSocket of a role: its bytes as they are, both ways. Also the parser of what comes in."""

    def __init__(
        self, request: web.Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._request = request
        self._reader = reader
        self._writer = writer

    @classmethod
    async def dug(cls, request: web.Request, path: str) -> "_Tunnel | web.Response | None":
        """Ask for a WebSocket; give the refusal where it is refused, None for any other answer.

        Raises OSError, EOFError, TimeoutError.
        """
        answer = None
        reader, writer = await asyncio.open_unix_connection(path, limit=_CHUNK)
        is_open = False
        try:
            headers = [
                *_asked(request).items(),
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
            ]
            lines = [f"GET {request.rel_url.raw_path_qs} HTTP/1.1"]
            lines += [f"{name}: {text}" for name, text in headers]
            writer.write("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape"))
            async with asyncio.timeout(SECONDS_TO_ANSWER):
                head = await reader.readuntil(b"\r\n\r\n")
                is_open = head.startswith(b"HTTP/1.1 101 ") and request.transport is not None
                if not is_open:
                    answer = await _refusal(head, reader)
        finally:
            if not is_open:
                writer.close()
        if not is_open:
            return answer
        assert request.transport is not None  # noqa: S101
        request.transport.write(head)
        return cls(request, reader, writer)

    async def served(self) -> web.StreamResponse:
        """Pass bytes on until one side ends; the other is ended then."""
        self._request.protocol.set_parser(self)  # type: ignore[arg-type]
        try:
            while data := await self._reader.read(_CHUNK):
                await self._down(data)
        except ConnectionError:
            pass
        finally:
            self._writer.close()
        return _Tunnelled()

    async def _down(self, data: bytes) -> None:
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the caller is gone")
        transport.write(data)
        if transport.get_write_buffer_size() <= transport.get_write_buffer_limits()[1]:
            return
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                await self._request.writer.drain()
        except TimeoutError:
            transport.abort()
            raise ConnectionResetError("the caller takes nothing") from None

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take what the caller says; tell whether to hang up."""
        if self._writer.transport.get_write_buffer_size() > _MOST_UNSAID:
            return True, b""
        if not self._writer.is_closing():
            self._writer.write(data)
        return False, b""

    def feed_eof(self) -> None:
        """The caller has hung up."""
        self._writer.close()
