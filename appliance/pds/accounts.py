"""Who has an account here: create, find, rename, deactivate, take down, erase."""

from dataclasses import dataclass, field
from typing import Any, Literal

import apsw

from appliance.atproto.syntax import Did, Handle
from appliance.base.database import Connection, Database

AccountStatus = Literal["takendown", "deactivated"]

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
    """One account as it stands; times in microseconds."""

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

    @property
    def is_active(self) -> bool:
        return self.deactivated_at is None and self.takedown_ref is None

    @property
    def status(self) -> AccountStatus | None:
        """None while active; a takedown outweighs a deactivation."""
        if self.takedown_ref is not None:
            return "takendown"
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
    """The accounts of this server; the async face of the `account` table."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def find(self, identifier: Did | Handle) -> Account | None:
        """Look an account up by DID or handle, whatever its status."""
        sql = _BY_DID if isinstance(identifier, Did) else _BY_HANDLE
        return _account(self._db.read_one(sql, identifier))

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
    number = insert(conn, new, old.created_at)
    conn.execute(
        "UPDATE account SET email_confirmed_at = ?, deactivated_at = ?, delete_after = ?,"
        " takedown_ref = ?, invites_disabled = ? WHERE id = ?",
        (
            old.email_confirmed_at,
            old.deactivated_at,
            old.delete_after,
            old.takedown_ref,
            int(old.invites_disabled),
            number,
        ),
    )


def rename(conn: Connection, did: Did, handle: Handle) -> None:
    """Give an account another handle. Raises NameTaken."""
    try:
        conn.execute("UPDATE account SET handle = ? WHERE did = ?", (handle, did))
    except apsw.ConstraintError as taken:
        raise NameTaken("Handle", handle) from taken


def set_email(conn: Connection, did: Did, email: str) -> None:
    """Change the address, which is unconfirmed from then on. Raises NameTaken."""
    try:
        conn.execute(
            "UPDATE account SET email = ?, email_confirmed_at = NULL WHERE did = ?",
            (email.lower(), did),
        )
    except apsw.ConstraintError as taken:
        raise NameTaken("Email", email) from taken


def confirm_email(conn: Connection, did: Did, now_us: int) -> None:
    conn.execute("UPDATE account SET email_confirmed_at = ? WHERE did = ?", (now_us, did))


def set_password(conn: Connection, did: Did, password_hash: str) -> None:
    conn.execute("UPDATE account SET password_hash = ? WHERE did = ?", (password_hash, did))


def renew_hash(conn: Connection, account: Account, password_hash: str) -> None:
    """Put another hash of the same password in place, unless the password has been changed."""
    conn.execute(
        "UPDATE account SET password_hash = ? WHERE did = ? AND password_hash = ?",
        (password_hash, account.did, account.password_hash),
    )


def deactivate(conn: Connection, did: Did, now_us: int, delete_after: int | None) -> None:
    conn.execute(
        "UPDATE account SET deactivated_at = ?, delete_after = ? WHERE did = ?",
        (now_us, delete_after, did),
    )


def activate(conn: Connection, did: Did) -> None:
    conn.execute(
        "UPDATE account SET deactivated_at = NULL, delete_after = NULL WHERE did = ?", (did,)
    )


def set_takedown(conn: Connection, did: Did, reference: str | None) -> None:
    conn.execute("UPDATE account SET takedown_ref = ? WHERE did = ?", (reference, did))


def set_invites_disabled(conn: Connection, did: Did, disabled: bool, note: str | None) -> None:
    conn.execute(
        "UPDATE account SET invites_disabled = ?, invite_note = ? WHERE did = ?",
        (int(disabled), note, did),
    )


def erase(conn: Connection, did: Did) -> None:
    conn.execute("DELETE FROM account WHERE did = ?", (did,))


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
