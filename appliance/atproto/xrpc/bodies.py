"""Read what a client sends: its encoding, its kind, its size after decompression."""

import asyncio
import zlib
from typing import Final

from aiohttp import StreamReader, web

from appliance.atproto.data import loads
from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.errors import (
    InvalidRequest,
    PayloadTooLarge,
    UnsupportedEncoding,
    XrpcError,
)

JSON_LIMIT: Final = 150 * 1024
WRITE_LIMIT: Final = 1_000_000
WRITES: Final = frozenset(
    (
        *(f"com.atproto.repo.{name}" for name in ("createRecord", "putRecord", "applyWrites")),
        "internal.hearth.appview.putPrivateState",
    )
)
# For a whole JSON body, and for a pause in any body.
BODY_SECONDS: Final = 30.0
IDLE_SECONDS: Final = 30.0
PIECE: Final = 256 * 1024
_ENCODINGS: Final = frozenset(("", "identity", "gzip", "deflate"))


def json_limit(nsid: str) -> int:
    """Tell how many bytes of JSON a method takes."""
    return WRITE_LIMIT if nsid in WRITES else JSON_LIMIT


async def read_json(request: web.Request, limit: int) -> Json:
    """Read a JSON body of at most `limit` bytes, decompressed.

    Raises InvalidRequest, UnsupportedEncoding, PayloadTooLarge, InvalidData.
    """
    check_kind(request, "application/json")
    return loads(await read_body(request, limit))


def open_body(request: web.Request, encoding: str) -> StreamReader:
    """Give a body that is not JSON as a stream, decompressed; its reader limits the size.

    Raises InvalidRequest, UnsupportedEncoding.
    """
    check_kind(request, encoding)
    return _Body(request)


async def refuse_body(request: web.Request) -> None:
    """Refuse a body where the method takes none. Raises InvalidRequest."""
    if request.body_exists and await request.content.readany():
        raise InvalidRequest("A request body was provided when none was expected")


def check_kind(request: web.Request, encoding: str) -> None:
    """Check that there is a body, and of the kind the method takes."""
    # An empty file is a body too; its sender says that it is empty.
    empty = encoding != "application/json" and "Content-Length" in request.headers
    if not request.body_exists and not empty:
        raise InvalidRequest("A request body is expected but none was provided")
    compression = _compression(request)
    if compression not in _ENCODINGS:
        raise UnsupportedEncoding(compression)
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not kind:
        raise InvalidRequest("Request encoding (Content-Type) required but not provided")
    if encoding not in ("*/*", kind):
        raise InvalidRequest(f"Wrong request encoding (Content-Type): {kind}")


async def read_body(request: web.Request, limit: int) -> bytes:
    """Read a whole body of at most `limit` bytes, decompressed.

    Raises PayloadTooLarge; InvalidRequest if it is not compressed as it claims, or too slow.
    """
    if (request.content_length or 0) > limit:
        raise PayloadTooLarge(limit)
    if request.content.is_eof() and not _compression(request):
        whole = request.content.read_nowait()  # it came together with the headers
        if len(whole) > limit:
            raise PayloadTooLarge(limit)
        return whole
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in _Body(request).iter_any():
                size += len(chunk)
                if size > limit:
                    raise PayloadTooLarge(limit)
                chunks.append(chunk)
    except TimeoutError as error:
        raise _too_slow() from error
    return b"".join(chunks)


def _too_slow() -> XrpcError:
    return XrpcError(408, "InvalidRequest", "The request body comes too slowly")


def _compression(request: web.Request) -> str:
    return request.headers.get("Content-Encoding", "").strip().lower()


class _Body(StreamReader):
    """A body that may not pause for long; gzip and zlib are decompressed a bounded piece at a time.

    The server that runs the application must leave bodies as they come (`auto_decompress=False`).
    """

    def __init__(self, request: web.Request) -> None:
        super().__init__(request.protocol, PIECE)
        self._source = request.content
        packed = _compression(request) in ("gzip", "deflate")
        # Both wrappings are told apart by their first bytes.
        self._inflate = zlib.decompressobj(wbits=47) if packed else None
        self._waiting = b""
        self._left = b""

    async def readany(self) -> bytes:
        """Give the next piece; nothing at the end. Raises InvalidRequest, XrpcError (408)."""
        if self._left:
            piece, self._left = self._left, b""
            return piece
        while True:
            chunk = self._waiting or await self._next_chunk()
            self._waiting = b""
            if self._inflate is None:
                return chunk
            if not chunk:
                if not self._inflate.eof:
                    raise InvalidRequest("The request body ends too early")
                return b""
            piece = self._next_piece(self._inflate, chunk)
            if piece:
                return piece

    async def read(self, n: int = -1) -> bytes:
        """Give at most n bytes, or everything if n is negative. Raises as `readany`."""
        if n < 0:
            return b"".join([chunk async for chunk in self.iter_any()])
        piece = await self.readany()
        self._left = piece[n:]
        return piece[:n]

    async def _next_chunk(self) -> bytes:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                return await self._source.readany()
        except TimeoutError as error:
            raise _too_slow() from error

    def _next_piece(self, inflate: "zlib._Decompress", chunk: bytes) -> bytes:
        try:
            piece = inflate.decompress(chunk, PIECE)
        except zlib.error as error:
            raise InvalidRequest("The request body cannot be decoded") from error
        if inflate.unused_data:
            raise InvalidRequest("The request body goes on after its end")
        self._waiting = inflate.unconsumed_tail
        return piece
