"""The mirror on the wire: GET, POST and WebSocket under one path."""

from dataclasses import asdict
from typing import Final

from aiohttp import WSMsgType, web

from appliance.atproto.xrpc.limits import client_address
from appliance.base.browsers import is_https
from appliance.pds.doctor.mirror import BODY_BYTES, PATH, Mirror, Reflection

LONGEST_GREETING: Final = 64
SECONDS_TO_GREET: Final = 10.0


def add_mirror(app: web.Application, mirror: Mirror, trusted_proxies: int) -> None:
    """Hang it up in an application."""

    async def show(request: web.Request) -> web.StreamResponse:
        nonce = request.match_info["nonce"]
        if not mirror.shows(nonce):
            raise web.HTTPNotFound
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await _greet(request)
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size > BODY_BYTES:
                raise web.HTTPRequestEntityTooLarge(BODY_BYTES, size)
        seen = Reflection(
            nonce,
            request.host,
            client_address(request, trusted_proxies) or "local",
            request.headers.get("X-Forwarded-For"),
            is_https(request, trusted_proxies),
            size,
        )
        return web.json_response(asdict(seen), headers={"Cache-Control": "no-store"})

    for verb in ("GET", "POST"):
        app.router.add_route(verb, PATH + "{nonce}", show)


async def _greet(request: web.Request) -> web.WebSocketResponse:
    """Say once what was said."""
    socket = web.WebSocketResponse(
        receive_timeout=SECONDS_TO_GREET, max_msg_size=LONGEST_GREETING, compress=False
    )
    await socket.prepare(request)
    try:
        said = await socket.receive()
    except TimeoutError:
        return socket
    if said.type is WSMsgType.TEXT:
        await socket.send_str(said.data)
    await socket.close()
    return socket
