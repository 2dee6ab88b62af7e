"""How far a move is, on the terminal and for the panel."""

import io
from typing import Any

import pytest

from appliance.atproto.xrpc.errors import UpstreamFailure
from appliance.moving import progress
from appliance.moving.progress import Progress


class Terminal(io.StringIO):
    """A place that can draw."""

    def isatty(self) -> bool:
        return True


class Panel:
    """Hears what is told, or does not."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.is_deaf = False

    async def report(self, told: dict[str, Any]) -> None:
        if self.is_deaf:
            raise UpstreamFailure("nobody there")
        self.heard.append(told)


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> Panel:
    monkeypatch.setattr(progress, "EVERY_SECONDS", -1.0)
    monkeypatch.setattr(progress, "_REDRAW_SECONDS", -1.0)
    return Panel()


async def test_a_bar_grows_on_a_terminal_and_makes_way_for_the_result(panel: Panel) -> None:
    terminal = Terminal()
    shown = Progress(panel.report, terminal)
    await shown.begin("import", 4_000_000)
    await shown.reach(1_000_000)
    assert terminal.getvalue().endswith("] " + " 25%  1.0 MB of 4.0 MB")
    assert f"[{'#' * 8:30}]" in terminal.getvalue()
    await shown.reach(9_000_000)
    assert "100%" in terminal.getvalue()
    await shown.end("4,000 records")
    assert terminal.getvalue().endswith("\r\x1b[K" + "import          4,000 records\n")


async def test_what_is_not_known_is_counted_without_a_bar(panel: Panel) -> None:
    terminal = Terminal()
    shown = Progress(panel.report, terminal)
    await shown.begin("repo")
    await shown.reach(2_500)
    assert terminal.getvalue().endswith("repo            2 kB")
    await shown.begin("blobs", unit="files")
    await shown.reach(3)
    assert terminal.getvalue().endswith("blobs           3 files")


async def test_what_is_no_terminal_gets_a_line_for_each_step(panel: Panel) -> None:
    paper = io.StringIO()
    shown = Progress(panel.report, paper)
    await shown.begin("blobs", 7, "files")
    await shown.reach(3)
    await shown.end("7 files")
    assert paper.getvalue() == "blobs           7 files\n"


async def test_the_panel_hears_of_a_move_as_soon_as_it_is_known_whose_it_is(panel: Panel) -> None:
    shown = Progress(panel.report, io.StringIO())
    await shown.begin("account")
    assert panel.heard == []
    shown.about |= {"did": "did:plc:abc", "what": "export"}
    await shown.begin("blobs", 7, "files")
    await shown.reach(3)
    panel.is_deaf = True
    await shown.reach(5)
    panel.is_deaf = False
    await shown.close("failed", "the disk is full")
    assert [(told["done"], told["of"], told["state"]) for told in panel.heard] == [
        (0, 7, "running"),
        (3, 7, "running"),
        (5, 7, "failed"),
    ]
    assert panel.heard[-1]["words"] == "the disk is full"
