"""What goes on between paired houses by itself: doors of public names, and pairs that are none."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from appliance.neighbours.company import Contact
from appliance.neighbours.public_names import PATH, RETRY_US, PublicNames
from appliance.neighbours.store import MOST_MEMBERS, PROOF_US, Neighbour
from tests.neighbours.test_introductions import pair
from tests.support.clock import FakeClock
from tests.support.fake_http import FakeHttp
from tests.support.street import Home, home
from tests.support.waiting import PATIENCE_SECONDS, until

PUBLIC = "https://jones.family"
Params: TypeAlias = Sequence[tuple[str, str]]


TOLD = f"{PUBLIC}{PATH}"


@pytest.fixture
async def family(tmp_path: Path) -> AsyncIterator[Home]:
    async with home(tmp_path, "jones", pds__public_url=PUBLIC) as opened:
        yield opened


async def look(smiths: Home, other: Home) -> bool:
    """Look at the other house once; tell whether there is a door to it."""
    await smiths.role.company._see(smiths.role.store.named(other.key))
    return smiths.settings.paths.door(PUBLIC) is not None


async def put_into(smiths: Home, world: FakeHttp, clock: FakeClock) -> None:
    """Let a house ask this world alone, and only in the looks of the test: who looks beside it
    may have asked already, and not yet have noted the answer.
    """
    await smiths.looks_only_when_told()
    company = smiths.role.company
    names = PublicNames(smiths.role.store, world, clock)
    company._tools = replace(company._tools, names=names)


async def test_a_public_name_gets_a_door_once_its_key_was_found_under_it(
    smiths: Home, family: Home
) -> None:
    world, clock = FakeHttp(), FakeClock(smiths.role.clock.now())
    await pair(smiths, family)
    await put_into(smiths, world, clock)
    # While the internet is out, nothing is proved; another key proves nothing either.
    assert not await look(smiths, family)
    assert world.requests == [TOLD]
    for told, status, is_door in (
        ({"key": smiths.key}, 200, False),
        (b"<html>", 200, False),
        ({"key": family.key}, 200, True),
        # Proved: while its server is away, or the internet, the way is the one at home.
        ({}, 502, True),
        (None, 0, True),
        # The name is somebody else's by now.
        ({"error": "MethodNotImplemented"}, 501, False),
    ):
        clock.advance(2 * 86_400)
        world.answers.clear()
        if told is not None:
            world.put(TOLD, told, status)
        assert await look(smiths, family) is is_door, told
    # Nobody asks each time.
    asked = len(world.requests)
    clock.advance(RETRY_US / 2_000_000)
    await look(smiths, family)
    assert len(world.requests) == asked


async def test_a_proof_that_was_not_renewed_for_a_month_is_none(smiths: Home, family: Home) -> None:
    await pair(smiths, family)
    now_us = smiths.role.clock.now_us()
    await put_into(smiths, FakeHttp(), FakeClock())
    await smiths.role.store.proved(family.key, PUBLIC, now_us)
    assert await look(smiths, family)
    await smiths.role.store.proved(family.key, PUBLIC, now_us - PROOF_US)
    assert not await look(smiths, family)
    # Nor is one for another name.
    await smiths.role.store.proved(family.key, "https://jones.example.org", now_us)
    assert not await look(smiths, family)


async def test_a_public_house_that_is_not_at_home_is_asked_as_everybody_asks_it(
    smiths: Home, family: Home
) -> None:
    """It may have been carried elsewhere; under its name it can be reached all the same."""
    await pair(smiths, family)
    await put_into(smiths, FakeHttp(), FakeClock())
    await smiths.role.store.proved(family.key, PUBLIC, smiths.role.clock.now_us())
    assert await look(smiths, family)
    gone = smiths.role.store.named(family.key).at("127.0.0.1", 9)
    await smiths.role.company._see(gone)
    assert smiths.settings.paths.door(PUBLIC) is None


async def test_a_neighbour_who_does_not_know_us_any_more_is_told(smiths: Home, jones: Home) -> None:
    await pair(smiths, jones)
    company = smiths.role.company
    await until(lambda: company.contact(jones.key).here)
    assert company.findings() == []
    jones.role.introductions.pairings.forget(smiths.key)
    await jones.role.store.remove(smiths.key)
    await until(lambda: not company.contact(jones.key).knows_us)
    # A pair that was just made is known to one side before the other.
    assert company.findings() == []
    house = smiths.role.store.named(jones.key)
    await smiths.role.store.add(replace(house, paired_us=house.paired_us - 120_000_000))
    [told] = company.findings()
    assert (told.cause, told.subject) == ("neighbour-gone", "Neighbour jones")
    assert "unpair it here" in told.remedy


def test_other_houses_learn_the_key_of_ours_from_a_file_that_goes_with_the_role(
    smiths: Home,
) -> None:
    assert smiths.settings.paths.house_key.read_text() == smiths.key


def test_what_was_missed_counts_from_where_we_were_and_not_before_that_is_known() -> None:
    contact = Contact(here=True, head=10_400)
    assert (contact.behind, contact.progress) == (0, 100)
    contact.is_followed, contact.at = True, 10_000
    contact.first_behind = contact.behind
    assert (contact.behind, contact.progress) == (400, 0)
    contact.at = 10_300
    assert (contact.behind, contact.progress) == (100, 75)


async def test_who_looks_ends_though_there_is_news_at_the_same_moment(smiths: Home) -> None:
    """The end of the house waits for it: asyncio.wait_for of Python 3.11 would go on."""
    await until(lambda: "waiters:1" in repr(smiths.role.company._news))
    smiths.role.company._news.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await smiths.looks_only_when_told()


async def test_who_is_slow_to_tell_of_very_many_members_keeps_no_other_house_waiting(
    smiths: Home, jones: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pair(smiths, jones)
    await smiths.looks_only_when_told()
    monkeypatch.setattr("appliance.neighbours.company.LEARN_SECONDS", 0.5)
    company = smiths.role.company
    ask, asked = company.ask, 0

    async def told(house: Neighbour, path: str, params: Params, most: int) -> Any:
        if path == "/xrpc/com.atproto.sync.listRepos":
            dids = [f"did:plc:{number:024}" for number in range(5000)]
            return {"repos": [{"did": did} for did in dids], "cursor": "on"}
        return await ask(house, path, params, most)

    async def quickly(_house: Neighbour, _did: str) -> None:
        nonlocal asked
        asked += 1

    async def never(_house: Neighbour, _did: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(company, "ask", told)
    monkeypatch.setattr(company.identities, "learn", never)
    async with asyncio.timeout(60):
        await company._see(smiths.role.store.named(jones.key))
    assert company.contact(jones.key).here
    monkeypatch.setattr(company.identities, "learn", quickly)
    await company._see(smiths.role.store.named(jones.key))
    assert asked == MOST_MEMBERS
