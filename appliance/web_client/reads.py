"""Reads of somebody who has not signed in: passed to the AppView, without any credentials."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from appliance.atproto.xrpc.answers import CORS, error_answer
from appliance.atproto.xrpc.errors import InvalidRequest, MethodNotImplemented, XrpcError
from appliance.base.http import HttpClient, OutboundFailed, OutboundRefused

_OPEN: Final = (
    "_health",
    "com.atproto.identity.resolveHandle",
    "com.atproto.label.queryLabels",
    "com.atproto.repo.getRecord",
)
_OPEN_FAMILY: Final = "app.bsky."
_SENT_ON: Final = ("accept-encoding", "accept-language", "atproto-accept-labelers")
_SENT_BACK: Final = ("content-type", "content-encoding", "atproto-content-labelers", "vary")
MOST_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True)
class Reads:
    """Passes reads on to the AppView at an address."""

    http: HttpClient
    address: str

    async def answer(self, request: web.Request, nsid: str) -> web.Response:
        """Pass one on; whatever goes wrong is an XRPC error."""
        try:
            return await self._pass_on(request, nsid)
        except XrpcError as error:
            return error_answer(error, CORS)
        except (OutboundFailed, OutboundRefused):
            away = XrpcError(502, "UpstreamFailure", "The AppView gives no answer")
            return error_answer(away, CORS)

    async def _pass_on(self, request: web.Request, nsid: str) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            raise InvalidRequest("Only reads are answered here; sign in at your own server")
        if nsid not in _OPEN and not nsid.startswith(_OPEN_FAMILY):
            raise MethodNotImplemented
        asked = {name: request.headers[name] for name in _SENT_ON if name in request.headers}
        asked.setdefault("accept-encoding", "identity")
        async with self.http.stream(
            "GET",
            self.address,
            path=f"/xrpc/{nsid}",
            params=list(request.query.items()),
            headers=asked,
        ) as found:
            body = await found.content.read(MOST_BYTES + 1)
            while not found.content.at_eof() and len(body) <= MOST_BYTES:
                body += await found.content.read(MOST_BYTES)
            if len(body) > MOST_BYTES:
                raise OutboundFailed("answer is too long")
            kept = {name: found.headers[name] for name in _SENT_BACK if name in found.headers}
            return web.Response(status=found.status, body=body, headers={**CORS, **kept})
