"""The accounts seen on the stream: their host, their status, where their repo stands."""

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Did
from appliance.atproto.tid import Tid
from appliance.base.connection import Connection, Row
from appliance.base.database import Database
from appliance.firehose.verify import RepoState
from appliance.relay.hosts import count_account

_COLUMNS = "id, did, host_id, active, status, local_status, rev, head, data, throttled"


class RepoNotFound(LookupError):
    """The relay knows no such account, or no commit of it."""

    xrpc_name = "RepoNotFound"


class RepoTakendown(PermissionError):
    """The account was taken down."""

    xrpc_name = "RepoTakendown"


class RepoSuspended(PermissionError):
    """The account is suspended."""

    xrpc_name = "RepoSuspended"


class RepoDeactivated(PermissionError):
    """The account is not active."""

    xrpc_name = "RepoDeactivated"


@dataclass(frozen=True, slots=True)
class Account:
    """An account as stored; `state` and `head` are None before its first commit."""

    id: int
    did: Did
    host_id: int
    upstream_active: bool
    upstream_status: str | None
    local_status: str | None
    state: RepoState | None
    head: Cid | None
    throttled: bool = False

    @property
    def active(self) -> bool:
        """Whether its events pass: its host and we both say so."""
        return self.local_status is None and self.upstream_active and not self.throttled

    @property
    def status(self) -> str | None:
        """Why it is not active; ours wins over its host's. None while it is active."""
        if self.local_status is not None:
            return self.local_status
        if not self.upstream_active:
            return self.upstream_status or "deactivated"
        return "throttled" if self.throttled else None

    def require_active(self) -> None:
        """Raises RepoTakendown, RepoSuspended, RepoDeactivated."""
        if self.active:
            return
        kind = {"takendown": RepoTakendown, "suspended": RepoSuspended}.get(
            self.status or "", RepoDeactivated
        )
        raise kind(f"{self.did} is {self.status}")


class AccountStore:
    """The accounts, for reading inline; they are written inside ingest's transactions."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def find(self, did: Did) -> Account:
        """Raises RepoNotFound."""
        row = self._db.read_one(f"SELECT {_COLUMNS} FROM account WHERE did = ?", did)  # noqa: S608
        if row is None:
            raise RepoNotFound(f"the relay does not know {did}")
        return _account(row)

    def page(self, after: int, limit: int) -> list[Account]:
        """List accounts behind an id, oldest first."""
        rows = self._db.read(
            f"SELECT {_COLUMNS} FROM account WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608
            after,
            limit,
        )
        return [_account(row) for row in rows]

    async def count(self) -> int:
        return await self._db.scan(_count)

    def unchecked_since(self, before_us: int, limit: int) -> list[Did]:
        """List accounts that nobody has compared with their host since a time."""
        rows = self._db.read(
            "SELECT did FROM account WHERE checked_us < ? ORDER BY checked_us LIMIT ?",
            before_us,
            limit,
        )
        return [Did.unchecked(did) for (did,) in rows]

    def newest_of(self, host_id: int) -> Account | None:
        """Give a host's account that came last, to compare it by."""
        row = self._db.read_one(
            f"SELECT {_COLUMNS} FROM account WHERE host_id = ? ORDER BY id DESC LIMIT 1",  # noqa: S608
            host_id,
        )
        return None if row is None else _account(row)

    async def mark_checked(self, dids: Sequence[Did], now_us: int) -> None:
        """Note that accounts were compared, or are about to be."""
        await self._db.write(_mark_checked, dids, now_us)


def load(conn: Connection, did: Did) -> Account | None:
    row = conn.row(f"SELECT {_COLUMNS} FROM account WHERE did = ?", did)  # noqa: S608
    return None if row is None else _account(row)


def insert(
    conn: Connection, did: Did, host_id: int, now_us: int, *, throttled: bool = False
) -> Account:
    """Begin to know an account; one that is throttled does not count as its host's yet."""
    conn.execute(
        "INSERT INTO account (did, host_id, checked_us, throttled) VALUES (?, ?, ?, ?)",
        (did, host_id, now_us, throttled),
    )
    if not throttled:
        count_account(conn, host_id, 1)
    number = conn.last_insert_rowid()
    return Account(number, did, host_id, True, None, None, None, None, throttled)


