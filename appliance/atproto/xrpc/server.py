"""Serve XRPC methods: decode, authenticate, validate, run, encode.

The order of checks is: query parameters, authentication, body, handler. Errors of the domain
(`xrpc_name`) are answered by name; whatever else is raised is logged once, with its traceback, and
the client learns nothing but InternalServerError. https://atproto.com/specs/xrpc
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import orjson
from aiohttp import web

from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.syntax import InvalidSyntax, Nsid
from appliance.atproto.xrpc import answers, bodies
from appliance.atproto.xrpc.errors import (
    STATUS_OF_NAME,
    InvalidRequest,
    MethodNotImplemented,
    XrpcError,
)
from appliance.atproto.xrpc.limits import STATUS, Limits
from appliance.atproto.xrpc.methods import Method, MethodTable, Reply, Stream, arguments
from appliance.atproto.xrpc.pace import PACE
from appliance.version import VERSION

After: TypeAlias = Callable[[str, Any, Mapping[str, Any], web.Request], Awaitable[None]]
Fallback: TypeAlias = Callable[[web.Request, str], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)

PRIVATE: Final[Mapping[str, str]] = {"Cache-Control": "private", "Vary": "Authorization"}
_PUBLIC: Final[Mapping[str, str]] = {}
_NOTHING: Final[Mapping[str, str]] = {}


class InvalidOutput(Exception):
    """A handler's answer differs from its lexicon; looked for in tests and in dev mode only."""


class DeclaredTwice(Exception):
    """Two modules of one role implement the same method."""


def add_methods(
    app: web.Application,
    role: Any,
    tables: Sequence[MethodTable[Any]],
    *,
    validator: Validator,
    validate_outputs: bool = False,
    fallback: Fallback | None = None,
    limits: Limits | None = None,
    after: After | None = None,
) -> None:
    """Serve the methods of these tables under /xrpc/, with CORS on every answer of the app.

    `fallback(request, nsid)` answers methods that no table has; without it they are 501.
    `after(nsid, caller, values, request)` hears of every procedure that was done.

    Raises DeclaredTwice.
    """
    server = _Server(role, validator, validate_outputs, fallback, limits)
    server.after = after
    for table in tables:
        server.add(table)
    app.middlewares.append(_preflight)
    app.on_response_prepare.append(_allow_every_origin)
    app.router.add_get("/xrpc/_health", server.health)
    app.router.add_route("*", "/xrpc/{nsid:.*}", server.handle)


