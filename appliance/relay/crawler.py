"""One follower per active host, resumed at the cursor that was stored with its last event."""

import asyncio
import contextlib
import logging
import time
from functools import partial
from typing import Any, Literal

from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.clock import Clock
from appliance.base.workers import Worker, Workers
from appliance.firehose.follow import Follower
from appliance.relay.hosts import Host, HostStore
from appliance.relay.ingest import Ingest
from appliance.relay.rates import Rates
from appliance.relay.ways import Ways

log = logging.getLogger(__name__)

# A host with no more accounts than this is read from its oldest event on.
SMALL_HOST = 1000
WATCH_SECONDS = 30.0
# Whoever has a host tried anew cannot have it tried more often.
SECONDS_BETWEEN_NUDGES = 20.0
# How long the PDS beside us may take to find out that it is a restored backup, and to let its
# numbers jump above ours.
HOME_PATIENCE_SECONDS = 10.0
# Nothing heard for so long: idle. It is as healthy as any; quiet hosts are the usual ones.
IDLE_US = 24 * 3600 * 1_000_000

Status = Literal["active", "idle", "offline", "throttled", "banned"]


class Crawler:
    """Follows hosts, each at its pace."""

    def __init__(
        self, ways: Ways, workers: Workers, hosts: HostStore, ingest: Ingest, rates: Rates
    ) -> None:
        self._ways = ways
        self._workers = workers
        self._hosts = hosts
        self._ingest = ingest
        self._rates = rates
        self._followers: dict[int, tuple[Follower, Worker]] = {}
        self._paused: dict[int, asyncio.Event] = {}
        self._refused_since: dict[int, float] = {}
        self._next_nudge: dict[int, float] = {}

    def start(self, clock: Clock) -> None:
        """Begin to follow every active host, but those that were given up."""
        for host in self._hosts.active():
            if not host.given_up(clock.now_us()):
                self.follow(host)
        self._workers.start("relay watches its hosts", partial(self._watch, clock))

    def follow(self, host: Host) -> None:
        """Begin to follow a host, unless that is done already."""
        if host.id in self._followers:
            return
        follower = Follower(
            self._ways.http(host),
            self._ways.address(host),
            partial(self._cursor, host.id),
            partial(self._take, host.id),
            partial(self._refused, host.id),
        )
        worker = self._workers.start(f"relay follows {host.hostname}", follower.run)
        self._followers[host.id] = follower, worker

    def nudge(self, host: Host) -> None:
        """Try a host at once that says it is there, instead of waiting on; not all the time."""
        follower, _ = self._followers[host.id]
        now = time.monotonic()
        if follower.connected_since is None and now >= self._next_nudge.get(host.id, 0.0):
            self._next_nudge[host.id] = now + SECONDS_BETWEEN_NUDGES
            follower.nudge()

    async def leave(self, host_id: int) -> None:
        """Follow a host no longer."""
        followed = self._followers.pop(host_id, None)
        self._paused.pop(host_id, None)
        self._next_nudge.pop(host_id, None)
        if followed is not None:
            await followed[1].stop()

    async def reconnect(self, host: Host) -> None:
        """Make the connection to a host anew."""
        await self.leave(host.id)
        self.follow(host)

    def forgive(self, host_id: int) -> None:
        """Let a host that sent too much go on at once."""
        self._rates.forgive(host_id)
        lifted = self._paused.pop(host_id, None)
        if lifted is not None:
            lifted.set()

    def status(self, host: Host, now_us: int) -> Status:
        """Tell a host's state in the words of the lexicon."""
        if host.standing == "banned":
            return "banned"
        if self.connected_since(host) is None:
            return "offline"
        if host.id in self._paused or self._hosts.has_throttled(host.id):
            return "throttled"
        quiet = host.last_event_us is not None and now_us - host.last_event_us > IDLE_US
        return "idle" if quiet else "active"

    def connected_since(self, host: Host) -> float | None:
        """Tell since when (seconds since 1970) a host's stream is open; None: it is not."""
        followed = self._followers.get(host.id)
        return None if followed is None else followed[0].connected_since

    def failure(self, host: Host) -> str | None:
        """Tell why a host's stream was last lost, or not to be had."""
        followed = self._followers.get(host.id)
        return None if followed is None else followed[0].last_failure

    def connected(self) -> int:
        """Count the hosts whose stream is open."""
        return sum(each.connected_since is not None for each, _ in self._followers.values())

    async def is_small(self, url: str) -> bool:
        """Ask a stranger whether it is a PDS, and whether it is a small one.

        Raises XrpcError when it does not answer as a PDS does.
        """
        client = self._ways.stranger(url)
        if "did" not in _object(await client.query("com.atproto.server.describeServer")):
            raise XrpcError(400, "HostNotFound", "the host does not describe itself as a PDS")
        page = _object(await client.query("com.atproto.sync.listRepos", {"limit": SMALL_HOST}))
        repos = page.get("repos")
        return isinstance(repos, list) and len(repos) < SMALL_HOST

    def _cursor(self, host_id: int) -> int | None:
        return self._hosts.by_id(host_id).cursor

    async def _take(self, host_id: int, frames: list[bytes]) -> None:
        host = self._hosts.by_id(host_id)
        if not self._ways.is_home(host):
            # What strangers have to say waits at their side until there is room for it.
            await self._hosts.room.wait()
        self._refused_since.pop(host_id, None)
        await self._ingest.take(host, frames)
        if not host.trusted:
            await self._pause(host, self._rates.host_pause(host_id, len(frames)))

    async def _pause(self, host: Host, seconds: float) -> None:
        """Read nothing for a while; what the host has yet to say waits at its side."""
        if seconds <= 0:
            return
        log.info("host sends too much host=%s pause=%d", host.hostname, seconds)
        lifted = self._paused[host.id] = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await lifted.wait()
        self._paused.pop(host.id, None)

    async def _refused(self, host_id: int, error: str) -> None:
        """Begin anew at what is live when the host's numbers went back behind ours."""
        if error != "FutureCursor" or self._is_patient(host_id):
            return
        log.warning("host begins anew host=%s", self._hosts.by_id(host_id).hostname)
        await self._hosts.set_cursor(host_id, None)
        await self._hosts.want_comparison(host_id)

    def _is_patient(self, host_id: int) -> bool:
        """Tell whether to wait on, instead of giving up where we are in our own PDS's stream."""
        if not self._ways.is_home(self._hosts.by_id(host_id)):
            return False
        now = time.monotonic()
        since = self._refused_since.setdefault(host_id, now)
        if now - since < HOME_PATIENCE_SECONDS:
            return True
        del self._refused_since[host_id]
        return False

    async def _watch(self, clock: Clock) -> None:
        """Note who is away since when, for ever; a worker."""
        were_connected = True
        while True:
            for host_id in list(self._followers):
                await self._watch_host(host_id, clock.now_us())
            connected = self.connected() > 0
            if connected and not were_connected:  # the network is back: try everybody
                for follower, _ in self._followers.values():
                    if follower.connected_since is None:
                        follower.nudge()
            were_connected = connected
            await asyncio.sleep(WATCH_SECONDS)

    async def _watch_host(self, host_id: int, now_us: int) -> None:
        host = self._hosts.by_id(host_id)
        away = self.connected_since(host) is None
        if away and host.offline_since_us is None:
            await self._hosts.set_offline(host_id, now_us)
        elif not away and host.offline_since_us is not None:
            await self._hosts.set_offline(host_id, None)
        elif away and host.given_up(now_us):
            log.warning("host given up host=%s", host.hostname)
            await self.leave(host_id)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
