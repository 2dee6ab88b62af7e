"""Ask an account's host where it stands, and tell those who follow us what they missed.

A relay keeps no repos, so there is nothing to fetch again: it takes the newest commit, checks its
signature, and passes it on as a #sync. Whoever keeps the repo then fetches what it lacks.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from appliance.atproto.car import InvalidCar, read_car
from appliance.atproto.cid import Cid, InvalidCid
from appliance.atproto.crypto import PublicKey
from appliance.atproto.identity.errors import IdentityNotFound, IdentityUnreachable
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.repo.commit import Commit, InvalidCommitObject, parse_commit
from appliance.atproto.syntax import Datetime, Did, InvalidSyntax, Nsid
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.clock import Clock
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.firehose import event_log
from appliance.firehose.events import AccountEvent, IdentityEvent, SyncEvent
from appliance.firehose.verify import FUTURE_US, RepoState
from appliance.relay import accounts, bans, hosts, repo_collections
from appliance.relay.accounts import Account, AccountStore
from appliance.relay.hosts import Host
from appliance.relay.repairs import Repair, RepairStore
from appliance.relay.ways import Ways

log = logging.getLogger(__name__)

AT_ONCE = 2
LOOK_SECONDS = 2.0
# How long the stream may take to bring what the host already answers.
GRACE_SECONDS = 5.0
MAX_HEAD_BYTES = 4_000_000


class TryLater(Exception):
    """The account could not be looked at now; the message says why."""


class Repairer:
    """Empties the queue of `repairs`."""

    def __init__(self, db: Database, ways: Ways, resolver: IdentityResolver, clock: Clock) -> None:
        self._db = db
        self._ways = ways
        self._resolver = resolver
        self._clock = clock
        self._accounts = AccountStore(db)
        self._queue = RepairStore(db)

    async def run(self) -> None:
        """Look at one account after the other, two at once, for ever; a worker."""
        while True:
            due = self._queue.due(self._clock.now_us(), AT_ONCE)
            if due:
                await asyncio.gather(*(self._attempt(repair) for repair in due))
            else:
                await asyncio.sleep(LOOK_SECONDS)

    async def ask_status(self, did: Did, host: Host) -> None:
        """Ask an account's host for its status, and pass on what is new of it."""
        try:
            await self._compare_status(did, self._ways.client(host))
        except TryLater as reason:
            log.info("status unknown did=%s reason=%s", did, reason)

    async def repair(self, did: Did) -> str:
        """Bring one account up to date; say what was done. Raises TryLater."""
        try:
            document = await self._resolver.document(did, fresh=True)
        except IdentityNotFound:
            return "its DID does not resolve"
        except IdentityUnreachable as error:
            raise TryLater(str(error)) from error
        host = await self._db.write(_take_in, did, document.pds, self._clock.now_us())
        if host is None:
            return "it lives on no host that is followed here"
        if document.signing_key is None:
            return "its DID document has no signing key"
        try:
            client = self._client(host, document.pds)
        except XrpcError:
            return "its host has no usable address"
        theirs = await self._compare_status(did, client)
        if theirs is None:
            return "it is not active"
        if not await self._differs(did, theirs):
            return "nothing was missed"
        commit = await _fetch_head(client, did, document.signing_key, self._clock.now_us())
        await self._note_collections(did, client)
        return await self._db.write(_publish_head, did, commit, self._clock.now_us())

    def _client(self, host: Host, pds: str | None) -> XrpcClient:
        """Ask the account's own host, also if a relay brings us its events."""
        if host.is_relay and pds != host.url:
            return self._ways.stranger(pds or "")
        return self._ways.client(host)

    async def _attempt(self, repair: Repair) -> None:
        try:
            done = await self.repair(repair.did)
        except TryLater as reason:
            log.info("repair put off did=%s reason=%s", repair.did, reason)
            await self._queue.put_off(repair, self._clock.now_us())
        else:
            log.info("repaired did=%s reason=%r result=%r", repair.did, repair.reason, done)
            await self._queue.done(repair.did)

    async def _compare_status(self, did: Did, client: XrpcClient) -> Tid | None:
        """Take over an account's status; give its rev, None if it is not active or has none."""
        try:
            answer = _object(await client.query("com.atproto.sync.getRepoStatus", {"did": did}))
        except XrpcError as error:
            raise TryLater(f"getRepoStatus: {error}") from error
        active, status, rev = answer.get("active"), answer.get("status"), answer.get("rev")
        if not isinstance(active, bool):
            raise TryLater("getRepoStatus: no answer of use")
        told = status if isinstance(status, str) and not active else None
        await self._db.write(_note_status, did, active, told, self._clock.now_us())
        try:
            return Tid(rev) if active and isinstance(rev, str) else None
        except InvalidSyntax as error:
            raise TryLater(f"getRepoStatus: {error}") from error

    async def _differs(self, did: Did, theirs: Tid) -> bool:
        """Tell whether the host is elsewhere than we, also after the stream had its time."""
        if self._rev_of(did) == theirs:
            return False
        await asyncio.sleep(GRACE_SECONDS)
        return self._rev_of(did) != theirs

    def _rev_of(self, did: Did) -> Tid | None:
        state = self._accounts.find(did).state
        return None if state is None else state.rev

    async def _note_collections(self, did: Did, client: XrpcClient) -> None:
        try:
            answer = _object(await client.query("com.atproto.repo.describeRepo", {"repo": did}))
        except XrpcError:
            return  # not every host answers this; the stream tells of what comes
        listed = answer.get("collections")
        found = {name for name in listed if _is_nsid(name)} if isinstance(listed, list) else set()
        await self._db.write(_add_collections, did, found)


