"""Fetch a repo from the PDS of its account, whole or since a revision, and check it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from appliance.appview.repo_hosts import RepoHosts
from appliance.atproto.car import CarReader, InvalidCar
from appliance.atproto.cid import Cid
from appliance.atproto.identity.did_doc import DidDocument
from appliance.atproto.repo.commit import Commit, InvalidCommitObject, parse_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.mst_node import InvalidMst
from appliance.atproto.spool import Spool, TooManyBlocks
from appliance.base import room
from appliance.base.database import Database
from appliance.base.http import OutboundFailed

MOST_REPO_BYTES: Final = 200_000_000
LONGEST_FETCH_SECONDS: Final = 300.0
# While the disk is full: what a member deletes is to go from everybody's pages all the same.
MOST_BYTES_IN_MEMORY: Final = 4_000_000


class InvalidRepo(ValueError):
    """A fetched repo is not what its account signed; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class FetchedRepo:
    """A checked repo: its commit, and its records by path; all, or those that came along."""

    commit: Commit
    records: dict[str, Cid]
    blocks: Mapping[Cid, bytes]


def spool_beside(db: Database) -> Spool:
    """Open a spool beside the index; in memory, which takes but small repos, where no room is."""
    return Spool(None if db.room.is_short else db.path.parent)


async def fetch_repo(
    hosts: RepoHosts,
    document: DidDocument,
    blocks: Spool,
    disk: room.Room,
    since: str | None = None,
    most_bytes: int = MOST_REPO_BYTES,
) -> FetchedRepo:
    """Fetch a repo, its blocks into the spool; `since`: only what later commits wrote.

    Raises InvalidRepo, NoRepoHost, NoRoom, OutboundRefused, OutboundFailed.
    """
    params = [("did", str(document.did))] + ([("since", since)] if since else [])
    reader, size = CarReader(), 0
    try:
        async with (
            asyncio.timeout(LONGEST_FETCH_SECONDS),
            hosts.get(document, "com.atproto.sync.getRepo", params) as response,
        ):
            async for chunk in response.content.iter_chunked(1 << 16):
                size += len(chunk)
                if size > most_bytes:
                    raise InvalidRepo(f"it is larger than {most_bytes} bytes")
                if not blocks.is_in_memory:
                    disk.require()
                elif size > MOST_BYTES_IN_MEMORY:
                    raise room.NoRoom
                with room.named():
                    for cid, block in reader.feed(chunk):
                        blocks.add(cid, block)
        reader.finish()
        with room.named():
            blocks.flush()
        commit = parse_commit(blocks[reader.roots[0]])
    except TimeoutError as error:
        raise OutboundFailed(f"no repo within {LONGEST_FETCH_SECONDS} s") from error
    except (InvalidCar, InvalidCommitObject, TooManyBlocks) as error:
        raise InvalidRepo(str(error)) from error
    except LookupError as error:
        raise InvalidRepo("the archive does not hold its commit") from error
    key = document.signing_key
    if commit.did != document.did or key is None or not commit.verify(key):
        raise InvalidRepo("the commit is not signed by the account's key")
    records = await asyncio.to_thread(_records, commit.data, blocks, is_whole=since is None)
    return FetchedRepo(commit, records, blocks)


def _records(root: Cid, blocks: Mapping[Cid, bytes], *, is_whole: bool) -> dict[str, Cid]:
    """Walk the tree; raise InvalidRepo where it is wrong, or of a whole one something lacks."""
    try:
        tree = Mst.load(root, blocks)
        if not is_whole:
            return {path: cid for path, cid in tree.items_at_hand() if cid in blocks}
        records = dict(tree.items())
    except InvalidMst as error:
        raise InvalidRepo(str(error)) from error
    if not all(cid in blocks for cid in records.values()):
        raise InvalidRepo("the archive lacks records")
    return records
