"""An HTTP client that does next to nothing, so that the server is what is measured."""

import asyncio
from dataclasses import dataclass
from typing import Self, cast

from yarl import URL


class Broken(Exception):
    """The server closed the connection, or its answer cannot be read."""


@dataclass(frozen=True)
class Answer:
    """A status and a whole body."""

    status: int
    body: bytes


class Wire(asyncio.Protocol):
    """One connection: one request at a time, kept open."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiter: asyncio.Future[Answer] | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> Self:
        _, wire = await asyncio.get_running_loop().create_connection(cls, host, port)
        return wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's only looks like one

    def connection_lost(self, _error: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Broken("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._waiter is None:
            return
        answer = _answer(self._buffer)
        if answer is not None and not self._waiter.done():
            self._buffer.clear()
            self._waiter.set_result(answer)

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> Answer:
        """Send a whole request and wait for the whole answer. Raises Broken."""
        assert self._transport is not None
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiter

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Wires:
    """Connections to one server, as many as there are requests at once."""

    def __init__(self, url: str) -> None:
        self._url = URL(url)
        self._free: list[Wire] = []

    async def ask(self, request: bytes) -> Answer:
        """Send a request over a connection that is free, or a new one. Raises Broken."""
        while self._free:
            wire = self._free.pop()
            if wire.is_open:
                return await self._ask(wire, request)
        wire = await Wire.open(self._url.host or "", self._url.port or 80)
        return await self._ask(wire, request)

    async def _ask(self, wire: Wire, request: bytes) -> Answer:
        answer = await wire.ask(request)
        self._free.append(wire)
        return answer

    def close(self) -> None:
        for wire in self._free:
            wire.close()


def request_bytes(method: str, url: URL, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Write a request."""
    lines = [f"{method} {url.raw_path_qs} HTTP/1.1", f"Host: {url.host}:{url.port}"]
    lines += [f"{name}: {text}" for name, text in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _answer(buffer: bytearray) -> Answer | None:
    """Read an answer that is here whole; None if something is missing."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end]).lower()
    at = head.find(b"\r\ncontent-length: ")
    if at >= 0:
        size = int(head[at + 18 :].split(b"\r\n", 1)[0])
        if len(buffer) < end + 4 + size:
            return None
        body: bytes | None = bytes(buffer[end + 4 : end + 4 + size])
    elif b"\r\ntransfer-encoding: chunked" in head:
        body = _chunks(buffer, end + 4)
    else:
        raise Broken("an answer without a length")
    return None if body is None else Answer(int(head[9:12]), body)


def _chunks(buffer: bytearray, at: int) -> bytes | None:
    """Read a chunked body; None if its end is not there."""
    parts: list[bytes] = []
    while (line := buffer.find(b"\r\n", at)) >= 0:
        size = int(buffer[at:line].split(b";")[0], 16)
        at = line + 2 + size + 2
        if len(buffer) < at:
            return None
        if size == 0:
            return b"".join(parts)
        parts.append(bytes(buffer[line + 2 : at - 2]))
    return None
