"""The log of every act of the operator: who did what, when, by the panel or by a command."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from appliance.base.clock import Clock
from appliance.base.database import Connection, Database

LONGEST_TEXT: Final = 200
MOST_ITEMS: Final = 20
_SECRET: Final = ("password", "token", "key", "plcop", "content")
_LOGIN: Final = re.compile(r"://[^\s/@]+@")
_COLUMNS: Final = "id, at, actor, method, about"


@dataclass(frozen=True)
class Act:
    """One act; `at` in microseconds. `about` is what was asked, without secrets."""

    id: int
    at: int
    actor: str
    method: str
    about: Mapping[str, Any]


class OperatorActs:
    """Keep the log, and read it."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def note(self, actor: str, method: str, given: Mapping[str, Any]) -> None:
        """Write an act down."""
        about = orjson.dumps(without_secrets(given)).decode()
        await self._db.write(insert, self._clock.now_us(), actor, method, about)

    async def page(
        self, before: int | None, limit: int, *, actor: str = "", about: str = ""
    ) -> list[Act]:
        """The newest first; `before` is an id. Only of an actor, or with a text in it, if given."""
        return await self._db.scan(page, before, limit, actor, about)


def without_secrets(value: Any) -> Any:
    """Leave out what nobody is to read later, and shorten what is long."""
    if isinstance(value, Mapping):
        return {
            name: without_secrets(inner)
            for name, inner in list(value.items())[:MOST_ITEMS]
            if not any(word in name.lower() for word in _SECRET)
        }
    if isinstance(value, list | tuple):
        return [without_secrets(inner) for inner in value[:MOST_ITEMS]]
    if isinstance(value, str):
        value = _LOGIN.sub("://[redacted]@", value)
        return value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + "…"
    return value if isinstance(value, bool | int | None) else str(value)[:LONGEST_TEXT]


def insert(conn: Connection, now_us: int, actor: str, method: str, about: str) -> None:
    conn.execute(
        "INSERT INTO operator_act (at, actor, method, about) VALUES (?, ?, ?, ?)",
        (now_us, actor, method, about),
    )


def page(
    conn: Connection, before: int | None, limit: int, actor: str = "", about: str = ""
) -> list[Act]:
    rows = conn.rows(
        f"SELECT {_COLUMNS} FROM operator_act WHERE id < ?1"  # noqa: S608
        " AND (?3 = '' OR actor = ?3)"
        " AND (?4 = '' OR instr(lower(method || ' ' || about), lower(?4)))"
        " ORDER BY id DESC LIMIT ?2",
        2**62 if before is None else before,
        limit,
        actor,
        about,
    )
    return [
        Act(number, at, actor, method, orjson.loads(about))
        for number, at, actor, method, about in rows
    ]
