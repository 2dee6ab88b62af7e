import re
from pathlib import Path

from appliance.settings_file import as_markdown
from tests.interop import conformance

ROOT = Path(__file__).parents[1]


def test_every_setting_is_documented() -> None:
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").endswith(as_markdown())


def test_every_difference_from_the_reference_is_documented() -> None:
    assert conformance.PAGE.read_text(encoding="utf-8") == conformance.page()


def test_every_file_the_readme_names_is_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:docs|tools|appliance|tests|web|bench)/[\w/.]+)`", text)
    assert len(named) > 8
    for each in named:
        assert (ROOT / each).exists(), each
