"""The client of a network at home: `hearth run`, its wizard, a port or a name of its own."""

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.interop.official_client.account import sign_in
from tests.interop.official_client.neighbour import PASSWORD
from tests.interop.official_client.scene import Scene
from tests.interop.official_client.visit import ADDRESS, MILLISECONDS, NAME, Visit
from tests.interop.official_client.writing import compose, publish
from tests.support.appliance import ROOT, wait_until
from tests.support.ending import end

DOOR: Final = 2580
OWN_PORT: Final = 2585
# The network begins within the wizard, and makes its client ready then.
MILLISECONDS_TO_BEGIN: Final = 60_000
ANN: Final = "ann.smiths.home"


def walk(scene: Scene) -> None:
    """Go through these screens."""
    visit = scene.visit
    with tempfile.TemporaryDirectory() as folder, visit.another(url=f"http://{ADDRESS}") as browser:
        home = _Home(Path(folder), scene.export)
        port = {"HEARTH_CLIENT_PORT": str(OWN_PORT)}
        with home.running(port) as told:
            _begins(visit, browser, home, told)
        with home.running(port), visit.screen("at home: started anew", "the network is restarted"):
            browser.go("/")
            browser.shows("Everyone here")
            browser.shows("Home at last.")
        browser.url = f"http://{NAME}:{DOOR}"
        name = {"HEARTH_CLIENT_HOSTNAME": NAME, "HEARTH_CLIENT_PUBLIC_URL": browser.url}
        with home.running(name), visit.screen("at home: own name", "the client has a name instead"):
            sign_in(browser, "ann", PASSWORD)
            browser.shows("Home at last.")
            browser.go(f"/profile/{ANN}")
            browser.shows("Home at last.")


def _begins(visit: Visit, browser: Visit, home: "_Home", told: str) -> None:
    with visit.screen("at home: the wizard", "the network is set up, for home only", needed=True):
        _set_up(browser, told)
        browser.saw("the panel's home page")
    browser.url = f"http://{ADDRESS}:{OWN_PORT}"
    with visit.screen("at home: an invite", "somebody signs up with a code of the operator's"):
        code = home.said("account", "invite", "--data", str(home.data)).split()[-1]
        browser.go("/")
        browser.button("Close welcome modal").click()
        browser.button("Create account").first.click()
        browser.page.get_by_placeholder("Required for this provider").fill(code)
        browser.id("emailInput").fill("cleo@example.com")
        browser.id("passwordInput").fill(PASSWORD)
        browser.id("date").fill("1990-04-05")
        browser.id("nextBtn").click()
        browser.id("handleInput").fill("ann")
        browser.id("handleAvailableCheck").wait_for()
        browser.id("nextBtn").click()
        browser.id("onboardingAvatarCreator").wait_for()
        browser.shows("Give your profile a face")
    with visit.screen("at home: on its own port", "onboarding is left; a text is posted"):
        browser.go("/")
        if browser.id("onboardingAvatarCreator").count():
            for _ in range(4):
                browser.button("Continue", exact=False).first.click()
                browser.settle()
            for _ in range(2):
                browser.id("onboardingFinish").click()
            browser.button("Complete onboarding and start using your account").click()
        browser.shows("Everyone here")
        compose(browser, "Home at last.")
        publish(browser)
        browser.go(f"/profile/{ANN}")
        browser.shows("Home at last.")


def _set_up(browser: Visit, link: str) -> None:
    """Answer the wizard."""
    page = browser.page
    page.set_default_timeout(MILLISECONDS_TO_BEGIN)
    page.goto(link)
    page.get_by_label("Your password for this panel").fill(PASSWORD)
    page.get_by_label("The same password again").fill(PASSWORD)
    page.get_by_role("button", name="Claim this network").click()
    page.get_by_label("Name").fill("The Smiths")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("link", name="Next").click()
    page.get_by_role("link", name="Go on without").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("heading", level=1).wait_for()
    page.locator(".ways a.strong").click()
    page.get_by_role("button", name="To the home page").click()
    page.get_by_role("heading", name="The Smiths", level=1).wait_for()
    wait_until(lambda: _is_open(OWN_PORT), "the client is served")
    page.set_default_timeout(MILLISECONDS)


def _is_open(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex((ADDRESS, port)) == 0


class _Home:
    """`hearth run`, started over and over on the same data."""

    def __init__(self, folder: Path, export: Path) -> None:
        self.data = folder / "data"
        self._log = folder / "log"
        self._env = {**os.environ, "HEARTH_CLIENT_FOLDER": str(export.resolve())}

    @contextmanager
    def running(self, settings: Mapping[str, str]) -> Iterator[str]:
        """Run it with these settings; give the link its wizard begins with, or nothing."""
        self._log.unlink(missing_ok=True)
        with self._log.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "appliance", "run", "--data", str(self.data)],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**self._env, **settings},
            )
        try:
            wait_until(lambda: bool(self._link()) or "name=client" in self._text(), "it runs")
            yield self._link() or ""
        finally:
            assert end(process) == 0, self._text()

    def said(self, *command: str) -> str:
        """Give what a command prints."""
        whole = [sys.executable, "-m", "appliance", *command]
        done = subprocess.run(  # noqa: S603
            whole, cwd=ROOT, env=self._env, check=True, capture_output=True, text=True, timeout=120
        )
        return done.stdout

    def _text(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def _link(self) -> str | None:
        found = re.search(r"Open this link to begin: (\S+)", self._text())
        return found[1] if found else None
