"""What this package needs of an HTTP client; `base.http.HttpClient` provides it."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Response(Protocol):
    """A whole answer."""

    @property
    def status(self) -> int:
        """Give the HTTP status."""

    @property
    def body(self) -> bytes:
        """Give the decompressed body."""


class HttpPort(Protocol):
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
    ) -> Response:
        """Send a request and read the whole answer."""
