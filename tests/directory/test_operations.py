"""The directory's store: what it takes, in which order, how often."""

from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest

from appliance.atproto.identity.errors import InvalidOperation
from appliance.atproto.identity.plc import (
    cid_of,
    did_for,
    sign_operation,
    tombstone_operation,
    update_operation,
)
from appliance.atproto.identity.plc_log import LateRecovery, MisorderedOperation, validate_log
from appliance.atproto.syntax import Did, JsonObject
from appliance.base.database import Database
from appliance.directory.operations import (
    NotRegistered,
    OperationStore,
    Tombstoned,
    TooManyOperations,
)
from tests.support.clock import FakeClock
from tests.support.plc_lab import OWNER, SERVER, genesis, legacy, rename

HOUR = 3600


class Lab:
    """A store on a fresh file, with a clock that stands still."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = FakeClock()
        self.store = OperationStore(db, self.clock.now_us)

    async def register(self, handle: str = "alice.test") -> tuple[Did, JsonObject]:
        first = genesis(alsoKnownAs=[f"at://{handle}"])
        did = did_for(first)
        await self.store.submit(did, first)
        return did, first

    async def rename(self, did: Did, handle: str) -> None:
        await self.store.submit(did, rename(self.store.last(did), handle, SERVER))


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    schema = files("appliance.directory") / "schema"
    async with await Database.open(tmp_path / "directory.sqlite", schema) as db:
        yield Lab(db)


async def test_a_did_is_registered_and_resolved(lab: Lab) -> None:
    did, first = await lab.register()
    assert lab.store.last(did) == first
    assert lab.store.document(did)["alsoKnownAs"] == ["at://alice.test"]
    assert lab.store.data(did)["rotationKeys"] == first["rotationKeys"]
    assert await lab.store.counts() == {"dids": 1, "operations": 1}


async def test_an_unknown_did_is_not_registered(lab: Lab) -> None:
    did = did_for(genesis())
    for ask in (lab.store.last, lab.store.document, lab.store.data):
        with pytest.raises(NotRegistered, match=did):
            ask(did)
    for fetch in (lab.store.log, lab.store.audit_log):
        with pytest.raises(NotRegistered):
            await fetch(did)


async def test_an_update_must_follow_the_last_operation(lab: Lab) -> None:
    did, first = await lab.register()
    await lab.rename(did, "bob.test")
    assert lab.store.document(did)["alsoKnownAs"] == ["at://bob.test"]
    with pytest.raises(InvalidOperation, match="signature"):
        await lab.store.submit(did, rename(first, "carol.test", SERVER))
    with pytest.raises(MisorderedOperation, match="already"):
        await lab.store.submit(did, first)
    assert len(await lab.store.log(did)) == 2


async def test_of_two_updates_at_once_one_wins(lab: Lab) -> None:
    did, first = await lab.register()
    two = [rename(first, name, SERVER) for name in ("b.test", "c.test")]
    await lab.store.submit(did, two[0])
    with pytest.raises(InvalidOperation):
        await lab.store.submit(did, two[1])
    assert await lab.store.log(did) == [first, two[0]]


async def test_a_refused_operation_leaves_no_trace(lab: Lab) -> None:
    first = genesis()
    with pytest.raises(InvalidOperation):
        await lab.store.submit(did_for(genesis(alsoKnownAs=[])), first)
    with pytest.raises(InvalidOperation):
        await lab.store.submit(did_for(first), {**first, "services": {}})
    with pytest.raises(InvalidOperation, match="legacy"):
        await lab.store.submit(did_for(legacy()), legacy())
    assert await lab.store.counts() == {"dids": 0, "operations": 0}


async def test_a_tombstone_ends_a_did_but_not_its_log(lab: Lab) -> None:
    did, first = await lab.register()
    end = sign_operation(tombstone_operation(first), SERVER)
    await lab.store.submit(did, end)
    assert lab.store.last(did) == end
    for ask in (lab.store.document, lab.store.data):
        with pytest.raises(Tombstoned):
            ask(did)
    assert await lab.store.log(did) == [first, end]
    with pytest.raises(MisorderedOperation):
        await lab.store.submit(did, sign_operation({**first, "prev": str(cid_of(end))}, SERVER))


async def steal(lab: Lab, did: Did, first: JsonObject) -> None:
    """Lock the owner out with the weaker key."""
    theft = update_operation(first, rotation_keys=[SERVER.public.did_key])
    await lab.store.submit(did, sign_operation(theft, SERVER))


async def test_an_owner_undoes_a_theft_and_the_audit_log_shows_it(lab: Lab) -> None:
    did, first = await lab.register()
    await steal(lab, did, first)
    await lab.rename(did, "eve.test")
    lab.clock.advance(71 * HOUR)
    recovery = rename(first, "alice2.test", OWNER)
    await lab.store.submit(did, recovery)
    assert lab.store.last(did) == recovery
    assert await lab.store.log(did) == [first, recovery]
    audit = await lab.store.audit_log(did)
    assert [entry["nullified"] for entry in audit] == [False, True, True, False]
    assert validate_log(did, audit)[-1].operation == recovery


async def test_after_72_hours_a_theft_stands(lab: Lab) -> None:
    did, first = await lab.register()
    await steal(lab, did, first)
    lab.clock.advance(72 * HOUR + 1)
    with pytest.raises(LateRecovery):
        await lab.store.submit(did, rename(first, "alice2.test", OWNER))


async def test_a_did_changes_at_most_ten_times_an_hour(lab: Lab) -> None:
    did, _ = await lab.register()
    for number in range(9):
        await lab.rename(did, f"n{number}.test")
    with pytest.raises(TooManyOperations, match="hour"):
        await lab.rename(did, "more.test")
    await lab.register("other.test")
    lab.clock.advance(HOUR + 1)
    await lab.rename(did, "more.test")


async def test_a_did_changes_at_most_thirty_times_a_day(lab: Lab) -> None:
    did, _ = await lab.register()
    for number in range(29):
        lab.clock.advance(600)
        await lab.rename(did, f"n{number}.test")
    lab.clock.advance(600)
    with pytest.raises(TooManyOperations, match="day"):
        await lab.rename(did, "more.test")


async def test_the_limit_does_not_keep_an_owner_from_recovering(lab: Lab) -> None:
    did, first = await lab.register()
    await steal(lab, did, first)
    for number in range(8):
        await lab.rename(did, f"n{number}.test")
    await lab.store.submit(did, rename(first, "alice2.test", OWNER))
    assert len(await lab.store.log(did)) == 2


async def test_exports_page_through_everything_in_order(lab: Lab) -> None:
    dids = [(await lab.register(f"n{number}.test"))[0] for number in range(5)]
    await lab.rename(dids[0], "last.test")
    by_seq, after = [], 0
    while page := await lab.store.export(after, 2):
        by_seq += page
        after = page[-1]["seq"]
    assert [entry["did"] for entry in by_seq] == [*dids, dids[0]]
    assert all(entry["type"] == "sequenced_op" for entry in by_seq)
    assert [entry["cid"] for entry in by_seq] == [
        str(cid_of(entry["operation"])) for entry in by_seq
    ]


async def test_times_of_acceptance_are_exact_cursors(lab: Lab) -> None:
    for number in range(5):
        await lab.register(f"n{number}.test")
    found, after = [], 0
    while page := await lab.store.export_by_time(after, 2):
        found += page
        after = lab.clock.now_us() + 1000 * (len(found) - 1)
    assert len({entry["createdAt"] for entry in found}) == 5
    assert [entry["nullified"] for entry in found] == [False] * 5


async def test_a_clock_that_goes_back_does_not_disorder_the_log(lab: Lab) -> None:
    did, _ = await lab.register()
    lab.clock.advance(-10 * HOUR)
    await lab.rename(did, "bob.test")
    audit = await lab.store.audit_log(did)
    assert audit[0]["createdAt"] < audit[1]["createdAt"]
    assert validate_log(did, audit)


async def test_reads_on_the_loop_use_an_index(lab: Lab) -> None:
    did, _ = await lab.register()
    lab.store.document(did)
    assert lab.db.inline_statements
    assert lab.db.full_scans() == []
