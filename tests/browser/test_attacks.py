"""What pages of others try against the owner's panel, in the owner's own browser, signed in.

The browser is told where names lead, as a hostile name server would tell it.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, encode_basic_auth, web
from playwright.async_api import BrowserContext, Error, Page

from appliance.admin.app import ANYBODY, OWNER_ONLY
from tests.browser.conftest import PATIENCE_MS, chromium
from tests.browser.test_first_light import PASSWORD
from tests.support.appliance import Appliance

pytestmark = pytest.mark.slow

EVIL: Final = "evil.example"
REBOUND: Final = "rebound.example"
# Every name but that of the panel itself leads to this machine.
LIES: Final = "MAP * 127.0.0.1, EXCLUDE localhost"
WRITES: Final = sorted(path for verb, path in {**ANYBODY, **OWNER_ONLY} if verb == "POST")
READS: Final = sorted(path for verb, path in OWNER_ONLY if verb == "GET")
# What stands on pages of the panel and nowhere else.
SECRETS: Final = ("form_token", "Sign out", "signed in", "All is well")

# Try to read every page and to send every form; give all text that could be read.
ATTACK: Final = """
async ([panel, reads, writes]) => {
  const got = [];
  const keep = async (answer) => { try { got.push(await (await answer).text()); } catch {} };
  for (const path of reads) {
    for (const mode of ["cors", "no-cors"]) {
      await keep(fetch(panel + path, { mode, credentials: "include" }));
    }
  }
  const body = "name=Owned&confirm=ann.test&hostname=evil.example&target=/tmp&text=x";
  for (const path of writes) {
    for (const type of ["application/x-www-form-urlencoded", "text/plain"]) {
      const how = { method: "POST", mode: "no-cors", credentials: "include", body };
      await keep(fetch(panel + path, { ...how, headers: { "Content-Type": type } }));
    }
    const json = JSON.stringify({ confirm: "ann.test" });
    await keep(fetch(panel + path, { method: "POST", credentials: "include", body: json }));
    navigator.sendBeacon(panel + path, new URLSearchParams(body));
  }
  await new Promise((done) => {
    const image = new Image();
    image.onload = image.onerror = done;
    image.src = panel + "/people";
  });
  return got.join("\\n");
}
"""
FRAME: Final = """
async (panel) => {
  const frame = document.createElement("iframe");
  const loaded = new Promise((done) => { frame.onload = done; setTimeout(done, 10000); });
  frame.src = panel + "/";
  (document.body ?? document.documentElement).append(frame);
  await loaded;
  try { return frame.contentDocument.body.innerText; } catch { return ""; }
}
"""
SUBMIT: Final = """
([address]) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = address;
  (document.body ?? document.documentElement).append(form);
  form.submit();
}
"""


@dataclass
class Siege:
    """The owner's browser, signed in, and the network that it looks after."""

    network: Appliance
    context: BrowserContext
    owner: Page
    evil_port: int

    @property
    def origins(self) -> dict[str, str]:
        """From where somebody attacks; each is a page that stands there."""
        pds, client = urlsplit(self.network.pds), self.network.report["client_url"]
        return {
            "another site": f"http://{EVIL}:{self.evil_port}/",
            "another port of this computer": f"http://localhost:{self.evil_port}/",
            "the server of members": f"{self.network.pds}/robots.txt",
            "a member's handle": f"http://ann.test:{pds.port}/.well-known/atproto-did",
            "the web client": f"{client}/",
        }

    async def acts(self) -> list[str]:
        """What the log says was done."""
        url = f"{self.network.pds}/xrpc/internal.hearth.pds.listActs?limit=100"
        headers = {"Authorization": encode_basic_auth("admin", self.network.operator_token)}
        async with ClientSession() as session, session.get(url, headers=headers) as answer:
            return [each["method"] for each in (await answer.json())["acts"]]

    async def expect_unharmed(self, acts: list[str], by: str) -> None:
        """The owner is still signed in, nobody is gone, and nothing was done."""
        await self.owner.goto(f"{self.network.panel}/people")
        assert "@ann.test" in await self.owner.inner_text("body"), by
        assert await self.acts() == acts, by


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Appliance]:
    (tmp_path / "client").mkdir()
    (tmp_path / "client" / "index.html").write_text("<!doctype html><title>A client</title><p>Hi")
    running = Appliance("--client", str(tmp_path / "client"))
    yield running
    running.finish()


@asynccontextmanager
async def siege_of(network: Appliance) -> AsyncIterator[Siege]:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>Cats</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "localhost", 0).start()
    try:
        async with chromium(None, f"--host-resolver-rules={LIES}") as browser:
            context = await browser.new_context(locale="en-GB")
            owner = await context.new_page()
            owner.set_default_timeout(PATIENCE_MS)
            await claim(owner, network)
            yield Siege(network, context, owner, runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def claim(owner: Page, network: Appliance) -> None:
    """Take the network over and let Ann in."""
    await owner.goto(network.report["claim_url"])
    await owner.get_by_label("Your password for this panel").fill(PASSWORD)
    await owner.get_by_label("The same password again").fill(PASSWORD)
    await owner.get_by_role("button", name="Claim this network").click()
    await owner.get_by_label("Name").fill("The Smiths")
    await owner.get_by_role("button", name="Next").click()
    await owner.goto(f"{network.panel}/people/new")
    await owner.get_by_label("Name (handle)").fill("ann")
    await owner.get_by_role("button", name="Add this person").click()
    await owner.get_by_role("heading", name="@ann.test is here").wait_for()


async def come_back(page: Page, origin: str) -> None:
    """Open a page, although the answer to a form may still be on its way and comes first."""
    while True:
        try:
            await page.goto(origin)
        except Error as problem:
            if "interrupted by another navigation" not in str(problem):
                raise
        else:
            return


async def test_pages_of_others_neither_read_nor_change_nor_frame_the_panel(
    network: Appliance,
) -> None:
    async with siege_of(network) as siege:
        acts = await siege.acts()
        assert acts
        forms = [f"{network.panel}{path}" for path in ("/sign-out", "/invites")]
        for name, origin in siege.origins.items():
            page = await siege.context.new_page()
            answer = await page.goto(origin)
            assert answer is not None
            assert answer.ok, (name, answer.status)
            read = await page.evaluate(ATTACK, [network.panel, READS, WRITES])
            assert not [word for word in SECRETS if word in read], name
            framed = await page.evaluate(FRAME, network.panel)
            assert framed == "", name
            assert not [frame for frame in page.frames if frame.url.startswith(network.panel)]
            for address in forms:
                await come_back(page, origin)
                await page.evaluate(SUBMIT, [address])
                await page.wait_for_timeout(200)
            await siege.expect_unharmed(acts, name)
            await page.close()


async def test_a_name_that_is_rebound_to_this_machine_shows_nothing(network: Appliance) -> None:
    async with siege_of(network) as siege:
        acts = await siege.acts()
        page = await siege.context.new_page()
        origin = f"http://{REBOUND}:{urlsplit(network.panel).port}"
        answer = await page.goto(f"{origin}/people")
        assert answer is not None
        assert answer.status == 421
        read = await page.evaluate(ATTACK, [origin, READS, WRITES])
        assert not [word for word in (*SECRETS, "The Smiths", "ann.test") if word in read]
        await siege.expect_unharmed(acts, "rebinding")
