"""A browser that reaches nothing but this machine, and notes what the client asks."""

import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import (
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Playwright,
    Request,
    Response,
    expect,
    sync_playwright,
)

# What a network at home is reached by: its address, and a name its router may give the client.
ADDRESS: Final = "192.168.77.1"
NAME: Final = "app.smiths.home"
OURS: Final = frozenset(("localhost", ADDRESS, NAME))
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The internet is cut off: no name leads anywhere but to this machine.
    f"--host-resolver-rules=MAP {NAME} {ADDRESS},"
    f" MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE {ADDRESS}",
)
MILLISECONDS: Final = 15_000
SECONDS_TO_SETTLE: Final = 20.0
QUIET_SECONDS: Final = 0.7
LOOK: Final[dict[str, Any]] = {"viewport": {"width": 1440, "height": 900}, "locale": "en-GB"}
# What the client says when something did not go as it should.
_TROUBLE: Final = re.compile(
    r"[^\n]*(?:went wrong|Oops|[Ff]ailed to |[Uu]nable to |There was an |[Ee]rror occurred"
    r"|[Ee]rror loading|issue occurred|ould not |ouldn.t |unavailable|Please try again"
    r"|ot found|not be found)[^\n]*"
)


@dataclass
class Screen:
    """What was seen of one screen."""

    name: str
    done: str
    seen: list[str] = field(default_factory=list)
    calls: Counter[tuple[str, int]] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    complaints: Counter[str] = field(default_factory=Counter)
    failure: str = ""


