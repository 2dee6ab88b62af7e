"""Who has an account here: create, find, rename, deactivate, take down, erase."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

import apsw

from appliance.atproto.syntax import Did, Handle
from appliance.base.database import Connection, Database
from appliance.base.made_up import made_up_address

AccountStatus = Literal["takendown", "suspended", "deactivated"]

MOST_KEPT: Final = 1000
_TABLE: Final = "account"

_FIELDS = (
    "id",
    "did",
    "handle",
    "email",
    "email_confirmed_at",
    "password_hash",
    "created_at",
    "deactivated_at",
    "delete_after",
    "takedown_ref",
    "invites_disabled",
    "invite_note",
    "suspended_until",
    "session_generation",
)
_COLUMNS = ", ".join(_FIELDS)
_BY_DID = f"SELECT {_COLUMNS} FROM account WHERE did = ?"  # noqa: S608
_BY_HANDLE = f"SELECT {_COLUMNS} FROM account WHERE handle = ?"  # noqa: S608
_BY_EMAIL = f"SELECT {_COLUMNS} FROM account WHERE email = ?"  # noqa: S608
_SEARCH = f"""
SELECT {_COLUMNS} FROM account
WHERE id > ? AND (? = '' OR instr(email, ?)) ORDER BY id LIMIT ?
"""  # noqa: S608


class AccountNotFound(LookupError):
    """Nobody here has that name."""

    xrpc_name = "AccountNotFound"

    def __init__(self, identifier: str) -> None:
        super().__init__(f"Could not find account: {identifier}")


class AccountTakedown(Exception):
    """The operator has taken the account down."""

    xrpc_name = "AccountTakedown"

    def __init__(self) -> None:
        super().__init__("Account has been taken down")


class AccountDeactivated(Exception):
    """The account is deactivated."""

    xrpc_name = "AccountDeactivated"

    def __init__(self) -> None:
        super().__init__("Account is deactivated")


class NameTaken(Exception):
    """Another account has this handle, e-mail address or DID."""

    xrpc_name = "InvalidRequest"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} already taken: {name}")
        self.kind = kind


@dataclass(frozen=True)
class Account:
    """One account as it stands; times in microseconds.

    `session_generation`: the number that its access tokens have to name.
    """

    id: int
    did: Did
    handle: Handle
    email: str
    email_confirmed_at: int | None
    password_hash: str = field(repr=False)
    created_at: int
    deactivated_at: int | None
    delete_after: int | None
    takedown_ref: str | None
    invites_disabled: bool
    invite_note: str | None
    suspended_until: int | None = None
    session_generation: int = 0

    @property
    def is_active(self) -> bool:
        return self.deactivated_at is None and self.takedown_ref is None

    @property
    def has_made_up_address(self) -> bool:
        return self.email_confirmed_at is None and self.email == made_up_address(self.handle)

    @property
    def status(self) -> AccountStatus | None:
        """None while active; a takedown outweighs a deactivation, and is suspended if it ends."""
        if self.takedown_ref is not None:
            return "takendown" if self.suspended_until is None else "suspended"
        return "deactivated" if self.deactivated_at is not None else None


@dataclass(frozen=True)
class NewAccount:
    """What it takes to open an account."""

    did: Did
    handle: Handle
    email: str
    password_hash: str = field(repr=False)
    deactivated: bool = False


class AccountStore:
    """The accounts of this server; the async face of the `account` table.

    Who was looked up lately is kept until their row changes.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: dict[Did, Account] = {}
        db.listen(_TABLE, self._changed)

    def find(self, identifier: Did | Handle) -> Account | None:
        """Look an account up by DID or handle, whatever its status."""
        if not isinstance(identifier, Did):
            return _account(self._db.read_one(_BY_HANDLE, identifier))
        found = self._kept.get(identifier)
        if found is None:
            found = _account(self._db.read_one(_BY_DID, identifier))
            if found is not None:
                if len(self._kept) >= MOST_KEPT:
                    self._kept.clear()
                self._kept[identifier] = found
        return found

    def by_email(self, email: str) -> Account | None:
        return _account(self._db.read_one(_BY_EMAIL, email.lower()))

    def require(self, identifier: Did | Handle) -> Account:
        """Look an account up by DID or handle. Raises AccountNotFound."""
        account = self.find(identifier)
        if account is None:
            raise AccountNotFound(identifier)
        return account

    def require_writable(self, identifier: Did | Handle) -> Account:
        """Look up an account that may be written to.

        Raises AccountNotFound, AccountTakedown or AccountDeactivated.
        """
        account = self.require(identifier)
        if account.takedown_ref is not None:
            raise AccountTakedown
        if account.deactivated_at is not None:
            raise AccountDeactivated
        return account

    def check_names_free(self, handle: Handle, email: str) -> None:
        """Raises NameTaken when the handle or the address is somebody's."""
        if self.find(handle) is not None:
            raise NameTaken("Handle", handle)
        if self.by_email(email) is not None:
            raise NameTaken("Email", email)

    async def search(self, email: str, after_id: int, limit: int) -> list[Account]:
        """Accounts whose address contains `email`, in order of creation."""
        return await self._db.scan(_search, email.lower(), after_id, limit)

    async def count(self) -> int:
        return await self._db.scan(_count)

    async def set_invites_disabled(self, did: Did, disabled: bool, note: str | None) -> None:
        await self._db.write(set_invites_disabled, did, disabled, note)

    def _changed(self, conn: Connection, did: Did) -> None:
        conn.after_commit(partial(self._kept.pop, did, None))


