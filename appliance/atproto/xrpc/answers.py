"""Write what a client is sent: JSON, streams, errors; compressed where it asks and it pays."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Protocol, runtime_checkable

from aiohttp import web

from appliance.atproto.data import InvalidData, dumps
from appliance.atproto.xrpc.errors import XrpcError
from appliance.atproto.xrpc.methods import Stream

JSON: Final = "application/json; charset=utf-8"
SMALLEST_COMPRESSED: Final = 2048
# Compressing this much takes about a millisecond; more of it is done beside the event loop.
LARGEST_INLINE: Final = 128 * 1024
_FASTEST: Final = 1
_GZIP: Final = 31

CORS: Final[Mapping[str, str]] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": ", ".join(
        (
            "Atproto-Repo-Rev",
            "Atproto-Content-Labelers",
            "Atproto-Upstream-Lag",
            "DPoP-Nonce",
            "WWW-Authenticate",
            "RateLimit-Limit",
            "RateLimit-Remaining",
            "RateLimit-Reset",
            "RateLimit-Policy",
            "Retry-After",
        )
    ),
}
ALLOWED_HEADERS: Final = ", ".join(
    (
        "authorization",
        "dpop",
        "content-type",
        "content-encoding",
        "accept-language",
        "atproto-proxy",
        "atproto-accept-labelers",
        "x-bsky-topics",
        "x-bsky-is-beta-user",
        "x-atproto-device-id",
        "x-atproto-session-id",
    )
)
PREFLIGHT_SECONDS: Final = 86_400


class UnwritableOutput(TypeError):
    """A handler returned what JSON cannot say: a fault of ours, not of the client."""


def encode(value: Any) -> bytes:
    """Write a handler's value as JSON. Raises UnwritableOutput."""
    try:
        return dumps(value)
    except InvalidData as error:
        raise UnwritableOutput(str(error)) from error


async def json_answer(
    request: web.Request, body: bytes, status: int, headers: Mapping[str, str]
) -> web.Response:
    """Make a JSON answer, compressed if it is large and the client takes gzip."""
    full = {"Content-Type": JSON, **headers}
    if len(body) >= SMALLEST_COMPRESSED:
        full["Vary"] = f"{full['Vary']}, Accept-Encoding" if "Vary" in full else "Accept-Encoding"
        if takes_gzip(request):
            full["Content-Encoding"] = "gzip"
            body = await _squeeze(zlib.compressobj(_FASTEST, wbits=_GZIP), body, last=True)
    return web.Response(body=body, status=status, headers=full)


async def stream_answer(
    request: web.Request, stream: Stream, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Send a stream to its end, no faster than the client takes it."""
    response = web.StreamResponse(
        status=stream.status,
        headers={"Content-Type": stream.content_type, **headers, **stream.headers},
    )
    squeeze = None
    if _is_compressible(stream) and takes_gzip(request):
        response.headers["Content-Encoding"] = "gzip"
        response.headers.popall("Content-Length", None)
        squeeze = zlib.compressobj(_FASTEST, wbits=_GZIP)
    complete = False
    try:
        await response.prepare(request)
        if request.method != "HEAD":
            await _send(response, stream.chunks, squeeze)
        complete = True
    finally:
        # The status is sent already: only a broken connection still says that something failed.
        if not complete and request.transport is not None:
            request.transport.abort()
        await _close(stream.chunks)
    return response


async def _send(
    response: web.StreamResponse, chunks: AsyncIterator[bytes], squeeze: "zlib._Compress | None"
) -> None:
    async for chunk in chunks:
        data = chunk if squeeze is None else await _squeeze(squeeze, chunk)
        if data:
            await response.write(data)
    if squeeze is not None:
        await response.write(squeeze.flush())
    await response.write_eof()


@runtime_checkable
class _Closable(Protocol):
    async def aclose(self) -> None: ...


async def _close(chunks: AsyncIterator[bytes]) -> None:
    """End a stream now, not when it is collected: it may hold a file or a snapshot."""
    if isinstance(chunks, _Closable):
        await chunks.aclose()


def error_answer(error: XrpcError, headers: Mapping[str, str]) -> web.Response:
    """Make the answer of an error: its name, and its message if there is one."""
    body = {"error": error.name}
    if error.message:
        body["message"] = error.message
    full = {"Content-Type": JSON, **headers, **error.headers}
    return web.Response(body=dumps(body), status=error.status, headers=full)


def preflight_answer(request: web.Request) -> web.Response:
    """Allow a browser whatever it is about to send."""
    headers = {
        **CORS,
        "Access-Control-Allow-Methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
        "Access-Control-Allow-Headers": request.headers.get(
            "Access-Control-Request-Headers", ALLOWED_HEADERS
        ),
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        "Vary": "Access-Control-Request-Headers",
    }
    return web.Response(status=204, headers=headers)


def takes_gzip(request: web.Request) -> bool:
    """Tell whether the client accepts gzip."""
    for item in request.headers.get("Accept-Encoding", "").lower().split(","):
        name, _, weight = item.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _is_compressible(stream: Stream) -> bool:
    kind = stream.content_type.partition(";")[0]
    return kind in ("application/vnd.ipld.car", "application/json", "application/jsonl")


async def _squeeze(squeeze: "zlib._Compress", data: bytes, *, last: bool = False) -> bytes:
    def run() -> bytes:
        return squeeze.compress(data) + (squeeze.flush() if last else b"")

    return run() if len(data) <= LARGEST_INLINE else await asyncio.to_thread(run)
