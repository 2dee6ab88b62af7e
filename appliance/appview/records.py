"""A record on its way into the index, and what is left of one on its way out."""

from dataclasses import dataclass
from enum import Enum

from appliance.atproto.cid import Cid
from appliance.atproto.data import dumps, find_blobs, record_json
from appliance.atproto.syntax import AtUri, Datetime, JsonObject


class Origin(Enum):
    """How a record came: that says whom it tells, and what was before it."""

    STREAM = "in the order of the stream"
    GAP = "with a whole repo, but written since we knew the account: people are told of it"
    EARLY = "ahead of the stream, which will bring it once more"
    REPO = "with a whole repo"


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

    value is in value form (Cid and bytes objects). now_us: when it came, in microseconds.
    """

    cid: Cid
    block: bytes
    value: JsonObject
    now_us: int
    origin: Origin

    @property
    def is_live(self) -> bool:
        """Tell whether it is news, so that people may be told of it."""
        return self.origin is not Origin.REPO

    @property
    def is_news(self) -> bool:
        """Tell whether it is live, and will not come again."""
        return self.origin in (Origin.STREAM, Origin.GAP)

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
        """When it says it was written, where we cannot tell because it came in no order."""
        return None if self.origin is Origin.STREAM else self.created_us

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
