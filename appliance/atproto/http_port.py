"""What the protocol core needs of an HTTP client; `base.http.HttpClient` provides it."""

from collections.abc import AsyncIterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import aiohttp


class Answer(Protocol):
    """A status and what came with it."""

    @property
    def status(self) -> int:
        """Give the HTTP status."""

    @property
    def body(self) -> bytes:
        """Give the decompressed body."""


class Response(Answer, Protocol):
    """A whole answer."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Give the headers; names are found in any case."""


class Requester(Protocol):
    """Send requests to URLs and to UNIX sockets; raise OSError when no answer comes."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        path: str = "",
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int = ...,
        timeout: float = ...,  # noqa: ASYNC109
    ) -> Answer:
        """Send a request and read the whole answer."""


class HttpPort(Protocol):
    """As Requester, and give answers also while their body is still coming."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        path: str = "",
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | AsyncIterable[bytes] | None = None,
        max_bytes: int = ...,
        timeout: float = ...,  # noqa: ASYNC109
        redirects: int = ...,
    ) -> Response:
        """Send a request and read the whole answer."""

    def stream(
        self,
        method: str,
        url: str,
        *,
        path: str = "",
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | AsyncIterable[bytes] | None = None,
        idle: float = ...,
        redirects: int = ...,
        decompress: bool = ...,
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Send a request and give the answer while its body is still coming."""