def count_throttled(conn: Connection, host_id: int) -> int:
    """Count the accounts of a host that wait until it may have more."""
    return int(
        conn.value("SELECT count(*) FROM account WHERE host_id = ? AND throttled = 1", host_id)
    )


def let_in(conn: Connection, host_id: int, places: int) -> list[Did]:
    """Let accounts in that waited for a place at their host, the first come first."""
    rows = conn.rows(
        "SELECT id, did FROM account WHERE host_id = ? AND throttled = 1 ORDER BY id LIMIT ?",
        host_id,
        max(places, 0),
    )
    for number, _ in rows:
        conn.execute("UPDATE account SET throttled = 0 WHERE id = ?", (number,))
        count_account(conn, host_id, 1)
    return [Did.unchecked(did) for _, did in rows]


def set_local_status(conn: Connection, account: Account, status: str | None) -> None:
    """Note what we say of an account; None lifts it."""
    conn.execute("UPDATE account SET local_status = ? WHERE id = ?", (status, account.id))


def mark_checked(conn: Connection, account: Account, now_us: int) -> None:
    """Note that an account was compared with its host."""
    conn.execute("UPDATE account SET checked_us = ? WHERE id = ?", (now_us, account.id))


def move(conn: Connection, account: Account, host_id: int) -> None:
    """Note that an account lives on another host now."""
    conn.execute("UPDATE account SET host_id = ? WHERE id = ?", (host_id, account.id))
    if account.upstream_status != "deleted" and not account.throttled:
        count_account(conn, account.host_id, -1)
        count_account(conn, host_id, 1)


def save_state(conn: Connection, account: Account, state: RepoState, head: Cid) -> None:
    """Note an account's newest verified commit, that its stream told of."""
    conn.execute(
        "UPDATE account SET rev = ?, head = ?, data = ?, repaired_from = NULL WHERE id = ?",
        (state.rev, head, state.data, account.id),
    )


def save_repaired(conn: Connection, account: Account, state: RepoState, head: Cid) -> None:
    """Note an account's newest verified commit, that its host was asked for; see `is_ahead`."""
    before = account.state
    if before is not None and state.rev < before.rev:
        save_state(conn, account, state, head)
        return
    conn.execute(
        "UPDATE account SET rev = ?1, head = ?2, data = ?3,"
        " repaired_from = ifnull(repaired_from, ?4) WHERE id = ?5",
        (state.rev, head, state.data, "" if before is None else before.rev, account.id),
    )


def is_ahead(conn: Connection, account: Account, rev: Tid) -> bool:
    """Tell whether a rev is one that a repair went past, and the stream still has to bring."""
    found = conn.value("SELECT repaired_from FROM account WHERE id = ?", account.id)
    return found is not None and found < rev


def set_upstream(conn: Connection, account: Account, active: bool, status: str | None) -> None:
    """Note what an account's host says; a deleted one no longer counts as the host's."""
    conn.execute(
        "UPDATE account SET active = ?, status = ? WHERE id = ?", (active, status, account.id)
    )
    was_gone, is_gone = account.upstream_status == "deleted", status == "deleted"
    if was_gone != is_gone and not account.throttled:
        count_account(conn, account.host_id, -1 if is_gone else 1)


def _mark_checked(conn: Connection, dids: Sequence[Did], now_us: int) -> None:
    for did in dids:
        conn.execute("UPDATE account SET checked_us = ? WHERE did = ?", (now_us, did))


def _count(conn: Connection) -> int:
    return int(conn.value("SELECT count(*) FROM account"))


def _account(row: Row) -> Account:
    account_id, did, host_id, active, status, local_status, rev, head, data, throttled = row
    return Account(
        id=account_id,
        did=Did.unchecked(did),
        host_id=host_id,
        upstream_active=bool(active),
        upstream_status=status,
        local_status=local_status,
        state=None if rev is None else RepoState(Tid.unchecked(rev), Cid(data)),
        head=None if head is None else Cid(head),
        throttled=bool(throttled),
    )
