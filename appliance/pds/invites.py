"""Invite codes: who may open an account here."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database

OPERATOR = "admin"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_COLUMNS = "code, available, disabled, for_account, created_by, created_at, expires_at, note"
_USES = "(SELECT count(*) FROM invite_use u WHERE u.code = c.code)"


class InvalidInviteCode(ValueError):
    """Missing, unknown, used up, disabled or expired."""

    xrpc_name = "InvalidInviteCode"

    def __init__(self) -> None:
        super().__init__("Provided invite code not available")


class TooManyInvites(ValueError):
    """A member has as many invites open as they may, or may have none."""


@dataclass(frozen=True)
class InviteUse:
    """Who came in by a code, and when."""

    used_by: Did
    used_at: int


@dataclass(frozen=True)
class InviteCode:
    """One code; `available` counts the uses it was made with, `note` says whom it is for."""

    code: str
    available: int
    disabled: bool
    for_account: str
    created_by: str
    created_at: int
    uses: tuple[InviteUse, ...] = ()
    expires_at: int | None = None
    note: str = ""

    @property
    def is_spent(self) -> bool:
        return len(self.uses) >= self.available

    def is_open(self, now_us: int) -> bool:
        """Whether somebody can come in by it."""
        expired = self.expires_at is not None and self.expires_at <= now_us
        return not (self.disabled or self.is_spent or expired)


class InviteStore:
    """The invite codes of this server."""

    def __init__(self, db: Database, clock: Clock, hostname: str) -> None:
        self._db = db
        self._clock = clock
        self._prefix = hostname.replace(".", "-").replace(":", "-")

    async def create(self, for_accounts: Sequence[str], count: int, uses: int) -> list[list[str]]:
        """Make `count` codes for each of the accounts; return them in that order."""
        batches = [[self._new_code() for _ in range(count)] for _ in for_accounts]
        now = self._clock.now_us()
        codes = [
            InviteCode(code, uses, False, account, OPERATOR, now)
            for account, batch in zip(for_accounts, batches, strict=True)
            for code in batch
        ]
        await self._db.write(insert, codes)
        return batches

    async def invite(self, owner: str, uses: int, expires_at: int | None, note: str) -> InviteCode:
        """Make one code, in the name of a member or of the operator."""
        now = self._clock.now_us()
        made = InviteCode(
            self._new_code(), uses, False, owner, owner, now, expires_at=expires_at, note=note
        )
        await self._db.write(insert, [made])
        return made

    async def may_invite(self, did: Did, most: int) -> bool:
        """Whether a member has fewer than so many invites open, and was not told to stop."""
        return await self._db.scan(may_invite, did, most, self._clock.now_us())

    async def invite_as_member(self, did: Did, most: int, expires_at: int) -> InviteCode:
        """Make a member's own invite, for one person. Raises TooManyInvites."""
        now = self._clock.now_us()
        made = InviteCode(self._new_code(), 1, False, did, did, now, expires_at=expires_at)
        await self._db.write(insert_as_member, made, did, most)
        return made

    async def find(self, code: str) -> InviteCode | None:
        return await self._db.scan(find, code)

    async def check(self, code: str | None) -> None:
        """Raises InvalidInviteCode when the code would not let anybody in."""
        await self._db.scan(require_usable, code, self._clock.now_us())

    async def of_account(self, did: Did) -> list[InviteCode]:
        return await self._db.scan(for_account, did)

    async def page(
        self, sort: Literal["recent", "usage"], limit: int, cursor: str | None
    ) -> tuple[list[InviteCode], str | None]:
        """One page of all codes and the cursor of the next. Raises ValueError: bad cursor."""
        return await self._db.scan(_page, sort, limit, _parse_cursor(cursor))

    async def disable(self, codes: Sequence[str], accounts: Sequence[str]) -> None:
        await self._db.write(disable, codes, accounts)

    async def used_by(self, did: Did) -> InviteCode | None:
        """The code by which an account came in."""
        return await self._db.scan(invitation_of, did)

    def _new_code(self) -> str:
        part = ("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(2))
        return "-".join((self._prefix, *part))


def insert(conn: Connection, codes: Iterable[InviteCode]) -> None:
    for one in codes:
        conn.execute(
            "INSERT INTO invite_code (code, available, for_account, created_by, created_at,"
            " expires_at, note) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(one.code, one.available, one.for_account, one.created_by, one.created_at),
                *(one.expires_at, one.note),
            ),
        )


def adopt(conn: Connection, codes: Iterable[InviteCode]) -> None:
    """Add codes with their uses, unless they are here already."""
    for one in codes:
        if conn.value("SELECT 1 FROM invite_code WHERE code = ?", one.code):
            continue
        insert(conn, [one])
        conn.execute(
            "UPDATE invite_code SET disabled = ? WHERE code = ?", (int(one.disabled), one.code)
        )
        for use in one.uses:
            conn.execute(
                "INSERT INTO invite_use (code, used_by, used_at) VALUES (?, ?, ?)",
                (one.code, use.used_by, use.used_at),
            )


