"""What stands at port 80 beside HTTPS: the texts that authorities look for, and the way on."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from appliance.https.proofs import HttpProofs

PLACE: Final = "/.well-known/acme-challenge/"


def build_plain_door(
    proofs: HttpProofs, is_ours: Callable[[str], bool], name: str, port: int
) -> web.Application:
    """Make it. `is_ours` knows our host names; who asks for none of them is sent to `name`."""

    async def prove(request: web.Request) -> web.Response:
        text = proofs.text(request.match_info["token"])
        if text is None:
            raise web.HTTPNotFound(text="Not found\n")
        return web.Response(text=text)

    async def send_on(request: web.Request) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            # What it carried has been read by whoever wanted to: it must not seem to work.
            raise web.HTTPForbidden(text="Ask by https\n")
        asked = request.host.lower()
        asked = asked if asked.endswith("]") else asked.rpartition(":")[0] or asked
        host = asked if is_ours(asked) else name
        end = "" if port == 443 else f":{port}"
        raise web.HTTPPermanentRedirect(f"https://{host}{end}{request.rel_url.raw_path_qs}")

    door = web.Application(client_max_size=1024)
    door.router.add_get(PLACE + "{token}", prove)
    door.router.add_route("*", "/{rest:.*}", send_on)
    return door
