"""The page of the other Hearths at home: a pair is made by its buttons, and ended."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from appliance.neighbours.app import build_app
from tests.support.panel_house import House
from tests.support.street import Home, home
from tests.support.waiting import until


@asynccontextmanager
async def beside(house: House, folder: Path) -> AsyncIterator[tuple[Home, Home]]:
    """Run the neighbours' role on the socket where the panel asks for it, and another house."""
    async with home(folder, "smiths") as ours, home(folder, "jones") as jones:
        runner = web.AppRunner(build_app(ours.role, house.settings))
        await runner.setup()
        token = house.settings.paths.secret("operator-token").read_text().strip()
        ours.role.access.token = token
        try:
            await web.UnixSite(runner, house.settings.paths.socket("neighbours")).start()
            yield ours, jones
        finally:
            await runner.cleanup()


async def test_a_pair_is_made_by_the_page_and_ended(house: House, tmp_path: Path) -> None:
    owner = await house.claim()
    async with beside(house, tmp_path) as (ours, jones):
        await jones.want(ours)
        await until(lambda: ours.state(jones) == "asked")
        seen = await owner.get("/neighbours")
        assert "jones" in seen.words
        assert "It asks to be paired" in seen.words
        assert (await owner.post("/neighbours/pair", key=jones.key)).location == "/neighbours"
        await until(lambda: ours.state(jones) == "compare")
        code = ours.course(jones).code
        seen = await owner.get("/neighbours/live")
        assert f"{code[:3]} {code[3:]}" in seen.text
        assert (await owner.post("/neighbours/confirm", key=jones.key, code=code)).status == 303
        seen = await owner.get("/neighbours")
        assert "Confirmed here" in seen.words
        # Who has changed their mind is not held until the other owner has pressed a button.
        assert 'aria-label="Stop: jones"' in seen.text
        await jones.role.introductions.confirm(ours.key, code)
        await until(lambda: ours.is_paired_with(jones))
        assert "End the pair" in (await owner.get("/neighbours")).words
        asked = await owner.post("/neighbours/unpair", key=jones.key)
        assert asked.status == 200
        assert "End the pair with jones?" in asked.words
        assert ours.is_paired_with(jones)
        ended = await owner.post("/neighbours/unpair", key=jones.key, sure="yes")
        assert ended.location == "/neighbours?done=ended"
        assert "The pair is ended." in (await owner.get("/neighbours?done=ended")).words
        assert not ours.is_paired_with(jones)


async def test_another_code_ends_it_and_is_said_in_words(house: House, tmp_path: Path) -> None:
    owner = await house.claim()
    async with beside(house, tmp_path) as (ours, jones):
        await jones.want(ours)
        await until(lambda: ours.state(jones) == "asked")
        await owner.get("/neighbours")
        await owner.post("/neighbours/pair", key=jones.key)
        await until(lambda: ours.state(jones) == "compare")
        seen = await owner.post("/neighbours/confirm", key=jones.key, code="none")
        assert seen.status == 422
        assert "codes were not the same" in seen.words
        gone = await owner.post("/neighbours/pair", key="0" * 64)
        assert gone.status == 422
        assert "does not answer at the address" in gone.words


async def test_who_has_confirmed_may_still_stop_it(house: House, tmp_path: Path) -> None:
    owner = await house.claim()
    async with beside(house, tmp_path) as (ours, jones):
        await jones.want(ours)
        await until(lambda: ours.state(jones) == "asked")
        await owner.get("/neighbours")
        await owner.post("/neighbours/pair", key=jones.key)
        await until(lambda: ours.state(jones) == "compare")
        code = ours.course(jones).code
        await owner.post("/neighbours/confirm", key=jones.key, code=code)
        assert (await owner.post("/neighbours/refuse", key=jones.key)).location == "/neighbours"
        assert "Confirmed here" not in (await owner.get("/neighbours")).words
        await until(lambda: jones.state(ours) == "failed")
        assert not ours.is_paired_with(jones)
        assert not jones.is_paired_with(ours)


async def test_what_strangers_call_themselves_is_never_markup(house: House, tmp_path: Path) -> None:
    owner = await house.claim()
    async with beside(house, tmp_path) as (ours, _):
        name = "<img src=x onerror=alert(1)>"
        assert ours.role.sightings.saw("a" * 64, name, "did:web:x.home", "192.168.7.7", 2590)
        seen = await owner.get("/neighbours")
        assert name in seen.words
        assert "<img" not in seen.text


async def test_where_nobody_looks_for_neighbours_that_is_said(house: House) -> None:
    owner = await house.claim()
    seen = await owner.get("/neighbours")
    assert seen.status == 200
    assert "does not answer" in seen.words
    assert (await house.visitor().get("/neighbours")).location.startswith("/sign-in")
