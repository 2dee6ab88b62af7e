"""From an empty folder to two members talking, where no cable leads anywhere.

The network runs in a network namespace of its own, with one address at "home" and no way out; the
browser is started inside it.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, chromium
from tests.browser.test_first_light import PASSWORD, look
from tests.support.appliance import ROOT, SECONDS_TO_START, wait_until
from tests.support.ending import end

pytestmark = pytest.mark.slow

HOME = "192.168.77.1"
DOOR, PANEL = 2580, 2587
# Give the pair of interfaces of a tiny home network, then become the network itself.
ISLAND = f"""
ip link set lo up
ip link add home0 type veth peer name home1
ip addr add {HOME}/24 dev home0
ip link set home0 up
ip link set home1 up
exec "$@"
"""


@dataclass
class Island:
    """A running `hearth run` that nothing outside reaches, and the way in."""

    process: subprocess.Popen[bytes]
    folder: Path
    said: Path

    @property
    def claim_link(self) -> str:
        found = re.search(r"Open this link to begin: (\S+)", self.said.read_text())
        assert found is not None, self.said.read_text()
        return found[1]

    @asynccontextmanager
    async def browser(self, width: int = 360, *, dark: bool = False) -> AsyncIterator[Page]:
        inside = self.folder / "chromium"
        inside.write_text(
            f'#!/bin/sh\nexec nsenter -t {self.process.pid} -n {shutil.which("chromium")} "$@"\n'
        )
        inside.chmod(0o700)
        async with chromium(inside) as opened:
            context = await opened.new_context(
                viewport={"width": width, "height": 800},
                color_scheme="dark" if dark else "light",
                locale="en-GB",
            )
            page = await context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            yield page


@pytest.fixture
def island(tmp_path: Path) -> Iterator[Island]:
    said = tmp_path / "said"
    command = [sys.executable, "-m", "appliance", "run", "--data", str(tmp_path / "data")]
    log = tmp_path / "log"
    with said.open("wb") as out, log.open("wb") as err:
        process = subprocess.Popen(  # noqa: S603
            ["unshare", "-n", "sh", "-ec", ISLAND, "sh", *command],  # noqa: S607
            cwd=ROOT,
            stdout=out,
            stderr=err,
        )
    try:
        wait_until(lambda: "to begin" in said.read_text(), "the first link", SECONDS_TO_START)
        yield Island(process, tmp_path, said)
    finally:
        assert end(process) == 0, log.read_text()


async def test_from_an_empty_folder_to_two_members_talking_offline(island: Island) -> None:
    assert island.claim_link.startswith(f"http://{HOME}:{PANEL}/claim?code=")
    async with island.browser() as page:
        await set_up(page, island.claim_link)
        await expect(page.get_by_role("heading", level=1)).to_have_text("The Smiths")
        await expect(page.locator(".figure").first).to_have_text(re.compile(r"2\s+people"))
        await expect(page.locator(".chip-good")).to_have_count(6)
        await expect(page.get_by_text("no backup was ever taken")).to_be_visible()
        await talk(page)
        await page.goto(f"http://{HOME}:{PANEL}/")
        await expect(page.locator(".figure").nth(1)).to_have_text(re.compile(r"2\s+posts"))


async def set_up(page: Page, link: str) -> None:
    """Go through the wizard as somebody on a phone does."""
    await page.goto(link)
    await page.get_by_label("Your password for this panel").fill(PASSWORD)
    await page.get_by_label("The same password again").fill(PASSWORD)
    await page.get_by_role("button", name="Claim this network").click()
    await page.get_by_label("Name").fill("The Smiths")
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_label("Only at home")).to_be_checked()
    await expect(page.get_by_label("Names of people end in")).to_have_value("smiths.home")
    await expect(page.get_by_label("Address of this computer")).to_have_value(
        f"http://{HOME}:{DOOR}"
    )
    await look(page, "boot-reach")
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_text("leads to this computer, and the network")).to_be_visible()
    await expect(page.locator(".finding")).to_have_count(0)
    await look(page, "boot-reach-seen")
    await page.get_by_role("link", name="Next").click()
    for name in ("ann", "bob"):
        await page.get_by_label("Name (handle)").fill(name)
        await page.get_by_label("Password (not needed)").fill(f"{name} likes tea")
        await page.get_by_role("button", name="Add this person").click()
        await expect(page.get_by_role("heading", name=f"@{name}.smiths.home is")).to_be_visible()
    await page.get_by_role("link", name="Next").click()
    await page.get_by_label("Place").fill("/no/such/disk")
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_text("There is no such folder")).to_be_visible()
    await look(page, "boot-backup-error")
    await page.get_by_label("Place").fill("")
    await page.get_by_role("button", name="Next").click()
    await page.get_by_label("Your password for this panel").fill(PASSWORD)
    await look(page, "boot-sheet-ask")
    await page.get_by_role("button", name="Show the sheet").click()
    await expect(page.locator(".words li")).to_have_count(34)
    await look(page, "boot-sheet")
    await page.get_by_role("link", name="Next").click()
    await page.get_by_role("button", name="To the home page").click()


TALK = """
async ([base, words]) => {
  const call = async (nsid, token, body) => {
    const headers = { "content-type": "application/json" };
    if (token) headers.authorization = `Bearer ${token}`;
    const wish = body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers };
    const answer = await fetch(`${base}/xrpc/${nsid}`, wish);
    if (!answer.ok) throw new Error(`${nsid}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const join = (name) => call("com.atproto.server.createSession", null,
    { identifier: `${name}.smiths.home`, password: `${name} likes tea` });
  const [ann, bob] = [await join("ann"), await join("bob")];
  const createdAt = new Date().toISOString();
  const say = (who, record) => call("com.atproto.repo.createRecord", who.accessJwt,
    { repo: who.did, collection: record.$type, record: { createdAt, ...record } });
  const first = await say(ann, { $type: "app.bsky.feed.post", text: words });
  const ref = { uri: first.uri, cid: first.cid };
  await say(bob, { $type: "app.bsky.graph.follow", subject: ann.did });
  const reply = { root: ref, parent: ref };
  await say(bob, { $type: "app.bsky.feed.post", text: "Hello, Ann", reply });
  const line = await call("app.bsky.feed.getTimeline?limit=5", bob.accessJwt);
  const thread = await call(
    `app.bsky.feed.getPostThread?uri=${encodeURIComponent(first.uri)}`, ann.accessJwt);
  return [line.feed.map((one) => one.post.record.text),
          thread.thread.replies.map((one) => [one.post.author.handle, one.post.record.text])];
}
"""


async def talk(page: Page) -> None:
    """Let the apps of two members talk through the front door."""
    await page.goto(f"http://{HOME}:{DOOR}/xrpc/_health")
    seen: Any = await page.evaluate(TALK, [f"http://{HOME}:{DOOR}", "Hello, house"])
    assert "Hello, house" in seen[0]
    assert seen[1] == [["bob.smiths.home", "Hello, Ann"]]


def test_the_panel_answers_at_home_and_not_to_the_internet(island: Island) -> None:
    far = "93.184.216.34"
    inside = ["nsenter", "-t", str(island.process.pid), "-n"]
    subprocess.run(  # noqa: S603
        [*inside, "ip", "addr", "add", f"{far}/32", "dev", "home1"], check=True, timeout=60
    )

    def status(address: str, port: int, *headers: str) -> str:
        command = [*inside, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"]
        command += ["--interface", address, *headers, f"http://{HOME}:{port}/"]
        found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)  # noqa: S603
        return found.stdout

    near = f"X-Forwarded-For: {HOME}"
    assert status(HOME, PANEL) == "303"
    assert status(far, PANEL) == "403"
    assert status(far, PANEL, "-H", near) == "403"
    assert status(HOME, PANEL, "-H", f"X-Forwarded-For: {far}") == "403"
    assert status(HOME, PANEL, "-H", f"X-Forwarded-For: {far}, {HOME}") == "403"
    assert status(HOME, PANEL, "-H", "Host: evil.example") == "421"