def require_usable(conn: Connection, code: str | None, now_us: int) -> None:
    """Raises InvalidInviteCode unless the code has a use left and its owner is in good standing."""
    row = conn.row(
        f"SELECT c.available - {_USES}, c.disabled, a.takedown_ref FROM invite_code c"  # noqa: S608
        " LEFT JOIN account a ON a.did = c.for_account"
        " WHERE c.code = ? AND (c.expires_at IS NULL OR c.expires_at > ?)",
        code,
        now_us,
    )
    if row is None or row[0] <= 0 or row[1] or row[2] is not None:
        raise InvalidInviteCode


def find(conn: Connection, code: str) -> InviteCode | None:
    row = conn.row(f"SELECT {_COLUMNS} FROM invite_code WHERE code = ?", code)  # noqa: S608
    return None if row is None else _invite(conn, row)


def redeem(conn: Connection, code: str, did: Did, now_us: int) -> None:
    """Use up one use of a code. Raises InvalidInviteCode if none is left."""
    require_usable(conn, code, now_us)
    conn.execute(
        "INSERT INTO invite_use (code, used_by, used_at) VALUES (?, ?, ?)", (code, did, now_us)
    )


def disable(conn: Connection, codes: Iterable[str], accounts: Iterable[str]) -> None:
    for code in codes:
        conn.execute("UPDATE invite_code SET disabled = 1 WHERE code = ?", (code,))
    for account in accounts:
        conn.execute("UPDATE invite_code SET disabled = 1 WHERE for_account = ?", (account,))


def for_account(conn: Connection, did: Did) -> list[InviteCode]:
    rows = conn.rows(
        f"SELECT {_COLUMNS} FROM invite_code WHERE for_account = ? ORDER BY created_at",  # noqa: S608
        did,
    )
    return [_invite(conn, row) for row in rows]


def invitation_of(conn: Connection, did: Did) -> InviteCode | None:
    row = conn.row(
        f"SELECT {_COLUMNS} FROM invite_code"  # noqa: S608
        " WHERE code = (SELECT code FROM invite_use WHERE used_by = ? ORDER BY id DESC)",
        did,
    )
    return None if row is None else _invite(conn, row)


def may_invite(conn: Connection, did: Did, most: int, now_us: int) -> bool:
    """Whether the operator lets a member invite, and fewer than so many are open."""
    if conn.value("SELECT invites_disabled FROM account WHERE did = ?", did) != 0:
        return False
    return sum(one.is_open(now_us) for one in for_account(conn, did)) < most


def insert_as_member(conn: Connection, made: InviteCode, did: Did, most: int) -> None:
    """Keep a member's own invite. Raises TooManyInvites."""
    if not may_invite(conn, did, most, made.created_at):
        raise TooManyInvites
    insert(conn, [made])


def delete_all(conn: Connection, did: Did) -> None:
    """Drop the codes made for an account. Who was invited by whom stays."""
    conn.execute("DELETE FROM invite_code WHERE for_account = ?", (did,))


_PAGES = {
    "recent": f"SELECT {_COLUMNS}, created_at AS rank FROM invite_code c",  # noqa: S608
    "usage": f"SELECT {_COLUMNS}, {_USES} AS rank FROM invite_code c",  # noqa: S608
}


def _page(
    conn: Connection, sort: str, limit: int, after: tuple[int, str] | None
) -> tuple[list[InviteCode], str | None]:
    where = "WHERE (rank, code) < (?, ?) " if after else ""
    rows = conn.rows(
        f"SELECT * FROM ({_PAGES[sort]}) {where}ORDER BY rank DESC, code DESC LIMIT ?",  # noqa: S608
        *(after or ()),
        limit,
    )
    codes = [_invite(conn, row[:-1]) for row in rows]
    return codes, f"{rows[-1][-1]}::{rows[-1][0]}" if rows else None


def _parse_cursor(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    rank, separator, code = cursor.partition("::")
    if not separator or not rank.isdecimal() or len(rank) > 18:
        raise BadCursor
    return int(rank), code


class BadCursor(ValueError):
    """A cursor that no page of ours ended with."""

    xrpc_name = "InvalidRequest"

    def __init__(self) -> None:
        super().__init__("Malformed cursor")


def _invite(conn: Connection, row: tuple[Any, ...]) -> InviteCode:
    code, available, disabled, owner, created_by, created_at, expires_at, note = row
    uses = conn.rows(
        "SELECT used_by, used_at FROM invite_use WHERE code = ? ORDER BY used_at", code
    )
    return InviteCode(
        code,
        available,
        bool(disabled),
        owner,
        created_by,
        created_at,
        tuple(InviteUse(Did.unchecked(did), at) for did, at in uses),
        expires_at,
        note,
    )