class Visit:
    """A member before the client: the page, and notes on each screen."""

    def __init__(
        self, page: Page, url: str, shots: Path | None, screens: list[Screen] | None = None
    ) -> None:
        self.page = page
        self.url = url
        self.screens: list[Screen] = [] if screens is None else screens
        self._shots = shots
        self._others: list[Visit] = []
        self._under_way = 0
        self._last = time.monotonic()
        page.set_default_timeout(MILLISECONDS)
        page.on("request", self._asked)
        page.on("response", self._answered)
        page.on("requestfinished", lambda _request: self._ended())
        page.on("requestfailed", self._failed)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self._complain(f"page: {error}"))

    @contextmanager
    def another(self, *, url: str = "", **look: Any) -> Iterator["Visit"]:
        """Open the client in a browser of its own, for somebody else or on another machine."""
        browser = self.page.context.browser
        assert browser is not None
        context = browser.new_context(**{**LOOK, **look})
        other = Visit(context.new_page(), url or self.url, self._shots, self.screens)
        self._others.append(other)
        yield other
        self._others.remove(other)
        context.close()

    @contextmanager
    def screen(self, name: str, done: str, *, needed: bool = False) -> Iterator[Screen]:
        """Note what happens on a screen, and what is `done` there.

        A failure is noted too, and ends the visit if `needed`.
        """
        seen = Screen(name, done)
        self.screens.append(seen)
        try:
            yield seen
            self.settle()
            self._is_sound()
        except (AssertionError, Error) as problem:
            seen.failure = str(problem).partition("Call log:")[0].strip()[:300]
            if needed:
                raise
        finally:
            self.shoot(name)
            for other in self._others:
                other.shoot(f"{name} (the other)")

    def shoot(self, name: str) -> None:
        """Keep a picture of the page, to be looked at."""
        if self._shots is not None:
            number = len(self.screens)
            words = "".join(c if c.isalnum() else "-" for c in name.lower())
            self.page.screenshot(path=self._shots / f"{number:02}-{words}.png")

    def settle(self) -> None:
        """Wait until nothing has been asked for a while; the client polls, so not for ever."""
        end = time.monotonic() + SECONDS_TO_SETTLE
        while time.monotonic() < end:
            if self._under_way <= 0 and time.monotonic() - self._last > QUIET_SECONDS:
                return
            self.page.wait_for_timeout(100)

    def go(self, path: str) -> None:
        """Load a page of the client anew, as following a link from outside does."""
        self.page.goto(self.url + path)
        self.settle()

    def id(self, name: str) -> Locator:
        """Find what is shown under a name the client gives its parts."""
        return self.page.get_by_test_id(name).locator("visible=true")

    def button(self, name: str, *, exact: bool = True) -> Locator:
        return self.page.get_by_role("button", name=name, exact=exact).locator("visible=true")

    def text(self, text: str, *, exact: bool = False) -> Locator:
        return self.page.get_by_text(text, exact=exact).locator("visible=true")

    def item(self, name: str) -> Locator:
        """Find an entry of an open menu."""
        return self.page.get_by_role("menuitem", name=name).locator("visible=true")

    def asked(self, answer: str) -> None:
        """Press a button of a dialog that asks."""
        dialog = self.page.get_by_role("dialog").or_(self.page.get_by_role("alertdialog"))
        dialog.last.get_by_role("button", name=answer, exact=True).click()

    def shows(self, text: str) -> None:
        """Check that a text is to be seen."""
        self.text(text).first.wait_for()
        self.saw(f"“{text}”")

    def lacks(self, text: str) -> None:
        """Check that a text is not to be seen, or not for long."""
        expect(self.text(text)).to_have_count(0, timeout=MILLISECONDS)
        self.saw(f"no “{text}”")

    def saw(self, what: str) -> None:
        """Note what was seen, where that is no text."""
        if self.screens:
            self.screens[-1].seen.append(what)

    def _is_sound(self) -> None:
        """Check that the client tells of no trouble and waits for nothing."""
        shown = self.page.locator("body").inner_text()
        trouble = _TROUBLE.search(shown)
        assert trouble is None, f"the client says: {trouble and trouble[0]}"
        expect(self.page.get_by_role("progressbar").locator("visible=true")).to_have_count(
            0, timeout=MILLISECONDS
        )

    def _asked(self, _request: Request) -> None:
        self._under_way += 1
        self._last = time.monotonic()

    def _ended(self) -> None:
        self._under_way -= 1
        self._last = time.monotonic()

    def _failed(self, request: Request) -> None:
        self._ended()
        if not self.screens or request.failure == "net::ERR_ABORTED":
            return
        parts = urlsplit(request.url)
        if parts.hostname not in OURS:
            self.screens[-1].outside[parts.hostname or request.url[:60]] += 1
        else:
            self._complain(f"{request.failure}: {parts.path}")

    def _answered(self, response: Response) -> None:
        parts = urlsplit(response.url)
        if not self.screens or response.request.method == "OPTIONS":
            return
        status = response.status
        if parts.path.startswith("/xrpc/"):
            call = _call(parts.path.removeprefix("/xrpc/"), parts.query)
            self.screens[-1].calls[call, status] += 1
        elif status >= 400:
            self._complain(f"{status}: {parts.path}")

    def _said(self, message: ConsoleMessage) -> None:
        # That a call was refused is noted where it is answered.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self._complain(message.text[:200])

    def _complain(self, text: str) -> None:
        if self.screens:
            self.screens[-1].complaints[text] += 1


def _call(nsid: str, query: str) -> str:
    """Name a call; of a record that is read, also which kind it is."""
    collection = parse_qs(query).get("collection")
    return f"{nsid} ({collection[0]})" if collection else nsid


@contextmanager
def open_visit(url: str, shots: Path | None) -> Iterator[tuple[Visit, Playwright]]:
    """Open the client in a fresh browser; give it with the driver, for calls of other members."""
    chromium = shutil.which("chromium")
    assert chromium, "the client is driven in Debian's chromium: apt install chromium"
    if shots is not None:
        shots.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=list(FLAGS))
        context = browser.new_context(**LOOK)
        yield Visit(context.new_page(), url, shots), driver
        browser.close()
