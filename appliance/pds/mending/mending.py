"""Look for what is damaged, some at a time; have what can be had again, and say of the rest."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.clock import Clock
from appliance.base.database import Database, DeadlineExceeded
from appliance.base.http import HttpClient
from appliance.base.room import NoRoom
from appliance.pds.blob_files import BlobTooLarge
from appliance.pds.blobs import BlobNotFound, BlobStore
from appliance.pds.mending import damage
from appliance.pds.mending.damage import (
    FIRST_BLOB,
    FIRST_RECORD,
    BadBlob,
    BadRecord,
    BlobPlace,
    RecordPlace,
)
from appliance.pds.mending.places import Places
from appliance.pds.move_reports import MoveReports
from appliance.settings import Settings
from appliance.upkeep.checkup import Finding

# Of each, records and blobs, in one look; what is left is looked at by the next.
SECONDS: Final = 20.0
_PAGE: Final = 1000
_BLOBS: Final = 50
_TREE_SECONDS: Final = 120.0
_NAMED: Final = 5
_PRESS: Final = (
    "press “Mend what is damaged” on the page Checkup, or run: hearth checkup --mend; "
    "what is damaged is looked for in our own logs and at other servers"
)
_NOWHERE: Final = (
    "nobody who was asked has it: name a server that may (hearth checkup --mend --from URL), "
    "restore a backup from before, or delete it"
)


@dataclass
class Known:
    """What was found, and how far the look has come; `left` is what could not be mended."""

    records: dict[RecordPlace, BadRecord] = field(default_factory=dict)
    blobs: dict[BlobPlace, BadBlob] = field(default_factory=dict)
    after_record: RecordPlace = FIRST_RECORD
    after_blob: BlobPlace = FIRST_BLOB
    mended: list[str] = field(default_factory=list)
    left: set[str] = field(default_factory=set)


class Mending:
    """Find and mend damaged records and blobs; nothing is written but what the CID says."""

    def __init__(self, db: Database, blobs: BlobStore, places: Places) -> None:
        self._db = db
        self._blobs = blobs
        self._places = places
        self.known = Known()

    @classmethod
    def of(
        cls,
        settings: Settings,
        http: HttpClient,
        db: Database,
        blobs: BlobStore,
        appview: str,
        clock: Clock,
    ) -> Self:
        """Ask the relays of the settings, and the AppView at an address."""
        moves = MoveReports(db, clock)
        return cls(db, blobs, Places(db, http, moves, appview, settings.pds.relays))

    async def look(self, seconds: float | None = SECONDS) -> list[Finding]:
        """Look for so many seconds at records, and as many at blobs; None: at everything."""
        known = self.known
        for place, bad in list(known.records.items()):
            if not await self._db.scan(damage.is_bad, bad):
                del known.records[place]
        for where, broken in list(known.blobs.items()):
            await self._look_at_blob(where, broken.did, broken.cid)
        if seconds is None:
            known.after_record, known.after_blob = FIRST_RECORD, FIRST_BLOB
        await self._look_at_records(_end(seconds))
        await self._look_at_blobs(_end(seconds))
        return self.findings()

    async def mend(self, place: str = "") -> None:
        """Look at everything, then have again what can be had; `place`: one more server to ask."""
        known = self.known
        known.mended, known.left = [], set()
        await self.look(None)
        accounts: dict[Did, list[BadRecord]] = defaultdict(list)
        for bad in known.records.values():
            accounts[bad.did].append(bad)
        for did, damaged in accounts.items():
            paths = [bad.path for bad in damaged]
            cids = await self._signed(did, paths)
            for bad in damaged:
                await self._mend_record(bad, cids.get(bad.path), place)
        for where, broken in list(known.blobs.items()):
            await self._mend_blob(where, broken, place)

    def findings(self) -> list[Finding]:
        """Tell what is damaged, and what was mended the last time."""
        found = []
        kinds: tuple[tuple[str, str, Iterable[BadRecord | BadBlob], str], ...] = (
            ("Records", "record-damaged", self.known.records.values(), "not what was signed"),
            ("Pictures and films", "blob-damaged", self.known.blobs.values(), "gone or changed"),
        )
        for subject, cause, kind, state in kinds:
            names = [bad.name for bad in kind]
            if names:
                tried = self.known.left.issuperset(names)
                remedy = _NOWHERE if tried else _PRESS
                seen = f"{len(names)} on this disk {_are(names)} {state}: {_some(names)}"
                expected = "bytes that are what their CID says"
                found.append(Finding(subject, "bad", seen, expected, remedy, cause))
        if self.known.mended:
            told = f"{len(self.known.mended)} put right: {_some(self.known.mended)}"
            found.append(Finding("Mended", "good", told))
        return found

    async def _look_at_records(self, end: float) -> None:
        now = asyncio.get_running_loop().time
        while True:
            found, last = await self._db.scan(damage.bad_records, self.known.after_record, _PAGE)
            self.known.records |= {(bad.repo, bad.path): bad for bad in found}
            self.known.after_record = last or FIRST_RECORD
            if last is None or now() >= end:
                return

    async def _look_at_blobs(self, end: float) -> None:
        now = asyncio.get_running_loop().time
        while True:
            page = await self._db.scan(damage.blobs_after, self.known.after_blob, _BLOBS)
            if not page:
                self.known.after_blob = FIRST_BLOB
                return
            for where, did, cid in page:
                if cid is not None:
                    await self._look_at_blob(where, did, cid)
                self.known.after_blob = where
                if now() >= end:
                    return

    async def _look_at_blob(self, where: BlobPlace, did: Did, cid: Cid) -> None:
        self.known.blobs.pop(where, None)
        try:
            sound = await asyncio.to_thread(damage.is_sound, self._blobs.open, cid)
        except BlobNotFound:
            # One whose record was deleted meanwhile may be gone.
            if self._blobs.state(did, cid) is not None:
                self.known.blobs[where] = BadBlob(where[0], did, cid, is_missing=True)
            return
        if not sound:
            self.known.blobs[where] = BadBlob(where[0], did, cid, is_missing=False)

    async def _signed(self, did: Did, paths: Sequence[str]) -> Mapping[str, Cid]:
        """Ask the signed tree; nothing is known where that takes too long."""
        try:
            return await self._db.scan(damage.signed_cids, did, paths, deadline=_TREE_SECONDS)
        except DeadlineExceeded:
            return {}

    async def _mend_record(self, bad: BadRecord, cid: Cid | None, place: str) -> None:
        known = self.known
        found: tuple[bytes, str] | None = None
        if cid is not None:
            own = await self._db.scan(damage.bytes_of, bad)
            if own is not None and Cid.for_block(own) == cid:
                found = own, "its own bytes"
            else:
                found = await self._places.block(bad, cid, place)
        if cid is None or found is None:
            known.left.add(bad.name)
            return
        block, source = found
        if await self._db.write(damage.put_right, bad, cid, block):
            known.mended.append(f"{bad.name} from {source}")
        known.records.pop((bad.repo, bad.path), None)

    async def _mend_blob(self, where: BlobPlace, bad: BadBlob, place: str) -> None:
        for url, client in self._places.servers(bad.did, place):
            try:
                async with self._places.blob(url, client, bad.did, bad.cid) as answer:
                    is_it = await self._blobs.put_back(bad.cid, answer.content.iter_any())
            except (OSError, XrpcError, BlobTooLarge, NoRoom):
                continue
            if is_it:
                self.known.blobs.pop(where, None)
                self.known.mended.append(f"{bad.name} from {url}")
                return
        self.known.left.add(bad.name)


def _end(seconds: float | None) -> float:
    return float("inf") if seconds is None else asyncio.get_running_loop().time() + seconds


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _some(names: Sequence[str]) -> str:
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
