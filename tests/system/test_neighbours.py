"""Two houses on one network at home, each on a machine of its own, with real multicast."""

import asyncio
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from PIL import Image
from playwright.async_api import Page, async_playwright, expect

from tests.browser.conftest import FLAGS, shoot
from tests.browser.test_account import complaints_of_axe
from tests.support.appliance import ROOT
from tests.support.client import Member, join, soon
from tests.support.lan import Box, Lan, box

pytestmark = [pytest.mark.slow, pytest.mark.root]

PASSWORD = "the cat sleeps all day"
PATIENCE_MS = 60_000
# Addresses are looked at every 20 s, who is there every 10.
AWHILE = 180.0


@dataclass
class Street:
    """The network and the two houses on it."""

    lan: Lan
    smiths: Box
    jones: Box


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street")
    with Lan() as lan:
        one, two = lan.machine(1), lan.machine(2)
        with box(one, folder, "smiths") as smiths, box(two, folder, "jones") as jones:
            yield Street(lan, smiths, jones)
            for each in (smiths, jones):
                assert "Traceback" not in each.log, each.log


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def until(house: Box, true: Callable[[Any], object], seconds: float = 60) -> Any:
    """Wait until what a house says of its neighbours is so."""
    return await soon(house.neighbours, lambda told: bool(true(told)), seconds)


def seen(told: Any) -> set[str]:
    return {one["key"] for one in told["seen"]}


def is_seen(key: str, told: Any) -> bool:
    return key in seen(told)


async def key_of(house: Box) -> str:
    return str((await house.neighbours())["key"])


def attack(street: Street, keys: list[str], seconds: int) -> subprocess.Popen[bytes]:
    """Let a hundred machines that mean harm announce themselves."""
    command = [sys.executable, "-m", "tests.support.hostile_announcers", street.lan.own]
    return subprocess.Popen([*command, str(seconds), *keys], cwd=ROOT)  # noqa: S603


async def test_they_see_each_other_amid_a_hundred_that_mean_harm(street: Street) -> None:
    smiths, jones = street.smiths, street.jones
    keys = [await key_of(smiths), await key_of(jones)]
    for house, name in ((smiths, "smiths"), (jones, "jones")):
        told = await until(house, lambda told: told["names"])
        assert told["names"][0] == f"{name}.local"
    with attack(street, keys, 6):
        for house, other in ((smiths, keys[1]), (jones, keys[0])):
            told = await until(house, partial(is_seen, other))
            assert len(told["seen"]) <= 128
            addresses = [one["address"] for one in told["seen"]]
            assert all(each.startswith(street.lan.prefix) for each in addresses)
            assert max(map(addresses.count, addresses)) <= 4
            assert keys[0] not in seen(told) or keys[1] not in seen(told)
        # Whatever they say, nobody is asked anything, and the houses go on.
        for house in (smiths, jones):
            assert (await house.neighbours())["courses"] == []
            status = await house.operate("neighbours", "internal.hearth.upkeep.getStatus")
            assert all(worker["failures"] == 0 for worker in status["workers"]), status


@asynccontextmanager
async def on_a_phone() -> AsyncIterator[Page]:
    """Open a browser that is as narrow as a phone."""
    async with async_playwright() as driver:
        path = shutil.which("chromium")
        browser = await driver.chromium.launch(executable_path=path, args=FLAGS)
        page = await browser.new_page(viewport={"width": 360, "height": 800}, locale="en-GB")
        page.set_default_timeout(PATIENCE_MS)
        yield page
        await browser.close()


async def at_the_panel(page: Page, house: Box) -> None:
    """Come in as the owner, by the link that the console shows."""
    found = re.search(r"begin: (\S+)", house.log)
    assert found is not None
    await page.goto(found[1])
    await page.get_by_label("Your password for this panel").fill(PASSWORD)
    await page.get_by_label("The same password again").fill(PASSWORD)
    await page.get_by_role("button", name="Claim this network").click()
    await page.goto(f"{house.panel}/neighbours")


