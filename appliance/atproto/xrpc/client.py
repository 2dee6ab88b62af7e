"""Call the methods of another service, at a URL or at a UNIX socket of ours."""

from collections.abc import AsyncIterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Self, TypeAlias

import aiohttp

from appliance.atproto.data import InvalidData, dumps, loads
from appliance.atproto.http_port import HttpPort, Response
from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.errors import UpstreamFailure, XrpcError

Scalar: TypeAlias = str | int | bool
Params: TypeAlias = Mapping[str, Scalar | Sequence[Scalar] | None]

MOST_JSON_BYTES: Final = 4 * 1024 * 1024
SECONDS_TO_ANSWER: Final = 10.0
JSON: Final = "application/json"


class XrpcClient:
    """One service and the way to it: "https://host", or "unix:/path.sock" for our own roles.

    A base that comes from somebody else's data goes through `outside`.
    """

    def __init__(self, http: HttpPort, base: str, patience: float = SECONDS_TO_ANSWER) -> None:
        """Take the way; `patience` is how many seconds a call waits that names no other time."""
        self._http = http
        self._base = base
        self._patience = patience

    @classmethod
    def outside(cls, http: HttpPort, base: str, patience: float = SECONDS_TO_ANSWER) -> Self:
        """Make a client for an endpoint that others have named: never one of our sockets.

        Raises UpstreamFailure.
        """
        if not base.startswith(("https://", "http://")):
            raise UpstreamFailure("The service has no usable endpoint")
        return cls(http, base, patience)

    async def query(
        self, nsid: str, params: Params | None = None, headers: Mapping[str, str] | None = None
    ) -> Json:
        """Call a query. Raises XrpcError with the upstream's name and status, UpstreamFailure."""
        return _value(await self.call("GET", nsid, params=params, headers=headers))

    async def procedure(
        self,
        nsid: str,
        value: Json = None,
        headers: Mapping[str, str] | None = None,
        params: Params | None = None,
    ) -> Json:
        """Call a procedure with a JSON input, or with none.

        Raises XrpcError with the upstream's name and status, UpstreamFailure.
        """
        body = None if value is None else dumps(value)
        kind = {} if value is None else {"Content-Type": JSON}
        return _value(
            await self.call(
                "POST", nsid, params=params, headers={**kind, **(headers or {})}, body=body
            )
        )

    async def call(
        self,
        method: str,
        nsid: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int = MOST_JSON_BYTES,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Response:
        """Call a method; give status, headers and body of a good answer.

        Raises XrpcError with the upstream's name and status, UpstreamFailure.
        """
        try:
            response = await self._http.request(
                method,
                self._base,
                path=f"/xrpc/{nsid}",
                params=_pairs(params),
                headers=headers,
                body=body,
                max_bytes=max_bytes,
                timeout=self._patience if timeout is None else timeout,
                redirects=0,
            )
        except OSError as error:
            raise UpstreamFailure(f"{nsid}: {error}") from error
        if response.status >= 300:
            raise upstream_error(response.status, response.headers, response.body)
        return response

    def raw(
        self,
        method: str,
        nsid: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | AsyncIterable[bytes] | None = None,
        idle: float = 30.0,
        redirects: int = 0,
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Call a method and give whatever is answered, as it was sent, while it is still coming.

        Raises OSError when there is no answer.
        """
        return self._http.stream(
            method,
            self._base,
            path=f"/xrpc/{nsid}",
            params=params,
            headers=headers,
            body=body,
            idle=idle,
            redirects=redirects,
        )


def upstream_error(status: int, headers: Mapping[str, str], body: bytes) -> XrpcError:
    """Read an error answer; a failure of the upstream's own becomes UpstreamFailure (502)."""
    name, message = "", ""
    try:
        value = loads(body)
    except InvalidData:
        value = None
    if isinstance(value, dict):
        name, message = _text(value.get("error")), _text(value.get("message"))
    if status < 400 or status >= 500:
        return UpstreamFailure(message or f"Upstream answered {status}")
    kept = {key: headers[key] for key in ("Retry-After",) if key in headers}
    return XrpcError(status, name or "InvalidRequest", message, kept)


def _value(response: Response) -> Json:
    if not response.body:
        return None
    try:
        return loads(response.body)
    except InvalidData as error:
        raise UpstreamFailure("Upstream answer is not JSON") from error


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _pairs(params: Params | None) -> list[tuple[str, str]]:
    """Write parameters: lists by repetition, booleans as true and false, None left out."""
    pairs: list[tuple[str, str]] = []
    for name, value in (params or {}).items():
        values: Sequence[Any] = value if isinstance(value, list | tuple) else (value,)
        pairs.extend((name, _written(each)) for each in values if each is not None)
    return pairs


def _written(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
