"""A record on its way into the index, and what is left of one on its way out."""

from dataclasses import dataclass

from appliance.atproto.cid import Cid
from appliance.atproto.data import dumps, find_blobs, record_json
from appliance.atproto.syntax import AtUri, Datetime, JsonObject


@dataclass(frozen=True, slots=True)
class RecordRef:
    """Which record: all that is left of it when it is deleted."""

    did: str
    actor_id: int
    collection: str
    rkey: str

    @property
    def uri(self) -> str:
        return f"at://{self.did}/{self.collection}/{self.rkey}"


@dataclass(frozen=True, slots=True)
class IndexedRecord(RecordRef):
    """A valid record to be indexed.

    value is in value form (Cid and bytes objects). now_us: microseconds. is_live: it comes from
    the stream as it happens, so people may be told; false for whole repos.
    """

    cid: Cid
    block: bytes
    value: JsonObject
    now_us: int
    is_live: bool

    @property
    def json(self) -> str:
        """The record as JSON text, as views show it."""
        return dumps(record_json(self.block)).decode()

    @property
    def created_us(self) -> int:
        """The record's createdAt (microseconds, not below 0), or now where it has none."""
        created = self.value.get("createdAt")
        if not isinstance(created, str):
            return self.now_us
        return max(0, Datetime.unchecked(created).to_us())

    @property
    def told_us(self) -> int | None:
        """When it says it was written, where we cannot tell because it came with a whole repo."""
        return None if self.is_live else self.created_us

    def times(self) -> tuple[int, int, int]:
        """created_us, indexed_us and sort_us, the earlier of the two."""
        created = self.created_us
        return created, self.now_us, min(created, self.now_us)

    def blobs(self) -> set[str]:
        """CIDs, as text, of the blobs the record names."""
        return {str(blob.cid) for blob in find_blobs(self.value)}

    def sibling(self, collection: str) -> AtUri:
        """The URI with the same key in another collection of the same repo."""
        return AtUri.make(self.did, collection, self.rkey)
