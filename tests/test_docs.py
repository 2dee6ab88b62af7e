import re
import tomllib
from pathlib import Path

import pytest

from appliance.commands.parser import parser
from appliance.settings_file import as_markdown
from tests.interop import conformance, conformance_appview
from tests.interop.official_client import report as client_page
from tests.interop.official_client.plan import PARTS, screens_of

ROOT = Path(__file__).parents[1]


def test_every_setting_is_documented() -> None:
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").endswith(as_markdown())


def test_every_difference_from_the_reference_is_documented() -> None:
    assert conformance.PAGE.read_text(encoding="utf-8") == conformance.page()


def test_every_difference_from_the_reference_appview_is_documented() -> None:
    page = conformance_appview.PAGE.read_text(encoding="utf-8")
    assert page == conformance_appview.page()


PAGES = [ROOT / "README.md", ROOT / "CHANGES.md", *sorted((ROOT / "docs").glob("*.md"))]
PLACES = "docs|tools|appliance|tests|web|bench|systemd|image-build"


def test_every_file_that_a_page_names_is_there() -> None:
    seen = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = {ROOT / path for path in re.findall(rf"`((?:{PLACES})/[\w/.-]+)`", text)}
        named |= {
            page.parent / path
            for path in re.findall(r"\]\(([^)#]+)\)", text)
            if not path.startswith("http")
        }
        for each in named:
            assert each.exists(), f"{page.name}: {each}"
        seen += len(named)
    assert seen > 100


def test_every_command_that_a_page_names_can_be_typed() -> None:
    """Words and options; what stands for something of the reader's is not tried."""
    seen = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for line in re.findall(r"`([^`\n]*)`|^    (\S.*)$", text, re.MULTILINE):
            for typed in re.findall(r"\bhearth ([a-z][^;|,(]*)", "".join(line)):
                words = typed.split("  ")[0].split()
                options = {option for option in words if re.fullmatch("--[a-z-]+", option)}
                assert not options - _options_of(words), f"{page.name}: hearth {typed}"
                seen += 1
    assert seen > 50


def _options_of(words: list[str]) -> set[str]:
    """What may be said with a command, or an action of it. There has to be such a command."""
    command = parser()
    for word in words[:2]:
        choices = [each.choices for each in command._actions if isinstance(each.choices, dict)]
        if not choices:
            break
        assert word in choices[0] or not re.fullmatch("[a-z][a-z-]+", word), words
        command = choices[0].get(word, command)
    return {option for action in command._actions for option in action.option_strings}


def test_the_page_of_the_official_client_shows_every_screen_of_the_walk() -> None:
    """Made by a run of a browser; here only whether it is of this walk, and of a good one."""
    page = client_page.PAGE.read_text(encoding="utf-8")
    head, _, table = page.partition("|---|---|---|---|\n")
    rows = [line.strip("| ").split(" | ")[:2] for line in table.splitlines() if line[:1] == "|"]
    shown = {(name, done) for name, done, *_ in rows}
    walked = list(screens_of(PARTS))
    assert len(walked) > 50
    for name, done in walked:
        assert any(name.fullmatch(other) and done == told for other, told in shown), name.pattern
    for other, told in shown:
        assert any(name.fullmatch(other) and done == told for name, done in walked), other
    assert "What did not work" not in head
    assert "no reason is known" not in head


@pytest.mark.parametrize("name", ["caddy", "nginx"])
def test_the_wizard_and_the_documentation_say_the_same_of_web_servers(name: str) -> None:
    told = tomllib.loads((ROOT / "web/strings/en.toml").read_text("utf-8"))["setup"][f"{name}_file"]
    text = told.format(hostname="social.example.org", port=2580).strip()
    text = text.replace("ADDRESS-OF-THIS-COMPUTER", "127.0.0.1")
    assert f"```{name}\n{text}\n```" in (ROOT / "docs/reverse-proxy.md").read_text("utf-8")