def get(conn: Connection, did: Did) -> Account | None:
    return _account(conn.row(_BY_DID, did))


def check_open(conn: Connection, did: Did) -> None:
    """Raises AccountTakedown or AccountDeactivated; knows nothing of repos without an account."""
    row = conn.row("SELECT takedown_ref, deactivated_at FROM account WHERE did = ?", did)
    if row is not None and row[0] is not None:
        raise AccountTakedown
    if row is not None and row[1] is not None:
        raise AccountDeactivated


def insert(conn: Connection, new: NewAccount, now_us: int) -> int:
    """Add an account and return its id. Raises NameTaken."""
    for kind, column, name in (
        ("Account", "did", new.did),
        ("Handle", "handle", new.handle),
        ("Email", "email", new.email.lower()),
    ):
        if conn.value(f"SELECT 1 FROM account WHERE {column} = ?", name):  # noqa: S608
            raise NameTaken(kind, name)
    conn.execute(
        "INSERT INTO account (did, handle, email, password_hash, created_at, deactivated_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            new.did,
            new.handle,
            new.email.lower(),
            new.password_hash,
            now_us,
            now_us if new.deactivated else None,
        ),
    )
    return conn.last_insert_rowid()


def adopt(conn: Connection, old: Account) -> None:
    """Add an account with all that another server knew of it; its id is given here.

    Raises NameTaken.
    """
    new = NewAccount(old.did, old.handle, old.email, old.password_hash)
    insert(conn, new, old.created_at)
    _change(
        conn,
        old.did,
        "email_confirmed_at = ?, deactivated_at = ?, delete_after = ?, takedown_ref = ?,"
        " invites_disabled = ?",
        old.email_confirmed_at,
        old.deactivated_at,
        old.delete_after,
        old.takedown_ref,
        int(old.invites_disabled),
    )


def rename(conn: Connection, did: Did, handle: Handle) -> None:
    """Give an account another handle. Raises NameTaken."""
    try:
        _change(conn, did, "handle = ?", handle)
    except apsw.ConstraintError as taken:
        raise NameTaken("Handle", handle) from taken


def set_email(conn: Connection, did: Did, email: str) -> None:
    """Change the address, which is unconfirmed from then on. Raises NameTaken."""
    try:
        _change(conn, did, "email = ?, email_confirmed_at = NULL", email.lower())
    except apsw.ConstraintError as taken:
        raise NameTaken("Email", email) from taken


def confirm_email(conn: Connection, did: Did, now_us: int) -> None:
    _change(conn, did, "email_confirmed_at = ?", now_us)


def set_password(conn: Connection, did: Did, password_hash: str) -> None:
    _change(conn, did, "password_hash = ?", password_hash)


def session_generation(conn: Connection, did: Did) -> int:
    """The number that access tokens of an account name that are made now."""
    return int(conn.value("SELECT session_generation FROM account WHERE did = ?", did) or 0)


def end_access(conn: Connection, did: Did) -> None:
    """Have no access token count that is out; whoever may refresh gets another."""
    _change(conn, did, "session_generation = session_generation + 1")


def renew_hash(conn: Connection, account: Account, password_hash: str) -> None:
    """Put another hash of the same password in place, unless the password has been changed."""
    if conn.value("SELECT password_hash FROM account WHERE did = ?", account.did) == (
        account.password_hash
    ):
        set_password(conn, account.did, password_hash)


def deactivate(conn: Connection, did: Did, now_us: int, delete_after: int | None) -> None:
    _change(conn, did, "deactivated_at = ?, delete_after = ?", now_us, delete_after)


def activate(conn: Connection, did: Did) -> None:
    _change(conn, did, "deactivated_at = NULL, delete_after = NULL")


def set_takedown(
    conn: Connection, did: Did, reference: str | None, until_us: int | None = None
) -> None:
    """Take an account down, with an end or without, or let it back (None)."""
    _change(conn, did, "takedown_ref = ?, suspended_until = ?", reference, until_us)


def suspended_before(conn: Connection, now_us: int) -> list[Did]:
    """Name those whose suspension is over."""
    rows = conn.rows("SELECT did FROM account WHERE suspended_until <= ?", now_us)
    return [Did.unchecked(did) for (did,) in rows]


def set_invites_disabled(conn: Connection, did: Did, disabled: bool, note: str | None) -> None:
    _change(conn, did, "invites_disabled = ?, invite_note = ?", int(disabled), note)


def erase(conn: Connection, did: Did) -> None:
    conn.execute("DELETE FROM account WHERE did = ?", (did,))
    conn.tell(_TABLE, did)


def _change(conn: Connection, did: Did, columns: str, *values: Any) -> None:
    """Change a row, and let who keeps it forget it: the only way to change one."""
    conn.execute(f"UPDATE account SET {columns} WHERE did = ?", (*values, did))  # noqa: S608
    conn.tell(_TABLE, did)


def _search(conn: Connection, email: str, after_id: int, limit: int) -> list[Account]:
    rows = conn.rows(_SEARCH, after_id, email, email, limit)
    return [account for row in rows if (account := _account(row))]


def _count(conn: Connection) -> int:
    number: int = conn.value("SELECT count(*) FROM account")
    return number


def _account(row: tuple[Any, ...] | None) -> Account | None:
    if row is None:
        return None
    values: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
    values["did"] = Did.unchecked(values["did"])
    values["handle"] = Handle.unchecked(values["handle"])
    values["invites_disabled"] = bool(values["invites_disabled"])
    return Account(**values)
