"""Ask labelers elsewhere what they say of what members look at: in batches, and not again soon.

The page is answered with what is known; what a labeler answers is there for the next one. Only
members' labelers are asked, so that no stranger sends us anywhere.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from appliance.appview import labels
from appliance.appview.hydrate.hydration import Audience
from appliance.appview.labelers.errors import NoLabeler
from appliance.appview.labelers.proof import LabelProof
from appliance.appview.labelers.sources import LabelSources
from appliance.appview.labelers.streams import MOST_LABELS
from appliance.atproto.data import InvalidData, loads
from appliance.atproto.http_port import HttpPort
from appliance.atproto.identity.errors import IdentityUnreachable
from appliance.atproto.syntax import Did
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.client import Params, XrpcClient
from appliance.atproto.xrpc.errors import UpstreamFailure, XrpcError
from appliance.base.database import Database

log = logging.getLogger(__name__)

QUERY: Final = "com.atproto.label.queryLabels"
KNOWN_SECONDS: Final = 3600.0
# What is new may be labelled any moment.
NEW_SECONDS: Final = 600.0
NEW_FOR_US: Final = 3600 * 1_000_000
# Addresses in one question: it travels in a URL.
BATCH: Final = 40
MOST_ANSWERED: Final = 250
# A labeler that does not answer, or is none, is left alone for so long.
AWAY_SECONDS: Final = 600.0
SECONDS_TO_ANSWER: Final = 8.0
MOST_LABELERS: Final = 64
MOST_WAITING: Final = 2000
MOST_REMEMBERED: Final = 100_000
AT_ONCE: Final = 4


class LabelQueries:
    """What is to be asked of which labeler, and when it was asked before."""

    def __init__(
        self,
        db: Database,
        http: HttpPort,
        sources: LabelSources,
        proof: LabelProof,
        now: Callable[[], float],
    ) -> None:
        self._db = db
        self._http = http
        self._sources = sources
        self._proof = proof
        self._now = now
        self._due: dict[tuple[str, str], float] = {}
        self._waiting: dict[str, dict[str, None]] = {}
        self._away_until: dict[str, float] = {}
        self._news = asyncio.Event()

    def want(self, audience: Audience, uris: Iterable[str]) -> None:
        """Note what a page shows, for the labelers of the member who looks at it."""
        if audience.viewer is None:
            return
        now, uris = self._now(), list(uris)
        for labeler in audience.labelers:
            did = labeler.did
            if self._sources.is_followed(did) or self._away_until.get(did, 0.0) > now:
                continue
            if did not in self._waiting and len(self._waiting) >= MOST_LABELERS:
                continue
            waiting = self._waiting.setdefault(did, {})
            for uri in uris:
                if len(waiting) < MOST_WAITING and self._due.get((did, uri), 0.0) <= now:
                    waiting[uri] = None
            if waiting:
                self._news.set()

    async def run(self) -> None:
        """Ask what there is to ask, for ever; a worker."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self.ask_all()

    async def ask_all(self) -> None:
        """Ask all that waits, some labelers at once."""
        asked, self._waiting = self._waiting, {}
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(did: str, uris: Sequence[str]) -> None:
            async with gate:
                await self._ask(Did(did), uris)

        await asyncio.gather(*(ask(did, list(uris)) for did, uris in asked.items() if uris))

    async def _ask(self, did: Did, uris: Sequence[str]) -> None:
        now = self._now()
        try:
            client = XrpcClient.outside(self._http, await self._sources.endpoint(did))
            for start in range(0, len(uris), BATCH):
                batch = uris[start : start + BATCH]
                await self._ask_batch(client, did, batch)
                self._remember(did, batch, now)
        except (XrpcError, NoLabeler, IdentityUnreachable) as failed:
            log.info("labeler is left alone for a while did=%s reason=%s", did, failed)
            if len(self._away_until) >= MOST_REMEMBERED:
                self._away_until.clear()
            self._away_until[did] = now + AWAY_SECONDS

    async def _ask_batch(self, client: XrpcClient, did: Did, batch: Sequence[str]) -> None:
        params: Params = {"uriPatterns": list(batch), "sources": [did], "limit": MOST_ANSWERED}
        response = await client.call("GET", QUERY, params=params, timeout=SECONDS_TO_ANSWER)
        try:
            answer = loads(response.body)
        except InvalidData as bad:
            raise UpstreamFailure("the labeler gave an unreadable answer") from bad
        said = answer.get("labels") if isinstance(answer, dict) else None
        wanted = set(batch)
        proven = await self._proof.of_answer(did, said)
        found = [label for label in proven if label["uri"] in wanted][:MOST_ANSWERED]
        await self._db.write(labels.put_answered, did, list(batch), found, MOST_LABELS)

    def _remember(self, did: str, batch: Iterable[str], now: float) -> None:
        if len(self._due) >= MOST_REMEMBERED:
            self._due.clear()
        for uri in batch:
            self._due[did, uri] = now + (NEW_SECONDS if _is_new(uri, now) else KNOWN_SECONDS)


def _is_new(uri: str, now: float) -> bool:
    """Whether a record was made of late, by the time in its key."""
    try:
        made_us = Tid(uri.rpartition("/")[2]).to_us()
    except ValueError:
        return False
    return made_us > now * 1_000_000 - NEW_FOR_US
