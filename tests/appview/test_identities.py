"""Who the accounts are: asked again soon while nobody could tell."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from appliance.appview import actors
from appliance.appview.identities import CLAIM_US, IdentityRefresher
from appliance.atproto.identity.did_doc import DidDocument
from appliance.atproto.identity.errors import IdentityUnreachable
from appliance.atproto.identity.resolver import INVALID_HANDLE, Identity
from appliance.atproto.syntax import Did, Handle
from appliance.base.database import _open_writable
from tests.support.index_lab import SCHEMA
from tests.support.waiting import until

DID = Did("did:plc:ewvi7nxzyoun6zhxrhs64oiz")
SECOND = 1_000_000


class Ledger:
    """The accounts, of which one is due."""

    def __init__(self) -> None:
        self.handle: str | None = None
        self.due_us = 0

    def due_for_identity(self, now_us: int, limit: int) -> list[Did]:
        return [DID][:limit] if self.due_us <= now_us else []

    async def put_off_identities(self, dids: list[Did], due_us: int) -> None:
        self.due_us = due_us

    async def look_again(self, did: Did, due_us: int) -> None:
        self.due_us = due_us

    async def take_up_identities(self, now_us: int, until_us: int) -> None:
        if now_us < self.due_us <= until_us:
            self.due_us = 0

    async def set_identity(
        self, did: str, handle: str | None, pds: str | None, due_us: int
    ) -> None:
        self.handle, self.due_us = handle, due_us


class Names:
    """A resolver that knows what it is told."""

    def __init__(self) -> None:
        self.handle, self.is_settled = INVALID_HANDLE, False

    async def resolve(self, did: Did, fresh: bool = False) -> Identity:
        return Identity(did, self.handle, DidDocument.parse({"id": did}), self.is_settled)


class Unreachable(Names):
    """A resolver whose directory does not answer."""

    async def resolve(self, did: Did, fresh: bool = False) -> Identity:
        raise IdentityUnreachable("no answer")


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def refresher(ledger: Ledger, names: Names, now: Callable[[], int]) -> IdentityRefresher:
    return IdentityRefresher(ledger, names, now)  # type: ignore[arg-type]


async def test_whose_handle_nobody_could_tell_is_asked_for_again_soon(ledger: Ledger) -> None:
    names, now_us = Names(), 0
    people = refresher(ledger, names, lambda: now_us)
    waits = []
    for _ in range(9):
        assert await people.refresh_some() == 1
        waits.append((ledger.due_us - now_us) // SECOND)
        now_us = ledger.due_us
    assert waits == [3, 6, 12, 24, 48, 96, 192, 384, 600]
    names.handle, names.is_settled = Handle("alice.example.com"), True
    assert await people.refresh_some() == 1
    assert ledger.handle == "alice.example.com"
    assert ledger.due_us - now_us == 86_400 * SECOND
    # And the next time that nobody can tell, it begins anew.
    now_us = ledger.due_us
    names.handle, names.is_settled = INVALID_HANDLE, False
    assert await people.refresh_some() == 1
    assert ledger.due_us - now_us == 3 * SECOND


async def test_a_handle_that_is_wrong_is_looked_at_again_in_ten_minutes(ledger: Ledger) -> None:
    names = Names()
    names.is_settled = True
    assert await refresher(ledger, names, lambda: 0).refresh_some() == 1
    assert (ledger.handle, ledger.due_us) == (None, 600 * SECOND)


async def test_a_look_up_that_was_cut_off_is_begun_again_at_the_next_start(ledger: Ledger) -> None:
    names, now_us = Names(), 5 * SECOND
    names.handle, names.is_settled = Handle("alice.example.com"), True
    await ledger.put_off_identities([DID], now_us + CLAIM_US)
    worker = asyncio.create_task(refresher(ledger, names, lambda: now_us).run())
    try:
        await until(lambda: ledger.handle == "alice.example.com")
    finally:
        worker.cancel()


async def test_identities_are_taken_up_that_are_due_soon_and_no_others(tmp_path: Path) -> None:
    dids = [f"did:plc:{name:a<24}" for name in ("past", "soon", "later")]
    with closing(_open_writable(tmp_path / "index", SCHEMA, "FULL")) as conn:
        for did, due_us in zip(dids, (5, 15, 25), strict=True):
            actors.intern(conn, did, 0)
            actors.put_off_identities(conn, [did], due_us)
        actors.take_up_identities(conn, 10, 20)
        due = conn.rows("SELECT handle_due_us FROM actor ORDER BY id")
    assert due == [(5,), (0,), (25,)]


async def test_what_is_wished_for_during_a_look_up_in_vain_comes_next(tmp_path: Path) -> None:
    with closing(_open_writable(tmp_path / "index", SCHEMA, "FULL")) as conn:
        actor_id = actors.intern(conn, DID, 0)
        actors.put_off_identities(conn, [DID], 5)
        actors.look_again(conn, DID, 600)
        assert conn.value("SELECT handle_due_us FROM actor") == 600
        actors.put_off_identities(conn, [DID], 5)
        actors.identity_is_due(conn, actor_id)
        actors.look_again(conn, DID, 600)
        assert conn.value("SELECT handle_due_us FROM actor") == 0


async def test_a_directory_that_is_down_for_a_moment_is_asked_again_soon(ledger: Ledger) -> None:
    names, now_us = Unreachable(), 0
    ledger.handle = "before.example.com"
    people = refresher(ledger, names, lambda: now_us)
    for wait in (3, 6, 12):
        assert await people.refresh_some() == 1
        assert (ledger.handle, ledger.due_us - now_us) == ("before.example.com", wait * SECOND)
        now_us = ledger.due_us
