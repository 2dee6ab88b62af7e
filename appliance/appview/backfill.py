"""Fetch the whole repo of an account whose events we cannot simply go on from.

The repo comes from the account's own PDS; signature and tree are checked; then the index is made
equal to it, in pieces, so that live events of others pass in between. Of an account we knew, people
are told what it has written since; of one that is new to us, or indexed anew, nobody is told.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from appliance.appview import actors, rebuilds
from appliance.appview.actors import ActorStore
from appliance.appview.arrivals import Gap
from appliance.appview.event_indexer import EventIndexer
from appliance.appview.repo_fetch import FetchedRepo, InvalidRepo, fetch_repo, spool_beside
from appliance.appview.repo_hosts import NoRepoHost, RepoHosts
from appliance.appview.subscribers import Subscribers
from appliance.atproto.cid import Cid
from appliance.atproto.identity.errors import IdentityNotFound, IdentityUnreachable
from appliance.atproto.syntax import Did
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.base.http import OutboundFailed, OutboundRefused
from appliance.base.room import NoRoom

log = logging.getLogger(__name__)

RECORDS_PER_WRITE = 100
AT_ONCE = 2
FIRST_PAUSE_US = 30_000_000
LONGEST_PAUSE_US = 6 * 3600 * 1_000_000
LOOK_AROUND_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Known:
    """What is held of an account (path -> CID); up to which rev; whether all comes anew."""

    records: dict[str, Cid]
    rev: str | None = None
    is_home: bool = False
    anew: bool = False


class Backfill:
    """Fetches the repos that are due, a few at a time. One worker runs it."""

    def __init__(
        self,
        db: Database,
        actor_store: ActorStore,
        events: EventIndexer,
        hosts: RepoHosts,
        subscribers: Subscribers,
        now_us: Callable[[], int],
    ) -> None:
        self._db = db
        self._actors = actor_store
        self._events = events
        self._hosts = hosts
        self._subscribers = subscribers
        self._now_us = now_us
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Say that a repo is wanted."""
        self._wake.set()

    async def run(self) -> None:
        """Fetch what is due, for ever."""
        while True:
            self._wake.clear()
            if not await self.fetch_some():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AROUND_SECONDS):
                        await self._wake.wait()

    async def fetch_some(self) -> int:
        """Fetch the repos that have waited longest; return how many were due."""
        due = self._actors.due_for_backfill(self._now_us(), AT_ONCE)
        await asyncio.gather(*(self._fetch_or_put_off(did) for did in due))
        return len(due)

    async def _fetch_or_put_off(self, did: Did) -> None:
        try:
            await self.fetch(did)
        except (
            IdentityNotFound,
            IdentityUnreachable,
            InvalidRepo,
            NoRepoHost,
            NoRoom,
            OutboundFailed,
            OutboundRefused,
        ) as error:
            attempts = self._actors.backfill_attempts(did)
            pause_us = min(FIRST_PAUSE_US * 2**attempts, LONGEST_PAUSE_US)
            log.warning("repo not fetched did=%s attempts=%d reason=%s", did, attempts + 1, error)
            await self._actors.put_off_backfill(did, str(error), self._now_us() + pause_us)

    async def fetch(self, did: Did) -> None:
        """Fetch one repo and make the index equal to it.

        Raises InvalidRepo, NoRepoHost, NoRoom, and what resolver and HTTP client raise.
        """
        document = await self._hosts.document(did, fresh=True)
        with spool_beside(self._db) as spool:
            repo = await fetch_repo(self._hosts, document, spool, self._db.room)
            await self._make_equal(did, repo)

    async def _make_equal(self, did: Did, repo: FetchedRepo) -> None:
        """Make the index equal to a repo, piece by piece; tell of what is new."""
        indexer = self._events.indexer
        known = await self._db.scan(self._known, did)
        gap = None if known.rev is None or known.anew else Gap(known.rev, repo.commit.rev)
        wanted = {
            path: cid
            for path, cid in repo.records.items()
            if indexer.takes(path.partition("/")[0], is_home=known.is_home)
            and (known.anew or known.records.get(path) != cid)
        }
        gone = [path for path in known.records if path not in repo.records]
        for start in range(0, len(gone), RECORDS_PER_WRITE):
            some = gone[start : start + RECORDS_PER_WRITE]
            remove = partial(indexer.remove_all, is_news=gap is not None)
            await self._db.write(remove, did, some, self._now_us())
        # Keys are times, but for the profile's, which comes before all: so the newest come first.
        changed = sorted(wanted.items(), key=_key, reverse=True)
        put = partial(indexer.put_all, gap=gap, anew=known.anew)
        for start in range(0, len(changed), RECORDS_PER_WRITE):
            records = changed[start : start + RECORDS_PER_WRITE]
            new_posts = await self._db.write(put, did, records, repo.blocks, self._now_us())
            await self._subscribers.tell(new_posts)
        new_posts = await self._db.write(self._events.finish_backfill, repo.commit, self._now_us())
        await self._subscribers.tell(new_posts)
        log.info("repo indexed did=%s new=%d gone=%d", did, len(changed), len(gone))

    def _known(self, conn: Connection, did: str) -> _Known:
        indexer, actor_id = self._events.indexer, actors.find(conn, did)
        if actor_id is None:
            return _Known({})
        return _Known(
            indexer.held(conn, actor_id),
            actors.rev(conn, actor_id),
            indexer.is_home(conn, actor_id),
            rebuilds.is_wanted(conn, did),
        )


def _key(record: tuple[str, Cid]) -> str:
    return record[0].rpartition("/")[2]
