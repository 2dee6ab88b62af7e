"""An answer of somebody else, passed on to who asked while it comes."""

from typing import Final

import aiohttp
from aiohttp import web

_EMPTY: Final = frozenset((204, 304))


async def pass_body(
    request: web.Request, answer: aiohttp.ClientResponse, response: web.StreamResponse
) -> web.StreamResponse:
    """Fill a response, whose status and headers are there, with what is answered.

    Where that ends early, the caller's connection is reset: what came is seen not to be whole.
    """
    await response.prepare(request)
    if request.method == "HEAD" or answer.status in _EMPTY:
        return response
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
    except (aiohttp.ClientError, ConnectionError, TimeoutError):
        if request.transport is not None:
            request.transport.abort()
    return response
