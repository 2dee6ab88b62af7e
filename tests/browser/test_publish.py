"""Out into the world by the panel: from the form to a directory of others that knows everybody."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from appliance.settings import load
from appliance.settings_file import save
from tests.browser.conftest import OpenBrowser
from tests.browser.test_account import complaints_of_axe
from tests.browser.test_first_light import PASSWORD, look
from tests.interop.test_publish import at_home, fetched, seen_out_there
from tests.journeys.test_publish import make_home, running
from tests.support.ports import free_port
from tests.support.reference_network import ReferenceNetwork, reference_network

pytestmark = pytest.mark.slow

NAME = "smiths.example.org"


@pytest.fixture(scope="module")
def world() -> Iterator[ReferenceNetwork]:
    with reference_network() as network:
        yield network


@pytest.fixture
def home(tmp_path: Path) -> Iterator[tuple[Path, str, str]]:
    """Run a network at home: its folder, its front door, its panel."""
    data, port = tmp_path / "data", free_port()
    url = make_home(data)
    save(load(data, {}).with_values({"admin.port": port}))
    with running(data, url):
        yield data, url, f"http://localhost:{port}"


async def claim(page: Page, data: Path, panel: str) -> None:
    """Become the owner of a network that has its name already."""
    code = (data / "secrets" / "claim-code").read_text().strip()
    await page.goto(f"{panel}/claim")
    await page.get_by_label("Claim code").fill(code)
    await page.get_by_label("Your password for this panel").fill(PASSWORD)
    await page.get_by_label("The same password again").fill(PASSWORD)
    await page.get_by_role("button", name="Claim this network").click()
    await page.wait_for_url("**/setup/**")


async def publish(page: Page, panel: str, directory: str) -> None:
    """Fill in the form, wrongly first, and look on until everybody is told of the name."""
    await page.goto(f"{panel}/publish")
    await expect(page.get_by_text("smiths.home")).not_to_have_count(0)
    assert await complaints_of_axe(page) == []
    await page.get_by_label("Your domain").fill("smiths.local")
    await page.get_by_label("Register of identities").fill(directory)
    await look(page, "publish")
    button = page.get_by_role("button", name="See where the name leads")
    await button.click()
    await expect(page.locator(".error")).to_have_count(1)
    assert await page.get_by_label("Register of identities").input_value() == directory
    await look(page, "publish-error")
    await page.get_by_label("Your domain").fill(NAME)
    await button.click()
    # Nobody has told the DNS of it: that is said before anything changes.
    await expect(page.get_by_text("Nothing is changed yet.")).to_be_visible()
    assert await complaints_of_axe(page) == []
    await look(page, "publish-foreseen")
    await page.get_by_role("button", name="Publish it all the same").click()
    # The network starts anew meanwhile; the page comes back by itself.
    told = page.get_by_text("3 of 3")
    await expect(told).to_be_visible()
    assert NAME in await told.inner_text()
    await look(page, "publish-done")
    assert await complaints_of_axe(page) == []


async def test_the_panel_takes_a_network_from_home_into_the_world(
    world: ReferenceNetwork, home: tuple[Path, str, str], open_browser: OpenBrowser
) -> None:
    data, url, panel = home
    async with open_browser(width=360) as page:
        people = await at_home(url)
        await claim(page, data, panel)
        await publish(page, panel, world.plc)
        ann, _, post = people
        document = await fetched(f"{world.plc}/{ann}")
        assert document["alsoKnownAs"] == [f"at://ann.{NAME}"]
        [service] = [one for one in document["service"] if one["id"] == "#atproto_pds"]
        assert service["serviceEndpoint"] == f"https://{NAME}"
        assert len(await fetched(f"{world.plc}/{ann}/log/audit")) == 2
        world.follow(url.replace("http", "ws", 1))
        profile, posts, followers = await seen_out_there(world, url, people)
        assert (profile["did"], profile["followersCount"]) == (ann, 1)
        assert post.uri in [one["uri"] for one in posts]
