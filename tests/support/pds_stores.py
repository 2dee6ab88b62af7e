"""The repo half of a PDS on a temporary database: real stores, real files, a clock that waits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.data import BlobRef
from appliance.atproto.repo.commit import Commit
from appliance.atproto.syntax import Did, Json, Nsid, RecordKey
from appliance.atproto.tid import TidClock
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.firehose import events
from appliance.firehose.event_log import EventLog
from appliance.firehose.events import CommitEvent, RepoEvent
from appliance.pds import repos, signing_keys
from appliance.pds.blob_files import BlobFiles
from appliance.pds.blobs import BlobStore
from appliance.pds.exports import RepoExporter
from appliance.pds.records import RecordStore
from appliance.pds.repos import RepoStore
from appliance.pds.signing_keys import SigningKeys
from appliance.pds.writes import PreparedWrite, WritePreparer
from tests.support.lexicon_press import own_lexicons

ALICE = Did("did:plc:aliceaaaaaaaaaaaaaaaaaaa")
BOB = Did("did:plc:bobbbbbbbbbbbbbbbbbbbbbb")
POST = Nsid("app.bsky.feed.post")
LIKE = Nsid("app.bsky.feed.like")
FOLLOW = Nsid("app.bsky.graph.follow")
PROFILE = Nsid("app.bsky.actor.profile")
NOTE = Nsid("com.example.note")  # a collection nobody knows a lexicon of
BLOB_LIMIT = 100_000
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


class ManualClock(Clock):
    """A clock that moves by a millisecond at each look, and by hand."""

    def __init__(self) -> None:
        self.us = 1_790_000_000_000_000

    def now_us(self) -> int:
        self.us += 1000
        return self.us


@dataclass
class Stores:
    """The stores, and short cuts that tests share."""

    db: Database
    clock: ManualClock
    keys: SigningKeys
    blobs: BlobStore
    repos: RepoStore
    records: RecordStore
    exports: RepoExporter
    prepare: WritePreparer
    files: BlobFiles

    async def open_repo(self, did: Did = ALICE) -> PrivateKey:
        """Open an empty repo with a key of its own, announced by a commit."""
        key = PrivateKey.generate()
        await self.db.write(_open_repo, did, self.repos, key, self.clock.now_us())
        return key

    async def create(
        self, collection: Nsid, record: Json, rkey: str | None = None, did: Did = ALICE
    ) -> PreparedWrite:
        """Create a record and give what was written."""
        key = None if rkey is None else RecordKey(rkey)
        write = self.prepare.create(did, collection, key, record, None)
        await self.repos.write(did, [write])
        return write

    async def put(self, collection: Nsid, rkey: str, record: Json) -> Commit | None:
        place = (collection, RecordKey(rkey))
        return await self.repos.write(ALICE, [self.prepare.put(ALICE, place, record, None)])

    async def delete(self, collection: Nsid, rkey: str) -> Commit | None:
        write = self.prepare.delete(ALICE, collection, RecordKey(rkey))
        return await self.repos.write(ALICE, [write])

    async def upload(
        self, content: bytes = PNG, mime_type: str = "image/png", did: Did = ALICE
    ) -> BlobRef:
        return await self.blobs.upload(did, pieces(content), mime_type)

    def has_file(self, cid: Cid) -> bool:
        return self.files.path(cid).exists()

    def events(self, after: int = 0) -> list[RepoEvent]:
        """Read all events of the log."""
        found: list[events.Event] = []
        while batch := EventLog(self.db).after(after):
            found += [events.parse(frame) for _, frame in batch]
            after = batch[-1][0]
        return [event for event in found if not isinstance(event, events.InfoEvent)]

    def last_commit_event(self) -> CommitEvent:
        last = self.events()[-1]
        assert isinstance(last, CommitEvent)
        return last


@asynccontextmanager
async def open_stores(folder: Path, blob_limit: int = BLOB_LIMIT) -> AsyncIterator[Stores]:
    """Open stores over the schema of the PDS in a folder."""
    clock = ManualClock()
    schema = files("appliance.pds") / "schema"
    async with await Database.open(folder / "pds.sqlite", schema) as db:
        keys = SigningKeys(db, clock)
        blob_files = BlobFiles(folder / "blobs")
        blobs = BlobStore(db, blob_files, clock, blob_limit)
        store = RepoStore(db, blobs, keys, clock)
        yield Stores(
            db=db,
            clock=clock,
            keys=keys,
            blobs=blobs,
            repos=store,
            records=RecordStore(db),
            exports=RepoExporter(db, store, folder),
            prepare=WritePreparer(own_lexicons(), TidClock(clock.now_us).next),
            files=blob_files,
        )


async def pieces(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """Give bytes as a stream."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


def post(text: str = "hello") -> Json:
    return {"$type": str(POST), "text": text, "createdAt": "2026-11-20T10:00:00.000Z"}


def like(of: str = f"at://{BOB}/{POST}/3aaaaaaaaaa22") -> Json:
    subject = {"uri": of, "cid": str(Cid.for_block(of.encode()))}
    return {"$type": str(LIKE), "subject": subject, "createdAt": "2026-11-20T10:00:00.000Z"}


def follow(whom: Did = BOB) -> Json:
    return {"$type": str(FOLLOW), "subject": str(whom), "createdAt": "2026-11-20T10:00:00.000Z"}


def blob_json(blob: BlobRef) -> Json:
    return {
        "$type": "blob",
        "ref": {"$link": str(blob.cid)},
        "mimeType": blob.mime_type,
        "size": blob.size,
    }


def picture(*blobs: BlobRef) -> Json:
    """Make a post with pictures."""
    images = [{"image": blob_json(blob), "alt": ""} for blob in blobs]
    return {**post(), "embed": {"$type": "app.bsky.embed.images", "images": images}}


def note_with(blob: BlobRef) -> Json:
    """Make a record of an unknown lexicon with a blob in it."""
    return {"$type": str(NOTE), "attachment": blob_json(blob)}


def _open_repo(conn: Connection, did: Did, store: RepoStore, key: PrivateKey, now_us: int) -> None:
    signing_keys.assign(conn, did, key, now_us)
    news = repos.create_empty(conn, did, store.next_rev(), key)
    repos.append_commit(conn, news, key.public, now_us)
