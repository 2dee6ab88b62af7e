"""Handles to DIDs: by DNS, by HTTPS, or by asking our own hosts.

https://atproto.com/specs/handle
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from appliance.atproto.data import InvalidData, loads
from appliance.atproto.http_port import Requester
from appliance.atproto.identity.errors import HandleNotFound, IdentityUnreachable
from appliance.atproto.syntax import Did, Handle

LookupTxt: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]

DNS_SECONDS: Final = 4.0
WELL_KNOWN_SECONDS: Final = 6.0
# Top-level domains that no handle on the open network can have.
RESERVED: Final = frozenset(
    {"alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test"}
)


# Those, and others that are in no DNS: what a host says of its own accounts has to do.
OFFLINE: Final = RESERVED | {"home", "lan"}


class HandleNames:
    """Look handles up where they are declared.

    home_domains: endings (".test") whose handles our own hosts know. home_pds_urls: those hosts,
    URLs or "unix:" addresses. A PDS leaves itself out, or it would ask itself. neighbours: where
    handles under names that are in no DNS are known, if their owners live in paired houses.

    Under a home domain of the open network (".example.com") the DNS is asked next; under one that
    is in no DNS (".test"), the PDS of the account.
    """

    def __init__(
        self,
        http: Requester,
        home_domains: Sequence[str] = (),
        home_pds_urls: Sequence[str] = (),
        lookup_txt: LookupTxt | None = None,
        neighbours: str = "",
    ) -> None:
        self._http = http
        self._home_domains = tuple(f".{domain.lstrip('.').lower()}" for domain in home_domains)
        self._home_pds_urls = tuple(home_pds_urls)
        self._lookup_txt = lookup_txt or lookup_txt_records
        self._neighbours = neighbours

    def is_home(self, handle: str) -> bool:
        """Tell whether a handle is one that our own hosts would know."""
        return handle.endswith(self._home_domains) if self._home_domains else False

    async def did_for(self, handle: Handle, pds: str | None = None) -> Did:
        """Return the DID a handle declares. pds: the PDS of the account that claims it, if any.

        Raises HandleNotFound, IdentityUnreachable.
        """
        top = handle.rpartition(".")[2]
        if self.is_home(handle):
            did = await self._ask_hosts(handle, pds if top in OFFLINE else None)
            if did is not None:
                return did
            if top in OFFLINE:
                raise HandleNotFound(f"{handle} is not known here")
        if top in OFFLINE and self._neighbours:
            did = await self._ask_neighbours(handle)
            if did is not None:
                return did
        if top in RESERVED:
            raise HandleNotFound(f"{handle} ends in a reserved name")
        return await self._look_up(handle)

    async def _look_up(self, handle: Handle) -> Did:
        """Ask the DNS, then the web, as the open network does."""
        did, dns_failure = await self._by_dns(handle)
        if did is None:
            did, web_failure = await self._by_web(handle)
            failure = dns_failure or web_failure
            if did is None and failure is not None:
                raise IdentityUnreachable(f"{handle} cannot be looked up") from failure
        if did is None:
            raise HandleNotFound(f"{handle} leads to no DID")
        return did

    async def _by_dns(self, handle: Handle) -> tuple[Did | None, OSError | None]:
        try:
            records = await self._lookup_txt(f"_atproto.{handle}")
        except OSError as failure:
            return None, failure
        dids = {text.removeprefix("did=") for text in records if text.startswith("did=")}
        if len(dids) > 1:
            raise HandleNotFound(f"{handle} declares more than one DID")
        return _did(dids.pop() if dids else ""), None

    async def _by_web(self, handle: Handle) -> tuple[Did | None, OSError | None]:
        url = f"https://{handle}/.well-known/atproto-did"
        try:
            response = await self._http.request(
                "GET", url, max_bytes=4096, timeout=WELL_KNOWN_SECONDS
            )
        except OSError as failure:
            return None, failure
        if response.status != 200:
            return None, None
        return _did(response.body.decode("ascii", "replace").strip()), None

    async def _ask_hosts(self, handle: Handle, pds: str | None) -> Did | None:
        """Ask our hosts in turn, then the one given; the first that knows decides.

        Raises IdentityUnreachable if nobody knows and somebody did not answer.
        """
        failure: IdentityUnreachable | None = None
        hosts = dict.fromkeys((*self._home_pds_urls, pds) if pds else self._home_pds_urls)
        for url in hosts:
            try:
                did = await self._ask(url, handle)
            except IdentityUnreachable as unreachable:
                failure = unreachable
                continue
            if did is not None:
                return did
        if failure is not None:
            raise failure
        return None

    async def _ask_neighbours(self, handle: Handle) -> Did | None:
        """Ask for somebody in a paired house. Raises IdentityUnreachable while it is away."""
        return await self._ask(self._neighbours, handle)

    async def _ask(self, url: str, handle: Handle) -> Did | None:
        try:
            response = await self._http.request(
                "GET",
                url,
                path="/xrpc/com.atproto.identity.resolveHandle",
                params=[("handle", handle)],
                timeout=WELL_KNOWN_SECONDS,
            )
        except OSError as error:
            raise IdentityUnreachable(f"no answer about {handle}") from error
        if response.status >= 500 or response.status == 429:
            raise IdentityUnreachable(f"status {response.status} about {handle}")
        if response.status != 200:
            return None
        try:
            answer = loads(response.body)
        except InvalidData:
            return None
        return _did(answer.get("did")) if isinstance(answer, dict) else None


def _did(text: object) -> Did | None:
    try:
        return Did(text) if isinstance(text, str) else None
    except ValueError:
        return None


async def lookup_txt_records(name: str) -> list[str]:
    """Return the TXT records of a name; none if the name does not exist.

    Raises OSError if no name server gives an answer.
    """
    from dns import asyncresolver, exception, resolver  # only now: 40 ms nobody else needs

    try:
        answer = await asyncresolver.resolve(name, "TXT", lifetime=DNS_SECONDS, search=False)
    except (resolver.NXDOMAIN, resolver.NoAnswer):
        return []
    except exception.DNSException as error:
        raise OSError(f"no answer from the DNS: {type(error).__name__}") from error
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
