"""Tell relays that there is news here, so that they follow this server's stream."""

import asyncio
import logging
from collections.abc import Sequence

from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.http import HttpClient
from appliance.firehose.event_log import EventLog

log = logging.getLogger(__name__)

# A relay that follows needs no telling; one that lost us hears of us again within this time.
PAUSE_SECONDS = 20 * 60.0
LOOK_SECONDS = 5.0


class CrawlRequests:
    """Ask each relay to crawl this server, at most every twenty minutes, and only after news."""

    def __init__(
        self, http: HttpClient, relays: Sequence[str], hostname: str, event_log: EventLog
    ) -> None:
        self._relays = [(url, XrpcClient(http, url)) for url in relays]
        self._hostname = hostname
        self._event_log = event_log
        self._told = 0

    async def run(self) -> None:
        """Look for news, for ever; a worker. Returns at once when there is nobody to tell."""
        while self._relays:
            head = self._event_log.head()
            if head > self._told:
                self._told = head
                await self.tell()
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                await asyncio.sleep(LOOK_SECONDS)

    async def tell(self) -> None:
        """Ask every relay once; one that does not answer is asked again with the next news."""
        for url, relay in self._relays:
            try:
                await relay.procedure("com.atproto.sync.requestCrawl", {"hostname": self._hostname})
            except XrpcError as refused:
                log.warning("relay not told relay=%s reason=%s", url, refused.name)
