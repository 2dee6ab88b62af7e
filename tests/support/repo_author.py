"""An account that writes signed commits, for tests of whatever reads the stream."""

from typing import Any

from appliance.atproto.car import write_car
from appliance.atproto.cbor import encode
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.data import record_from_json
from appliance.atproto.repo.repo import RecordWrite, Repo
from appliance.atproto.syntax import Datetime, Did
from appliance.atproto.tid import TidClock
from appliance.firehose.events import AccountEvent, CommitEvent, IdentityEvent, SyncEvent

TIME = "2026-11-20T10:00:00.000Z"


class RepoAuthor:
    """A DID with a key and a repo; every commit gives the event that tells of it."""

    def __init__(self, name: str) -> None:
        self.did = Did(f"did:plc:{name:a<24}")
        self.handle = f"{name}.test"
        self.key = PrivateKey.generate()
        self.repo = Repo.build(self.did, [], None)
        self.blocks: dict[str, bytes] = {}
        self._us = 1_790_000_000_000_000
        self._tids = TidClock(self._now_us)

    def _now_us(self) -> int:
        self._us += 1000
        return self._us

    def commit(self, *writes: RecordWrite) -> CommitEvent:
        self.repo, news = self.repo.apply(list(writes), self._tids.next(), self.key)
        for write in writes:
            if write.block is None:
                self.blocks.pop(write.path)
            else:
                self.blocks[write.path] = write.block
        return CommitEvent.of(news, TIME)

    def create(self, collection: str, rkey: str = "", **value: Any) -> CommitEvent:
        """Commit one new record; its createdAt is the author's own time."""
        rkey = rkey or str(self._tids.next())
        created = {"createdAt": str(Datetime.from_us(self._us))}
        record = record_from_json({"$type": collection, **created, **value})
        return self.commit(RecordWrite("create", f"{collection}/{rkey}", encode(record)))

    def post(self, text: str = "hello", rkey: str = "") -> CommitEvent:
        return self.create("app.bsky.feed.post", rkey, text=text)

    def delete(self, path: str) -> CommitEvent:
        return self.commit(RecordWrite("delete", path, None))

    def sync(self) -> SyncEvent:
        """The event that says where the repo stands."""
        assert self.repo.head is not None
        return SyncEvent.of(self.repo.head, TIME)

    def account(self, active: bool, status: str | None = None) -> AccountEvent:
        return AccountEvent(self.did, TIME, active, status)

    def identity(self) -> IdentityEvent:
        return IdentityEvent(self.did, TIME)

    def car(self) -> bytes:
        """The whole repo, as com.atproto.sync.getRepo answers."""
        head = self.repo.head
        assert head is not None
        items = dict(self.repo.tree.items())
        records = [(items[path], block) for path, block in self.blocks.items()]
        return write_car(head.cid, [(head.cid, head.block), *self.repo.tree.walk(), *records])

    def document(self, pds: str) -> dict[str, Any]:
        """The DID document."""
        return {
            "@context": ["https://www.w3.org/ns/did/v1"],
            "id": str(self.did),
            "alsoKnownAs": [f"at://{self.handle}"],
            "verificationMethod": [
                {
                    "id": f"{self.did}#atproto",
                    "type": "Multikey",
                    "controller": str(self.did),
                    "publicKeyMultibase": self.key.public.multikey,
                }
            ],
            "service": [
                {
                    "id": "#atproto_pds",
                    "type": "AtprotoPersonalDataServer",
                    "serviceEndpoint": pds,
                }
            ],
        }
