"""The one way to another house: its address, and nothing but the key that is known of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from appliance.atproto.data import dumps
from appliance.base.addresses import OutboundFailed, OutboundPolicy
from appliance.base.http import HttpClient
from appliance.neighbours.keys import HouseKey, write_certificate

MOST_BYTES: Final = 64_000
SECONDS: Final = 5.0
CERTIFICATE: Final = "Hearth-Certificate"
SCHEME: Final = "Hearth"


class Refused(OutboundFailed):
    """The other house answered, and not with what was asked."""

    def __init__(self, status: int) -> None:
        super().__init__(f"answer has status {status}")
        self.status = status


class Line:
    """Asks one house at one address. Whoever else answers there is not spoken to."""

    def __init__(self, http: HttpClient, key: HouseKey, url: str) -> None:
        self.http = http
        self.url = url
        self._key = key

    @classmethod
    @asynccontextmanager
    async def open(
        cls, key: HouseKey, fingerprint: str, address: str, port: int
    ) -> AsyncIterator["Line"]:
        """Open the way to the house of this fingerprint, there and nowhere else."""
        policy = OutboundPolicy(
            lan_peers={address: frozenset({address})}, pins={address: bytes.fromhex(fingerprint)}
        )
        host = f"[{address}]" if ":" in address else address
        async with HttpClient.open(policy) as http:
            yield cls(http, key, f"https://{host}:{port}")

    def headers(self, certificate: bytes) -> dict[str, str]:
        """Give what shows the house of this certificate who asks."""
        return {
            "Authorization": f"{SCHEME} {self._key.proof_to(certificate)}",
            CERTIFICATE: write_certificate(self._key.certificate),
        }

    async def ask(
        self,
        path: str,
        certificate: bytes | None = None,
        value: Any = None,
        params: Sequence[tuple[str, str]] = (),
        max_bytes: int = MOST_BYTES,
    ) -> Any:
        """Ask, as ourselves if its certificate is given. Raises OutboundFailed (Refused)."""
        headers = {} if certificate is None else self.headers(certificate)
        answer = await self.http.request(
            "GET" if value is None else "POST",
            self.url,
            path=path,
            params=params,
            headers=headers,
            body=None if value is None else dumps(value),
            max_bytes=max_bytes,
            timeout=SECONDS,
            redirects=0,
        )
        if answer.status != 200:
            raise Refused(answer.status)
        return answer.json()


class Lines:
    """The open lines, one for each house; made anew when its address changes."""

    def __init__(self, key: HouseKey) -> None:
        self._key = key
        self._open: dict[str, tuple[tuple[str, int], Line, AsyncExitStack]] = {}
        self._lock = asyncio.Lock()

    async def to(self, fingerprint: str, address: str, port: int) -> Line:
        """Give the line to a house."""
        async with self._lock:
            held = self._open.get(fingerprint)
            if held is not None and held[0] == (address, port):
                return held[1]
            await self._hang_up(fingerprint)
            async with AsyncExitStack() as stack:
                way = Line.open(self._key, fingerprint, address, port)
                line = await stack.enter_async_context(way)
                self._open[fingerprint] = (address, port), line, stack.pop_all()
            return line

    async def close(self, fingerprint: str) -> None:
        """Close the line to a house."""
        async with self._lock:
            await self._hang_up(fingerprint)

    async def _hang_up(self, fingerprint: str) -> None:
        held = self._open.pop(fingerprint, None)
        if held is not None:
            await held[2].aclose()

    async def close_all(self) -> None:
        for fingerprint in list(self._open):
            await self.close(fingerprint)
