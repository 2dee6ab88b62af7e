"""IdentityResolver: DID or handle to identity, verified both ways, and remembered.

https://atproto.com/specs/did https://atproto.com/specs/handle
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote

from appliance.atproto.data import InvalidData, loads
from appliance.atproto.http_port import Requester
from appliance.atproto.identity.did_doc import DidDocument, InvalidDidDocument
from appliance.atproto.identity.errors import (
    DidNotFound,
    DocumentUnreadable,
    HandleNotFound,
    IdentityNotFound,
    IdentityUnreachable,
)
from appliance.atproto.identity.memory import Memory, SingleFlight
from appliance.atproto.identity.names import HandleNames
from appliance.atproto.identity.plc_client import PlcClient
from appliance.atproto.syntax import Did, Handle, JsonObject

FRESH_SECONDS: Final = 24 * 3600.0
HANDLE_SECONDS: Final = 3600.0
INVALID_HANDLE_SECONDS: Final = 300.0
ERROR_SECONDS: Final = 120.0
AWAY_SECONDS: Final = 3.0
TRUSTED_SECONDS: Final = 3 * 24 * 3600.0
MAX_KEPT: Final = 20_000
MAX_DOCUMENT_BYTES: Final = 64_000

INVALID_HANDLE: Final = Handle.unchecked("handle.invalid")

_WEB_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.ASCII)
_LOCALHOST: Final = re.compile(r"localhost(?::[0-9]{1,5})?", re.ASCII)


class NeighbourAway(IdentityUnreachable):
    """A house nearby that may know the DID does not answer at the moment."""


@dataclass(frozen=True)
class Identity:
    """Who a DID is. The handle is `handle.invalid` unless handle and DID name each other.

    is_settled: whether that is known; false while nobody who could tell answers.
    """

    did: Did
    handle: Handle
    document: DidDocument
    is_settled: bool = True


@dataclass(frozen=True)
class _HeldDocument:
    """A document, and since when its source has failed to give a newer one."""

    document: DidDocument
    stale_since: float | None = None


@dataclass(frozen=True)
class _HeldIdentity:
    """An identity, and when its handle was last seen to be declared."""

    identity: Identity
    verified_at: float


class IdentityResolver:
    """Resolve DIDs and handles, and remember the answers.

    Documents and identities are fresh for 24 hours, an invalid handle for 5 minutes, an error for
    2. When the source of a document is down, or gives what nobody can
    read, the last good one serves on; `stale_since` tells. A
    handle that cannot be looked up any more is believed for 3 days after it last could.

    plc_url: the did:plc directory, a URL or "unix:/path.sock". now: seconds since 1970.
    home_domains, home_pds_urls: see `HandleNames`. neighbours: where those are known who live in
    paired houses, asked after the directory.
    """

    def __init__(
        self,
        http: Requester,
        plc_url: str,
        now: Callable[[], float],
        home_domains: Sequence[str] = (),
        home_pds_urls: Sequence[str] = (),
        neighbours: str = "",
    ) -> None:
        self._http = http
        # Documents that are made here, asked before anything else.
        self.own: Callable[[Did], JsonObject | None] = lambda _did: None
        self._plc = PlcClient(http, plc_url)
        self._home_pds_urls = tuple(home_pds_urls)
        self._now = now
        self._neighbours = neighbours
        self._names = HandleNames(http, home_domains, home_pds_urls, neighbours=neighbours)
        self._documents: Memory[Did, _HeldDocument] = Memory(now, MAX_KEPT)
        self._identities: Memory[Did, _HeldIdentity] = Memory(now, MAX_KEPT)
        self._dids: Memory[Handle, Did] = Memory(now, MAX_KEPT)
        self._errors: Memory[str, Exception] = Memory(now, MAX_KEPT)
        self._flights = SingleFlight()
        # Documents asked for: remembered, fetched, stale, not_found, unreachable.
        self.counts: Counter[str] = Counter()

    async def document(self, did: Did, fresh: bool = False) -> DidDocument:
        """Return a DID's document; fresh: ask its source even if it is remembered.

        Raises IdentityNotFound, IdentityUnreachable.
        """
        found = self.at_hand(did, fresh)
        if found is not None:
            return found
        if not fresh:
            self._raise_remembered(did)
        return await self._flights.run(
            ("document", did), lambda: self._look_up_document(did), anew=fresh
        )

    def at_hand(self, did: Did, fresh: bool = False) -> DidDocument | None:
        """Return a DID's document if nobody has to be asked for it; fresh: only one of our own."""
        own = self.own(did)
        if own is not None:
            return DidDocument.parse(own)
        known = None if fresh else self._documents.fresh(did)
        if known is None:
            return None
        self.counts["remembered"] += 1
        return known.document

    async def did_for(self, handle: Handle, fresh: bool = False) -> Did:
        """Return the DID a handle declares; whether that DID agrees is not checked.

        fresh: ask even if the answer is remembered. Raises IdentityNotFound, IdentityUnreachable.
        """
        known = None if fresh else self._dids.fresh(handle)
        if known is not None:
            return known
        if not fresh:
            self._raise_remembered(handle)
        return await self._flights.run(
            ("handle", handle), lambda: self._look_up_did(handle), anew=fresh
        )

    async def resolve(self, did: Did, fresh: bool = False) -> Identity:
        """Return a DID's identity, with its handle verified both ways.

        fresh: ask all sources even if the answers are remembered.

        Raises IdentityNotFound, IdentityUnreachable.
        """
        if not fresh:
            known = self._identities.fresh(did)
            if known is not None:
                return known.identity
        key = ("identity", did, fresh)
        return await self._flights.run(key, lambda: self._look_up_identity(did, fresh), anew=fresh)

    def purge(self, did: Did) -> None:
        """Ask anew when a DID is next wanted; the last good document is kept in reserve."""
        held = self._identities.any_age(did)
        if held is not None:
            self._dids.forget(held.identity.handle)
            self._errors.forget(held.identity.handle)
        self._documents.expire(did)
        self._identities.expire(did)
        self._errors.forget(did)

    def remembers(self, did: Did) -> bool:
        """Tell whether a document was ever asked for and had."""
        return self._documents.any_age(did) is not None

    def last_known(self, did: Did) -> DidDocument | None:
        """Return the document that was had last, however old."""
        held = self._documents.any_age(did)
        return None if held is None else held.document

    def stale_since(self, did: Did) -> float | None:
        """Tell since when (seconds since 1970) a document could not be refreshed; None: it is."""
        held = self._documents.any_age(did)
        return None if held is None else held.stale_since

    def _raise_remembered(self, key: str) -> None:
        error = self._errors.fresh(key)
        if error is not None:
            raise type(error)(*error.args)

    async def _look_up_document(self, did: Did) -> DidDocument:
        try:
            document = await self._fetch(did)
        except (IdentityUnreachable, DocumentUnreadable) as error:
            last_good = self._documents.any_age(did)
            self.counts["unreachable" if last_good is None else "stale"] += 1
            if last_good is None:
                nearby = isinstance(error, NeighbourAway)
                self._errors.keep(did, error, AWAY_SECONDS if nearby else ERROR_SECONDS)
                raise
            stale = replace(last_good, stale_since=last_good.stale_since or self._now())
            self._documents.keep(did, stale, ERROR_SECONDS)
            return stale.document
        except IdentityNotFound as error:
            self.counts["not_found"] += 1
            self._documents.forget(did)
            self._identities.forget(did)
            self._errors.keep(did, error, ERROR_SECONDS)
            raise
        self.counts["fetched"] += 1
        self._errors.forget(did)
        self._documents.keep(did, _HeldDocument(document), FRESH_SECONDS)
        return document

    async def _fetch(self, did: Did) -> DidDocument:
        match did.method:
            case "plc":
                raw = await self._fetch_plc(did)
            case "web":
                raw = await self._fetch_web(did)
            case _:
                raise DidNotFound(f"{did} is of a method that is not supported")
        try:
            document = DidDocument.parse(raw)
        except InvalidDidDocument as error:
            raise DidNotFound(f"{did}: {error}") from None
        if document.did != did:
            raise DidNotFound(f"the document found for {did} is that of another DID")
        return document

    async def _fetch_plc(self, did: Did) -> JsonObject:
        try:
            return await self._plc.document(did)
        except DidNotFound:
            found = await self._ask_neighbours(did)
            if found is None:
                raise
            return found

    async def _ask_neighbours(self, did: Did) -> JsonObject | None:
        """Ask for somebody in a paired house; None where there is nobody of that kind.

        Raises NeighbourAway.
        """
        if not self._neighbours:
            return None
        try:
            answer = await self._http.request("GET", self._neighbours, path=f"/{did}")
        except OSError:
            return None
        if answer.status == 503:
            raise NeighbourAway(f"{did} may live nearby, where nobody answers")
        if answer.status != 200:
            return None
        found: JsonObject = loads(answer.body)
        return found

    async def _fetch_web(self, did: Did) -> JsonObject:
        url = web_document_url(did)
        if self._names.is_home(did):
            for pds in self._home_pds_urls:
                if found := await self._ask_home(pds, did):
                    return found
        try:
            response = await self._http.request("GET", url, max_bytes=MAX_DOCUMENT_BYTES)
        except OSError as error:
            raise IdentityUnreachable(f"no answer about {did}") from error
        if response.status >= 500 or response.status == 429:
            raise IdentityUnreachable(f"status {response.status} about {did}")
        if response.status != 200:
            raise DidNotFound(f"{did} has no document")
        try:
            raw: JsonObject = loads(response.body)
        except InvalidData:
            raise DocumentUnreadable(f"{did} has a document that is no JSON") from None
        return raw

    async def _ask_home(self, pds: str, did: Did) -> JsonObject | None:
        """Ask a host of ours, whose names no DNS need have. Raises IdentityUnreachable."""
        path = "/xrpc/com.atproto.identity.resolveDid"
        try:
            answer = await self._http.request("GET", pds, path=path, params=[("did", did)])
        except OSError as error:
            raise IdentityUnreachable(f"no answer about {did}") from error
        if answer.status != 200:
            return None
        found: JsonObject = loads(answer.body)["didDoc"]
        return found

    async def _look_up_did(self, handle: Handle) -> Did:
        try:
            did = await self._names.did_for(handle)
        except HandleNotFound as error:
            if not self._names.is_home(handle):
                self._errors.keep(handle, error, INVALID_HANDLE_SECONDS)
            raise
        except IdentityUnreachable as error:
            self._errors.keep(handle, error, ERROR_SECONDS)
            raise
        if not self._names.is_home(handle):  # ours may change at any moment, and asking is cheap
            self._dids.keep(handle, did, HANDLE_SECONDS)
        return did

    async def _look_up_identity(self, did: Did, fresh: bool) -> Identity:
        document = await self.document(did, fresh)
        claimed = document.handle
        if fresh and claimed is not None:
            self._dids.forget(claimed)
            self._errors.forget(claimed)
        verified_at = self._now()
        handle, seconds = claimed or INVALID_HANDLE, FRESH_SECONDS
        is_settled = True
        try:
            if (
                claimed is not None
                and await self._declared_did(claimed, document.pds, fresh) != did
            ):
                handle, seconds = INVALID_HANDLE, INVALID_HANDLE_SECONDS
        except IdentityNotFound:
            handle, seconds = INVALID_HANDLE, INVALID_HANDLE_SECONDS
        except IdentityUnreachable:
            verified_at = self._last_verified(did, handle)
            seconds = ERROR_SECONDS
            if self._now() - verified_at > TRUSTED_SECONDS:
                handle, is_settled = INVALID_HANDLE, False
        if self.stale_since(did) is not None:
            seconds = min(seconds, ERROR_SECONDS)
        identity = Identity(did, handle, document, is_settled)
        self._identities.keep(did, _HeldIdentity(identity, verified_at), seconds)
        return identity

    def _last_verified(self, did: Did, handle: Handle) -> float:
        """Tell when a DID was last seen to own a handle; 0: never."""
        held = self._identities.any_age(did)
        return held.verified_at if held is not None and held.identity.handle == handle else 0.0

    async def _declared_did(self, handle: Handle, pds: str | None, fresh: bool) -> Did:
        if self._names.is_home(handle):
            return await self._names.did_for(handle, pds)
        return await self.did_for(handle, fresh)


def web_document_url(did: Did) -> str:
    """Return where the document of a did:web is. Raises DidNotFound for hosts with a path or port.

    Port and http are for localhost only, where the outbound policy decides.
    """
    host = unquote(did.removeprefix("did:web:")).lower()
    if _LOCALHOST.fullmatch(host):
        return f"http://{host}/.well-known/did.json"
    if ":" in did.removeprefix("did:web:") or not _WEB_HOST.fullmatch(host) or "." not in host:
        raise DidNotFound(f"{did} names no host")
    return f"https://{host}/.well-known/did.json"
