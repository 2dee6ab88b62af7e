"""What becomes of all that belonged to an account."""

from typing import Final

from appliance.atproto.syntax import Did
from appliance.base.database import Connection
from tests.support.pds_box import Box, Member

# What is kept on purpose, and why.
KEPT: Final = {
    ("event", "did"): "the farewell, which tells everybody that the account is gone",
    ("invite_use", "used_by"): "an invite is not good for one more because somebody left",
    ("muted_reporter", "did"): "to come back is no way around the operator's word",
}
_TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
_COLUMNS: Final = 'SELECT name, type, "notnull", pk, dflt_value FROM pragma_table_info(?)'
_FILLING: Final = {"INTEGER": "1", "TEXT": "'x'", "BLOB": "x'00'"}


def fill(conn: Connection, did: Did) -> list[str]:
    """Put a row of this account into every table that names accounts; give those tables."""
    filled = []
    for (table,) in conn.rows(_TABLES):
        columns = conn.rows(_COLUMNS, table)
        if "did" not in [name for name, *_ in columns]:
            continue
        filled.append(table)
        if conn.value(f"SELECT 1 FROM {table} WHERE did = ?", did):  # noqa: S608
            continue
        needed = [
            (name, kind)
            for name, kind, is_needed, is_key, default in columns
            if name != "did" and (is_needed or is_key) and default is None
        ]
        names = ", ".join(["did", *(name for name, _ in needed)])
        values = ", ".join(["?", *(_FILLING[kind] for _, kind in needed)])
        conn.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", (did,))  # noqa: S608
    return filled


def found(conn: Connection, did: Did) -> set[tuple[str, str]]:
    """Name the tables and columns in which an account stands."""
    return {
        (table, name)
        for (table,) in conn.rows(_TABLES)
        for name, kind, *_ in conn.rows(_COLUMNS, table)
        if kind == "TEXT" and conn.value(f'SELECT 1 FROM {table} WHERE "{name}" = ?', did)  # noqa: S608
    }


async def test_nothing_of_a_deleted_account_stays_in_any_table(box: Box, alice: Member) -> None:
    db = box.pds.repos._db
    tables = await db.write(fill, alice.did)
    assert {"account", "passkey", "oauth_grant", "outbox_mail", "network_account"} <= set(tables)
    assert len(await db.write(found, alice.did)) >= len(tables)
    answer = await box.operate("POST", "com.atproto.admin.deleteAccount", did=alice.did)
    assert answer.status == 200
    assert await db.write(found, alice.did) <= KEPT.keys()
