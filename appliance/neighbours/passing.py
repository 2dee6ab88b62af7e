"""What two paired houses pass on to each other: what a PDS tells anybody, and nothing else."""

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp import web

from appliance.base.addresses import OutboundFailed
from appliance.base.answers import pass_body
from appliance.base.http import HttpClient

STREAM: Final = "com.atproto.sync.subscribeRepos"
PASSED: Final = frozenset(
    {
        STREAM,
        "com.atproto.identity.resolveHandle",
        "com.atproto.repo.describeRepo",
        "com.atproto.server.describeServer",
        "com.atproto.sync.getBlob",
        "com.atproto.sync.getBlocks",
        "com.atproto.sync.getLatestCommit",
        "com.atproto.sync.getRecord",
        "com.atproto.sync.getRepo",
        "com.atproto.sync.getRepoStatus",
        "com.atproto.sync.listBlobs",
        "com.atproto.sync.listRepos",
    }
)
_KEPT: Final = ("Content-Type", "Content-Length", "Content-Encoding", "ETag", "Retry-After")
_HEARTBEAT: Final = 20.0
_ENDED: Final = (
    aiohttp.WSMsgType.CLOSE,
    aiohttp.WSMsgType.CLOSING,
    aiohttp.WSMsgType.CLOSED,
    aiohttp.WSMsgType.ERROR,
)


async def pass_on(
    request: web.Request, http: HttpClient, base: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Answer a request with what is answered at `base`, as it comes.

    Only what a PDS tells anybody is asked for; no header of the request goes along.
    """
    nsid = request.match_info["nsid"]
    if nsid not in PASSED:
        return web.json_response({"error": "MethodNotImplemented"}, status=501)
    try:
        if nsid == STREAM:
            return await _pass_stream(request, http, base, headers)
        return await _pass_answer(request, http, base, headers)
    except OutboundFailed as failure:
        told = {"error": "UpstreamFailure", "message": str(failure)}
        return web.json_response(told, status=502)


async def _pass_answer(
    request: web.Request, http: HttpClient, base: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    params = list(request.query.items())
    async with http.stream(
        "GET", base, path=request.path, params=params, headers=headers
    ) as answer:
        kept = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
        response = web.StreamResponse(status=answer.status, headers=kept)
        return await pass_body(request, answer, response)


async def _pass_stream(
    request: web.Request, http: HttpClient, base: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    params = [(name, text) for name, text in request.query.items() if name == "cursor"]
    async with http.ws_connect(base, path=request.path, params=params, headers=headers) as above:
        below = web.WebSocketResponse(heartbeat=_HEARTBEAT, compress=False)
        await below.prepare(request)
        await _both(above, below)
        return below


async def _both(above: aiohttp.ClientWebSocketResponse, below: web.WebSocketResponse) -> None:
    """Pass messages down until one side ends; the other is ended then."""

    async def down() -> None:
        try:
            while (message := await above.receive()).type not in _ENDED:
                if message.type == aiohttp.WSMsgType.BINARY:
                    await below.send_bytes(message.data)
        except ConnectionError:
            pass
        await below.close()

    async def listen() -> None:
        # Whoever is below has nothing to say, but pings and the end.
        async for _ in below:
            break
        await above.close()

    await asyncio.gather(down(), listen())
