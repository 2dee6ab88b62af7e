"""Hosts that are followed since the owner has paired with their house.

They are told by the role that keeps the pairs, all of them each time, so that nothing is left of a
pair that has ended. What they send is judged like anybody's.
"""

from collections.abc import Sequence

from appliance.relay.crawler import Crawler
from appliance.relay.hosts import Host, HostStore
from appliance.relay.policy import configured


class NeighbourHosts:
    """Follows these hosts, for as long as it is told of them. `home`: the PDS beside us."""

    def __init__(self, hosts: HostStore, crawler: Crawler, home: str) -> None:
        self._hosts = hosts
        self._crawler = crawler
        self._home = home
        self._followed: dict[str, str] = {}

    async def follow_only(self, urls: Sequence[str]) -> list[tuple[str, Host]]:
        """Follow the hosts of these PDSes, and no others that were followed for their sake.

        Gives URL and host of those that are followed now; a banned one is not.
        """
        for url in [url for url in self._followed if url not in urls]:
            await self._leave(self._followed.pop(url))
        found: list[tuple[str, Host]] = []
        for url in urls:
            named = configured(url)
            if named.hostname == self._home:
                continue
            if url not in self._followed:
                await self._hosts.trust(named.hostname, named.url)
                self._followed[url] = named.hostname
            host = self._hosts.named(named.hostname)
            if host.standing == "active":
                self._crawler.follow(host)
                found.append((url, host))
        return found

    async def _leave(self, hostname: str) -> None:
        host = self._hosts.find(hostname)
        if host is not None and host.standing == "active":
            await self._hosts.distrust(host.id)
            await self._crawler.leave(host.id)
