"""The page of neighbours while a house catches up with another that it was away from."""

from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page, expect

from appliance.neighbours import company
from tests.browser.conftest import OpenBrowser
from tests.browser.test_account import complaints_of_axe
from tests.browser.test_first_light import PASSWORD, look
from tests.neighbours.test_introductions import pair
from tests.support.client import soon
from tests.support.houses_apart import Corner, Slow, indexed, write_many
from tests.support.ports import free_port
from tests.support.waiting import until
from tests.support.whole_house import House, place

pytestmark = pytest.mark.slow

MISSED = 400


async def at_the_neighbours_page(page: Page, house: House) -> None:
    panel = f"http://localhost:{house.settings.admin.port}"
    await page.goto(house.node.roles["admin"].claim_url(panel))
    await page.get_by_label("Your password for this panel").fill(PASSWORD)
    await page.get_by_label("The same password again").fill(PASSWORD)
    await page.get_by_role("button", name="Claim this network").click()
    await page.goto(f"{panel}/neighbours")


async def shown(page: Page) -> int:
    """How much of what was missed is there, in percent, as the page says it."""
    return int(await page.locator("progress").get_attribute("value") or 0)


async def test_how_far_the_catching_up_is_goes_on_without_anybody_looking_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_browser: OpenBrowser
) -> None:
    monkeypatch.setattr(company, "LOOK_SECONDS", 0.5)
    slow = Slow(monkeypatch)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        with place() as near, place() as far:
            ours = Corner(near, tmp_path / "ours", free_port())
            theirs = Corner(far, tmp_path / "theirs", free_port())
            async with theirs.opened() as jones:
                ben = await theirs.join(http, jones, "ben")
                async with ours.opened() as smiths:
                    ann = await ours.join(http, smiths, "ann")
                    await pair(ours.home(smiths), theirs.home(jones))
                    await ann.follow(ben)
                    await ann.sees(await ben.write_post("the last before we parted"))
                await write_many(ben, MISSED, per_call=1)
                slow.hold()
                async with ours.opened() as smiths, open_browser(width=360) as page:
                    await at_the_neighbours_page(page, smiths)
                    bar = page.get_by_role("progressbar", name="Catching up with")
                    await expect(bar).to_be_visible()
                    await expect(page.get_by_text("things to come yet")).to_contain_text("400")
                    assert await shown(page) == 0
                    # What is newest is there already.
                    await until(lambda: f"post {MISSED - 1}" in indexed(smiths))
                    slow.let(MISSED // 2)
                    # They come one after the other; half is the most that can have come.
                    assert await soon(lambda: shown(page), lambda seen: seen >= 10) < 100
                    await look(page, "neighbours-catching-up")
                    assert await complaints_of_axe(page) == []
                    slow.let()
                    await expect(bar).to_have_count(0)
                    await expect(page.get_by_text("Here", exact=True)).to_be_visible()
                    await until(lambda: len(indexed(smiths)) == MISSED + 1)
