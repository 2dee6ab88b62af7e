"""Fetch the whole repo of an account whose events we cannot simply go on from.

The repo comes from the account's own PDS; signature and tree are checked; then the index is made
equal to it, in pieces, so that live events of others pass in between. Nobody is notified.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from appliance.appview import actors, rebuilds
from appliance.appview.actors import ActorStore
from appliance.appview.block_spool import BlockSpool
from appliance.appview.event_indexer import EventIndexer
from appliance.appview.repo_hosts import NoRepoHost, RepoHosts
from appliance.atproto.car import CarReader, InvalidCar
from appliance.atproto.cid import Cid
from appliance.atproto.identity.errors import IdentityNotFound, IdentityUnreachable
from appliance.atproto.repo.commit import Commit, InvalidCommitObject, parse_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.mst_node import InvalidMst
from appliance.atproto.syntax import Did
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.base.http import OutboundFailed, OutboundRefused

log = logging.getLogger(__name__)

MOST_REPO_BYTES = 200_000_000
RECORDS_PER_WRITE = 100
AT_ONCE = 2
LONGEST_FETCH_SECONDS = 300.0
FIRST_PAUSE_US = 30_000_000
LONGEST_PAUSE_US = 6 * 3600 * 1_000_000
LOOK_AROUND_SECONDS = 30.0


class InvalidRepo(ValueError):
    """A fetched repo is not what its account signed; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class FetchedRepo:
    """A checked repo: its commit, and every record by path."""

    commit: Commit
    records: dict[str, Cid]
    blocks: Mapping[Cid, bytes]


class Backfill:
    """Fetches the repos that are due, a few at a time. One worker runs it."""

    def __init__(
        self,
        db: Database,
        actor_store: ActorStore,
        events: EventIndexer,
        hosts: RepoHosts,
        now_us: Callable[[], int],
    ) -> None:
        self._db = db
        self._actors = actor_store
        self._events = events
        self._hosts = hosts
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
            OutboundFailed,
            OutboundRefused,
        ) as error:
            attempts = self._actors.backfill_attempts(did)
            pause_us = min(FIRST_PAUSE_US * 2**attempts, LONGEST_PAUSE_US)
            log.warning("repo not fetched did=%s attempts=%d reason=%s", did, attempts + 1, error)
            await self._actors.put_off_backfill(did, str(error), self._now_us() + pause_us)

    async def fetch(self, did: Did) -> None:
        """Fetch one repo and make the index equal to it.

        Raises InvalidRepo, NoRepoHost, and what resolver and HTTP client raise.
        """
        with BlockSpool() as spool:
            repo = await self._download(did, spool)
            await self._make_equal(did, repo)

    async def _make_equal(self, did: Did, repo: FetchedRepo) -> None:
        """Make the index equal to a repo, piece by piece."""
        indexer = self._events.indexer
        held, is_home, anew = await self._db.scan(self._known, did)
        wanted = {
            path: cid
            for path, cid in repo.records.items()
            if indexer.takes(path.partition("/")[0], is_home=is_home)
            and (anew or held.get(path) != cid)
        }
        gone = [path for path in held if path not in repo.records]
        for start in range(0, len(gone), RECORDS_PER_WRITE):
            some = gone[start : start + RECORDS_PER_WRITE]
            await self._db.write(indexer.remove_all, did, some, self._now_us())
        # Keys are times, but for the profile's, which comes before all: so the newest come first.
        changed = sorted(wanted.items(), key=_key, reverse=True)
        for start in range(0, len(changed), RECORDS_PER_WRITE):
            records = changed[start : start + RECORDS_PER_WRITE]
            await self._db.write(
                indexer.put_all, did, records, repo.blocks, self._now_us(), anew=anew
            )
        await self._db.write(self._events.finish_backfill, repo.commit, self._now_us())
        log.info("repo indexed did=%s new=%d gone=%d", did, len(changed), len(gone))

    async def _download(self, did: Did, blocks: BlockSpool) -> FetchedRepo:
        """Fetch a repo, its blocks into the spool, and check it."""
        document = await self._hosts.document(did, fresh=True)
        reader, size = CarReader(), 0
        try:
            async with (
                asyncio.timeout(LONGEST_FETCH_SECONDS),
                self._hosts.get(document, "com.atproto.sync.getRepo", [("did", did)]) as response,
            ):
                async for chunk in response.content.iter_chunked(1 << 16):
                    size += len(chunk)
                    if size > MOST_REPO_BYTES:
                        raise InvalidRepo(f"it is larger than {MOST_REPO_BYTES} bytes")
                    for cid, block in reader.feed(chunk):
                        blocks.add(cid, block)
            reader.finish()
            blocks.finish()
            commit = parse_commit(blocks[reader.roots[0]])
        except TimeoutError as error:
            raise OutboundFailed(f"no repo within {LONGEST_FETCH_SECONDS} s") from error
        except (InvalidCar, InvalidCommitObject) as error:
            raise InvalidRepo(str(error)) from error
        except LookupError as error:
            raise InvalidRepo("the archive does not hold its commit") from error
        key = document.signing_key
        if commit.did != did or key is None or not commit.verify(key):
            raise InvalidRepo("the commit is not signed by the account's key")
        records = await asyncio.to_thread(_records, commit.data, blocks)
        return FetchedRepo(commit, records, blocks)

    def _known(self, conn: Connection, did: str) -> tuple[dict[str, Cid], bool, bool]:
        """Say what is held of an account, whether it is hosted here, whether all comes anew."""
        indexer, actor_id = self._events.indexer, actors.find(conn, did)
        if actor_id is None:
            return {}, False, False
        is_home = indexer.is_home(conn, actor_id)
        return indexer.held(conn, actor_id), is_home, rebuilds.is_wanted(conn, did)


def _key(record: tuple[str, Cid]) -> str:
    return record[0].rpartition("/")[2]


def _records(root: Cid, blocks: Mapping[Cid, bytes]) -> dict[str, Cid]:
    """Walk the whole tree; raise InvalidRepo where it or a record is not all there."""
    try:
        records = dict(Mst.load(root, blocks).items())
    except InvalidMst as error:
        raise InvalidRepo(str(error)) from error
    if not all(cid in blocks for cid in records.values()):
        raise InvalidRepo("the archive lacks records")
    return records
