"""A record is damaged on the disk: the owner reads of it, presses once, and it is as it was."""

import asyncio
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import expect

from appliance.base.connection import Connection
from tests.browser.conftest import SHOTS, OpenBrowser
from tests.browser.test_house_life import at_the_panel
from tests.support.appliance import Appliance
from tests.support.client import Client, Refused, join

pytestmark = pytest.mark.slow


async def test_what_is_damaged_is_put_right_by_one_press(
    tmp_path: Path, open_browser: OpenBrowser
) -> None:
    data = tmp_path / "data"
    before = await asyncio.to_thread(Appliance, data=data)
    async with aiohttp.ClientSession() as http:
        ann = await join(http, before.pds, "ann")
        post = await ann.write_post("as it was")
        await asyncio.to_thread(before.finish)
        with closing(Connection(data / "pds.sqlite", writable=True)) as conn:
            conn.execute("UPDATE record SET block = x'a0'")
        ours = await asyncio.to_thread(Appliance, data=data)
        at = {"repo": ann.did, "collection": "app.bsky.feed.post", "rkey": post.rkey}
        stranger = Client(http, ours.pds)
        with pytest.raises(Refused):
            await stranger.get("com.atproto.repo.getRecord", **at)
        async with open_browser(width=360) as page:
            await at_the_panel(page, ours.report)
            await page.goto(f"{ours.panel}/checkup")
            await page.get_by_role("button", name="Look now").click()
            mend = page.get_by_role("button", name="Mend what is damaged")
            await expect(mend).to_be_visible()
            await expect(page.get_by_text(post.uri)).to_be_visible()
            SHOTS.mkdir(exist_ok=True)
            await page.screenshot(path=SHOTS / "checkup-damaged.png", full_page=True)
            await mend.click()
            await expect(page.get_by_role("button", name="Look again")).to_be_visible()
            await expect(mend).to_have_count(0)
            await page.locator("#well summary").click()
            await expect(page.get_by_text("1 put right")).to_be_visible()
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            await page.screenshot(path=SHOTS / "checkup-mended.png", full_page=True)
        found = await stranger.get("com.atproto.repo.getRecord", **at)
        assert (found["cid"], found["value"]["text"]) == (post.cid, "as it was")
    await asyncio.to_thread(ours.stop)
