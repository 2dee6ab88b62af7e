"""Whose network this is: one small file, written whole or not at all."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from appliance.base.secret_files import replace_secret


class DamagedOwnerFile(ValueError):
    """The owner's file is not what this program wrote."""


@dataclass(frozen=True)
class Owner:
    """The owner's password (a hash; empty while nobody has claimed the network) and sessions.

    Sessions are kept as the hash of their token, with the time they end, in seconds since 1970.
    """

    password: str = ""
    claimed_at: float = 0.0
    setup_done: bool = False
    sessions: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_claimed(self) -> bool:
        return bool(self.password)


class OwnerFile:
    """The owner as kept on disk: read at start, changed by one at a time."""

    def __init__(self, path: Path) -> None:
        """Raises DamagedOwnerFile."""
        self._path = path
        self._lock = asyncio.Lock()
        self.owner = _read(path)

    async def change(self, fn: Callable[[Owner], Owner]) -> None:
        """Replace the owner by what `fn` makes of it; when `fn` raises, nothing is changed."""
        async with self._lock:
            changed = fn(self.owner)
            await asyncio.to_thread(replace_secret, self._path, _as_text(changed))
            self.owner = changed


def _read(path: Path) -> Owner:
    try:
        value: Any = orjson.loads(path.read_bytes())
        return Owner(
            password=str(value["password"]),
            claimed_at=float(value["claimedAt"]),
            setup_done=bool(value["setupDone"]),
            sessions={str(key): float(end) for key, end in value["sessions"].items()},
        )
    except FileNotFoundError:
        return Owner()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedOwnerFile(f"{path} is damaged; delete it to claim the network anew") from error


def _as_text(owner: Owner) -> str:
    value = {
        "password": owner.password,
        "claimedAt": owner.claimed_at,
        "setupDone": owner.setup_done,
        "sessions": dict(owner.sessions),
    }
    return orjson.dumps(value).decode()
