"""Who may keep copies here: a name, the hash of a token, and how many bytes."""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from appliance.base.secret_files import replace_secret

FILE: Final = "lodgers.json"
NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
TOKEN_BYTES: Final = 24


class UnfitName(ValueError):
    """A lodger's name is made of small letters, digits and dashes."""


@dataclass(frozen=True)
class Lodger:
    """`token` is the SHA-256 of what they show."""

    name: str
    token: str
    quota: int


class Lodgers:
    """The list, in a file of the data folder; it is read anew when it has changed."""

    def __init__(self, data: Path) -> None:
        self._path = data / FILE
        self._read_at = -1
        self._known: Mapping[str, Lodger] = {}

    def all(self) -> list[Lodger]:
        """List them, by name."""
        return [self._list()[name] for name in sorted(self._list())]

    def admit(self, name: str, token: str) -> Lodger | None:
        """Find who shows a token; None for whoever shows another."""
        found = self._list().get(name)
        right = hmac.compare_digest(_hash(token), found.token if found else "")
        return found if right else None

    def let_in(self, name: str, quota: int) -> str:
        """Give somebody room, or other room; return their new token. Raises UnfitName."""
        if not NAME.fullmatch(name):
            raise UnfitName(name)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._write({**self._list(), name: Lodger(name, _hash(token), quota)})
        return token

    def put_out(self, name: str) -> bool:
        """Let somebody in no more; tell whether they were. Their files stay where they are."""
        known = dict(self._list())
        gone = known.pop(name, None)
        self._write(known)
        return gone is not None

    def _list(self) -> Mapping[str, Lodger]:
        try:
            changed = self._path.stat().st_mtime_ns
        except OSError:
            return {}
        if changed != self._read_at:
            told = json.loads(self._path.read_text("utf-8"))
            self._known = {one["name"]: Lodger(**one) for one in told}
            self._read_at = changed
        return self._known

    def _write(self, known: Mapping[str, Lodger]) -> None:
        replace_secret(self._path, json.dumps([asdict(one) for one in known.values()]))
        self._read_at = -1


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
