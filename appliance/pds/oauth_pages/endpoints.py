"""What apps call: the documents that describe this server, pushed requests, and tokens."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import orjson
from aiohttp import web

from appliance.atproto.syntax import JsonObject
from appliance.atproto.xrpc.errors import RateLimitExceeded
from appliance.base.browsers import FORM_TYPE
from appliance.pds.oauth import metadata
from appliance.pds.oauth.errors import OAuthError
from appliance.pds.role import Pds
from appliance.pds.xrpc.apps import NONCE_HEADER

Form: TypeAlias = Mapping[str, str]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

MOST_BYTES: Final = 64 * 1024
_NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_KEPT: Final = {"Cache-Control": "max-age=300"}
_STATUS: Final[Mapping[str, int]] = {"temporarily_unavailable": 503}


class Endpoints:
    """The endpoints of one server."""

    def __init__(self, pds: Pds) -> None:
        self._pds = pds
        self._described = {
            "server": metadata.authorization_server(pds.oauth.issuer),
            "resource": metadata.protected_resource(pds.oauth.issuer),
        }

    async def server_document(self, _request: web.Request) -> web.Response:
        return web.json_response(self._described["server"], headers=_KEPT)

    async def resource_document(self, _request: web.Request) -> web.Response:
        return web.json_response(self._described["resource"], headers=_KEPT)

    async def push(self, request: web.Request) -> web.Response:
        """Take a request of an app (PAR)."""
        return await self._answer(request, self._push, 201)

    async def token(self, request: web.Request) -> web.Response:
        return await self._answer(request, self._token, 200)

    async def revoke(self, request: web.Request) -> web.Response:
        return await self._answer(request, self._revoke, 200)

    async def _push(self, request: web.Request, form: Form) -> JsonObject:
        key = self._proved(request, metadata.PAR)
        return await self._pds.oauth.push(form, key, self._pds.limits.address_key(request))

    async def _token(self, request: web.Request, form: Form) -> JsonObject:
        key = self._proved(request, metadata.TOKEN)
        return await self._pds.oauth.desk.issue(form, key, self._pds.clock.now())

    async def _revoke(self, _request: web.Request, form: Form) -> JsonObject:
        """Give a token back: whoever has it may, even without the key."""
        await self._pds.oauth.desk.revoke(form)
        return {}

    def _proved(self, request: web.Request, path: str) -> str:
        """Check the proof of a key before anything else; return the key's thumbprint."""
        proofs = request.headers.getall("DPoP", [])
        if len(proofs) > 1:
            raise OAuthError("invalid_dpop_proof", "More than one DPoP proof")
        proof = proofs[0] if proofs else None
        url = self._pds.oauth.issuer + path
        return self._pds.oauth.dpop.check(proof, method=request.method, url=url)

    async def _answer(
        self,
        request: web.Request,
        act: Callable[[web.Request, Form], Awaitable[JsonObject]],
        status: int,
    ) -> web.Response:
        """Answer a call, good or bad, as OAuth writes it, with the newest nonce."""
        headers = {**_NO_STORE, NONCE_HEADER: self._pds.oauth.dpop.nonce()}
        try:
            self._pds.limits.check_request(request.path, request)
            value = await act(request, await _form(request))
        except OAuthError as refused:
            status = _STATUS.get(refused.error, 400)
            value = {"error": refused.error, "error_description": str(refused)}
        except RateLimitExceeded as limit:
            headers.update(limit.headers)
            told = "Too many calls from this address"
            status, value = 429, {"error": "temporarily_unavailable", "error_description": told}
        return web.json_response(value, status=status, headers=headers)


async def _form(request: web.Request) -> Form:
    """Read a form, or a JSON object of texts; each field once. Raises OAuthError."""
    if (request.content_length or 0) > MOST_BYTES:
        raise OAuthError("invalid_request", "The request is too long")
    if request.content_type == "application/json":
        return _texts(await request.read())
    if request.content_type != FORM_TYPE:
        raise OAuthError("invalid_request", f"The body has to be {FORM_TYPE}")
    try:
        given = await request.post()
    except (LookupError, ValueError) as error:  # in a strange alphabet, or damaged
        raise OAuthError("invalid_request", "The form cannot be read") from error
    form = {name: text for name, text in given.items() if isinstance(text, str)}
    if len(form) != len(given):
        raise OAuthError("invalid_request", "A field is given more than once")
    return form


def _texts(body: bytes) -> Form:
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise OAuthError("invalid_request", "The body is not JSON") from error
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise OAuthError("invalid_request", "The body has to be an object of texts")
    return value
