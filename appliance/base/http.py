"""The one way out: requests to other machines, and to our own roles over UNIX sockets.

Every connection to the outside is checked when it is dialled: the resolver keeps only addresses
the policy allows, and the connector looks once more at the very address it opens, since literal
addresses never pass a resolver. Redirects are followed by hand, each one checked. Answers are
limited in size after decompression, and in time.

An address "unix:/path/to.sock" is one of our own roles. It is dialled only when the request's path
is given apart (`path=`), which no text from outside can cause; see `XrpcClient`.
"""

import asyncio
import socket
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict
from yarl import URL

from appliance.base.addresses import OutboundFailed, OutboundPolicy, OutboundRefused
from appliance.base.lookups import Lookups
from appliance.base.role_wires import LengthUnknown, RoleWires, WholeAnswer

__all__ = ["HttpClient", "OutboundFailed", "OutboundPolicy", "OutboundRefused", "Response"]

Body: TypeAlias = bytes | AsyncIterable[bytes] | None
Headers: TypeAlias = Mapping[str, str] | None
Params: TypeAlias = Sequence[tuple[str, str]]

USER_AGENT: Final = "hearth"
MOST_BYTES: Final = 512_000
MOST_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 30.0
MOST_REDIRECTS: Final = 3
MOST_DEPTH: Final = 64
MOST_MESSAGE_BYTES: Final = 5 * 1024 * 1024
_UNIX: Final = "unix:"
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_SECRET_HEADERS: Final = frozenset(("authorization", "dpop", "cookie"))


@dataclass(frozen=True)
class Response:
    """A whole answer. Header names are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Parse the body. Raises OutboundFailed if it is no JSON, or nested too deep."""
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise OutboundFailed("answer is not JSON") from error
        if _nests_too_deep(value):
            raise OutboundFailed("answer is nested too deep")
        return value


