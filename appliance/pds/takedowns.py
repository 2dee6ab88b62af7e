"""Takedowns of single records and blobs; whole accounts are `lifecycle`'s."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Did, JsonObject
from appliance.base.database import Connection, Database
from appliance.pds import blobs, records, takedown_news
from appliance.pds.blobs import BlobStore
from appliance.pds.records import RecordStore
from appliance.pds.takedown_news import TakedownNews

T = TypeVar("T")
_RECORD = "com.atproto.repo.strongRef"
_BLOB = "com.atproto.admin.defs#repoBlobRef"


class SubjectNotFound(LookupError):
    """There is nothing by that name to take down."""

    xrpc_name = "NotFound"

    def __init__(self) -> None:
        super().__init__("Subject not found")


@dataclass(frozen=True)
class RecordState:
    """A record's version and, while it is taken down, the operator's reference."""

    cid: Cid
    reference: str | None


class Takedowns:
    """Withhold records and blobs from readers, reversibly."""

    def __init__(
        self, db: Database, record_store: RecordStore, blob_store: BlobStore, news: TakedownNews
    ) -> None:
        self._db = db
        self._news = news
        self._records = record_store
        self._blobs = blob_store

    def record(self, did: Did, path: str) -> RecordState:
        """How a record stands. Raises SubjectNotFound."""
        state = self._records.state(did, path)
        if state is None:
            raise SubjectNotFound
        return RecordState(*state)

    def blob(self, did: Did, cid: Cid) -> str | None:
        """The reference of a blob's takedown, or None. Raises SubjectNotFound."""
        state = self._blobs.state(did, cid)
        if state is None:
            raise SubjectNotFound
        return state[0]

    async def set_record(self, did: Did, path: str, reference: str | None) -> None:
        """Hide a record or show it again (None). Raises SubjectNotFound."""
        cid = self.record(did, path).cid
        subject = {"$type": _RECORD, "uri": f"at://{did}/{path}", "cid": str(cid)}
        await self._db.write(_require, records.set_takedown, did, path, reference, subject)
        self._news.wake()

    async def set_blob(self, did: Did, cid: Cid, reference: str | None) -> None:
        """Withhold a blob or serve it again (None). Raises SubjectNotFound."""
        subject = {"$type": _BLOB, "did": did, "cid": str(cid)}
        await self._db.write(_require, blobs.set_takedown, did, cid, reference, subject)
        self._news.wake()


def _require(
    conn: Connection,
    change: Callable[[Connection, Did, T, str | None], bool],
    did: Did,
    subject: T,
    reference: str | None,
    told: JsonObject,
) -> None:
    if not change(conn, did, subject, reference):
        raise SubjectNotFound
    takedown_news.note(conn, told, reference)
