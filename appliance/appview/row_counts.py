"""How many of everything the index holds; who asks does not wait where counting takes long."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from appliance.appview.maintenance import count_rows
from appliance.base.database import Connection, Database

# In seconds of processor time: what takes less is counted whenever somebody asks.
SOON_COUNTED: Final = 0.01
PAUSE_SECONDS: Final = 10.0
# Counting takes time in proportion to the index; it may take this part of a core, and so long.
LEAST_PAUSES: Final = 100
LONGEST_COUNT_SECONDS: Final = 120.0


class RowCounts:
    """A large index is counted beside the work, now and then, while somebody asks.

    At most every ten seconds, and for a hundredth of the time: ten million records take seconds.
    """

    def __init__(self, index: Database) -> None:
        self._index = index
        self._last: Mapping[str, Any] = {}
        self._took = 0.0
        self._asked = asyncio.Event()

    async def get(self) -> Mapping[str, Any]:
        """Give the counts: of now, or of a large index as they were when it was counted last."""
        if self._last and self._took > SOON_COUNTED:
            self._asked.set()
        else:
            await self._count()
        return self._last

    async def run(self) -> None:
        """Count for ever, when somebody asks; a worker."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._count()
            await asyncio.sleep(self.pause())

    def pause(self) -> float:
        """Say how many seconds to rest after what the last count took."""
        return max(PAUSE_SECONDS, self._took * LEAST_PAUSES)

    async def _count(self) -> None:
        self._last, self._took = await self._index.scan(_timed, deadline=LONGEST_COUNT_SECONDS)


def _timed(conn: Connection) -> tuple[Mapping[str, Any], float]:
    began = time.thread_time()
    return count_rows(conn), time.thread_time() - began
