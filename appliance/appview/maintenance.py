"""What the index needs now and then: old notifications go, deleted accounts go, things counted."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from appliance.appview import notifications, rebuilds
from appliance.appview.actors import ActorStore
from appliance.appview.indexer import Indexer
from appliance.appview.viewer_state import ViewerState
from appliance.base.connection import Connection
from appliance.base.database import Database

log = logging.getLogger(__name__)

EVERY_SECONDS = 600.0
RECORDS_PER_WRITE = 100
ACCOUNTS_AT_ONCE = 10
# A deleted account may come back within this; its records are hidden at once all the same.
GRACE_US = 86_400 * 1_000_000


class Maintenance:
    """Tidies the index. One worker runs it."""

    def __init__(
        self,
        db: Database,
        actors: ActorStore,
        indexer: Indexer,
        viewers: ViewerState,
        now_us: Callable[[], int],
    ) -> None:
        self._db = db
        self._actors = actors
        self._indexer = indexer
        self._viewers = viewers
        self._now_us = now_us

    async def run(self) -> None:
        """Tidy for ever."""
        while True:
            await self.tidy()
            await asyncio.sleep(EVERY_SECONDS)

    async def tidy(self) -> None:
        """Delete what has had its time."""
        now_us = self._now_us()
        while await self._db.write(notifications.prune, now_us):
            pass
        await self._db.write(self._indexer.drop_foreign)
        for did in self._actors.deleted_before(now_us - GRACE_US, ACCOUNTS_AT_ONCE):
            while await self._db.write(self._indexer.purge_some, did, RECORDS_PER_WRITE):
                pass
            await self._viewers.forget(did)
            await self._actors.set_purged(did)
            log.info("deleted account purged did=%s", did)


def count_rows(conn: Connection) -> dict[str, Any]:
    """Count accounts, records and what waits."""
    records = conn.rows(
        "SELECT nsid, count(*) FROM record JOIN collection ON collection.id = collection_id"
        " GROUP BY collection_id"
    )
    return {
        "accounts": conn.value("SELECT count(*) FROM actor WHERE rev IS NOT NULL"),
        "pending": conn.value("SELECT count(*) FROM actor WHERE sync = 'pending'"),
        "held": conn.value("SELECT count(*) FROM held_event"),
        "notifications": conn.value("SELECT count(*) FROM notification"),
        "labels": conn.value("SELECT count(*) FROM label WHERE neg = 0"),
        "opaque": conn.value("SELECT count(*) FROM opaque_record"),
        "records": dict(records),
        **rebuilds.progress(conn),
    }
