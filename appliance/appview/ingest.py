"""Follow the relay; hand its events to the index, with the cursor, in one transaction per batch."""

import logging
from collections.abc import Callable

from appliance.appview.event_indexer import EventIndexer
from appliance.appview.records import RecordRef
from appliance.appview.subscribers import Subscribers
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.base.http import HttpClient
from appliance.firehose.events import RepoEvent
from appliance.firehose.follow import Follower

log = logging.getLogger(__name__)

SOURCE = "relay"


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

    async def refused(self, name: str) -> None:
        """Start over where the relay knows less than we do: it lost its log."""
        if name == "FutureCursor":
            log.warning("the relay's log starts anew source=%s", SOURCE)
            await self._db.write(set_cursor, 0)
            self._on_gap()

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
        return self._events.indexer.take_new_posts()


def set_cursor(conn: Connection, seq: int) -> None:
    """Store how far the relay's stream is read."""
    conn.execute(
        "INSERT INTO stream (source, cursor) VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET cursor = excluded.cursor",
        (SOURCE, seq),
    )


def _seqs(events: list[RepoEvent]) -> list[int]:
    return [event.seq for event in events]
