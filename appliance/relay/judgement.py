"""What is right or wrong with one event, and what to note and pass on of it.

Runs in the writer thread, inside the transaction that also stores the host's cursor: so each event
is judged against the very state it will change. The numbers are those of the checks in
`tests/relay/test_checks.py`.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PublicKey
from appliance.atproto.syntax import Did
from appliance.base.connection import Connection
from appliance.firehose import event_log
from appliance.firehose.events import (
    AccountEvent,
    CommitEvent,
    IdentityEvent,
    InvalidEvent,
    RepoEvent,
    SyncEvent,
)
from appliance.firehose.verify import (
    BadSignature,
    RolledBack,
    StaleRev,
    chains,
    root_of,
    verify_commit,
    verify_sync,
)
from appliance.relay import accounts, bans, hosts, quarantine, repairs, repo_collections
from appliance.relay.accounts import Account
from appliance.relay.hosts import Host
from appliance.relay.quarantine import Kept

log = logging.getLogger(__name__)

# How many accounts of a host may wait for a place; what comes after them is not noted at all.
MAX_THROTTLED = 1000
# So many faults of an account within ten minutes, and its host is asked where it stands.
FAULTS = 3
FAULT_WINDOW_US = 10 * 60 * 1_000_000
# Nothing of this program is older: a clock before it was never set, and judges no `rev`.
OLDEST_TIME_US = 1_790_000_000_000_000
REPAIR_SOON_US = 5 * 1_000_000

# What happened to an event; the words are the names of the counters.
Verdict: TypeAlias = Literal[
    "published",
    "published_with_gap",
    "old_seq",
    "unresolved",
    "wrong_host",
    "unchanged",
    "banned",
    "host_full",
    "inactive",
    "stale_rev",
    "rolled_back",
    "too_fast",
    "bad_signature",
    "no_key",
    "invalid",
]
PASSED: Final = frozenset(("published", "published_with_gap"))
# What is kept for a person to look at.
KEPT: Final = frozenset(
    ("unresolved", "rolled_back", "too_fast", "bad_signature", "no_key", "invalid")
)
# What only a host that errs or lies sends.
_FAULTS: Final = frozenset(("bad_signature", "no_key", "invalid"))


@dataclass(frozen=True, slots=True)
class Incoming:
    """One event of a host, with the bytes to pass on.

    `too_fast`: its account has sent more than it may; it is not passed on.
    """

    event: RepoEvent
    frame: bytes
    too_fast: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account's DID document says: who signs for it, and where it lives."""

    key: PublicKey | None
    pds: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the accounts of a batch.

    `standings` has an entry for each, None where its DID does not resolve. Accounts in `settled`
    were asked about again a moment ago: for them nothing is asked any more. The document of those
    in `changed` has just turned out to be another than before.
    """

    standings: Mapping[Did, Standing | None]
    settled: frozenset[tuple[Did, str]]
    changed: frozenset[Did]


class AskAgain(Exception):
    """The event contradicts what we know of its account; what we know may be out of date."""

    def __init__(self, did: Did, what: Literal["document", "status"]) -> None:
        super().__init__(f"{what} of {did}")
        self.did = did
        self.what = what


class Judge:
    """Judges the events of one host in one transaction."""

    def __init__(self, conn: Connection, host: Host, known: Known, now_us: int) -> None:
        self._conn = conn
        self._host = host
        self._known = known
        self._now_us = now_us

    def judge(self, incoming: Incoming) -> tuple[Verdict, str]:
        """Note and append the event, or say why not, with a reason for people.

        Raises AskAgain, having noted nothing of the event.
        """
        verdict, reason = self._judge(incoming)
        if verdict in KEPT:
            self._keep(incoming, verdict, reason)
        return verdict, reason

    def rejudge(self, kept: Kept, incoming: Incoming) -> tuple[Verdict, str]:
        """Judge a frame out of quarantine once more; it stays there unless it passes now."""
        verdict, reason = self._judge(incoming)
        if verdict in PASSED:
            quarantine.drop(self._conn, kept.id)
        return verdict, reason

    def _judge(self, incoming: Incoming) -> tuple[Verdict, str]:
        did = incoming.event.did
        account = accounts.load(self._conn, did)
        standing = self._known.standings.get(did)
        if standing is None:  # 9
            return self._without_identity(incoming, account)
        if not self._may_speak_for(standing, account):  # 10, 35, 37
            return self._of_another_host(incoming, standing)
        if account is None:
            if bans.is_banned(self._conn, did):
                return "banned", "the account is banned here"
            full = hosts.places_of(self._conn, self._host) <= 0  # 12
            if full and accounts.count_throttled(self._conn, self._host.id) >= MAX_THROTTLED:
                return "host_full", "too many accounts of this host wait for a place"
            account = accounts.insert(self._conn, did, self._host.id, self._now_us, throttled=full)
        elif account.host_id != self._host.id:
            accounts.move(self._conn, account, self._host.id)
        return self._of_its_host(incoming, account, standing)

    def _may_speak_for(self, standing: Standing, account: Account | None) -> bool:
        """A host speaks for its accounts; a relay for those of hosts that we do not follow.

        Of several relays the first that told of an account goes on to do so.
        """
        if standing.pds == self._host.url:
            return True
        if not self._host.is_relay:
            return False
        direct = None if standing.pds is None else hosts.by_url(self._conn, standing.pds)
        if direct is not None and direct.standing == "active":
            return False
        if account is None or account.host_id == self._host.id:
            return True
        known_by = hosts.load(self._conn, account.host_id)
        return not (known_by.is_relay and known_by.standing == "active")

    def _without_identity(self, incoming: Incoming, account: Account | None) -> tuple[Verdict, str]:
        """An account whose DID is gone can still be said to be gone, by the host that had it."""
        event = incoming.event
        if account is not None and account.host_id == self._host.id:
            if isinstance(event, AccountEvent) and not event.active:
                return self._account_changed(event, incoming.frame, account)
            if isinstance(event, IdentityEvent):
                return self._publish(event, incoming.frame)
        if not isinstance(event, AccountEvent):
            most = repairs.MAX_QUEUED if account else repairs.MAX_QUEUED_OF_STRANGERS
            due_us = self._now_us + repairs.MINUTE_US
            repairs.want(self._conn, event.did, "its DID did not resolve", due_us, most)
        return "unresolved", "its DID does not resolve"

    def _of_another_host(self, incoming: Incoming, standing: Standing) -> tuple[Verdict, str]:
        """Another host may say that an identity changed, and only if it is true."""
        event = incoming.event
        if isinstance(event, IdentityEvent) and event.did in self._known.changed:
            return self._publish(event, incoming.frame)
        self._ask_again(event.did, "document")
        if isinstance(event, IdentityEvent):
            return "unchanged", "another host spoke of an identity that did not change"
        return "wrong_host", f"its PDS is {standing.pds}"

    def _of_its_host(
        self, incoming: Incoming, account: Account, standing: Standing
    ) -> tuple[Verdict, str]:
        event = incoming.event
        if account.throttled:
            return "host_full", "the host has as many accounts as it may"
        if incoming.too_fast:
            self._want_repair(event.did, "it sent more than it may", REPAIR_SOON_US * 12)
            return "too_fast", "the account sends more than one event a second"
        if isinstance(event, IdentityEvent):
            return self._publish(event, incoming.frame)
        if isinstance(event, AccountEvent):
            return self._account_changed(event, incoming.frame, account)
        if not account.active:  # 11
            if account.local_status is None:
                self._ask_again(event.did, "status")
            return "inactive", f"the account is {account.status}"
        if standing.key is None:
            self._ask_again(event.did, "document")
            return "no_key", "its DID document has no signing key"
        return self._repo_changed(event, incoming.frame, account, standing.key)

    def _repo_changed(
        self, event: CommitEvent | SyncEvent, frame: bytes, account: Account, key: PublicKey
    ) -> tuple[Verdict, str]:
        now_us = self._now_us if self._now_us > OLDEST_TIME_US else None  # 16
        try:
            if isinstance(event, CommitEvent):
                state = verify_commit(event, account.state, key, now_us)
                head: Cid = event.commit
                follows = chains(event, account.state)  # 24, 25, 26
            else:
                state = verify_sync(event, account.state, key, now_us)
                head, follows = root_of(event), True
        except RolledBack as error:  # 20
            self._want_repair(event.did, "its host went back", REPAIR_SOON_US)
            # Our own question may have been quicker than the stream; the host is asked either way.
            late = accounts.is_ahead(self._conn, account, event.rev)
            return "stale_rev" if late else "rolled_back", str(error)
        except StaleRev as error:  # 20
            return "stale_rev", str(error)
        except BadSignature:  # 17
            self._ask_again(event.did, "document")
            return "bad_signature", "not signed by the key in the account's DID document"
        except InvalidEvent as error:
            return "invalid", str(error)
        accounts.save_state(self._conn, account, state, head)
        if isinstance(event, CommitEvent):
            self._note_collections(event, account)
        self._publish(event, frame)
        # Valid by itself, but something before it is unknown: those who follow us will resync.
        return ("published", "") if follows else ("published_with_gap", "it does not chain")

    def _note_collections(self, event: CommitEvent, account: Account) -> None:
        found = {op.path.partition("/")[0] for op in event.ops if op.cid is not None}
        repo_collections.note(self._conn, account.id, found)
        if account.state is None and event.since is not None:  # 32
            self._want_repair(event.did, "first seen in mid-life", REPAIR_SOON_US)

    def _account_changed(
        self, event: AccountEvent, frame: bytes, account: Account
    ) -> tuple[Verdict, str]:
        status = None if event.active else event.status or "deactivated"  # 38
        accounts.set_upstream(self._conn, account, event.active, status)
        if event.active and not account.upstream_active:
            self._want_repair(event.did, "active again", REPAIR_SOON_US)
        if status == "deleted":
            event_log.forget(self._conn, event.did)
            quarantine.forget(self._conn, event.did)
            repo_collections.forget(self._conn, account.id)
        if account.local_status is not None:  # 39, 40
            log.info("our status wins did=%s status=%s", account.did, account.local_status)
            ours = AccountEvent(event.did, event.time, False, account.local_status)
            return self._publish(ours, ours.frame())
        return self._publish(event, frame)

    def _keep(self, incoming: Incoming, verdict: Verdict, reason: str) -> None:
        event = incoming.event
        kept = Kept(0, self._host.id, event.did, event.seq, verdict, reason, 0, self._now_us)
        quarantine.keep(self._conn, kept, incoming.frame)
        if verdict not in _FAULTS:
            return
        hosts.note_fault(self._conn, self._host.id, self._now_us)
        since = self._now_us - FAULT_WINDOW_US
        if quarantine.count_since(self._conn, self._host.id, event.did, since) >= FAULTS:
            self._want_repair(event.did, "its events fail the checks", REPAIR_SOON_US)

    def _want_repair(self, did: Did, reason: str, after_us: int) -> None:
        repairs.want(self._conn, did, reason, self._now_us + after_us)

    def _publish(self, event: RepoEvent, frame: bytes) -> tuple[Verdict, str]:
        if isinstance(event, CommitEvent) and event.made is not None:
            event_log.append_made(self._conn, event, event.made, self._now_us)
        else:
            event_log.append(self._conn, event.did, event.kind, frame, self._now_us)
        return "published", ""

    def _ask_again(self, did: Did, what: Literal["document", "status"]) -> None:
        if (did, what) not in self._known.settled:
            raise AskAgain(did, what)
