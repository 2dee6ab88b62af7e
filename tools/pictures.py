"""Takes the pictures of the README: pages of a made-up network, phone and desktop, light and dark.

Usage: python -m tools.pictures [NAME ...]

A trial runs in a folder that goes away; Debian's chromium looks at it. Each picture is one page
four times, `docs/pictures/NAME.webp`. Without names all are taken, anew.
"""

import asyncio
import contextlib
import io
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from appliance.atproto.tid import Tid
from tests.browser.conftest import FLAGS
from tests.browser.test_first_light import by_mouse
from tests.browser.test_house_life import RULES, at_the_panel
from tests.support.client import Client, Member, now

ROOT: Final = Path(__file__).parents[1]
PICTURES: Final = ROOT / "docs/pictures"
DESKTOP: Final = (1280, 880)
PHONE: Final = (360, 740)
HEIGHT: Final = 620
GAP: Final = 12
BETWEEN: Final = (128, 124, 118)
DAY_US: Final = 86_400 * 1_000_000
NAMES: Final = ("rosa", "emil", "nora", "karl", "ida", "otto", "lena", "hugo")
SAID: Final = (
    "The first tomatoes are ripe.",
    "Who has seen the blue bicycle?",
    "Soup at seven, for whoever comes.",
    "The cat is back. She will not say where she was.",
    "Lessons end early today.",
    "Found grandfather's letters in the attic.",
)
# Pages that say little before somebody opens what is folded up.
UNFOLDED: Final = ("checkup",)
PASSWORD: Final = "nobody guesses this one"  # noqa: S105


@contextlib.contextmanager
def trial() -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "appliance", "try", "--temp", "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:  # noqa: S603
        try:
            yield json.loads(process.stdout.readline() if process.stdout else b"")
        finally:
            process.terminate()


@contextlib.asynccontextmanager
async def look_through(
    browser: Browser, width: int, height: int, *, dark: bool
) -> AsyncIterator[Page]:
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        locale="en-GB",
        device_scale_factor=1 if width > PHONE[0] else 2,
    )
    page = await context.new_page()
    page.set_default_timeout(60_000)
    yield page
    await context.close()


async def live_here(http: ClientSession, pds: str) -> list[Member]:
    """A month of life: people who follow each other, posts, one report."""
    chance = random.Random(7)  # noqa: S311
    people = [await open_account(http, pds, name) for name in NAMES]
    for one in people:
        for other in chance.sample(people, 4):
            if other is not one:
                await one.follow(other)
    today = int(time.time() * 1_000_000)
    for back in range(30):
        for _ in range(chance.randrange(2, 11)):
            await write(chance.choice(people), chance.choice(SAID), today - back * DAY_US)
    bad = await people[1].write_post("Buy my wonderful watches. Today only.")
    await people[0].post(
        "com.atproto.moderation.createReport",
        reasonType="com.atproto.moderation.defs#reasonSpam",
        reason="The tenth time this week.",
        subject={"$type": "com.atproto.repo.strongRef", **bad.json},
    )
    return people


async def open_account(http: ClientSession, pds: str, name: str) -> Member:
    fields = {"handle": f"{name}.test", "email": f"{name}@mail.test", "password": PASSWORD}
    session = await Client(http, pds).post("com.atproto.server.createAccount", **fields)
    return Member(http, pds, session)


async def write(author: Member, text: str, when_us: int) -> None:
    await author.post(
        "com.atproto.repo.createRecord",
        repo=author.did,
        collection="app.bsky.feed.post",
        rkey=str(Tid.from_us(when_us - random.randrange(1_000_000))),  # noqa: S311
        record={"$type": "app.bsky.feed.post", "text": text, "createdAt": now()},
    )


async def settle(page: Page, network: dict[str, Any], rosa: Member) -> str:
    """Rules, an invite, somebody on the front page; give the invite's link."""
    panel = network["panel_url"]
    await page.goto(f"{panel}/rules")
    await page.get_by_label("Rules").fill(RULES)
    await page.get_by_label("A word of welcome").fill("Lovely that you are here.")
    await page.get_by_role("button", name="Save").click()
    await page.goto(f"{panel}/invites")
    await page.get_by_label("For whom").fill("Aunt Vera")
    await page.get_by_role("button", name="Make a link").click()
    link = await page.locator("#new-link").inner_text()
    await enter(page, network, rosa)
    await page.goto(f"{network['pds_url']}/account/profile")
    await page.get_by_label("Show me on the front page").check()
    await page.get_by_role("button", name="Save").click()
    return link


async def enter(page: Page, network: dict[str, Any], member: Member) -> None:
    await page.goto(f"{network['pds_url']}/account/sign-in")
    await page.get_by_label("Name or e-mail address").fill(member.handle)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/account")


async def take(
    browser: Browser, network: dict[str, Any], rosa: Member, places: dict[str, str]
) -> None:
    shots: dict[str, list[Image.Image]] = {name: [] for name in places}
    for dark in (False, True):
        for width, height in (DESKTOP, PHONE):
            async with look_through(browser, width, height, dark=dark) as page:
                await at_the_panel(page, network)
                await enter(page, network, rosa)
                for name, url in places.items():
                    await page.goto(url)
                    if name in UNFOLDED:
                        await page.locator("summary").first.click()
                    await page.wait_for_timeout(300)
                    shot = Image.open(io.BytesIO(await page.screenshot()))
                    shots[name].append(shot.convert("RGB"))
    PICTURES.mkdir(exist_ok=True)
    for name, four in shots.items():
        path = PICTURES / f"{name}.webp"
        sheet(four).save(path, quality=72, method=6)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB")


def sheet(four: list[Image.Image]) -> Image.Image:
    """Desktop and phone side by side, light above, dark below."""
    small = [one.resize((one.width * HEIGHT // one.height, HEIGHT)) for one in four]
    width = small[0].width + GAP + small[1].width
    whole = Image.new("RGB", (width, 2 * HEIGHT + GAP), BETWEEN)
    for number, one in enumerate(small):
        row, column = divmod(number, 2)
        whole.paste(one, (column * (small[0].width + GAP), row * (HEIGHT + GAP)))
    return whole


def pages(network: dict[str, Any], rosa: Member, link: str) -> dict[str, str]:
    """Which pages are shown, by the name of the picture."""
    panel, pds = network["panel_url"], network["pds_url"]
    at_panel = {
        "setup": "/setup/reach",
        "home": "/",
        "people": "/people",
        "person": f"/people/{rosa.did}",
        "looked-after": f"/people/{rosa.did}/guardian",
        "invites": "/invites",
        "reports": "/reports",
        "network": "/network",
        "feeds": "/feeds",
        "storage": "/storage",
        "checkup": "/checkup",
        "settings": "/settings?open=network",
        "log": "/log",
    }
    return {
        "front": f"{pds}/",
        "join": link,
        "account": f"{pds}/account",
        **{name: panel + path for name, path in at_panel.items()},
    }


async def main(names: list[str]) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("pictures are taken with Debian's chromium: apt install chromium")
    with trial() as network:
        async with async_playwright() as driver, ClientSession() as http:
            browser = await driver.chromium.launch(executable_path=chromium, args=FLAGS)
            async with look_through(browser, *DESKTOP, dark=False) as page:
                await by_mouse(page, network)
                people = await live_here(http, network["pds_url"])
                link = await settle(page, network, people[0])
            places = pages(network, people[0], link)
            chosen = {name: places[name] for name in names or places}
            await take(browser, network, people[0], chosen)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
