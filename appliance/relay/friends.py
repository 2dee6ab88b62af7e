"""Find the hosts of those whom our members follow, so that what they write comes here too."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator

from appliance.atproto import cbor
from appliance.atproto.car import InvalidCar, read_car
from appliance.atproto.identity.errors import IdentityNotFound, IdentityUnreachable
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.syntax import Did, InvalidSyntax
from appliance.firehose.event_log import EventLog
from appliance.firehose.events import CommitEvent, InvalidEvent, parse
from appliance.relay.accounts import AccountStore, RepoNotFound
from appliance.relay.admission import Admission

FOLLOW = "app.bsky.graph.follow/"
MAX_REMEMBERED = 10_000
# Between two strangers looked up, so that an import of follows is no burst.
PAUSE_SECONDS = 0.2


class Friends:
    """Reads our own stream for follows of members; `home` is the id of the PDS beside us."""

    def __init__(
        self,
        log: EventLog,
        accounts: AccountStore,
        resolver: IdentityResolver,
        admission: Admission,
        home: int,
    ) -> None:
        self._log = log
        self._accounts = accounts
        self._resolver = resolver
        self._admission = admission
        self._home = home
        self._seen: OrderedDict[Did, None] = OrderedDict()

    async def run(self) -> None:
        """Look at what comes from now on, until the log is closed; a worker."""
        async for batch in self._log.batches(self._log.head()):
            for _, frame in batch:
                for did in self._followed(frame):
                    await self._look(did)

    def _followed(self, frame: bytes) -> list[Did]:
        """Give those whom a member begins to follow in this event, and who were not looked at."""
        # A name that stands in every commit that matters costs less to find than to decode.
        if FOLLOW.encode() not in frame:
            return []
        try:
            event = parse(frame)
        except InvalidEvent:
            return []
        if not isinstance(event, CommitEvent) or not self._is_member(event.did):
            return []
        return [did for did in followed_in(event) if self._is_new(did)]

    def _is_member(self, did: Did) -> bool:
        try:
            return self._accounts.find(did).host_id == self._home
        except RepoNotFound:
            return False

    def _is_new(self, did: Did) -> bool:
        if did in self._seen:
            return False
        self._seen[did] = None
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)
        return True

    async def _look(self, did: Did) -> None:
        try:
            document = await self._resolver.document(did)
        except (IdentityNotFound, IdentityUnreachable):
            self._seen.pop(did, None)
            return
        if document.pds is not None:
            await self._admission.wanted(document.pds)
        await asyncio.sleep(PAUSE_SECONDS)


def followed_in(event: CommitEvent) -> Iterator[Did]:
    """Give whom a verified commit begins to follow."""
    created = [op.cid for op in event.ops if op.path.startswith(FOLLOW) and op.cid is not None]
    try:
        blocks = read_car(event.blocks).blocks
    except InvalidCar:
        return
    for cid in created:
        record = cbor.decode(blocks[cid]) if cid in blocks else None
        subject = record.get("subject") if isinstance(record, dict) else None
        if isinstance(subject, str):
            try:
                yield Did(subject)
            except InvalidSyntax:
                continue
