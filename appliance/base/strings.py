"""Every word a person reads, from one catalogue: `web/strings/en.toml`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from appliance.base.pages import web_root

LANGUAGE: Final = "en"


class NoSuchString(KeyError):
    """The catalogue has no text of this name."""


class Strings:
    """Find texts by name, as "home.title", and fill them in.

    A text that depends on a number is a table with `one` and `other`, chosen by `count`.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    @classmethod
    def load(cls, language: str = LANGUAGE) -> "Strings":
        """Give the catalogue of a language, read once: panel and members' pages share it."""
        return cls(_catalogue(language))

    def __call__(self, name: str, /, **values: Any) -> str:
        """Return a text, its {names} filled in. Raises NoSuchString."""
        if name not in self.texts and "count" in values:
            name = f"{name}.{'one' if values['count'] == 1 else 'other'}"
        try:
            text = self.texts[name]
        except KeyError:
            raise NoSuchString(name) from None
        return text.format(**values) if values else text

    def has(self, name: str) -> bool:
        return name in self.texts


@cache
def _catalogue(language: str) -> Mapping[str, str]:
    file = web_root() / "strings" / f"{language}.toml"
    return _flat(tomllib.loads(file.read_text(encoding="utf-8")), "")


def _flat(table: Mapping[str, Any], prefix: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found.update(_flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = str(value).strip()
    return found
