"""An account that is kept in memory is the one in the table, whatever changes it."""

from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import appliance
from appliance.atproto.syntax import Did, Handle
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.pds import accounts
from appliance.pds.accounts import Account, AccountStore, NewAccount

ALICE = Did("did:plc:" + "a" * 24)
BOB = Did("did:plc:" + "b" * 24)

Change = Callable[[Connection], object]


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(
        tmp_path / "pds.sqlite", files("appliance.pds") / "schema"
    ) as db:
        for did, name in ((ALICE, "alice"), (BOB, "bob")):
            new = NewAccount(did, Handle(f"{name}.test"), f"{name}@example.com", "hash")
            await db.write(accounts.insert, new, 1)
        yield db


def existing(store: AccountStore, did: Did) -> Account:
    found = store.find(did)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("change", "name", "value"),
    [
        (lambda conn: accounts.rename(conn, ALICE, Handle("al.test")), "handle", "al.test"),
        (lambda conn: accounts.set_email(conn, ALICE, "New@x.org"), "email", "new@x.org"),
        (lambda conn: accounts.confirm_email(conn, ALICE, 5), "email_confirmed_at", 5),
        (lambda conn: accounts.set_password(conn, ALICE, "other"), "password_hash", "other"),
        (lambda conn: accounts.deactivate(conn, ALICE, 6, 7), "delete_after", 7),
        (lambda conn: accounts.set_takedown(conn, ALICE, "spam"), "takedown_ref", "spam"),
        (lambda conn: accounts.set_invites_disabled(conn, ALICE, True, "no"), "invite_note", "no"),
    ],
)
async def test_a_change_is_seen_as_soon_as_it_is_made(
    db: Database, change: Change, name: str, value: Any
) -> None:
    store = AccountStore(db)
    assert getattr(existing(store, ALICE), name) != value
    await db.write(change)
    assert getattr(existing(store, ALICE), name) == value
    assert store.find(ALICE) == AccountStore(db).find(ALICE)


async def test_a_hash_is_renewed_where_the_password_is_still_the_same(db: Database) -> None:
    store = AccountStore(db)
    before = existing(store, ALICE)
    await db.write(accounts.renew_hash, before, "stronger")
    assert existing(store, ALICE).password_hash == "stronger"
    await db.write(accounts.renew_hash, before, "too late")
    assert existing(store, ALICE).password_hash == "stronger"


async def test_who_comes_back_goes_or_was_brought_in_is_seen_so(db: Database) -> None:
    store = AccountStore(db)
    await db.write(accounts.deactivate, ALICE, 6, None)
    assert not existing(store, ALICE).is_active
    await db.write(accounts.activate, ALICE)
    assert existing(store, ALICE).is_active
    moved = existing(store, ALICE)
    await db.write(accounts.erase, ALICE)
    assert store.find(ALICE) is None
    await db.write(accounts.adopt, moved)
    assert existing(store, ALICE).handle == moved.handle
    assert existing(store, BOB).handle == "bob.test"


async def test_what_is_taken_back_changes_nothing(db: Database) -> None:
    store = AccountStore(db)
    before = existing(store, ALICE)

    def fails(conn: Connection) -> None:
        accounts.set_takedown(conn, ALICE, "spam")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await db.write(fails)
    assert store.find(ALICE) == before


async def test_no_more_than_some_are_kept(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MOST_KEPT", 1)
    store = AccountStore(db)
    assert [existing(store, did).did for did in (ALICE, BOB, ALICE)] == [ALICE, BOB, ALICE]
    assert len(store._kept) == 1


def test_rows_of_accounts_are_changed_in_one_place() -> None:
    package = Path(appliance.__file__).parent / "pds"
    texts = {path.name: path.read_text() for path in package.rglob("*.py")}
    for statement in ("UPDATE account SET", "DELETE FROM account WHERE"):
        found = [name for name, text in texts.items() for _ in range(text.count(statement))]
        assert found == ["accounts.py"]