async def test_the_owners_compare_a_code_and_the_houses_are_a_pair(
    street: Street,
) -> None:
    """One owner has the panel on a phone, the other the command line."""
    smiths, jones = street.smiths, street.jones
    ours, theirs = await key_of(smiths), await key_of(jones)
    async with on_a_phone() as page:
        await at_the_panel(page, smiths)
        # Of all that call themselves Jones, the one with the key that the other screen shows.
        # Damaged announcements may show keys that begin like it.
        theirs_alone = page.locator(f'input[name="key"][value="{theirs}"]')
        row = page.get_by_role("listitem").filter(has=theirs_alone)
        await row.get_by_role("button", name="Pair").click()
        await expect(page.get_by_text("It was asked.")).to_be_visible(timeout=PATIENCE_MS)
        told = await until(jones, lambda told: told["courses"])
        assert (told["courses"][0]["name"], told["courses"][0]["state"]) == ("Smiths", "asked")
        await asyncio.to_thread(jones.hearth, "neighbours", "pair", ours)
        shown = page.locator(f"#code-{theirs[:8]}")
        await expect(shown).to_be_visible(timeout=PATIENCE_MS)
        code = (await shown.inner_text()).replace(" ", "")
        assert code in await asyncio.to_thread(jones.hearth, "neighbours", "list")
        assert await complaints_of_axe(page) == []
        assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        await shoot(page, "neighbours-phone-light")
        await page.get_by_role("button", name="Yes, the same").click()
        assert (await jones.neighbours())["paired"] == []
        await asyncio.to_thread(jones.hearth, "neighbours", "confirm", ours, code)
        ending = page.get_by_role("button", name="End the pair")
        await expect(ending).to_be_visible(timeout=PATIENCE_MS)
        assert await complaints_of_axe(page) == []
    for house, other in ((smiths, theirs), (jones, ours)):
        told = await until(house, lambda told: told["paired"] and told["paired"][0]["followed"])
        assert [each["key"] for each in told["paired"]] == [other]


def picture() -> bytes:
    drawn = BytesIO()
    Image.new("RGB", (64, 64), "#a2461f").save(drawn, "PNG")
    return drawn.getvalue()


async def member(http: aiohttp.ClientSession, house: Box, name: str) -> Member:
    return await join(http, house.url, handle=f"{name}.{house.name}.home")


async def test_members_find_and_follow_each_other_and_see_posts_and_pictures(
    street: Street, http: aiohttp.ClientSession
) -> None:
    ann, bob = await member(http, street.smiths, "ann"), await member(http, street.jones, "bob")
    found = await ann.get("com.atproto.identity.resolveHandle", handle=bob.handle)
    assert found["did"] == bob.did
    await ann.follow(bob)
    await bob.follow(ann)
    await soon(bob.notifications, lambda told: ("follow", ann.did) in told, 60)
    image = await bob.upload(picture(), "image/png")
    embed = {"$type": "app.bsky.embed.images", "images": [{"alt": "brick", "image": image}]}
    post = await bob.write_post("our new wall", embed=embed)
    await ann.sees(post)
    [item] = (await ann.get("app.bsky.feed.getTimeline", limit=1))["feed"]

    async def names() -> list[str]:
        page = await ann.get("app.bsky.feed.getTimeline", limit=1)
        return [each["post"]["author"]["handle"] for each in page["feed"]]

    # A house that was too busy to say whose a handle is, is asked again.
    await soon(names, lambda handles: handles == [bob.handle])
    thumb = item["post"]["embed"]["images"][0]["thumb"]
    assert thumb.startswith(street.smiths.url)
    async with http.get(thumb) as answer:
        assert (answer.status, answer.content_type) == (200, "image/jpeg")
        assert Image.open(BytesIO(await answer.read())).size == (64, 64)
    await ann.like(post)
    await soon(bob.notifications, lambda told: ("like", ann.did) in told, 60)