async def _fetch_head(client: XrpcClient, did: Did, key: PublicKey, now_us: int) -> Commit:
    """Fetch the newest commit of an account and check it. Raises TryLater."""
    try:
        latest = _object(await client.query("com.atproto.sync.getLatestCommit", {"did": did}))
        cid = Cid.parse(str(latest.get("cid")))
        block = await _fetch_block(client, did, cid, str(latest.get("rev")))
        commit = parse_commit(block)
    except (XrpcError, InvalidCid, InvalidCar, InvalidCommitObject) as error:
        raise TryLater(f"its newest commit: {error}") from error
    if commit.did != did or not commit.verify(key):
        raise TryLater("its newest commit is not signed by its key")
    if commit.rev.to_us() > now_us + FUTURE_US:
        raise TryLater("its newest commit lies in the future")
    return commit


async def _fetch_block(client: XrpcClient, did: Did, cid: Cid, rev: str) -> bytes:
    """Fetch a commit's block by itself, or with what is newer than it where that is unknown."""
    try:
        answer = await client.call(
            "GET", "com.atproto.sync.getBlocks", params={"did": did, "cids": [str(cid)]}
        )
    except XrpcError:
        answer = await client.call(
            "GET",
            "com.atproto.sync.getRepo",
            params={"did": did, "since": rev},
            max_bytes=MAX_HEAD_BYTES,
        )
    block = read_car(answer.body).blocks.get(cid)
    if block is None:
        raise TryLater("its host does not have its newest commit")
    return block


def _take_in(conn: Connection, did: Did, pds: str | None, now_us: int) -> Host | None:
    """Find the host of an account among ours; an account that is not known yet becomes so."""
    account = accounts.load(conn, did)
    host = None if pds is None else hosts.by_url(conn, pds)
    if host is None and account is not None:
        brought_by = hosts.load(conn, account.host_id)
        host = brought_by if brought_by.is_relay else None
    if host is None or host.standing != "active":
        return None
    if account is None:
        if bans.is_banned(conn, did) or hosts.places_of(conn, host) <= 0:
            return None
        accounts.insert(conn, did, host.id, now_us)
    elif account.host_id != host.id:
        accounts.move(conn, account, host.id)
        if not account.throttled:  # nobody may have said so, or too soon after the last time
            told = IdentityEvent(did, str(Datetime.from_us(now_us)), None)
            event_log.append(conn, did, told.kind, told.frame(), now_us)
    return host


def _note_status(conn: Connection, did: Did, active: bool, status: str | None, now_us: int) -> None:
    account = accounts.load(conn, did)
    if account is None:
        return
    accounts.mark_checked(conn, account, now_us)
    if (active, status) == (account.upstream_active, account.upstream_status):
        return
    accounts.set_upstream(conn, account, active, status)
    publish_status(conn, account, now_us)


def publish_status(conn: Connection, before: Account, now_us: int) -> None:
    """Tell of an account's status if it is another than before."""
    account = accounts.load(conn, before.did)
    if account is None or account.throttled:
        return
    if (account.active, account.status) != (before.active, before.status):
        time = str(Datetime.from_us(now_us))
        event = AccountEvent(account.did, time, account.active, account.status)
        event_log.append(conn, account.did, event.kind, event.frame(), now_us)


def _publish_head(conn: Connection, did: Did, commit: Commit, now_us: int) -> str:
    account = accounts.load(conn, did)
    if account is None or not account.active:
        return "it is not active here"
    state = RepoState(commit.rev, commit.data)
    if account.state == state:
        return "nothing was missed"
    accounts.save_repaired(conn, account, state, commit.cid)
    event = SyncEvent.of(commit, str(Datetime.from_us(now_us)))
    event_log.append(conn, did, event.kind, event.frame(), now_us)
    return "its newest commit was passed on"


def _add_collections(conn: Connection, did: Did, found: set[str]) -> None:
    account = accounts.load(conn, did)
    if account is not None:
        repo_collections.note(conn, account.id, sorted(found))


def _is_nsid(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(Nsid(value))
    except InvalidSyntax:
        return False


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
