"""Which values labels may have here: those every client knows, and the network's own."""

import re
from typing import Final

import orjson

from appliance.atproto.syntax import JsonObject
from appliance.base.database import Connection, Database
from appliance.labeler.labels import InvalidLabel

# What clients know without being told.
GLOBAL: Final = (
    "!hide",
    "!warn",
    "!no-unauthenticated",
    "porn",
    "sexual",
    "nudity",
    "graphic-media",
)
# For AppViews alone, which take the subject away if they trust the labeler so far.
REMOVING: Final = ("!takedown", "!suspend")
MOST: Final = 100
# As the lexicon of definitions has it, in words alone.
_IDENTIFIER: Final = re.compile("[a-z-]+")


class TooManyDefinitions(ValueError):
    """No more kinds of labels can be defined."""

    xrpc_name = "InvalidRequest"


class Definitions:
    """The network's own kinds of labels, by their identifiers."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> list[JsonObject]:
        """List them by identifier."""
        rows = self._db.read("SELECT definition FROM definition ORDER BY identifier LIMIT ?", MOST)
        return [orjson.loads(text) for (text,) in rows]

    def values(self) -> list[str]:
        """List the values that clients are told of."""
        return [*GLOBAL, *(one["identifier"] for one in self.all())]

    def require(self, value: str) -> None:
        """Raises InvalidLabel for a value nobody would understand."""
        if value not in REMOVING and value not in self.values():
            raise InvalidLabel(f"no kind of label is called {value}; define it first")

    async def put(self, definition: JsonObject) -> None:
        """Define a kind of label, or define it anew. Raises InvalidLabel, TooManyDefinitions."""
        name = definition["identifier"]
        if name in GLOBAL or name.startswith("!"):
            raise InvalidLabel(f"{name} means the same everywhere")
        if not _IDENTIFIER.fullmatch(name):
            raise InvalidLabel("a kind of label is called by small letters and hyphens")
        await self._db.write(_put, name, orjson.dumps(definition).decode())

    async def delete(self, identifier: str) -> None:
        """Forget a kind of label; labels of that kind stay where they are."""
        await self._db.write(_delete, identifier)


def _put(conn: Connection, name: str, text: str) -> None:
    count = conn.value("SELECT count(*) FROM definition WHERE identifier <> ?", name)
    if int(count) >= MOST:
        raise TooManyDefinitions(f"more than {MOST} kinds of labels")
    conn.execute("INSERT OR REPLACE INTO definition VALUES (?, ?)", (name, text))


def _delete(conn: Connection, identifier: str) -> None:
    conn.execute("DELETE FROM definition WHERE identifier = ?", (identifier,))