class HttpClient:
    """Send requests. Made by `open`, and shared by the whole process."""

    def __init__(self, policy: OutboundPolicy, outside: aiohttp.ClientSession) -> None:
        self._policy = policy
        self._outside = outside
        self._sockets: dict[str, aiohttp.ClientSession] = {}
        self._wires: dict[str, RoleWires] = {}
        self._stack = AsyncExitStack()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, policy: OutboundPolicy, resolver: AbstractResolver | None = None
    ) -> AsyncIterator[Self]:
        """Open the client: `async with HttpClient.open(policy) as http`."""
        connector = aiohttp.TCPConnector(
            resolver=_CheckedResolver(policy, resolver or Lookups()),
            socket_factory=_CheckedSockets(policy),
            limit=256,
            limit_per_host=32,
        )
        async with _session(connector) as outside, AsyncExitStack() as stack:
            client = cls(policy, outside)
            client._stack = stack
            yield client

    async def get_json(
        self,
        url: str,
        *,
        path: str = "",
        params: Params = (),
        headers: Headers = None,
        max_bytes: int = MOST_BYTES,
        timeout: float = MOST_SECONDS,  # noqa: ASYNC109
        redirects: int = MOST_REDIRECTS,
    ) -> Any:
        """Fetch and parse JSON. Raises OutboundFailed, also for any status but 200."""
        response = await self.request(
            "GET",
            url,
            path=path,
            params=params,
            headers={"Accept": "application/json", **(headers or {})},
            max_bytes=max_bytes,
            timeout=timeout,
            redirects=redirects,
        )
        if response.status != 200:
            raise OutboundFailed(f"answer has status {response.status}")
        return response.json()

    async def request(
        self,
        method: str,
        url: str,
        *,
        path: str = "",
        params: Params = (),
        headers: Headers = None,
        body: Body = None,
        max_bytes: int = MOST_BYTES,
        timeout: float = MOST_SECONDS,  # noqa: ASYNC109
        redirects: int = MOST_REDIRECTS,
    ) -> Response:
        """Send a request, read the whole answer: at most max_bytes, within `timeout` seconds.

        Raises OutboundRefused, OutboundFailed.
        """
        if method == "GET" and url.startswith(_UNIX) and path.startswith("/"):
            with suppress(LengthUnknown):
                return await self._of_role(url, path, params, headers, max_bytes, timeout)
        try:
            async with (
                asyncio.timeout(timeout),
                self.stream(
                    method,
                    url,
                    path=path,
                    params=params,
                    headers=headers,
                    body=body,
                    redirects=redirects,
                    decompress=True,
                ) as answer,
            ):
                return Response(answer.status, answer.headers, await _read(answer, max_bytes))
        except TimeoutError as error:
            raise OutboundFailed(f"no answer within {timeout} s") from error

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        path: str = "",
        params: Params = (),
        headers: Headers = None,
        body: Body = None,
        idle: float = IDLE_SECONDS,
        redirects: int = 0,
        decompress: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and give the answer while its body is still coming.

        The body is limited neither in size nor in time, but may pause at most `idle` seconds; it
        comes as it was sent unless `decompress`. Raises OutboundRefused, OutboundFailed.
        """
        session, target = self._target(url, path, params)
        dial = MOST_SECONDS  # once there is room for a connection, for which it waits as long
        limits = aiohttp.ClientTimeout(connect=2 * dial, sock_connect=dial, sock_read=idle)
        async with _named_failures(), AsyncExitStack() as stack:
            for hops_left in range(redirects, -1, -1):
                response = await stack.enter_async_context(
                    session.request(
                        method,
                        target,
                        headers=headers,
                        data=body,
                        allow_redirects=False,
                        timeout=limits,
                        auto_decompress=decompress,
                        ssl=self._tls(target),
                        # What has no type is passed on without one.
                        skip_auto_headers=("Content-Type",),
                    )
                )
                if not _is_redirect(method, response) or redirects == 0:
                    yield response
                    return
                if hops_left == 0 or session is not self._outside:
                    raise OutboundRefused("too many redirects")
                before, target = target, self._next(target, response)
                if before.origin() != target.origin():
                    headers = _without_secrets(headers)
                response.close()

    async def ask_role(
        self, address: str, target: str, headers: Mapping[str, str], idle: float = IDLE_SECONDS
    ) -> WholeAnswer:
        """Ask one of our own roles ("unix:...") for a path with its query, ready to be sent.

        For pages, where each tenth of a millisecond counts. Raises OutboundRefused, OutboundFailed.
        """
        if not address.startswith(_UNIX):
            raise OutboundRefused("not a role of ours")
        if (wires := self._wires.get(address)) is None:
            wires = self._wires[address] = RoleWires(address.removeprefix(_UNIX))
            self._stack.callback(wires.close)
        return await wires.get(target, headers, idle)

    async def _of_role(
        self, address: str, path: str, params: Params, headers: Headers, most: int, seconds: float
    ) -> Response:
        """Ask one of our roles without what only answers from outside need; follow nowhere."""
        target = URL(f"http://localhost{path}").extend_query(params).raw_path_qs
        named = {"User-Agent": USER_AGENT, **(headers or {})}
        answer = await self.ask_role(address, target, named, seconds)
        if len(answer.body) > most:
            raise OutboundFailed(f"answer is larger than {most} bytes")
        return Response(answer.status, CIMultiDict(answer.headers), answer.body)

    @asynccontextmanager
    async def ws_connect(
        self,
        url: str,
        *,
        path: str = "",
        params: Params = (),
        headers: Headers = None,
        heartbeat: float | None = IDLE_SECONDS,
        max_bytes: int = MOST_MESSAGE_BYTES,
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket; one that answers no ping within half a `heartbeat` is closed.

        Raises OutboundRefused, OutboundFailed.
        """
        session, target = self._target(url, path, params)
        async with _named_failures():
            try:
                connection = await session.ws_connect(
                    target,
                    headers=headers,
                    heartbeat=heartbeat,
                    max_msg_size=max_bytes,
                    ssl=self._tls(target),
                    timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
                )
            except TimeoutError as error:
                raise OutboundFailed("it takes the connection and says nothing") from error
            async with connection:
                yield connection

    def _target(self, url: str, path: str, params: Params) -> tuple[aiohttp.ClientSession, URL]:
        """Choose the session for an address and make the URL to ask it for."""
        if url.startswith(_UNIX):
            if not path.startswith("/"):
                raise OutboundRefused("a socket of ours is not for addresses from outside")
            session = self._socket_session(url.removeprefix(_UNIX))
            target = URL(f"http://localhost{path}")
        else:
            session = self._outside
            target = self._policy.checked(url.rstrip("/") + path if path else url)
        return session, target.extend_query(params) if params else target

    def _tls(self, target: URL) -> aiohttp.Fingerprint | bool:
        """Tell how a server has to show itself: as the world does, or by a certificate we know."""
        pin = self._policy.pins.get(target.raw_host or "")
        return pin is None or aiohttp.Fingerprint(pin)

    def _socket_session(self, path: str) -> aiohttp.ClientSession:
        if (session := self._sockets.get(path)) is None:
            session = self._sockets[path] = _session(aiohttp.UnixConnector(path, limit=0))
            self._stack.push_async_callback(session.close)
        return session

    def _next(self, target: URL, response: aiohttp.ClientResponse) -> URL:
        """Check where a redirect leads."""
        try:
            location = target.join(URL(response.headers["Location"]))
        except (KeyError, ValueError) as error:
            raise OutboundFailed("redirect without a usable target") from error
        return self._policy.checked(str(location))


