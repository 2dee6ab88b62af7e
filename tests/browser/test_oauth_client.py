"""The published OAuth client for browsers goes the whole way with us, in a browser."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenBrowser
from tests.browser.test_account import network, sign_up
from tests.support.node import FOLDER, node

pytestmark = pytest.mark.slow

__all__ = ["network"]

PASSWORD = "correct horse"
SCOPE = "atproto transition:generic transition:email"
PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>An app</title>
<link rel="icon" href="data:,"><h1>Starting</h1><script type="module" src="/app.js"></script>"""


@dataclass
class Site:
    """Where the app lives."""

    url: str


@pytest.fixture(scope="module")
def site(network: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Bundle the app and serve it on loopback, as one in development is."""
    bundle = tmp_path_factory.mktemp("app") / "app.js"
    _bundle(bundle)
    served = {"/app.js": ("text/javascript", bundle.read_bytes()), "/": ("text/html", PAGE)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            kind, body = served.get(path, ("text/plain", b""))
            self.send_response(200 if path in served else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Site(f"http://127.0.0.1:{server.server_address[1]}/")
    query = urlencode({"redirect_uri": found.url, "scope": SCOPE})
    where = {
        "clientId": f"http://localhost?{query}",
        "pds": network["pds_url"],
        "directory": network["plc_url"],
    }
    served["/where.json"] = ("application/json", json.dumps(where).encode())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def _bundle(target: Path) -> None:
    command = [node(), "node_modules/esbuild/bin/esbuild", "oauth_browser.mjs", "--bundle"]
    subprocess.run(  # noqa: S603
        [*command, "--format=esm", "--log-level=error", f"--outfile={target}"],
        cwd=FOLDER,
        check=True,
        timeout=60,
    )


async def come_in(page: Page, name: str) -> None:
    """Sign in on our pages and agree."""
    await page.get_by_label("Name or e-mail address").fill(f"{name}.test")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text(f"You are @{name}.test.")).to_be_visible()
    await page.get_by_role("button", name="Let it in").click()


async def ask(page: Page, act: str, *given: str) -> Any:
    return await page.evaluate("([act, given]) => app[act](...given)", [act, list(given)])


async def opened(page: Page, site: Site, heading: str) -> None:
    await page.goto(site.url)
    await expect(page.get_by_role("heading", level=1)).to_have_text(heading)


async def test_the_published_client_comes_in_stays_and_leaves(
    network: dict[str, Any], site: Site, open_browser: OpenBrowser
) -> None:
    ann = await asyncio.to_thread(sign_up, network, "anna")
    bob = await asyncio.to_thread(sign_up, network, "robert")
    async with open_browser() as page:
        await opened(page, site, "Signed out")
        await ask(page, "signIn", "anna.test")
        await come_in(page, "anna")
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"Signed in as {ann}")

        # What it may and may not.
        assert await ask(page, "scope", ann) == SCOPE
        assert await ask(page, "handle", ann) == "anna.test"
        assert (await ask(page, "post", ann, "Hello")).startswith(f"at://{ann}/app.bsky.feed.post/")
        assert await ask(page, "upload", ann) == len("a few words")
        assert await ask(page, "chats", ann) == [403, "ScopeMissingError"]

        # It stays: a refresh, and a page that is opened again.
        before, after = await ask(page, "refresh", ann)
        assert after > before
        await opened(page, site, f"Signed in as {ann}")
        assert await ask(page, "handle", ann) == "anna.test"

        # A second account beside the first, in a window of its own.
        async with page.expect_popup() as opening:
            coming = asyncio.create_task(ask(page, "popup", "robert.test"))
        popup = await opening.value
        await come_in(popup, "robert")
        assert await coming == bob
        assert await ask(page, "handle", bob) == "robert.test"
        assert await ask(page, "handle", ann) == "anna.test"

        # It leaves: one account goes, the other stays.
        status, told, restored = await ask(page, "revoke", bob)
        assert (status, told) == (401, "The access token was revoked or replaced")
        assert "deleted" in restored
        assert await ask(page, "handle", ann) == "anna.test"
        await opened(page, site, "Signed out")
        await ask(page, "restore", ann)
        assert await ask(page, "handle", ann) == "anna.test"


async def test_a_member_s_no_reaches_the_published_client(
    network: dict[str, Any], site: Site, open_browser: OpenBrowser
) -> None:
    await asyncio.to_thread(sign_up, network, "carla")
    async with open_browser(width=360) as page:
        await opened(page, site, "Signed out")
        await ask(page, "signIn", "carla.test")
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("button", name="No", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("The member said no")


async def test_a_newcomer_opens_an_account_by_the_published_client(
    site: Site, open_browser: OpenBrowser
) -> None:
    async with open_browser(width=360) as page:
        await opened(page, site, "Signed out")
        await ask(page, "signUp")
        await page.get_by_label("Your name here").fill("dora")
        await page.get_by_label("E-mail address").fill("dora@example.com")
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Open my account").click()
        await page.get_by_role("button", name="Let it in").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Signed in as did:plc:")
        heading = await page.get_by_role("heading", level=1).inner_text()
        assert await ask(page, "handle", heading.removeprefix("Signed in as ")) == "dora.test"
