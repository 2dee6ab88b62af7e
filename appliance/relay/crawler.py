"""One follower per active host, resumed at the cursor that was stored with its last event."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.firehose.follow import Follower
from appliance.relay.hosts import Host, HostStore
from appliance.relay.ingest import Ingest

log = logging.getLogger(__name__)

# A host with no more accounts than this is read from its oldest event on.
SMALL_HOST = 1000


class Crawler:
    """Follows hosts. `homes` maps names of hosts of ours to where they listen."""

    def __init__(
        self,
        http: HttpClient,
        workers: Workers,
        hosts: HostStore,
        ingest: Ingest,
        homes: Mapping[str, str],
    ) -> None:
        self._http = http
        self._workers = workers
        self._hosts = hosts
        self._ingest = ingest
        self._homes = homes
        self._followers: dict[int, Follower] = {}

    def start(self) -> None:
        """Begin to follow every active host."""
        for host in self._hosts.active():
            self.follow(host)

    def follow(self, host: Host) -> None:
        """Begin to follow a host, unless that is done already."""
        if host.id in self._followers:
            return
        follower = Follower(
            self._http,
            self._address(host),
            partial(self._cursor, host.id),
            partial(self._take, host.id),
            partial(self._refused, host.id),
        )
        self._followers[host.id] = follower
        self._workers.start(f"relay follows {host.hostname}", follower.run)

    def status(self, host: Host) -> str:
        """Tell a host's state in the words of the lexicon."""
        if host.standing == "banned":
            return "banned"
        follower = self._followers.get(host.id)
        return "active" if follower is not None and follower.connected_since else "offline"

    def connected(self) -> int:
        """Count the hosts whose stream is open."""
        return sum(each.connected_since is not None for each in self._followers.values())

    async def is_small(self, url: str) -> bool:
        """Ask a stranger whether it is a PDS, and whether it is a small one.

        Raises XrpcError when it does not answer as a PDS does.
        """
        client = XrpcClient.outside(self._http, url)
        if "did" not in _object(await client.query("com.atproto.server.describeServer")):
            raise XrpcError(400, "HostNotFound", "the host does not describe itself as a PDS")
        page = _object(await client.query("com.atproto.sync.listRepos", {"limit": SMALL_HOST}))
        repos = page.get("repos")
        return isinstance(repos, list) and len(repos) < SMALL_HOST

    def _address(self, host: Host) -> str:
        return self._homes.get(host.hostname, host.url)

    def _cursor(self, host_id: int) -> int | None:
        return self._hosts.by_id(host_id).cursor

    async def _take(self, host_id: int, frames: list[bytes]) -> None:
        host = self._hosts.by_id(host_id)
        await self._ingest.take(host, self._address(host), frames)

    async def _refused(self, host_id: int, error: str) -> None:
        """Begin anew at what is live when the host's numbers went back behind ours."""
        if error != "FutureCursor":
            return
        log.warning("host begins anew host=%s", self._hosts.by_id(host_id).hostname)
        await self._hosts.set_cursor(host_id, None)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
