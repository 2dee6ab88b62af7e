"""Life in a network: an invite opened on a phone, a report handled, the front page; for everybody.

One network for all of it, as a trial runs it.
"""

import io
from typing import Any

import pytest
import segno
from aiohttp import ClientSession
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenBrowser
from tests.browser.test_account import complaints_of_axe
from tests.browser.test_first_light import PASSWORD, by_mouse, look
from tests.support.client import Member, Refused, sign_in

pytestmark = pytest.mark.slow

RULES = "1. Be kind.\n2. No pictures of others without asking."


async def at_the_panel(page: Page, network: dict[str, Any]) -> None:
    """Come in as the owner; the first who does sets the network up."""
    await page.goto(network["panel_url"])
    if "/claim" in page.url:
        await by_mouse(page, network)
        return
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("The Smiths")


async def test_an_invite_is_opened_on_a_phone(
    network: dict[str, Any], open_browser: OpenBrowser
) -> None:
    async with open_browser() as page:
        await at_the_panel(page, network)
        await page.goto(f"{network['panel_url']}/rules")
        await page.get_by_label("Rules").fill(RULES)
        await page.get_by_label("A word of welcome").fill("Lovely that you are here.")
        await look(page, "rules")
        await page.get_by_role("button", name="Save").click()
        await page.get_by_role("link", name="Invites").click()
        await page.get_by_label("For whom").fill("Aunt Rosa")
        await page.get_by_role("button", name="Make a link").click()
        link = await page.locator("#new-link").inner_text()
        drawn = await page.locator(".qr-box .qr-lines").get_attribute("d")
        assert drawn == path_of(link)
        await look(page, "invite-made")
        assert await complaints_of_axe(page) == []
    async with open_browser(width=360) as phone:
        await phone.goto(link)
        await expect(phone.get_by_role("heading", level=1)).to_contain_text("Welcome to")
        await look(phone, "join")
        assert await complaints_of_axe(phone) == []
        await phone.get_by_label("Your name here (handle)").fill("ann")
        await phone.get_by_label("Password", exact=True).fill("rosa likes roses")
        await phone.get_by_text("I have read them").click()
        await phone.get_by_role("button", name="Join").click()
        await expect(phone.get_by_text("Somebody here has this name already.")).to_be_visible()
        await look(phone, "join-error")
        await phone.get_by_label("Your name here (handle)").fill("rosa")
        await phone.get_by_label("Password", exact=True).fill("rosa likes roses")
        await phone.get_by_text("I have read them").click()
        await phone.get_by_role("button", name="Join").click()
        await expect(phone.get_by_role("heading", level=1)).to_have_text("Welcome, @rosa.test")
        await expect(phone.get_by_text("Lovely that you are here.")).to_be_visible()
        await look(phone, "welcome")
        assert await complaints_of_axe(phone) == []
        provider = await phone.locator("#provider").inner_text()
    async with ClientSession() as http:
        rosa = await sign_in(http, provider, "rosa.test", "rosa likes roses")
        await rosa.write_post("Hello from Rosa")
    async with open_browser(width=360) as late:
        await late.goto(link)
        await expect(late.get_by_text("This invite is no longer open")).to_be_visible()
        await look(late, "join-closed")


async def test_a_report_from_a_client_is_handled(
    network: dict[str, Any], open_browser: OpenBrowser
) -> None:
    async with open_browser(width=360) as page, ClientSession() as http:
        await at_the_panel(page, network)
        ann = await sign_in(http, network["pds_url"], "ann.test", "ann likes tea")
        bob = await sign_in(http, network["pds_url"], "bob.test", "bob likes tea")
        post = await bob.write_post("Buy my wonderful watches")
        await ann.follow(bob)
        await ann.sees(post)
        await ann.post(
            "com.atproto.moderation.createReport",
            reasonType="com.atproto.moderation.defs#reasonSpam",
            reason="The tenth time this week.",
            subject={
                "$type": "com.atproto.repo.strongRef",
                "uri": post.uri,
                "cid": post.cid,
            },
        )
        await page.get_by_role("link", name="Reports").click()
        await expect(page.get_by_text("Buy my wonderful watches")).to_be_visible()
        await look(page, "reports")
        assert await complaints_of_axe(page) == []
        await page.get_by_label("Note").fill("Advertising is against our rules.")
        await page.get_by_role("button", name="Take it down").click()
        await expect(
            page.get_by_text("It is taken down, and the report is closed.")
        ).to_be_visible()
        await look(page, "reports-none")
        await ann.misses(post)
        await expect_gone(ann, post.uri)
        await page.goto(f"{network['panel_url']}/log")
        await expect(page.get_by_text("Taken down, or shown again")).to_be_visible()
        await look(page, "log")
        assert await complaints_of_axe(page) == []
        await page.goto(f"{network['panel_url']}/more")
        await look(page, "more")
        assert await complaints_of_axe(page) == []


async def expect_gone(member: Member, uri: str) -> None:
    repo, _, rkey = uri.removeprefix("at://").partition("/app.bsky.feed.post/")
    with pytest.raises(Refused):
        await member.get(
            "com.atproto.repo.getRecord", repo=repo, collection="app.bsky.feed.post", rkey=rkey
        )


async def test_the_front_page_shows_who_agreed(
    network: dict[str, Any], open_browser: OpenBrowser
) -> None:
    async with open_browser(width=360) as page, ClientSession() as http:
        await at_the_panel(page, network)
        ann = await sign_in(http, network["pds_url"], "ann.test", "ann likes tea")
        await ann.write_post("The first tomatoes are ripe.\n\nCome by.")
        base = network["pds_url"]
        await page.goto(f"{base}/account/sign-in?next=/account/profile")
        await page.get_by_label("Name or e-mail address").fill("ann.test")
        await page.get_by_label("Password", exact=True).fill("ann likes tea")
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_label("Show me on the front page").check()
        await look(page, "profile-front")
        await page.get_by_role("button", name="Save").click()
    async with open_browser(width=360) as stranger:
        await stranger.goto(base)
        await expect(stranger.get_by_text("The first tomatoes are ripe.")).to_be_visible()
        await expect(stranger.get_by_role("listitem").get_by_text("@ann.test")).to_be_visible()
        await expect(stranger.get_by_text("@bob.test")).to_have_count(0)
        await look(stranger, "front")
        assert await complaints_of_axe(stranger) == []


def path_of(text: str) -> str:
    """The squares of a QR code, as its picture draws them."""
    out = io.BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(out, kind="svg", xmldecl=False, svgns=False, omitsize=True)
    return out.getvalue().decode().partition(' d="')[2].partition('"')[0]
