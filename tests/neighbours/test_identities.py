"""Who lives in a paired house: what that house may tell, and what it is not believed."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity.errors import IdentityUnreachable
from appliance.atproto.identity.plc import sign_operation, tombstone_operation, update_operation
from appliance.atproto.syntax import JsonObject
from appliance.base.addresses import OutboundFailed
from appliance.base.database import Database
from appliance.neighbours.identities import FRESH_US, Identities, NotAMember, Presence
from appliance.neighbours.line import Refused
from appliance.neighbours.store import Neighbour, NeighbourStore
from tests.support.clock import FakeClock
from tests.support.plc_lab import HOUR_US, SERVER, START_US, STRANGER, Log, genesis, rename
from tests.support.street import card

SCHEMA = Path(__file__).parents[2] / "appliance" / "neighbours" / "schema"
JONES = "http://jones.home:2580"


def living_at(pds: str = JONES, handle: str = "bob.jones.home", **changes: Any) -> Log:
    services = {"atproto_pds": {"type": "AtprotoPersonalDataServer", "endpoint": pds}}
    return Log(genesis(services=services, alsoKnownAs=[f"at://{handle}"], **changes))


class Far:
    """What the paired houses would answer."""

    def __init__(self) -> None:
        self.logs: dict[tuple[str, str], list[JsonObject]] = {}
        self.handles: dict[tuple[str, str], str] = {}
        self.away: set[str] = set()
        self.presence: Presence = "here"
        self.asked: list[str] = []

    async def ask(
        self, house: Neighbour, path: str, params: Sequence[tuple[str, str]], most: int
    ) -> Any:
        self.asked.append(path)
        if house.card.name in self.away:
            raise OutboundFailed("no route")
        if path.startswith("/identities/"):
            found = self.logs.get((house.card.name, path.rpartition("/")[2]))
            if found is None:
                raise Refused(404)
            return found
        found_did = self.handles.get((house.card.name, dict(params)["handle"]))
        if found_did is None:
            raise Refused(400)
        return {"did": found_did}

    def tells(self, house: str, log: Log) -> str:
        self.logs[house, log.did] = log.audit()
        return log.did


class Desk:
    """Identities over a store, with two paired houses."""

    def __init__(self, db: Database) -> None:
        self.far, self.clock = Far(), FakeClock(2_000_000_000)
        self.store = NeighbourStore(db)
        self.identities = Identities(
            self.store, self.far.ask, lambda _: self.far.presence, self.clock
        )

    async def pair(self, name: str, key: str) -> Neighbour:
        house = Neighbour(key * 64, b"c", card(name), "10.0.0.7", 2590, self.clock.now_us())
        await self.store.add(house)
        return house


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with await Database.open(tmp_path / "neighbours.sqlite", SCHEMA) as db:
        opened = Desk(db)
        await opened.pair("jones", "a")
        await opened.pair("browns", "b")
        yield opened


async def test_a_member_is_known_by_the_whole_log(desk: Desk) -> None:
    log = living_at()
    did = desk.far.tells("jones", log)
    found = await desk.identities.document(did)
    assert (found["id"], found["alsoKnownAs"]) == (did, ["at://bob.jones.home"])
    assert await desk.identities.log(did) == log.audit()
    assert await desk.identities.did_for("bob.jones.home") == did


async def test_whom_we_know_is_known_while_the_house_is_away(desk: Desk) -> None:
    did = desk.far.tells("jones", living_at())
    await desk.identities.document(did)
    desk.far.away = {"jones"}
    desk.clock.advance(7 * 86_400)
    assert (await desk.identities.document(did))["id"] == did
    assert await desk.identities.did_for("bob.jones.home") == did


async def test_of_somebody_new_nothing_is_said_until_who_may_know_is_back(desk: Desk) -> None:
    did = desk.far.tells("jones", living_at())
    desk.far.away = {"jones"}
    with pytest.raises(IdentityUnreachable):
        await desk.identities.document(did)
    desk.far.away = set()
    assert (await desk.identities.document(did))["id"] == did
    desk.far.presence = "gone"
    with pytest.raises(NotAMember):
        await desk.identities.document(living_at(handle="eve.jones.home").did)


async def test_a_change_is_learnt_when_it_is_asked_for_again(desk: Desk) -> None:
    log = living_at()
    did = desk.far.tells("jones", log)
    await desk.identities.document(did)
    renamed = rename(log.entries[-1].operation, "robert.jones.home", SERVER)
    log.add(renamed, START_US + HOUR_US)
    desk.far.tells("jones", log)
    desk.clock.advance(FRESH_US / 1_000_000 + 1)
    assert (await desk.identities.document(did))["alsoKnownAs"] == ["at://robert.jones.home"]
    with pytest.raises(NotAMember):
        await desk.identities.did_for("bob.jones.home")


async def test_a_house_is_believed_for_those_alone_who_live_there(desk: Desk) -> None:
    for log in (living_at("https://bsky.social"), living_at("http://browns.home:2580")):
        did = desk.far.tells("jones", log)
        with pytest.raises(NotAMember):
            await desk.identities.document(did)


async def test_a_log_that_does_not_hold_is_not_believed(desk: Desk) -> None:
    forged = living_at()
    operation = forged.entries[-1].operation
    signed = sign_operation(update_operation(operation, handle="eve.jones.home"), STRANGER)
    audit = forged.audit()
    extra = {**audit[0], "operation": signed, "createdAt": "2030-01-01T00:00:00.000Z"}
    others = living_at(signing_key=PrivateKey.generate("k256").public.did_key).audit()
    undone = [{**audit[0], "nullified": True}]
    lies: list[list[JsonObject]] = [[], [{}], [*audit, extra], others, undone, audit * 2]
    for told in lies:
        desk.far.logs["jones", forged.did] = told
        with pytest.raises(NotAMember):
            await desk.identities.document(forged.did)


async def test_nothing_is_ever_taken_out_of_a_log_again(desk: Desk) -> None:
    log = living_at()
    old = log.audit()
    log.add(rename(log.entries[-1].operation, "robert.jones.home", SERVER), START_US + HOUR_US)
    did = desk.far.tells("jones", log)
    await desk.identities.document(did)
    desk.far.logs["jones", did] = old
    desk.clock.advance(60)
    assert (await desk.identities.document(did))["alsoKnownAs"] == ["at://robert.jones.home"]


async def test_another_house_changes_nothing_about_somebody_elses_member(desk: Desk) -> None:
    log = living_at()
    did = desk.far.tells("jones", log)
    await desk.identities.document(did)
    log.add(rename(log.entries[-1].operation, "stolen.browns.home", SERVER), START_US + HOUR_US)
    desk.far.handles["browns", "stolen.browns.home"] = did
    desk.far.tells("browns", log)
    with pytest.raises(NotAMember):
        await desk.identities.did_for("stolen.browns.home")
    assert (await desk.identities.document(did))["alsoKnownAs"] == ["at://bob.jones.home"]


async def test_a_handle_counts_only_in_its_house_and_when_the_log_says_so(desk: Desk) -> None:
    bob = desk.far.tells("jones", living_at(handle="ann.smiths.home"))
    desk.far.handles["jones", "ann.smiths.home"] = bob
    desk.far.handles["jones", "bob.jones.home"] = bob
    for handle in ("ann.smiths.home", "bob.jones.home"):
        with pytest.raises(NotAMember):
            await desk.identities.did_for(handle)


async def test_whose_a_handle_is_stays_open_while_its_house_is_away(desk: Desk) -> None:
    bob = desk.far.tells("jones", living_at())
    desk.far.handles["jones", "bob.jones.home"] = bob
    desk.far.away = {"jones"}
    with pytest.raises(IdentityUnreachable):
        await desk.identities.did_for("bob.jones.home")
    desk.far.away, desk.far.presence = set(), "away"
    with pytest.raises(IdentityUnreachable):
        await desk.identities.did_for("bob.jones.home")
    desk.far.presence = "here"
    assert await desk.identities.did_for("bob.jones.home") == bob
    with pytest.raises(NotAMember):
        await desk.identities.did_for("eve.jones.home")


async def test_who_has_moved_away_is_shown_where_he_went(desk: Desk) -> None:
    log = living_at()
    did = desk.far.tells("jones", log)
    await desk.identities.document(did)
    away = update_operation(log.entries[-1].operation, pds_url="https://new.example.com")
    log.add(sign_operation(away, SERVER), START_US + HOUR_US)
    desk.far.tells("jones", log)
    desk.clock.advance(60)
    [service] = (await desk.identities.document(did))["service"]
    assert service["serviceEndpoint"] == "https://new.example.com"


async def test_an_identity_that_was_ended_is_not_taken(desk: Desk) -> None:
    log = living_at()
    ended = sign_operation(tombstone_operation(log.entries[-1].operation), SERVER)
    log.add(ended, START_US + HOUR_US)
    did = desk.far.tells("jones", log)
    with pytest.raises(NotAMember):
        await desk.identities.document(did)


async def test_who_is_unpaired_is_forgotten_with_all_members(desk: Desk) -> None:
    did = desk.far.tells("jones", living_at())
    await desk.identities.document(did)
    assert await desk.store.counts() == {"a" * 64: 1}
    await desk.store.remove("a" * 64)
    desk.far.logs.clear()
    with pytest.raises(NotAMember):
        await desk.identities.document(did)
