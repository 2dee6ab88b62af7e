"""The whole product, as a stranger starts it, and a browser in front of it."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.support.appliance import Appliance

# A busy machine is slow; what is there is found at once.
PATIENCE_MS = 120_000
MOST_SECONDS = 400.0
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
expect.set_options(timeout=PATIENCE_MS)


class OpenBrowser(Protocol):
    """Opens a page in a fresh browser; fails the test on what the browser complains about."""

    def __call__(
        self, *, width: int = 1280, dark: bool = False, script: bool = True
    ) -> AbstractAsyncContextManager[Page]: ...


@pytest.fixture
def trial() -> Iterator[dict[str, Any]]:
    """Run `hearth try` in a folder that goes away; give what `--json` prints."""
    yield from running(bare=True)


@pytest.fixture(scope="module")
def network() -> Iterator[dict[str, Any]]:
    """Run a trial with an account of its own, for a whole module."""
    yield from running(bare=False)


def running(*, bare: bool) -> Iterator[dict[str, Any]]:
    """Run a trial; give what it printed."""
    process = Appliance(bare=bare)
    yield process.report
    process.stop()
    assert process.popen.returncode == 0, process.stderr()


@asynccontextmanager
async def chromium(executable: str | Path | None = None, *more: str) -> AsyncIterator[Browser]:
    """Give a browser. Scripts in pages may wait for ever; whoever has the browser may not."""
    found = executable or shutil.which("chromium")
    assert found, "these tests drive Debian's chromium: apt install chromium"
    async with asyncio.timeout(MOST_SECONDS), async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=found, args=[*FLAGS, *more], timeout=PATIENCE_MS
        )
        yield browser
        await browser.close()


@pytest.fixture
def open_browser() -> OpenBrowser:
    @asynccontextmanager
    async def opened(
        *, width: int = 1280, dark: bool = False, script: bool = True
    ) -> AsyncIterator[Page]:
        scheme: Literal["dark", "light"] = "dark" if dark else "light"
        complaints: list[str] = []
        async with chromium() as browser:
            context = await browser.new_context(
                viewport={"width": width, "height": 800},
                color_scheme=scheme,
                java_script_enabled=script,
                locale="en-GB",
            )
            page = await context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on(
                "console",
                lambda line: complaints.append(line.text) if "Policy" in line.text else None,
            )
            yield page
        assert complaints == []

    return opened


async def shoot(page: Page, name: str) -> Path:
    """Keep a picture of the whole page, to be looked at by people."""
    SHOTS.mkdir(exist_ok=True)
    path = SHOTS / f"{name}.png"
    await page.screenshot(path=path, full_page=True)
    return path
