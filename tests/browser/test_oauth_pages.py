"""The way into an app in a browser: with and without script, over several addresses, for all."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenBrowser
from tests.browser.test_account import complaints_of_axe, network, sign_in, sign_up
from tests.browser.test_first_light import look
from tests.support.far_app import FarApp
from tests.support.oauth_client import App

pytestmark = pytest.mark.slow

__all__ = ["network"]

PASSWORD = "correct horse"
SCOPE = (
    "atproto transition:email account:repo?action=manage identity:handle"
    " repo:app.bsky.feed.post repo:com.example.note?action=create blob:image/*"
    " rpc:app.bsky.feed.getTimeline?aud=did:web:api.bsky.app%23bsky_appview"
)


@dataclass
class Callback:
    """The app's own address, which sends browsers on to another one, as many apps do."""

    port: int
    arrived: list[str] = field(default_factory=list)

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}/callback"


@pytest.fixture(scope="module")
def callback() -> Iterator[Callback]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/callback":
                found.arrived.append(parts.query)
                self.send_response(302)
                self.send_header("Location", f"http://localhost:{found.port}/home")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>The app</title><h1>Welcome</h1>")

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            found.arrived.append(self.rfile.read(length).decode())
            self.send_response(303)
            self.send_header("Location", f"http://localhost:{found.port}/home")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Callback(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def new_app(network: dict[str, Any], callback: Callback, scope: str = SCOPE) -> FarApp:
    return FarApp.at(network["pds_url"], callback.uri, scope)


async def finish(app: App, callback: Callback) -> dict[str, Any]:
    """Give the tokens that the browser's answer is worth."""
    answered = parse_qs(callback.arrived.pop())
    assert answered["state"] == [app.state]
    answer = await app.exchange(answered["code"][0])
    assert answer.status == 200, answer
    return app.tokens


async def fair(page: Page, name: str) -> None:
    assert await complaints_of_axe(page) == [], name
    await look(page, f"oauth-{name}")


async def test_everybody_can_use_the_pages_on_the_way_into_an_app(
    network: dict[str, Any], callback: Callback, open_browser: OpenBrowser
) -> None:
    did = await asyncio.to_thread(sign_up, network, "ida")
    app = new_app(network, callback)
    async with open_browser(width=360) as page:
        await page.goto(app.origin + await app.ask(login_hint="ida.test"))
        await expect(page.get_by_label("Name or e-mail address")).to_have_value("ida.test")
        await fair(page, "sign-in")
        await page.get_by_role("link", name="Open an account").click()
        await fair(page, "sign-up")
        await page.get_by_label("Your name here").fill("ida")
        await page.get_by_label("E-mail address").fill("ida2@example.com")
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Open my account").click()
        await expect(page.get_by_text("Somebody here has this name already.")).to_be_visible()
        await fair(page, "sign-up-error")
        await page.get_by_role("link", name="I have an account").click()
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Let this app in?")
        await fair(page, "consent")
        for summary in await page.locator("summary").all():
            await summary.click()
        await fair(page, "consent-open")
        await page.get_by_label("See your e-mail address").uncheck()
        await page.get_by_role("button", name="Let it in").click()
        await expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
        tokens = await finish(app, callback)
        assert tokens["sub"] == did
        assert "transition:email" not in tokens["scope"]
        await page.goto(f"{app.origin}/account/apps")
        await fair(page, "apps")
        await page.goto(f"{app.origin}/oauth/authorize?client_id=x")
        await fair(page, "refusal")


async def test_without_script_a_second_account_gets_in_too(
    network: dict[str, Any], callback: Callback, open_browser: OpenBrowser
) -> None:
    for name in ("joe", "kim"):
        await asyncio.to_thread(sign_up, network, name)
    app = new_app(network, callback, "atproto transition:generic")
    async with open_browser(script=False) as page:
        await sign_in(page, network, "joe")
        await page.goto(app.origin + await app.ask(prompt="select_account"))
        await expect(page.get_by_role("button", name="@joe.test")).to_be_visible()
        await page.get_by_role("link", name="another account").click()
        await page.get_by_label("Name or e-mail address").fill("kim.test")
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_text("You are @kim.test.")).to_be_visible()
        await page.get_by_role("button", name="Let it in").click()
        await expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
        await finish(app, callback)
        await page.goto(app.origin + await app.ask(prompt="select_account"))
        await expect(page.get_by_role("button", name="Back to the app")).to_be_visible()
        await look(page, "oauth-choose")
        await page.get_by_role("button", name="@joe.test").click()
        await expect(page.get_by_text("You are @joe.test.")).to_be_visible()
        await page.get_by_role("button", name="No", exact=True).click()
        await expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
        assert parse_qs(callback.arrived.pop())["error"] == ["access_denied"]


@pytest.mark.parametrize("script", [True, False])
async def test_the_answer_goes_back_as_a_form_where_an_app_wants_one(
    network: dict[str, Any], callback: Callback, open_browser: OpenBrowser, script: bool
) -> None:
    name = "lea" if script else "leo"
    await asyncio.to_thread(sign_up, network, name)
    app = new_app(network, callback, "atproto")
    async with open_browser(script=script) as page:
        await sign_in(page, network, name)
        await page.goto(app.origin + await app.ask(response_mode="form_post"))
        await page.get_by_role("button", name="Let it in").click()
        if not script:
            await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
        assert (await finish(app, callback))["scope"] == "atproto"
