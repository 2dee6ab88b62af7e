"""The newest of a paired house ahead of the stream, when the two houses were apart for long.

The stream brings everything in its order, and of a week that takes a while. So the newest posts,
reposts and likes of each account there are asked of its PDS, by the revisions of its repo, a longer
time at each round; signature and tree are checked. They are indexed *early*: shown and told of at
once, and each is indexed anew when the stream comes to it. In the end all is as if there had been
nothing but the stream; where it never comes (the house went away again), they stay as they are.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from appliance.appview import actors
from appliance.appview.arrivals import Gap
from appliance.appview.indexer import Indexer
from appliance.appview.repo_fetch import FetchedRepo, InvalidRepo, fetch_repo, spool_beside
from appliance.appview.repo_hosts import NoRepoHost, RepoHosts
from appliance.atproto.cid import Cid
from appliance.atproto.identity.errors import IdentityNotFound, IdentityUnreachable
from appliance.atproto.syntax import Did, InvalidSyntax
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.base.http import OutboundFailed, OutboundRefused
from appliance.base.room import NoRoom

log = logging.getLogger(__name__)

SECOND_US: Final = 1_000_000
# What each round asks for: so much before an account's last commit; at last all that is new.
WINDOWS_US: Final = tuple(
    seconds * SECOND_US for seconds in (1, 60, 3600, 86_400, 7 * 86_400, 10**9)
)
POSTS: Final = ("app.bsky.feed.post", "app.bsky.feed.repost")
LIKES: Final = ("app.bsky.feed.like",)
# Of an account this many posts come early, and this many likes.
ENOUGH: Final = 100
RECORDS_PER_WRITE: Final = 50
MOST_ACCOUNTS: Final = 200
MOST_PAGES: Final = 10
PAGE: Final = 500
MOST_BYTES: Final = 32_000_000


@dataclass(frozen=True, slots=True)
class Behind:
    """An account whose repo has gone on since: the rev that is indexed, and where it is now."""

    did: Did
    rev: Tid
    head: Tid

    def since(self, window_us: int) -> Tid:
        """The revision after which to ask, a time before the last; never before what we have."""
        return max(self.rev, Tid.from_us(max(0, self.head.to_us() - window_us)))


class HeadStarts:
    """Fetches the newest of a house, for one house at a time. One worker runs it."""

    def __init__(
        self,
        db: Database,
        indexer: Indexer,
        hosts: RepoHosts,
        relay: XrpcClient,
        now_us: Callable[[], int],
    ) -> None:
        self._db = db
        self._indexer = indexer
        self._hosts = hosts
        self._relay = relay
        self._now_us = now_us
        self._wanted: dict[str, None] = {}
        self._wake = asyncio.Event()
        self.counts: Counter[str] = Counter()

    def want(self, pds: str) -> bool:
        """Ask for the newest of the house with this PDS; False: no such house is paired."""
        if self._hosts.at_door(pds) is None:
            return False
        self._wanted[pds] = None
        self._wake.set()
        return True

    async def run(self) -> None:
        """Fetch for whoever wants it, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._wanted:
                pds = next(iter(self._wanted))
                del self._wanted[pds]
                try:
                    await self.begin(pds)
                except XrpcError as error:
                    log.info("no head start pds=%s reason=%s", pds, error)

    async def begin(self, pds: str) -> None:
        """Index the newest of every account of a house that is behind. Raises XrpcError."""
        house = self._hosts.at_door(pds)
        if house is None:
            return
        behind = await self._behind(house)
        log.info("head start begins pds=%s accounts=%d", pds, len(behind))
        self.counts["houses"] += 1
        self.counts["accounts"] += len(behind)
        for window_us in WINDOWS_US:
            behind = [one for one in behind if await self._reach_back(pds, one, window_us)]
        log.info("head start made pds=%s records=%d", pds, self.counts["records"])

    async def _behind(self, house: XrpcClient) -> list[Behind]:
        """List the accounts of a house that went on, who wrote last first. Raises XrpcError."""
        found: list[Behind] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            params = {"limit": PAGE, "cursor": cursor}
            page: Any = await house.query("com.atproto.sync.listRepos", params)
            repos, cursor = _repos(page)
            found += await self._db.scan(_which_are_behind, repos)
            if cursor is None:
                break
        return sorted(found, key=lambda one: one.head, reverse=True)[:MOST_ACCOUNTS]

    async def _reach_back(self, pds: str, one: Behind, window_us: int) -> bool:
        """Index the newest of an account as far back as that; tell whether to reach further."""
        since = one.since(window_us)
        try:
            document = await self._hosts.document(one.did, fresh=window_us == WINDOWS_US[0])
            if document.pds != pds or not await self._is_passed_on(one.did):
                return False
            with spool_beside(self._db) as spool:
                repo = await fetch_repo(
                    self._hosts, document, spool, self._db.room, since, MOST_BYTES
                )
                posts, likes = (_newest(repo, some) for some in (POSTS, LIKES))
                if not await self._put(one, repo, [*posts, *likes]):
                    return False
        except (
            IdentityNotFound,
            IdentityUnreachable,
            InvalidRepo,
            NoRepoHost,
            NoRoom,
            OutboundFailed,
            OutboundRefused,
            XrpcError,
        ) as error:
            log.info("newest not fetched did=%s reason=%s", one.did, error)
            return False
        return since > one.rev and len(posts) < ENOUGH

    async def _is_passed_on(self, did: Did) -> bool:
        """Ask our relay, which may have taken an account down. Raises XrpcError."""
        status: Any = await self._relay.query("com.atproto.sync.getRepoStatus", {"did": did})
        return bool(status["active"])

    async def _put(self, one: Behind, repo: FetchedRepo, records: list[tuple[str, Cid]]) -> bool:
        """Index records early, the newest first; False if the stream is there already."""
        gap = Gap(one.rev, repo.commit.rev)
        records.sort(key=_key, reverse=True)
        for start in range(0, len(records), RECORDS_PER_WRITE):
            some = records[start : start + RECORDS_PER_WRITE]
            put = await self._db.write(
                self._indexer.put_early, one.did, some, repo.blocks, gap, self._now_us()
            )
            if put is None:
                return False
            self.counts["records"] += put
        return True


def _repos(page: Any) -> tuple[list[dict[str, Any]], str | None]:
    """Read a page of listRepos, whatever was sent."""
    page = page if isinstance(page, dict) else {}
    repos, cursor = page.get("repos"), page.get("cursor")
    some = [repo for repo in repos if isinstance(repo, dict)] if isinstance(repos, list) else []
    return some[:PAGE], cursor if isinstance(cursor, str) and cursor else None


def _which_are_behind(conn: Connection, repos: list[dict[str, Any]]) -> list[Behind]:
    return [one for repo in repos for one in _if_behind(conn, repo)]


def _if_behind(conn: Connection, repo: dict[str, Any]) -> Iterator[Behind]:
    try:
        did, head = Did(repo["did"]), Tid(repo["rev"])
        known = actors.rev_behind(conn, did, head)
        if known is not None and repo.get("active", True):
            yield Behind(did, Tid(known), head)
    except (KeyError, TypeError, InvalidSyntax):
        return


def _newest(repo: FetchedRepo, collections: tuple[str, ...]) -> list[tuple[str, Cid]]:
    some = [item for item in repo.records.items() if item[0].partition("/")[0] in collections]
    return sorted(some, key=_key, reverse=True)[:ENOUGH]


def _key(record: tuple[str, Cid]) -> str:
    return record[0].rpartition("/")[2]
