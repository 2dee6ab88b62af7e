"""Ask the relays that are told of us, now and then, whether they see us; ask to be seen."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import UpstreamFailure, XrpcError
from appliance.base.clock import Clock
from appliance.base.http import HttpClient, OutboundFailed, OutboundRefused
from appliance.relay.home import Home, HomeAccount
from appliance.relay.upstream import ECHO_SECONDS, AccountsSeen, HostSeen, Seen, findings
from appliance.relay.upstream_echo import hear_again
from appliance.upkeep.checkup import Finding

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
FIRST_SECONDS = 60.0
AGAIN_SECONDS = 20 * 60.0
WELL_SECONDS = 6 * 3600.0
ASKED_ACCOUNTS = 100
# How long our own relay may be behind our own PDS.
CATCH_UP_SECONDS = 2.0
_UNKNOWN_HOST = frozenset(("HostNotFound", "NotFound"))
_UNKNOWN_REPO = frozenset(("RepoNotFound", "NotFound"))


class UpstreamWatch:
    """Keeps the last look at each upstream relay."""

    def __init__(self, http: HttpClient, relays: Sequence[str], home: Home, clock: Clock) -> None:
        self._http = http
        self._relays = tuple(url.rstrip("/") for url in relays)
        self._home = home
        self._clock = clock
        self._one_look = asyncio.Lock()
        self.seen: dict[str, Seen] = {}

    def findings(self) -> list[Finding]:
        """Say what the last looks found."""
        return [finding for seen in self.seen.values() for finding in findings(seen)]

    async def run(self) -> None:
        """Look after writes, sooner while something is wrong; a worker. Ends if there is nobody."""
        if not self._relays:
            return
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            await self.look()
            await self._pause()

    async def look(self) -> list[Finding]:
        """Look at every upstream relay now."""
        async with self._one_look:
            for url in self._relays:
                self.seen[url] = await self._look_at(url)
        found = self.findings()
        for finding in found:
            if finding.level != "good":
                log.warning("%s: %s", finding.subject, finding.seen)
        return found

    async def _pause(self) -> None:
        """Wait until it is time again and, for the echo, until somebody has just written."""
        well = all(finding.level == "good" for finding in self.findings())
        await asyncio.sleep(WELL_SECONDS if well else AGAIN_SECONDS)
        seq, waited = self._home.seq(), 0.0
        while self._home.seq() == seq and waited < AGAIN_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS

    async def _look_at(self, url: str) -> Seen:
        relay = urlsplit(url).netloc
        accounts = await self._home.accounts(ASKED_ACCOUNTS)
        client = XrpcClient(self._http, url)
        hostname, now_us = self._home.hostname, self._clock.now_us()
        try:
            echo = await self._echo(url, accounts)
            host = await _host(client, hostname)
            asked = door = ""
            if host is None or host.status == "offline":
                asked = await self._ask_to_crawl(url)
                door = await self._try_own_door()
            return Seen(
                relay=relay,
                hostname=hostname,
                checked_us=now_us,
                host=host,
                asked=asked,
                door=door,
                our_seq=await self._caught_up(0 if host is None else host.seq),
                accounts=await self._ask_for(client, accounts) if host else AccountsSeen(),
                echoed=echo is not None,
                echo=echo or None,
            )
        except (UpstreamFailure, OutboundFailed, OutboundRefused) as error:
            return Seen(relay, hostname, now_us, failure=_words(error))

    async def _echo(self, url: str, accounts: Sequence[HomeAccount]) -> float | None:
        """Give how old the newest write was when it was heard, 0 if it was not; None: not due."""
        if not accounts:
            return None
        newest = accounts[0]
        if self._age(newest) > ECHO_SECONDS:
            return None
        heard = await hear_again(self._http, url, newest.did, newest.rev, self._left(newest))
        return max(self._age(newest), 0.001) if heard else 0.0

    def _age(self, account: HomeAccount) -> float:
        return (self._clock.now_us() - account.rev.to_us()) / 1_000_000

    def _left(self, account: HomeAccount) -> float:
        return min(max(ECHO_SECONDS - self._age(account), 1.0), ECHO_SECONDS)

    async def _caught_up(self, seq: int) -> int:
        """Give where our stream stands, once we have taken in what somebody else has."""
        waited = 0.0
        while self._home.seq() < seq and waited < CATCH_UP_SECONDS:
            await asyncio.sleep(0.1)
            waited += 0.1
        return self._home.seq()

    async def _ask_for(self, client: XrpcClient, accounts: Sequence[HomeAccount]) -> AccountsSeen:
        each = [(account.did, await self._standing(client, account)) for account in accounts]
        counts = Counter(standing for _, standing in each if standing != "well")
        return AccountsSeen(len(accounts), each=tuple(each), **counts)

    async def _standing(self, client: XrpcClient, account: HomeAccount) -> str:
        nsid = "com.atproto.sync.getRepoStatus"
        try:
            told = _object(await client.query(nsid, {"did": account.did}))
        except UpstreamFailure:
            raise
        except XrpcError as error:
            return "unknown" if error.name in _UNKNOWN_REPO or error.status == 404 else "hidden"
        if told.get("active") is not True:
            throttled = "throttled" in str(told.get("status"))
            return "throttled" if throttled else "hidden"
        rev = told.get("rev")
        late = self._age(account) > ECHO_SECONDS
        return "behind" if late and isinstance(rev, str) and rev < account.rev else "well"

    async def _ask_to_crawl(self, url: str) -> str:
        """Give why it will not, empty if it will; what it said last where it is not asked anew."""
        try:
            said = await self._home.ask_to_crawl(url)
        except XrpcError as error:
            return _words(error)
        if said is None:
            return self.seen[url].asked if url in self.seen else ""
        return said

    async def _try_own_door(self) -> str:
        """Come to our own PDS as a stranger would; give what is wrong, empty if nothing is."""
        client = XrpcClient(self._http, self._home.url)
        try:
            await client.query("com.atproto.server.describeServer")
        except XrpcError as error:
            return _words(error)
        return ""


async def _host(client: XrpcClient, hostname: str) -> HostSeen | None:
    """Ask where we stand; None if we are unknown. Raises UpstreamFailure."""
    try:
        told = _object(await client.query("com.atproto.sync.getHostStatus", {"hostname": hostname}))
    except UpstreamFailure:
        raise
    except XrpcError as error:
        if error.name in _UNKNOWN_HOST or error.status == 404:
            return None
        raise UpstreamFailure(f"getHostStatus: {_words(error)}") from error
    seq, accounts = told.get("seq"), told.get("accountCount")
    return HostSeen(
        str(told.get("status") or "active"),
        seq if type(seq) is int else 0,
        accounts if type(accounts) is int else None,
    )


def _words(error: Exception) -> str:
    if isinstance(error, XrpcError):
        return (error.message or error.name)[:200]
    return str(error)[:200]


def _object(value: Any) -> dict[str, Any]:
    """Raises UpstreamFailure."""
    if not isinstance(value, dict):
        raise UpstreamFailure("its answer is no object")
    return value
