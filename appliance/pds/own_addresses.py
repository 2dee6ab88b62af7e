"""The addresses this server has had, and the accounts in the order in which they are told."""

from dataclasses import dataclass

from appliance.atproto.syntax import Did, Handle
from appliance.base.connection import Connection


@dataclass(frozen=True)
class OwnAddress:
    """An address, what handles ended in under it, and whether every account names it."""

    url: str
    domains: tuple[str, ...]
    settled: bool = False


def note(conn: Connection, now: OwnAddress) -> list[OwnAddress]:
    """Write down where the server is now; give every address before, and this one last.

    An address that comes back, or handles that end otherwise, have to be settled again.
    """
    domains = " ".join(now.domains)
    known = conn.row("SELECT url, domains FROM own_address ORDER BY id DESC LIMIT 1")
    if known != (now.url, domains):
        conn.execute("DELETE FROM own_address WHERE url = ? AND domains = ?", (now.url, domains))
        conn.execute("INSERT INTO own_address (url, domains) VALUES (?, ?)", (now.url, domains))
    return _all(conn)


def settle(conn: Connection) -> list[OwnAddress]:
    """Note that every account's identity names the newest address, as far as can be."""
    conn.execute("UPDATE own_address SET settled = 1 WHERE id = (SELECT max(id) FROM own_address)")
    return _all(conn)


def accounts_after(conn: Connection, after: int, limit: int) -> list[tuple[int, Did, Handle]]:
    """Give (number, DID, handle) of accounts, in the order in which they were opened."""
    return [
        (int(number), Did.unchecked(did), Handle.unchecked(handle))
        for number, did, handle in conn.rows(
            "SELECT id, did, handle FROM account WHERE id > ? ORDER BY id LIMIT ?", after, limit
        )
    ]


def count(conn: Connection) -> int:
    return int(conn.value("SELECT count(*) FROM account"))


def is_free(conn: Connection, handle: Handle) -> bool:
    """Whether no account has this handle."""
    return conn.value("SELECT 1 FROM account WHERE handle = ?", handle) is None


def _all(conn: Connection) -> list[OwnAddress]:
    return [
        OwnAddress(url, tuple(text.split()), bool(settled))
        for url, text, settled in conn.rows(
            "SELECT url, domains, settled FROM own_address ORDER BY id"
        )
    ]