async def test_what_was_missed_while_the_cable_was_out_comes_when_it_is_back(
    street: Street, http: aiohttp.ClientSession
) -> None:
    smiths, jones = street.smiths, street.jones
    ann, bob = await member(http, smiths, "amy"), await member(http, jones, "ben")
    await soon(lambda: handle_known(ann, bob), bool, 60)
    await ann.follow(bob)
    await asyncio.to_thread(jones.stop)
    jones.machine.cut()
    await asyncio.to_thread(jones.start)
    missed = jones.hearth("account", "list")
    assert bob.did in missed
    # From inside the machine that nobody reaches.
    script = ["tests.support.write_posts", jones.url, bob.handle, "30"]
    await asyncio.to_thread(
        subprocess.run,
        jones.machine.command(sys.executable, "-m", *script),
        cwd=ROOT,
        check=True,
    )
    await until(smiths, lambda told: not told["paired"][0]["here"])
    # Whom we know is known, also now.
    assert (await ann.profile(bob))["handle"] == bob.handle
    jones.machine.mend()
    told = await until(smiths, lambda told: told["paired"][0]["here"])
    assert 0 <= told["paired"][0]["progress"] <= 100
    await soon(
        lambda: texts_of(ann, bob),
        lambda seen: seen == [f"post {n}" for n in range(29, -1, -1)],
        60,
    )
    told = await until(smiths, lambda told: told["paired"][0]["progress"] == 100)
    assert told["paired"][0]["behind"] == 0


async def handle_known(one: Member, other: Member) -> bool:
    answer = await one.raw(
        "GET", "/xrpc/com.atproto.identity.resolveHandle", params={"handle": other.handle}
    )
    return answer.status == 200


async def texts_of(one: Member, other: Member) -> list[str]:
    found = await one.get("app.bsky.feed.getAuthorFeed", actor=other.did, limit=50)
    return [item["post"]["record"]["text"] for item in found["feed"]]


async def test_a_house_that_slept_and_woke_with_another_address_is_found_there(
    street: Street, http: aiohttp.ClientSession
) -> None:
    smiths, jones = street.smiths, street.jones
    assert jones.process is not None
    ann, bob = await member(http, smiths, "abe"), await member(http, jones, "bea")
    await soon(lambda: handle_known(ann, bob), bool, 60)
    await ann.follow(bob)
    await ann.sees(await bob.write_post("good night"))
    jones.process.send_signal(signal.SIGSTOP)
    try:
        await until(smiths, lambda told: not told["paired"][0]["here"], AWHILE)
        await ann.write_post("is anybody there?")
        elsewhere = f"{street.lan.prefix}.77"
        await asyncio.to_thread(jones.machine.move, elsewhere)
    finally:
        jones.process.send_signal(signal.SIGCONT)
    bob.base = f"http://{elsewhere}:2580"
    await until(smiths, lambda told: told["paired"][0]["here"], AWHILE)
    await until(jones, lambda told: told["paired"][0]["here"], AWHILE)
    await bob.write_post("good morning")
    await soon(
        lambda: texts_of(ann, bob), lambda seen: seen == ["good morning", "good night"], AWHILE
    )


async def test_a_pair_that_ends_leaves_nothing_open(street: Street) -> None:
    smiths, jones = street.smiths, street.jones
    await asyncio.to_thread(smiths.hearth, "neighbours", "unpair", "Jones")
    for house in (smiths, jones):
        assert (await until(house, lambda told: not told["paired"]))["paired"] == []
    hosts = await smiths.operate("relay", "internal.hearth.relay.listHosts")
    [left] = [one for one in hosts["hosts"] if one["hostname"] == f"{jones.machine.address}:2580"]
    assert (left["standing"], left["trusted"]) == ("waiting", False)
