"""Read what a client sends: its encoding, its kind, its size after decompression."""

from typing import Final

from aiohttp import StreamReader, web

from appliance.atproto.data import loads
from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.errors import InvalidRequest, PayloadTooLarge, UnsupportedEncoding

JSON_LIMIT: Final = 150 * 1024
WRITE_LIMIT: Final = 1024 * 1024
WRITES: Final = frozenset(
    f"com.atproto.repo.{name}" for name in ("createRecord", "putRecord", "applyWrites")
)
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
    """Give a body that is not JSON as a stream; its reader limits the size.

    Raises InvalidRequest, UnsupportedEncoding.
    """
    check_kind(request, encoding)
    return request.content


async def refuse_body(request: web.Request) -> None:
    """Refuse a body where the method takes none. Raises InvalidRequest."""
    if request.body_exists and await request.content.readany():
        raise InvalidRequest("A request body was provided when none was expected")


def check_kind(request: web.Request, encoding: str) -> None:
    """Check that there is a body, and of the kind the method takes."""
    if not request.body_exists:
        raise InvalidRequest("A request body is expected but none was provided")
    compression = request.headers.get("Content-Encoding", "").strip().lower()
    if compression not in _ENCODINGS:
        raise UnsupportedEncoding(compression)
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not kind:
        raise InvalidRequest("Request encoding (Content-Type) required but not provided")
    if encoding not in ("*/*", kind):
        raise InvalidRequest(f"Wrong request encoding (Content-Type): {kind}")


async def read_body(request: web.Request, limit: int) -> bytes:
    """Read a whole body of at most `limit` bytes, decompressed.

    Raises PayloadTooLarge; InvalidRequest if it is not compressed as it claims.
    """
    if (request.content_length or 0) > limit:
        raise PayloadTooLarge(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size > limit:
                raise PayloadTooLarge(limit)
            chunks.append(chunk)
    except web.RequestPayloadError as error:
        raise InvalidRequest("The request body cannot be decoded") from error
    return b"".join(chunks)
