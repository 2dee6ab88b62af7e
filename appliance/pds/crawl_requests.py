"""Tell relays that there is news here, so that they follow this server's stream."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.base.http import HttpClient
from appliance.firehose.event_log import EventLog

log = logging.getLogger(__name__)

# A relay that follows needs no telling; one that lost us hears of us again within this time.
PAUSE_SECONDS = 20 * 60.0
LOOK_SECONDS = 5.0
ASKED_LATELY = "AskedLately"


@dataclass(frozen=True)
class Asked:
    """What came of it for one relay; `failure` is the error's name, or why it was not asked."""

    relay: str
    failure: str | None


class CrawlRequests:
    """Ask each relay to crawl this server, at most every twenty minutes, and only after news."""

    def __init__(
        self, db: Database, http: HttpClient, relays: Sequence[str], hostname: str, clock: Clock
    ) -> None:
        self._db = db
        self._http = http
        self._relays = tuple(url.rstrip("/") for url in relays)
        self._hostname = hostname
        self._clock = clock
        self._event_log = EventLog(db)
        self._told = 0

    async def run(self) -> None:
        """Look for news, for ever; a worker. Returns at once when there is nobody to tell."""
        while self._relays:
            head = self._event_log.head()
            if head > self._told:
                asked = await self.tell(self._relays)
                # Who could not be asked, or not so soon again, is asked after the pause.
                if all(one.failure is None for one in asked):
                    self._told = head
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                await asyncio.sleep(LOOK_SECONDS)

    async def tell(self, relays: Sequence[str] = ()) -> list[Asked]:
        """Ask relays, or all that are set, each unless it was asked a moment ago."""
        return [await self._ask(url.rstrip("/")) for url in relays or self._relays]

    async def _ask(self, url: str) -> Asked:
        if not await self._db.write(take_turn, url, self._clock.now_us()):
            return Asked(url, ASKED_LATELY)
        relay = XrpcClient(self._http, url)
        try:
            await relay.procedure("com.atproto.sync.requestCrawl", {"hostname": self._hostname})
        except XrpcError as refused:
            log.warning("relay not told relay=%s reason=%s", url, refused.name)
            return Asked(url, refused.name)
        return Asked(url, None)


def take_turn(conn: Connection, relay: str, now_us: int) -> bool:
    """Note that a relay is asked now; False if that is too soon."""
    asked_at = conn.value("SELECT asked_at FROM crawl_request WHERE relay = ?", relay)
    if asked_at is not None and now_us - asked_at < PAUSE_SECONDS * 1_000_000:
        return False
    conn.execute("INSERT OR REPLACE INTO crawl_request VALUES (?, ?)", (relay, now_us))
    return True
