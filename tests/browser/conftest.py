"""The whole product, as a stranger starts it, and a browser in front of it."""

import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest
from playwright.async_api import Page, async_playwright

ROOT = Path(__file__).parents[2]
SHOTS = Path(__file__).parent / "shots"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class OpenBrowser(Protocol):
    """Opens a page in a fresh browser; fails the test on what the browser complains about."""

    def __call__(
        self, *, width: int = 1280, dark: bool = False, script: bool = True
    ) -> AbstractAsyncContextManager[Page]: ...


@pytest.fixture
def trial() -> Iterator[dict[str, Any]]:
    """Run `hearth try` in a folder that goes away; give what `--json` prints."""
    options = ["--temp", "--port", "0", "--bare", "--json"]
    command = [sys.executable, "-m", "appliance", "try", *options]
    with subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            assert process.wait(60) == 0


@pytest.fixture(scope="module")
def network() -> Iterator[dict[str, Any]]:
    """Run a trial with an account of its own, for a whole module."""
    command = [sys.executable, "-m", "appliance", "try", "--temp", "--port", "0", "--json"]
    with subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            assert process.wait(60) == 0


@pytest.fixture
def open_browser() -> OpenBrowser:
    chromium = shutil.which("chromium")
    assert chromium, "these tests drive Debian's chromium: apt install chromium"

    @asynccontextmanager
    async def opened(
        *, width: int = 1280, dark: bool = False, script: bool = True
    ) -> AsyncIterator[Page]:
        scheme: Literal["dark", "light"] = "dark" if dark else "light"
        complaints: list[str] = []
        async with async_playwright() as driver:
            browser = await driver.chromium.launch(executable_path=chromium, args=FLAGS)
            context = await browser.new_context(
                viewport={"width": width, "height": 800},
                color_scheme=scheme,
                java_script_enabled=script,
                locale="en-GB",
            )
            page = await context.new_page()
            page.set_default_timeout(10_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on(
                "console",
                lambda line: complaints.append(line.text) if "Policy" in line.text else None,
            )
            yield page
            await browser.close()
        assert complaints == []

    return opened


async def shoot(page: Page, name: str) -> Path:
    """Keep a picture of the whole page, to be looked at by people."""
    SHOTS.mkdir(exist_ok=True)
    path = SHOTS / f"{name}.png"
    await page.screenshot(path=path, full_page=True)
    return path
