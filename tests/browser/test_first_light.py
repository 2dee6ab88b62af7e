"""Claim, wizard, two accounts, home page: as people do it in a browser."""

import re
from typing import Any

import pytest
from aiohttp import ClientSession
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenBrowser, shoot

pytestmark = pytest.mark.slow

PASSWORD = "the cat sleeps all day"
WIDTHS = (360, 1280)


async def by_mouse(page: Page, trial: dict[str, Any]) -> None:
    await page.goto(trial["claim_url"])
    await page.get_by_label("Your password for this panel").fill(PASSWORD)
    await page.get_by_label("The same password again").fill(PASSWORD)
    await page.get_by_role("button", name="Claim this network").click()
    await page.get_by_label("Name").fill("The Smiths")
    await page.get_by_role("button", name="Next").click()
    await page.get_by_label("This computer only").check()
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_text("All 6 parts of the network answer.")).to_be_visible()
    await page.get_by_role("link", name="Next").click()
    for name in ("ann", "bob"):
        await page.get_by_label("Name (handle)").fill(name)
        await page.get_by_label("Password (not needed)").fill(f"{name} likes tea")
        await page.get_by_role("button", name="Add this person").click()
        await expect(page.get_by_role("heading", name=f"@{name}.test is here")).to_be_visible()
    await page.get_by_role("link", name="Next").click()
    await page.get_by_role("button", name="Next").click()
    await page.get_by_role("link", name="Go on without").click()
    await page.get_by_role("button", name="To the home page").click()


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until the control of this name, or with this label, has the focus."""
    for _ in range(40):
        focused = await page.evaluate(
            "() => { const one = document.activeElement;"
            " return (one.labels?.[0]?.innerText || one.innerText || '').trim(); }"
        )
        if focused.startswith(name):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {name!r} on {page.url}")


async def by_keyboard(page: Page, trial: dict[str, Any]) -> None:
    await page.goto(trial["claim_url"])
    # The browser gives the focus with the first picture of the page, which may come later.
    await expect(page.get_by_label("Your password for this panel")).to_be_focused()
    await page.keyboard.type(PASSWORD)
    await tab_to(page, "The same password again")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/setup/name")
    await expect(page.get_by_label("Name")).to_be_focused()
    await page.keyboard.press("Control+A")
    await page.keyboard.type("The Smiths")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/setup/reach")
    await expect(page.get_by_label("This computer only")).to_be_visible()
    await tab_to(page, "This computer only")
    await page.keyboard.press("Space")
    await tab_to(page, "Next")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/setup/reach/seen")
    await tab_to(page, "Next")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/setup/people")
    for name in ("ann", "bob"):
        await tab_to(page, "Name (handle)")
        await page.keyboard.type(name)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name=f"@{name}.test is here")).to_be_visible()
    await tab_to(page, "Next")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/setup/backup")
    await tab_to(page, "Next")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/setup/sheet")
    await tab_to(page, "Go on without")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/setup/done")
    await tab_to(page, "To the home page")
    await page.keyboard.press("Enter")


async def expect_home(page: Page) -> None:
    await expect(page.get_by_role("heading", level=1)).to_have_text("The Smiths")
    await expect(page.locator(".figure").first).to_have_text(re.compile(r"2\s+people"))
    await expect(page.locator(".chip-good")).to_have_count(6)
    await expect(page.get_by_text("All is well.")).to_be_visible()
    await expect(page.get_by_text("The setup is not finished")).to_have_count(0)


async def test_a_network_is_set_up_by_mouse(
    trial: dict[str, Any], open_browser: OpenBrowser
) -> None:
    async with open_browser() as page:
        await by_mouse(page, trial)
        await expect_home(page)


async def test_a_network_is_set_up_by_keyboard_alone(
    trial: dict[str, Any], open_browser: OpenBrowser
) -> None:
    async with open_browser(width=360, dark=True) as page:
        await by_keyboard(page, trial)
        await expect_home(page)


async def test_a_network_is_set_up_without_script(
    trial: dict[str, Any], open_browser: OpenBrowser
) -> None:
    async with open_browser(script=False) as page:
        await by_mouse(page, trial)
        await expect_home(page)
        await page.get_by_role("link", name="Look again").click()
        await expect_home(page)


async def test_home_counts_a_post_without_being_loaded_again(
    trial: dict[str, Any], open_browser: OpenBrowser
) -> None:
    async with open_browser() as page:
        await by_mouse(page, trial)
        await page.locator("#part-relay summary").click()
        await page.locator("#content").focus()
        await page.evaluate("() => { window.hasStayed = true; }")
        await post(trial["pds_url"], "ann.test", "ann likes tea")
        posts = page.locator(".figure").nth(1)
        await expect(posts).to_have_text(re.compile(r"1\s+post"))
        assert await page.evaluate("() => window.hasStayed")
        await expect(page.locator("#part-relay")).to_have_attribute("open", "")


async def test_what_is_shown_once_can_be_copied(
    trial: dict[str, Any], open_browser: OpenBrowser
) -> None:
    async with open_browser() as page:
        await by_mouse(page, trial)
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.get_by_role("link", name="Invites").click()
        await page.get_by_role("button", name="Make a link").click()
        await page.get_by_role("button", name="Copy").first.click()
        await expect(page.get_by_role("button", name="Copied")).to_be_visible()
        copied = await page.evaluate("() => navigator.clipboard.readText()")
        assert copied == await page.locator("#new-link").inner_text()


async def test_a_page_of_another_name_reads_nothing(
    trial: dict[str, Any], open_browser: OpenBrowser
) -> None:
    """A name that was made to mean this computer is refused, whatever the browser thinks."""
    port = trial["panel_url"].rpartition(":")[2]
    async with ClientSession() as session:
        headers = {"Host": f"rebound.example:{port}"}
        async with session.get(trial["panel_url"], headers=headers) as answer:
            assert answer.status == 421
    async with open_browser() as page:
        await by_mouse(page, trial)
        # The PDS is another origin on this computer: it must not reach into the panel.
        await page.goto(f"{trial['pds_url']}/xrpc/_health")
        outcome = await page.evaluate(
            "(url) => fetch(url, {credentials: 'include'}).then(() => 'read', () => 'refused')",
            f"{trial['panel_url']}/people",
        )
        assert outcome == "refused"


async def test_pictures_of_every_page(trial: dict[str, Any], open_browser: OpenBrowser) -> None:
    """Nothing is wider than the window; the pictures are for people to look at."""
    async with open_browser() as page:
        await by_mouse(page, trial)
        await post(trial["pds_url"], "ann.test", "ann likes tea")
        base = trial["panel_url"]
        for path in (
            "/",
            "/people",
            "/people?q=nobody",
            "/people/new",
            "/invites",
            "/mail",
            "/hosts",
            "/more",
            "/rules",
            "/reports",
            "/log",
            "/settings",
            "/setup/name",
            "/setup/reach",
            "/setup/reach/seen",
            "/setup/people",
            "/setup/backup",
            "/setup/sheet",
            "/setup/done",
            "/nothing",
        ):
            await page.goto(base + path)
            name = path.strip("/").replace("/", "-").partition("?")[0] or "home"
            await look(page, name + ("-none" if "?" in path else ""))
        await page.goto(f"{base}/people")
        await page.get_by_role("link", name="@bob.test").click()
        await look(page, "person")
        await page.get_by_label("To delete it").fill("carol")
        await page.get_by_role("button", name="Delete this account").click()
        await look(page, "person-error")


async def look(page: Page, name: str) -> None:
    """Take a picture at both widths, light and dark."""
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name} is {wide} px too wide at {width}"
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
        await shoot(page, f"{name}-{width}-light")
        await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        await shoot(page, f"{name}-{width}-dark")


async def post(pds_url: str, handle: str, password: str) -> None:
    """Write a post as a member's app does."""
    async with ClientSession(f"{pds_url}/xrpc/") as session:
        given = {"identifier": handle, "password": password}
        async with session.post("com.atproto.server.createSession", json=given) as answer:
            member = await answer.json()
        record = {
            "$type": "app.bsky.feed.post",
            "text": "Hello, house",
            "createdAt": "2026-11-20T10:00:00Z",
        }
        async with session.post(
            "com.atproto.repo.createRecord",
            json={"repo": member["did"], "collection": record["$type"], "record": record},
            headers={"Authorization": f"Bearer {member['accessJwt']}"},
        ) as answer:
            assert answer.status == 200, await answer.text()
