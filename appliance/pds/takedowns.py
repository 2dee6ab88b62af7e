"""Takedowns of single records and blobs; whole accounts are `lifecycle`'s."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Did
from appliance.base.database import Connection, Database
from appliance.pds import blobs, records
from appliance.pds.blobs import BlobStore
from appliance.pds.records import RecordStore

T = TypeVar("T")


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

    def __init__(self, db: Database, record_store: RecordStore, blob_store: BlobStore) -> None:
        self._db = db
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
        await self._db.write(_require, records.set_takedown, did, path, reference)

    async def set_blob(self, did: Did, cid: Cid, reference: str | None) -> None:
        """Withhold a blob or serve it again (None). Raises SubjectNotFound."""
        await self._db.write(_require, blobs.set_takedown, did, cid, reference)


def _require(
    conn: Connection,
    change: Callable[[Connection, Did, T, str | None], bool],
    did: Did,
    subject: T,
    reference: str | None,
) -> None:
    if not change(conn, did, subject, reference):
        raise SubjectNotFound
