"""What lies in the directory is what was taken, or nobody is given it, and a check names it."""

from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from pathlib import Path

import pytest

from appliance.atproto.identity.plc import did_for
from appliance.atproto.syntax import Did
from appliance.base.database import Connection, Database
from appliance.directory.operations import DamagedOperation, OperationStore
from appliance.directory.soundness import faults
from tests.support.clock import FakeClock
from tests.support.plc_lab import OWNER, SERVER, genesis, rename

DAMAGE = {
    "a handle": "operation = replace(operation, 'new.test', 'nex.test')",
    "the form of the text": "operation = substr(operation, 2)",
    "what is never shown": 'operation = replace(operation, \'"sig":"\', \'"sig":"A\')',
    "a hash": "cid = zeroblob(36)",
}
SEEN_BY_THE_CHECK = {
    "whose it is": "did = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'",
    "whether it stands": "nullified = 1",
}


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    schema = files("appliance.directory") / "schema"
    async with await Database.open(tmp_path / "directory.sqlite", schema) as opened:
        yield opened


async def renamed(store: OperationStore) -> Did:
    """A DID that was given a name, another, and the first change undone by its owner's key."""
    first = genesis(alsoKnownAs=["at://old.test"])
    did = did_for(first)
    await store.submit(did, first)
    await store.submit(did, rename(first, "stolen.test", SERVER))
    await store.submit(did, rename(first, "mine.test", OWNER))
    await store.submit(did, rename(store.last(did), "new.test", SERVER))
    return did


def spoil(conn: Connection, did: str, change: str) -> None:
    conn.execute(
        f"UPDATE operation SET {change} WHERE seq ="  # noqa: S608
        " (SELECT max(seq) FROM operation WHERE did = ?)",
        (did,),
    )


async def found(db: Database) -> list[str]:
    return await db.scan(lambda conn: list(faults(conn)))


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE)
async def test_an_operation_that_is_not_what_its_hash_says_is_given_to_nobody(
    db: Database, change: str
) -> None:
    store = OperationStore(db, FakeClock().now_us)
    did, other = await renamed(store), did_for(genesis(alsoKnownAs=["at://other.test"]))
    await store.submit(other, genesis(alsoKnownAs=["at://other.test"]))
    assert await found(db) == []
    await db.write(spoil, did, change)
    asked: list[Callable[[], object]] = [lambda: store.document(did), lambda: store.data(did)]
    for ask in asked:
        with pytest.raises(DamagedOperation, match=did):
            ask()
    for coming in (store.log(did), store.audit_log(did), store.export(0, 9)):
        with pytest.raises(DamagedOperation, match=did):
            await coming
    with pytest.raises(DamagedOperation):
        await store.submit(did, rename(genesis(), "later.test", SERVER))
    assert store.document(other)["alsoKnownAs"] == ["at://other.test"]
    assert [fault.partition(": ")[0] for fault in await found(db)] == [did]


@pytest.mark.parametrize("change", SEEN_BY_THE_CHECK.values(), ids=SEEN_BY_THE_CHECK)
async def test_a_log_whose_parts_do_not_fit_is_named(db: Database, change: str) -> None:
    store = OperationStore(db, FakeClock().now_us)
    did = await renamed(store)
    await db.write(spoil, did, change)
    assert len(await found(db)) == 1
