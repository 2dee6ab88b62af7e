"""After a restore from a backup: never give a number twice, and have everybody look again.

A relay remembers how far it has read our stream. If that is further than our own log, events were
lost: our numbers jump above all that relays have seen, and every repo is signed anew and announced
by a #sync, so that whoever holds newer, lost commits takes what is here now.
"""

import asyncio
import logging
from collections.abc import Mapping

from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.clock import Clock
from appliance.base.database import Database
from appliance.firehose import event_log
from appliance.firehose.event_log import EventLog
from appliance.pds import accounts, lifecycle
from appliance.pds.repos import RepoStore

log = logging.getLogger(__name__)

# A relay may have read somewhat more than it says: it saves its place from time to time.
MARGIN = 100_000
# How long the start may wait for relays; those that are late are asked again beside the work.
START_SECONDS = 3.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 600.0
PAGE = 100


class RestoreSafety:
    """Compares our place with what relays remember of it. `relays`: clients, by a name to log."""

    def __init__(
        self,
        db: Database,
        repos: RepoStore,
        relays: Mapping[str, XrpcClient],
        hostname: str,
        clock: Clock,
    ) -> None:
        self._db = db
        self._repos = repos
        self._unheard = dict(relays)
        self._hostname = hostname
        self._clock = clock
        self._log = EventLog(db)

    async def look(self) -> None:
        """Ask all relays at once, wait a moment for their answers, and act upon them."""
        seen = await asyncio.gather(*(self._ask(name) for name in list(self._unheard)))
        furthest = max(seen, default=0)
        if furthest > self._log.head():
            log.warning(
                "a relay has read further than our log goes: this is a restored backup"
                " seq=%d relay_seq=%d",
                self._log.head(),
                furthest,
            )
            await self.recover(furthest)

    async def run(self) -> None:
        """Ask those that have not answered yet, until all have; a worker."""
        pause = FIRST_PAUSE
        while self._unheard:
            await asyncio.sleep(pause)
            await self.look()
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _ask(self, name: str) -> int:
        """Tell how far a relay has read; 0 if it has read nothing, or does not say."""
        try:
            async with asyncio.timeout(START_SECONDS):
                answer = await self._unheard[name].query(
                    "com.atproto.sync.getHostStatus", {"hostname": self._hostname}
                )
        except (XrpcError, TimeoutError) as error:
            if isinstance(error, XrpcError) and error.name == "HostNotFound":
                self._unheard.pop(name, None)
            return 0
        self._unheard.pop(name, None)
        seq = answer.get("seq") if isinstance(answer, dict) else None
        return seq if isinstance(seq, int) and 0 < seq < event_log.MAX_JUMP else 0

    async def recover(self, furthest: int) -> None:
        """Go on behind this number, and have everybody take what is here now."""
        await self._db.write(event_log.jump, furthest + MARGIN)
        after, announced = 0, 0
        while page := self._repos.page(after, PAGE):
            for repo in page:
                account = await self._db.write(accounts.get, repo.did)
                if account is None:
                    continue
                await self._db.write(lifecycle.append_account, repo.did, self._clock.now_us())
                if account.is_active:
                    await self._repos.sign_anew(repo.did)
                    announced += 1
            after = page[-1].id
        log.warning("every repo was signed anew and announced repos=%d", announced)
