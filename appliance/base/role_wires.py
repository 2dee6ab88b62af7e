"""Questions to our own roles over their UNIX sockets, with as little of HTTP as that takes.

Pages asked of the AppView and every other GET between roles go through here, so what a general
client does besides (redirects, cookies, proxies, compression, bodies of any length) is not done.
Only GET: a question may be asked again when the other side closed a connection that had waited.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple, cast

from appliance.base.addresses import OutboundFailed, OutboundRefused

MOST_BYTES: Final = 32 * 1024 * 1024
MOST_HEAD_BYTES: Final = 64 * 1024
MOST_IDLE: Final = 128
_END: Final = b"\r\n\r\n"
_EMPTY: Final = frozenset((204, 304))


class WholeAnswer(NamedTuple):
    """A status, headers by their names in lower case, and a body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class LengthUnknown(OutboundFailed):
    """An answer does not say how long it is: a stream, for a general client."""


class _ClosedMeanwhile(OutboundFailed):
    """A connection that had waited was closed before anything of the answer came."""


class RoleWires:
    """Connections to one socket, as many as there are questions at once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._free: list[_Wire] = []

    async def get(self, target: str, headers: Mapping[str, str], seconds: float) -> WholeAnswer:
        """Ask for a path with its query, written as it stands in a request.

        The answer may take `seconds`, and must say how long it is. Raises LengthUnknown,
        OutboundRefused, OutboundFailed.
        """
        request = _request(target, headers)
        while self._free:
            wire = self._free.pop()
            try:
                return await self._ask(wire, request, seconds)
            except _ClosedMeanwhile:
                continue
        return await self._ask(await self._dial(), request, seconds)

    def close(self) -> None:
        """Close the connections that wait."""
        while self._free:
            self._free.pop().abort()

    async def _dial(self) -> "_Wire":
        loop = asyncio.get_running_loop()
        try:
            _, wire = await loop.create_unix_connection(_Wire, self._path)
        except OSError as error:
            raise OutboundFailed(f"no connection: {error}") from error
        return wire

    async def _ask(self, wire: "_Wire", request: bytes, seconds: float) -> WholeAnswer:
        kept = False
        try:
            answer = await wire.ask(request, seconds)
            kept = len(self._free) < MOST_IDLE and answer.headers.get("connection") != "close"
        finally:
            # Whoever stops waiting leaves an answer behind that is nobody else's.
            if not kept:
                wire.abort()
        self._free.append(wire)
        return answer


class _Wire(asyncio.Protocol):
    """One connection, one question at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[WholeAnswer] | None = None
        self._head = b""
        self._answer: tuple[int, Mapping[str, str]] | None = None
        self._chunks: list[bytes] = []
        self._missing = 0
        self._was_used = False
        self._is_lost = False

    async def ask(self, request: bytes, seconds: float) -> WholeAnswer:
        """Send a request and wait for the answer. Raises OutboundFailed."""
        if self._is_lost or self._transport is None:
            raise _ClosedMeanwhile("the connection was closed")
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        late = loop.call_later(seconds, self._fail, OutboundFailed(f"no answer in {seconds} s"))
        self._transport.write(request)
        try:
            return await self._waiter
        finally:
            late.cancel()
            self._waiter = None
            self._was_used = True

    def abort(self) -> None:
        """Close the connection, whatever is under way."""
        self._is_lost = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's only looks like one

    def connection_lost(self, error: Exception | None) -> None:
        self._is_lost = True
        begun = self._answer is not None or bool(self._head)
        kind = _ClosedMeanwhile if self._was_used and not begun else OutboundFailed
        self._fail(kind(f"the connection was closed: {error or 'by the other side'}"))

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:
            self.abort()
            return
        if self._answer is None:
            data = self._read_head(data)
            if self._answer is None:
                return
        self._missing -= len(data)
        self._chunks.append(data)
        if self._missing < 0:
            self._fail(OutboundFailed("the answer is longer than it says"))
        elif self._missing == 0:
            body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            answer, self._answer, self._chunks = self._answer, None, []
            if not self._waiter.done():
                self._waiter.set_result(WholeAnswer(*answer, body))

    def _read_head(self, data: bytes) -> bytes:
        """Take the head if it is here whole; give what follows it."""
        text = self._head + data if self._head else data
        end = text.find(_END)
        if end < 0 and len(text) <= MOST_HEAD_BYTES:
            self._head = text
            return b""
        self._head = b""
        try:
            status, headers = _head(text[: max(end, 0)])
            if status not in _EMPTY and "content-length" not in headers:
                self._fail(LengthUnknown("the answer does not say how long it is"))
                return b""
            size = int(headers.get("content-length", "0"))
        except ValueError:
            self._fail(OutboundFailed("the answer has no head that can be read"))
            return b""
        if not 0 <= size <= MOST_BYTES:
            self._fail(OutboundFailed(f"answer is larger than {MOST_BYTES} bytes"))
            return b""
        self._answer, self._missing = (status, headers), size
        return text[end + len(_END) :]

    def _fail(self, error: OutboundFailed) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)


def _request(target: str, headers: Mapping[str, str]) -> bytes:
    """Write a request. Raises OutboundRefused for what would be more than one."""
    named = "".join([f"{name}: {text}\r\n" for name, text in headers.items()])
    text = f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{named}\r\n"
    lines = len(headers) + 3
    if " " in target or any(text.count(end) != lines for end in ("\r\n", "\r", "\n")):
        raise OutboundRefused("a header must not hold line ends")
    return text.encode("utf-8", "surrogateescape")


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    """Read status and headers. Raises ValueError."""
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, text = line.partition(":")
        headers[name.lower()] = text.strip()
    return int(first[9:12]), headers
