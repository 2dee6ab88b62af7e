"""The catalogue holds what pages say, all of it and nothing else."""

import re
from pathlib import Path

import pytest

from appliance.base.strings import NoSuchString, Strings

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "web" / "templates").rglob("*.html"))
SOURCES = [
    path
    for folder in ("admin", "base", "pds")
    for path in sorted((ROOT / "appliance" / folder).rglob("*.py"))
]
# A name may be put together: "roles." ~ part.name, f"person_errors.{error.name}".
_USED = re.compile(r"""(?:\bt|words|strings|has)\(\s*f?["']([a-z_]+\.[^"']*)["'](\s*~)?""")
_BUILT = re.compile(r"""name = f["']([a-z_]+\.[^"']*)["']""")
_SET = re.compile(r"""set \w+ = ["']([a-z_]+\.[a-z_]*)["'] ~""")
# The other of two names, and the name that serves where a table has none.
_ELSE = re.compile(r"""(?:\belse |, )["']([a-z_]+\.[a-z_]+)["']\)""")
# What a table in the code names, to be asked for later.
_LISTED = re.compile(r"""["']([a-z_]+\.[a-z_]+)["']\)?,\n""")


def used_names() -> tuple[set[str], set[str]]:
    """Give the names asked for whole, and the beginnings of those put together."""
    known = Strings.load()
    whole: set[str] = set()
    begun: set[str] = set()
    for path in (*TEMPLATES, *SOURCES):
        text = path.read_text(encoding="utf-8")
        for name, glued in _USED.findall(text) + [(name, "") for name in _BUILT.findall(text)]:
            start, brace, _ = name.partition("{")
            (begun if glued or brace else whole).add(start)
        begun.update(_SET.findall(text))
        whole.update(
            name for name in _LISTED.findall(text) + _ELSE.findall(text) if known.has(name)
        )
    return whole, begun


def test_every_text_that_is_asked_for_exists() -> None:
    strings = Strings.load()
    whole, begun = used_names()
    assert len(whole) > 120
    assert [
        name for name in whole if not strings.has(name) and f"{name}.other" not in strings.texts
    ] == []
    for start in begun:
        assert any(name.startswith(start) for name in strings.texts), start


def test_every_text_is_asked_for() -> None:
    whole, begun = used_names()
    unused = [
        name
        for name in Strings.load().texts
        if not {name, re.sub(r"\.(one|other)$", "", name)} & whole
        and not any(name.startswith(start) for start in begun)
    ]
    assert unused == []


def test_templates_say_nothing_by_themselves() -> None:
    for path in TEMPLATES:
        text = re.sub(r"block width %\}\w+\{%", "%}{%", path.read_text())
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.DOTALL)
        text = re.sub(r"<svg.*?</svg>|<[^>]*>", "", text, flags=re.DOTALL)
        assert re.findall(r"[A-Za-z]{3,}", text.replace("&nbsp;", "")) == [], path.name


def test_numbers_choose_the_form() -> None:
    strings = Strings({"a.one": "one day", "a.other": "{count} days", "b": "{x} {{"})
    assert strings("a", count=1) == "one day"
    assert strings("a", count=0) == "0 days"
    assert strings("a", count=2) == "2 days"
    assert strings("b") == "{x} {{"
    assert strings("b", x="<") == "< {"


def test_a_missing_text_is_an_error() -> None:
    with pytest.raises(NoSuchString):
        Strings({})("home.title")
    with pytest.raises(NoSuchString):
        Strings({})("home.people", count=1)
