"""One of the two servers of a move, spoken to as any app would, with patience."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from appliance.atproto.data import loads
from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.client import MOST_JSON_BYTES, XrpcClient, upstream_error
from appliance.atproto.xrpc.errors import UpstreamFailure, XrpcError
from appliance.base.room import NoRoom, Room
from appliance.moving.folder import PIECE
from appliance.moving.trouble import Trouble

T = TypeVar("T")
Advance = Callable[[int], Awaitable[None]]

TRIES: Final = 4
LONGEST_WAIT: Final = 600.0
# A server may think about a large repository for long before it says anything.
SECONDS_TO_THINK: Final = 3600.0
_EXPIRED: Final = frozenset({"ExpiredToken"})
_BUSY: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Fetched:
    """A file that was fetched: bytes, media type, SHA-256."""

    size: int
    mime_type: str
    digest: bytes


@dataclass(frozen=True)
class Parcel:
    """A file on its way to a server; `open` gives it from its beginning, as often as needed."""

    open: Callable[[], BinaryIO]
    size: int
    mime_type: str


@dataclass(frozen=True)
class Entry:
    """An access token, and where it leads if that is not where it was asked for."""

    token: str
    client: XrpcClient | None = None


class Server:
    """A server and the right to act for one account there."""

    def __init__(self, client: XrpcClient, url: str, renew: Callable[[], Awaitable[Entry]]) -> None:
        """Take what gives a fresh entry; the first one is asked for when it is needed."""
        self._client = client
        self._renew = renew
        self._token = ""
        self.url = url

    async def query(self, nsid: str, **params: Any) -> Any:
        """Ask as the member. Raises XrpcError."""
        return await self._patiently(
            lambda headers: self._client.query(nsid, params, headers), self._headers
        )

    async def call(self, nsid: str, _input: Json = None, **fields: Any) -> Any:
        """Do something as the member. Raises XrpcError."""
        given: Any = fields or _input
        return await self._patiently(
            lambda headers: self._client.procedure(nsid, given, headers), self._headers
        )

    async def ask_openly(self, nsid: str, **params: Any) -> Any:
        """Ask as anybody. Raises XrpcError."""
        return await self._patiently(
            lambda headers: self._client.query(nsid, params, headers), _nobody
        )

    async def call_with(self, token: str, nsid: str, **fields: Any) -> Any:
        """Do something by the right that a token of another server gives. Raises XrpcError."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self._client.procedure(nsid, fields, headers)

    async def fetch(self, nsid: str, into: Path, advance: Advance, **params: str) -> Fetched:
        """Fetch a file, whole or not at all. Raises XrpcError."""
        return await self._patiently(
            lambda headers: self._fetch(nsid, into, advance, headers, params), self._plain_headers
        )

    async def send(self, nsid: str, parcel: Parcel, advance: Advance) -> Any:
        """Send a file. Raises XrpcError."""
        return await self._patiently(
            lambda headers: self._send(nsid, parcel, advance, headers), self._plain_headers
        )

    async def _headers(self) -> dict[str, str]:
        if not self._token:
            entry = await self._renew()
            self._token = entry.token
            self._client = entry.client or self._client
        return {"Authorization": f"Bearer {self._token}"}

    async def _plain_headers(self) -> dict[str, str]:
        """Ask for bytes as they are: these bodies are read as they come."""
        return {**await self._headers(), "Accept-Encoding": "identity"}

    async def _patiently(
        self,
        attempt: Callable[[dict[str, str]], Awaitable[T]],
        headers: Callable[[], Awaitable[dict[str, str]]],
    ) -> T:
        """Try again when the session is over, the server busy or the line broken."""
        for number in range(1, TRIES):
            try:
                return await attempt(await headers())
            except XrpcError as refusal:
                if refusal.name in _EXPIRED:
                    self._token = ""
                elif refusal.status in _BUSY:
                    await asyncio.sleep(_pause(refusal, number))
                else:
                    raise
        return await attempt(await headers())

    async def _fetch(
        self,
        nsid: str,
        into: Path,
        advance: Advance,
        headers: dict[str, str],
        params: dict[str, str],
    ) -> Fetched:
        into.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = into.with_name(f".{into.name}.new")
        # Nobody knows how much comes, and who sends it may not mean well.
        room = Room(into.parent)
        seen = hashlib.sha256()
        size = 0
        try:
            async with self._client.raw(
                "GET", nsid, params=list(params.items()), headers=headers, redirects=3, idle=120.0
            ) as answer:
                if answer.status != 200:
                    body = await answer.content.read(MOST_JSON_BYTES)
                    raise upstream_error(answer.status, answer.headers, body)
                kind = answer.headers.get("Content-Type", "application/octet-stream")
                with aside.open("wb") as file:
                    async for piece in answer.content.iter_any():
                        room.require()
                        seen.update(piece)
                        file.write(piece)
                        size += len(piece)
                        await advance(size)
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as broken:
            raise UpstreamFailure(f"{nsid}: {broken}") from broken
        except NoRoom as full:
            aside.unlink(missing_ok=True)
            raise Trouble(
                f"the disk is nearly full, after {size:,} bytes of {nsid}",
                "room for all that the other server sends",
                "make room, then give the command again",
            ) from full
        aside.replace(into)
        return Fetched(size, kind.partition(";")[0].strip(), seen.digest())

    async def _send(
        self, nsid: str, parcel: Parcel, advance: Advance, headers: dict[str, str]
    ) -> Any:
        kind = {"Content-Type": parcel.mime_type, "Content-Length": str(parcel.size)}
        body = _body(parcel, advance)
        try:
            async with self._client.raw(
                "POST", nsid, headers={**headers, **kind}, body=body, idle=SECONDS_TO_THINK
            ) as answer:
                said = await answer.content.read(MOST_JSON_BYTES)
                if answer.status != 200:
                    raise upstream_error(answer.status, answer.headers, said)
                return loads(said) if said else None
        except OSError as broken:
            raise UpstreamFailure(f"{nsid}: {broken}") from broken


async def _nobody() -> dict[str, str]:
    return {}


async def _body(parcel: Parcel, advance: Advance) -> AsyncIterator[bytes]:
    sent = 0
    with parcel.open() as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece
            sent += len(piece)
            await advance(sent)


def _pause(refusal: XrpcError, number: int) -> float:
    """Seconds until the next try: as the server says, else longer each time."""
    told = refusal.headers.get("Retry-After", "")
    is_number = told.isascii() and told.isdigit()
    return min(float(told), LONGEST_WAIT) if is_number else 2.0**number
