"""Follow the relay; hand its events to the index, with the cursor, in one transaction per batch."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from appliance.appview.event_indexer import EventIndexer
from appliance.appview.records import RecordRef
from appliance.appview.subscribers import Subscribers
from appliance.atproto.syntax import Datetime, InvalidSyntax
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.base.http import HttpClient
from appliance.firehose.events import RepoEvent
from appliance.firehose.follow import Follower

log = logging.getLogger(__name__)

SOURCE = "relay"
# A stream that has been silent for so long has brought what was under way.
SILENT_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 1800.0
LOOK_SECONDS = 1.0


class Ingest:
    """One follower of one relay."""

    def __init__(
        self,
        db: Database,
        events: EventIndexer,
        subscribers: Subscribers,
        now_us: Callable[[], int],
        on_gap: Callable[[], None],
    ) -> None:
        self._db = db
        self._events = events
        self._subscribers = subscribers
        self._now_us = now_us
        self._on_gap = on_gap
        self._newest_us = 0
        self._taken_at = time.monotonic()

    def follower(self, http: HttpClient, address: str) -> Follower:
        """Make the follower that feeds this, from the stored cursor on."""
        return Follower(http, address, self.cursor, self.take, self.refused)

    def cursor(self) -> int:
        """Where to go on; 0, the start of what the relay keeps, the first time."""
        row = self._db.read_one("SELECT cursor FROM stream WHERE source = ?", SOURCE)
        return int(row[0]) if row else 0

    async def take(self, frames: list[bytes]) -> None:
        """Index a batch of frames and store the cursor behind them; tell subscribers."""
        await self._subscribers.tell(await self._db.write(self._apply, frames))
        self._taken_at = time.monotonic()

    async def caught_up(self, since_us: int) -> None:
        """Wait until what the relay sent before a time is indexed, for half an hour at most.

        The times are those of the events; hosts whose clocks go ahead make it end early.
        """
        until = time.monotonic() + LONGEST_WAIT_SECONDS
        while self._newest_us < since_us and time.monotonic() < until:
            if time.monotonic() > self._taken_at + SILENT_SECONDS:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def refused(self, name: str) -> None:
        """Start over where the relay knows less than we do: it lost its log."""
        if name == "FutureCursor":
            log.warning("the relay's log starts anew source=%s", SOURCE)
            await self._db.write(set_cursor, 0)
            self._on_gap()

    def _note(self, newest_us: int) -> None:
        self._newest_us = max(self._newest_us, newest_us)

    def _apply(self, conn: Connection, frames: list[bytes]) -> list[RecordRef]:
        """Apply frames; return the posts that are new."""
        now_us = self._now_us()
        self._events.indexer.take_new_posts()  # a batch that failed may have left some
        events, infos = self._events.parse(frames)
        if "OutdatedCursor" in infos:
            conn.after_commit(self._on_gap)
        for event in events:
            self._events.apply(conn, event, now_us)
        if events:
            self._events.end_batch(conn)
            set_cursor(conn, max(_seqs(events)))
            conn.after_commit(partial(self._note, _told_us(events[-1])))
        return self._events.indexer.take_new_posts()


def _told_us(event: RepoEvent) -> int:
    try:
        return Datetime(event.time).to_us()
    except InvalidSyntax:
        return 0


def set_cursor(conn: Connection, seq: int) -> None:
    """Store how far the relay's stream is read."""
    conn.execute(
        "INSERT INTO stream (source, cursor) VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET cursor = excluded.cursor",
        (SOURCE, seq),
    )


def _seqs(events: list[RepoEvent]) -> list[int]:
    return [event.seq for event in events]
