"""Who is followed: hosts that ask, and hosts of those whom members follow."""

import logging

from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.clock import Clock
from appliance.relay.bans import BanStore
from appliance.relay.crawler import Crawler
from appliance.relay.hosts import Host, HostStore, TooManyHosts
from appliance.relay.policy import InvalidHostname, Named, Policy

log = logging.getLogger(__name__)

# When no more hosts are taken, friends' hosts are not even looked at for so long.
PAUSE_SECONDS = 3600.0


class HostBanned(PermissionError):
    """The relay will not follow this host."""

    xrpc_name = "HostBanned"


class NoPds(LookupError):
    """No PDS answers under the name."""

    xrpc_name = "HostNotFound"


class Admission:
    """Lets hosts in, or has them wait for the operator."""

    def __init__(
        self, hosts: HostStore, bans: BanStore, crawler: Crawler, policy: Policy, clock: Clock
    ) -> None:
        self._hosts = hosts
        self._bans = bans
        self._crawler = crawler
        self._policy = policy
        self._clock = clock
        self._full_until = 0.0

    async def asked(self, hostname: str) -> None:
        """Take a host that asks to be followed.

        Where hosts wait for approval, nobody's word makes us connect to them.
        Raises InvalidHostname, HostBanned, NoPds, TooManyHosts.
        """
        named = self._policy.name(hostname)
        known = self._hosts.find(named.hostname)
        self._refuse_banned(named, known)
        if known is None or (known.standing == "waiting" and self._policy.open):
            waiting = not self._policy.open
            whole = waiting or await self._is_small(named)
            known = await self._hosts.add(named.hostname, named.url, waiting=waiting, whole=whole)
        if known.standing == "active":
            if known.given_up(self._clock.now_us()):
                await self._hosts.set_offline(known.id, None)
            self._crawler.follow(known)
            self._crawler.nudge(known)

    async def wanted(self, url: str) -> bool:
        """Take the host of somebody whom a member follows, if it is small; tell whether it is new.

        A large one would bring thousands of strangers for the sake of one friend.
        """
        if self._clock.now() < self._full_until:
            return False
        try:
            named = self._policy.name(url)
            known = self._hosts.find(named.hostname)
            if known is not None and known.standing != "waiting":
                return False
            self._refuse_banned(named, known)
            if not await self._is_small(named):
                return False
            host = await self._hosts.add(named.hostname, named.url, waiting=False, whole=True)
        except TooManyHosts:
            self._full_until = self._clock.now() + PAUSE_SECONDS
            return False
        except (InvalidHostname, HostBanned, NoPds) as reason:
            log.info("host of a friend not taken url=%s reason=%s", url[:300], reason)
            return False
        self._crawler.follow(host)
        return True

    def _refuse_banned(self, named: Named, known: Host | None) -> None:
        banned = known is not None and known.standing == "banned"
        if banned or self._bans.of_host(named.hostname) is not None:
            raise HostBanned("the relay does not follow this host")

    async def _is_small(self, named: Named) -> bool:
        try:
            return await self._crawler.is_small(named.url)
        except XrpcError as error:
            raise NoPds(f"no PDS answers there: {error.message or error.name}") from error