class _Server:
    """The methods of one role, by NSID."""

    def __init__(
        self,
        role: Any,
        validator: Validator,
        validate_outputs: bool,
        fallback: Fallback | None,
        limits: Limits | None,
    ) -> None:
        self._role = role
        self._validator = validator
        self._validate_outputs = validate_outputs
        self._fallback = fallback
        self._limits = limits
        self.after: After | None = None
        self._methods: dict[str, Method] = {}
        self._parametric: set[str] = set()
        self._health = answers.encode({"version": VERSION})

    def add(self, table: MethodTable[Any]) -> None:
        for nsid, method in table.methods.items():
            if nsid in self._methods:
                raise DeclaredTwice(nsid)
            self._methods[nsid] = method
            if "parameters" in self._validator.catalog.definition(nsid):
                self._parametric.add(nsid)

    async def health(self, _request: web.Request) -> web.Response:
        """Answer that the role is up, and which version it is."""
        return web.Response(body=self._health, headers={"Content-Type": answers.JSON})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, whatever happens. aiohttp itself deals with a client that left."""
        if PACE.is_full():
            await PACE.wait()
        nsid = request.match_info["nsid"]
        method = self._methods.get(nsid)
        # What is not ours goes to another service in the caller's name.
        headers = _PUBLIC if method is not None and method.auth is None else PRIVATE
        try:
            if self._limits is not None:
                self._limits.check_request(nsid, request)
            if method is None:
                return await self._unknown(request, nsid)
            _check_verb(method, request)
            result = await self._call(method, request)
            return await self._answer(method, request, result, headers)
        except XrpcError as error:
            return answers.error_answer(error, headers)
        except web.RequestPayloadError:
            broken = InvalidRequest("The request body cannot be decoded")
            return answers.error_answer(broken, headers)
        except web.HTTPException:
            raise
        except Exception as error:
            if isinstance(error, ConnectionError) and _is_gone(request):
                raise
            return answers.error_answer(_told(error, nsid), headers)

    async def _unknown(self, request: web.Request, nsid: str) -> web.StreamResponse:
        try:
            parsed = Nsid(nsid)
        except InvalidSyntax:
            raise InvalidRequest(f"Not the name of a method: {nsid[:100]}") from None
        if self._fallback is None:
            raise MethodNotImplemented
        return await self._fallback(request, parsed)

    async def _call(self, method: Method, request: web.Request) -> Any:
        """Check parameters, caller and body, in this order; then run the handler."""
        values: Mapping[str, Any] = {}
        if method.nsid in self._parametric:
            values = self._validator.parameters(method.nsid, request.query)
        positional = [self._role]
        caller: Any = None
        if method.auth is not None:
            caller = await method.auth(self._role, request)
            positional.append(caller)
            if self._limits is not None and (did := getattr(caller, "did", None)):
                self._limits.check_caller(method.nsid, did, request)
        extras: dict[str, Any] = {}
        if method.kind == "procedure":
            if method.has_json_input:
                body = await bodies.read_json(request, bodies.json_limit(method.nsid))
                values = self._validator.input(method.nsid, body)
            elif method.input_encoding is not None:
                content = bodies.open_body(request, method.input_encoding)
                if method.wants_body:
                    extras["body"] = content
            else:
                await bodies.refuse_body(request)
        if method.wants_request:
            extras["request"] = request
        result = await method.handler(*positional, **arguments(method.fields, values), **extras)
        if self.after is not None and method.kind == "procedure":
            await self.after(method.nsid, caller, values, request)
        return result

    async def _answer(
        self, method: Method, request: web.Request, result: Any, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        if isinstance(result, web.StreamResponse):
            return result
        if isinstance(result, Stream):
            return await answers.stream_answer(request, result, headers)
        status = 200
        if isinstance(result, Reply):
            status, headers, result = result.status, {**headers, **result.headers}, result.value
        if result is None:
            return web.Response(status=status, headers=headers)
        body = answers.encode(result)
        if self._validate_outputs and status == 200:
            self._check_output(method.nsid, body)
        return await answers.json_answer(request, body, status, headers)

    def _check_output(self, nsid: str, body: bytes) -> None:
        """Measure the very bytes that go out by the lexicon. Raises InvalidOutput."""
        try:
            # What we made ourselves may nest deeper than what we take: threads are trees.
            self._validator.output(nsid, orjson.loads(body))
        except ValueError as error:
            raise InvalidOutput(f"{nsid}: {error}") from error


def _check_verb(method: Method, request: web.Request) -> None:
    """Refuse the wrong HTTP method. Raises InvalidRequest."""
    verb = request.method
    if method.kind == "procedure":
        if verb != "POST":
            raise InvalidRequest(f"Incorrect HTTP method ({verb}) expected POST")
    elif verb not in ("GET", "HEAD"):
        raise InvalidRequest(f"Incorrect HTTP method ({verb}) expected GET")
    elif method.kind == "subscription" and not _asks_for_websocket(request):
        raise XrpcError(426, "InvalidRequest", "This is a stream", {"Upgrade": "websocket"})


def _is_gone(request: web.Request) -> bool:
    """Tell whether the client has left, so that nobody is there to be answered."""
    return request.transport is None or request.transport.is_closing()


def _asks_for_websocket(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _told(error: Exception, nsid: str) -> XrpcError:
    """Decide what the client is told of an error: the one place where it is mapped and logged."""
    name = getattr(error, "xrpc_name", None)
    status = STATUS_OF_NAME.get(name, 400) if isinstance(name, str) else 500
    if isinstance(name, str) and status != 500:
        return XrpcError(status, name, str(error))
    log.error("method failed nsid=%s", nsid, exc_info=error)
    return XrpcError(500, "InternalServerError", "Internal Server Error")


@web.middleware
async def _preflight(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer every OPTIONS request: browsers ask before they send headers of ours."""
    if request.method == "OPTIONS":
        return answers.preflight_answer(request)
    return await handler(request)


async def _allow_every_origin(request: web.Request, response: web.StreamResponse) -> None:
    if response.headers.get("Cross-Origin-Resource-Policy") == "same-origin":
        return  # a page beside the methods: for its own origin alone
    for name, text in answers.CORS.items():
        response.headers.setdefault(name, text)
    for name, text in request.get(STATUS, _NOTHING).items():
        response.headers.setdefault(name, text)