class _CheckedResolver(AbstractResolver):
    """Resolve names, keeping only the addresses a policy allows for them."""

    def __init__(self, policy: OutboundPolicy, resolver: AbstractResolver) -> None:
        self._policy = policy
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        allowed = [each for each in found if self._policy.allows_for(host, each["host"])]
        if not allowed:
            raise OutboundRefused("the name stands for no public address")
        return allowed

    async def close(self) -> None:
        await self._resolver.close()


class _CheckedSockets:
    """Open sockets, but only towards addresses a policy allows: the last look before dialling."""

    def __init__(self, policy: OutboundPolicy) -> None:
        self._policy = policy

    def __call__(
        self,
        info: tuple[socket.AddressFamily | int, socket.SocketKind | int, int, str, tuple[Any, ...]],
    ) -> socket.socket:
        family, kind, protocol, _, address = info
        if not self._policy.allows(str(address[0])):
            raise OutboundRefused("the address is not public")
        return socket.socket(family, kind, protocol)


def _session(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    """Make a session without cookies, without proxies, and without redirects of its own."""
    redirects = aiohttp.TraceConfig()
    redirects.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": USER_AGENT},
        trace_configs=[redirects],
        trust_env=False,
    )


async def _refuse_redirect(
    _session: aiohttp.ClientSession, _context: object, redirect: aiohttp.TraceRequestRedirectParams
) -> None:
    redirect.response.close()
    raise OutboundRefused("unexpected redirect")


@asynccontextmanager
async def _named_failures() -> AsyncIterator[None]:
    """Give every failure of the transport one of our two names."""
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, OutboundRefused):
            raise error.os_error from None
        raise OutboundFailed(f"no connection: {error.os_error}") from error
    except aiohttp.ClientError as error:
        raise OutboundFailed(f"{type(error).__name__}: {error}") from error


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    left = max_bytes
    async for chunk in response.content.iter_any():
        left -= len(chunk)
        if left < 0:
            raise OutboundFailed(f"answer is larger than {max_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _is_redirect(method: str, response: aiohttp.ClientResponse) -> bool:
    return method in ("GET", "HEAD") and response.status in _REDIRECTS


def _without_secrets(headers: Headers) -> Headers:
    return headers and {
        name: text for name, text in headers.items() if name.lower() not in _SECRET_HEADERS
    }


def _nests_too_deep(value: Any) -> bool:
    """Tell whether JSON nests deeper than anything recursive should see."""
    level = [value]
    for _ in range(MOST_DEPTH + 1):
        level = [each for each in level if isinstance(each, dict | list)]
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return True
