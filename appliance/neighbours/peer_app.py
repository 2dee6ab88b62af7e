"""What is asked of us from another house, on a port of its own, under TLS.

Whoever is no neighbour hears who we are, and may ask to become one; what a PDS tells anybody is
told to the paired alone. Everything here is bounded: bodies, callers, and how often they ask.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from aiohttp import web

from appliance.atproto.data import InvalidData, loads
from appliance.atproto.identity.errors import IdentityNotFound, IdentityUnreachable
from appliance.atproto.xrpc.errors import RateLimitExceeded
from appliance.atproto.xrpc.limits import MINUTE, Rule, address_key
from appliance.base.machine import is_near
from appliance.neighbours.cards import InvalidCard, read_card
from appliance.neighbours.identities import OwnMembers
from appliance.neighbours.introductions import REFUSED, Introductions
from appliance.neighbours.keys import (
    HouseKey,
    InvalidCertificate,
    fingerprint,
    read_certificate,
    write_certificate,
)
from appliance.neighbours.line import CERTIFICATE, SCHEME
from appliance.neighbours.pairing import Caller, PairingRefused
from appliance.neighbours.passing import pass_on
from appliance.neighbours.role import Neighbours

MOST_BODY_BYTES: Final = 8000
# A course takes a step in two seconds; a few at once, and the houses of a whole street.
STRANGER: Final = (Rule(120, MINUTE),)
STRANGERS: Final = (Rule(1200, MINUTE),)

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_peer_app(role: Neighbours) -> web.Application:
    """Make the application for other houses."""
    desk = _Desk(role)
    app = web.Application(client_max_size=MOST_BODY_BYTES, middlewares=[desk.admit])
    app.router.add_get("/hello", desk.hello)
    for step in ("knock", "commit", "reveal", "confirm", "part"):
        app.router.add_post(f"/pairing/{step}", desk.pairing(step))
    app.router.add_get("/state", desk.paired(desk.state))
    app.router.add_get("/identities/{did}", desk.paired(desk.identity))
    app.router.add_get("/xrpc/{nsid}", desk.paired(desk.passed))
    return app


class _Desk:
    """Knows who asks, and answers."""

    def __init__(self, role: Neighbours) -> None:
        self._role = role
        self._rates = role.rates
        self._key: HouseKey = role.house.key
        self._introductions: Introductions = role.introductions
        self._members: OwnMembers = role.own_members

    @property
    def admit(self) -> Any:
        """The middleware: only who is near, and no more often than is sensible."""

        @web.middleware
        async def admit(request: web.Request, handler: Answer) -> web.StreamResponse:
            if not is_near(request.remote or ""):
                return _refusal(403, "NotNear")
            try:
                return await handler(request)
            except (InvalidCertificate, InvalidCard, InvalidData):
                return _refusal(400, "InvalidRequest")
            except PairingRefused as refusal:
                return _refusal(REFUSED, refusal.xrpc_name)
            except RateLimitExceeded as excess:
                return _refusal(excess.status, excess.name)

        return admit

    async def hello(self, request: web.Request) -> web.Response:
        """Say who we are; TLS has proved it."""
        self._count(request)
        said = {
            "certificate": write_certificate(self._key.certificate),
            "card": self._role.house.card.as_json(),
        }
        return web.json_response(said)

    def pairing(self, step: str) -> Answer:
        """Make what answers one step on the way to a pair."""

        async def answer(request: web.Request) -> web.StreamResponse:
            self._count(request)
            certificate = self._caller(request)
            if certificate is None:
                return _refusal(401, "AuthRequired")
            value = loads(await request.read())
            if not isinstance(value, dict):
                return _refusal(400, "InvalidRequest")
            if step == "part":
                told = await self._introductions.parted(fingerprint(certificate))
            else:
                told = await self._step(step, _read_caller(request, certificate, value), value)
            return web.json_response(told)

        return answer

    async def _step(self, step: str, caller: Caller, value: Mapping[str, Any]) -> dict[str, Any]:
        match step:
            case "knock":
                return self._introductions.knocked(caller)
            case "commit":
                return self._introductions.committed(caller, _text(value, "commitment"))
            case "reveal":
                return self._introductions.revealed(caller, _text(value, "nonce"))
            case _:
                return await self._introductions.confirmed(caller, _text(value, "proof"))

    def paired(self, handler: Answer) -> Answer:
        """Make a handler that answers the paired alone."""

        async def answer(request: web.Request) -> web.StreamResponse:
            certificate = self._caller(request)
            if certificate is None or self._role.store.find(fingerprint(certificate)) is None:
                self._count(request)
                return _refusal(401, "AuthRequired")
            return await handler(request)

        return answer

    async def state(self, _request: web.Request) -> web.Response:
        """Say how far our stream is, and what we say of ourselves by now."""
        told = {"card": self._role.house.card.as_json(), "seq": await self._members.seq()}
        return web.json_response(told)

    async def identity(self, request: web.Request) -> web.Response:
        """Give the log of the identity of a member of ours."""
        try:
            log = await self._members.log(request.match_info["did"])
        except IdentityNotFound:
            return _refusal(404, "DidNotFound")
        except IdentityUnreachable:
            return _refusal(502, "UpstreamFailure")
        return web.json_response(log)

    async def passed(self, request: web.Request) -> web.StreamResponse:
        """Answer what a PDS answers anybody."""
        return await pass_on(request, self._role.http, self._role.pds_address, {})

    def _count(self, request: web.Request) -> None:
        """Count what a stranger asks. Raises RateLimitExceeded."""
        self._rates.take("strangers", "", STRANGERS)
        self._rates.take("stranger", address_key(request.remote or ""), STRANGER)

    def _caller(self, request: web.Request) -> bytes | None:
        """Give the certificate of who asks, if it is proved. Raises InvalidCertificate."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        text = request.headers.get(CERTIFICATE, "")
        if scheme != SCHEME or not text:
            return None
        certificate = read_certificate(text)
        return certificate if self._key.admits(certificate, given) else None


def _read_caller(request: web.Request, certificate: bytes, value: Mapping[str, Any]) -> Caller:
    port = value.get("port")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65_536:
        raise InvalidCard("a house is asked at a port")
    card = read_card(value.get("card"))
    return Caller(fingerprint(certificate), certificate, card, request.remote or "", port)


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _refusal(status: int, name: str) -> web.Response:
    return web.json_response({"error": name}, status=status)
