"""Where accounts' repos and blobs are: at the PDS their DID document names, or next door."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import aiohttp

from appliance.atproto.identity.did_doc import DidDocument
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.client import XrpcClient
from appliance.base.http import HttpClient, OutboundFailed


class NoRepoHost(Exception):
    """The DID document of an account names no PDS."""


class RepoHosts:
    """Asks the PDS of an account.

    home: PDS endpoints that are answered by a socket of ours. door: the way to the paired house
    where such an endpoint is, if there is one.
    """

    def __init__(
        self,
        http: HttpClient,
        resolver: IdentityResolver,
        home: Mapping[str, str],
        door: Callable[[str], str | None],
    ) -> None:
        self._http = http
        self._resolver = resolver
        self._home = home
        self._door = door

    def is_home(self, pds: str | None) -> bool:
        """Tell whether a PDS endpoint is one of ours."""
        return pds in self._home

    def at_door(self, pds: str) -> XrpcClient | None:
        """The paired house where a PDS of this URL is, to be asked; None if there is none."""
        door = self._door(pds)
        return None if door is None else XrpcClient(self._http, door)

    async def document(self, did: Did, *, fresh: bool = False) -> DidDocument:
        return await self._resolver.document(did, fresh=fresh)

    @asynccontextmanager
    async def get(
        self, document: DidDocument, method: str, params: Sequence[tuple[str, str]]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask a query of the account's PDS and give the answer, of status 200, as it comes.

        Raises NoRepoHost, OutboundRefused, OutboundFailed.
        """
        if document.pds is None:
            raise NoRepoHost(f"the DID document of {document.did} names no PDS")
        address = self._home.get(document.pds) or self._door(document.pds) or document.pds
        async with self._http.stream(
            "GET", address, path=f"/xrpc/{method}", params=params, redirects=3, decompress=True
        ) as response:
            if response.status != 200:
                raise OutboundFailed(f"{method} answered with status {response.status}")
            yield response
