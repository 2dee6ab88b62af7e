"""Templates and static files, wherever `web/` is packed.

In a wheel `web/` lies inside the package, in a checkout beside it. Static files are read once and
served from memory under a name that holds their hash, so browsers may keep them for ever.
"""

import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

HASH_DIGITS: Final = 12
_IMPORT: Final = re.compile(rb'from "\./([\w.-]+)"')


class NoSuchTemplate(LookupError):
    """There is no template of this name."""


@dataclass(frozen=True)
class StaticFile:
    """A file a browser may keep for ever: another content has another name."""

    body: bytes
    content_type: str


def web_root() -> Traversable:
    """Find the folder of everything a browser sees."""
    packed = files("appliance") / "web"
    return packed if packed.is_dir() else Path(__file__).parents[2] / "web"


class Pages:
    """Render pages, escaping every value, and hold the static files.

    In templates, `static("style.css")` is the path of a static file below `static_path`.
    """

    def __init__(
        self,
        static_path: str,
        root: Traversable | None = None,
        added: Mapping[str, bytes] | None = None,
    ) -> None:
        """Take static files beside those in the folder as `added`."""
        self._root = root or web_root()
        self._static_path = static_path
        self._names: dict[str, str] = {}
        self.static_files: dict[str, StaticFile] = {}
        bodies = {**_bodies(self._root / "static", ""), **(added or {})}
        for file_name in bodies:
            self._add(file_name, bodies)

    def render(self, name: str, /, **context: Any) -> str:
        """Render a template, as "admin/home.html". Raises NoSuchTemplate."""
        try:
            template = self._environment.get_template(name)
        except LookupError as error:
            raise NoSuchTemplate(str(error)) from error
        text: str = template.render(context)
        return text

    def static_url(self, name: str) -> str:
        """Return the path under which a static file is served. Raises KeyError."""
        return f"{self._static_path}/{self._names[name]}"

    def has_static(self, name: str) -> bool:
        return name in self._names

    @cached_property
    def _environment(self) -> Any:
        """Make what renders when the first page is asked for: 2 MB of memory until then."""
        jinja2 = import_module("jinja2")
        environment = jinja2.Environment(
            loader=jinja2.FunctionLoader(self._source),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.globals["static"] = self.static_url
        return environment

    def _source(self, name: str) -> str | None:
        parts = name.split("/")
        if any(part in ("", ".", "..") for part in parts):
            return None
        entry = (self._root / "templates").joinpath(*parts)
        return entry.read_text(encoding="utf-8") if entry.is_file() else None

    def _add(self, name: str, bodies: Mapping[str, bytes]) -> str:
        """Name a file by its hash; scripts find those they import under their new names."""
        if name in self._names:
            return self._names[name]

        def renamed(found: re.Match[bytes]) -> bytes:
            return b'from "./' + self._add(found[1].decode(), bodies).encode() + b'"'

        body = _IMPORT.sub(renamed, bodies[name]) if name.endswith(".js") else bodies[name]
        stem, dot, ending = name.rpartition(".")
        digest = hashlib.sha256(body).hexdigest()[:HASH_DIGITS]
        hashed = f"{stem}.{digest}{dot}{ending}"
        self._names[name] = hashed
        self.static_files[hashed] = StaticFile(body, _content_type(name))
        return hashed


def _bodies(folder: Traversable, prefix: str) -> dict[str, bytes]:
    """Read the files of a folder and of those in it, by path."""
    found: dict[str, bytes] = {}
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.is_dir():
            found.update(_bodies(entry, f"{prefix}{entry.name}/"))
        else:
            found[prefix + entry.name] = entry.read_bytes()
    return found


def _content_type(name: str) -> str:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or "javascript" in kind else kind
