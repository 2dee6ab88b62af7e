"""What is right or wrong with one event, and what to note and pass on of it.

Runs in the writer thread, inside the transaction that also stores the host's cursor: so each event
is judged against the very state it will change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

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
    StaleRev,
    chains,
    root_of,
    verify_commit,
    verify_sync,
)
from appliance.relay import accounts, hosts
from appliance.relay.accounts import Account
from appliance.relay.hosts import Host

MAX_ACCOUNTS_PER_HOST = 100

# What happened to an event; the words are the names of the counters.
Verdict: TypeAlias = Literal[
    "published",
    "published_with_gap",
    "old_seq",
    "unresolved",
    "wrong_host",
    "host_full",
    "inactive",
    "stale_rev",
    "bad_signature",
    "no_key",
    "invalid",
]


@dataclass(frozen=True, slots=True)
class Incoming:
    """One event of a host, with the bytes to pass on."""

    event: RepoEvent
    frame: bytes


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account's DID document says: who signs for it, and where it lives."""

    key: PublicKey | None
    pds: str | None


class AskAgain(Exception):
    """The event contradicts what we know of its account; what we know may be out of date."""

    def __init__(self, did: Did, what: Literal["document", "status"]) -> None:
        super().__init__(f"{what} of {did}")
        self.did = did
        self.what = what


class Judge:
    """Judges the events of one host in one transaction.

    `standings` has an entry for each account of the batch, None where its DID does not resolve.
    Accounts in `settled` were asked about again a moment ago: for them nothing is asked any more.
    """

    def __init__(
        self,
        conn: Connection,
        host: Host,
        standings: Mapping[Did, Standing | None],
        settled: frozenset[tuple[Did, str]],
        now_us: int,
    ) -> None:
        self._conn = conn
        self._host = host
        self._standings = standings
        self._settled = settled
        self._now_us = now_us

    def judge(self, incoming: Incoming) -> tuple[Verdict, str]:
        """Note and append the event, or say why not, with a reason for people.

        Raises AskAgain, having noted nothing of the event.
        """
        did = incoming.event.did
        account = accounts.load(self._conn, did)
        standing = self._standings.get(did)
        if standing is None:
            return self._without_identity(incoming, account)
        if standing.pds != self._host.url:
            self._ask_again(did, "document")
            return "wrong_host", f"its PDS is {standing.pds}"
        if account is None:
            if not self._host.trusted and self._is_full():
                return "host_full", "the host has as many accounts as it may"
            account = accounts.insert(self._conn, did, self._host.id)
        elif account.host_id != self._host.id:
            accounts.move(self._conn, account, self._host.id)
        return self._of_its_host(incoming, account, standing)

    def _without_identity(self, incoming: Incoming, account: Account | None) -> tuple[Verdict, str]:
        """An account whose DID is gone can still be said to be gone, by the host that had it."""
        event = incoming.event
        if account is not None and account.host_id == self._host.id:
            if isinstance(event, AccountEvent) and not event.active:
                return self._account_changed(event, incoming.frame, account)
            if isinstance(event, IdentityEvent):
                return self._publish(event, incoming.frame)
        return "unresolved", "its DID does not resolve"

    def _of_its_host(
        self, incoming: Incoming, account: Account, standing: Standing
    ) -> tuple[Verdict, str]:
        event = incoming.event
        if isinstance(event, IdentityEvent):
            return self._publish(event, incoming.frame)
        if isinstance(event, AccountEvent):
            return self._account_changed(event, incoming.frame, account)
        if not account.active:
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
        try:
            if isinstance(event, CommitEvent):
                state = verify_commit(event, account.state, key, self._now_us)
                head: Cid = event.commit
                follows = chains(event, account.state)
            else:
                state = verify_sync(event, account.state, key, self._now_us)
                head, follows = root_of(event), True
        except StaleRev as error:
            return "stale_rev", str(error)
        except BadSignature as error:
            self._ask_again(event.did, "document")
            return "bad_signature", str(error)
        except InvalidEvent as error:
            return "invalid", str(error)
        accounts.save_state(self._conn, account, state, head)
        self._publish(event, frame)
        # Valid by itself, but something before it is unknown: those who follow us will resync.
        return ("published", "") if follows else ("published_with_gap", "it does not chain")

    def _account_changed(
        self, event: AccountEvent, frame: bytes, account: Account
    ) -> tuple[Verdict, str]:
        status = None if event.active else event.status or "deactivated"
        accounts.set_upstream(self._conn, account, event.active, status)
        if status == "deleted":
            event_log.forget(self._conn, event.did)
        if account.local_status is not None:
            ours = AccountEvent(event.did, event.time, False, account.local_status)
            return self._publish(ours, ours.frame())
        return self._publish(event, frame)

    def _is_full(self) -> bool:
        return hosts.accounts_of(self._conn, self._host.id) >= MAX_ACCOUNTS_PER_HOST

    def _publish(self, event: RepoEvent, frame: bytes) -> tuple[Verdict, str]:
        event_log.append(self._conn, event.did, event.kind, frame, self._now_us)
        return "published", ""

    def _ask_again(self, did: Did, what: Literal["document", "status"]) -> None:
        if (did, what) not in self._settled:
            raise AskAgain(did, what)
