"""What helps somebody else to help: versions, settings, findings, the last log; nothing personal.

People are replaced by numbers, the same one for the same person, so that a story can be followed.
"""

import io
import json
import platform
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw

from appliance.base.logs import HIDDEN, redact
from appliance.version import VERSION

_DID: Final = re.compile(r"\bdid:(?:plc|web|key):[\w.:%-]+")
_ADDRESS: Final = re.compile(
    r"(?<![\w.:])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])|\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f:.]+"
)
# What people call their network is theirs.
_LEFT_OUT: Final = ("network.name",)
_LOGIN: Final = re.compile(r"://[^\s/@]+@")
_NEAR: Final = ("127.", "0.0.0.0")  # noqa: S104
_MOMENT: Final = (1980, 1, 1, 0, 0, 0)
README: Final = """\
A support bundle of Hearth.

versions.json   which versions run, on which kind of computer
settings.txt    the settings that differ from what they are by themselves, without secrets
status.json     what each part says of itself: its work, its counts, its findings
log.txt         the last lines of the log

Members, addresses and tokens are replaced: "person-1" is the same person everywhere. The domain of
the network stays, for without it little can be found.
"""


@dataclass(frozen=True)
class Sources:
    """What a bundle is made of. `status`: by role, None for one that does not answer."""

    settings: Sequence[tuple[str, object]]
    status: Mapping[str, Any]
    log: Sequence[str]
    domains: Sequence[str]


def files(sources: Sources) -> dict[str, str]:
    """Give the files by name, as they can be shown before they are handed to anybody."""
    hide = _Hiding(sources.domains)
    shown = (each for each in sources.settings if each[0] not in _LEFT_OUT)
    settings = "".join(f"{name} = {value!r}\n" for name, value in shown)
    found = {
        "versions.json": _json(_versions()),
        "settings.txt": hide(redact(settings)),
        "status.json": hide(redact(_json(sources.status))),
        "log.txt": hide(redact("".join(f"{line}\n" for line in sources.log))),
    }
    return {"README.txt": README, **found}


def as_zip(texts: Mapping[str, str]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(f"hearth-support/{name}", _MOMENT), text)
    return sink.getvalue()


class _Hiding:
    """Put numbers in the place of people and of addresses."""

    def __init__(self, domains: Sequence[str]) -> None:
        self._known: dict[str, str] = {}
        endings = "|".join(re.escape(each) for each in domains if each)
        self._handle = re.compile(rf"\b[\w-]+(?:{endings})\b") if endings else None

    def __call__(self, text: str) -> str:
        text = _LOGIN.sub(f"://{HIDDEN}@", text)
        text = _DID.sub(lambda found: self._number("person", found[0]), text)
        text = _ADDRESS.sub(self._address, text)
        if self._handle is not None:
            text = self._handle.sub(lambda found: self._number("person", found[0]), text)
        return text

    def _address(self, found: re.Match[str]) -> str:
        near = found[0].startswith(_NEAR)
        return found[0] if near else self._number("address", found[0])

    def _number(self, kind: str, text: str) -> str:
        return self._known.setdefault(text, f"{kind}-{len(self._known) + 1}")


def _versions() -> dict[str, str]:
    return {
        "hearth": VERSION,
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
