"""The way to each host: the PDS beside us over its socket, a paired machine by its own client.

Only what is followed goes these ways. What a DID document or a requestCrawl names never does: a
name leads to a paired machine because the owner has written its address and key into the settings,
or has paired with it: then there is a door to its house.
"""

from collections.abc import Callable, Collection, Mapping

from appliance.atproto.xrpc.client import XrpcClient
from appliance.base.http import HttpClient
from appliance.relay.hosts import Host


class Ways:
    """Knows how a host is reached.

    homes: where hosts of ours listen, by name. door: the way to the paired house where a PDS of
    this URL is, if there is one.
    """

    def __init__(
        self,
        http: HttpClient,
        homes: Mapping[str, str],
        peer_http: HttpClient,
        peers: Collection[str],
        door: Callable[[str], str | None],
    ) -> None:
        self._http = http
        self._homes = homes
        self._peer_http = peer_http
        self._peers = peers
        self._door = door

    def is_home(self, host: Host) -> bool:
        """Whether this is the PDS beside us."""
        return host.hostname in self._homes

    def http(self, host: Host) -> HttpClient:
        return self._peer_http if host.hostname in self._peers else self._http

    def address(self, host: Host) -> str:
        if host.hostname in self._homes:
            return self._homes[host.hostname]
        return self._door(host.url) or host.url

    def client(self, host: Host) -> XrpcClient:
        """Make a client for the host's methods."""
        return XrpcClient(self.http(host), self.address(host))

    def stranger(self, url: str) -> XrpcClient:
        """Make a client for a host that somebody else has named."""
        return XrpcClient.outside(self._http, url)
