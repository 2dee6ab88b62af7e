"""What only we know of a viewer, on its way to another network and from one.

Rows go as they are, with their times, kind by kind and page by page: unlike the lists that apps
see, they also name what this index does not know. What is there already stays.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from appliance.atproto.cid import Cid
from appliance.atproto.syntax import AtUri, Did
from appliance.atproto.tid import Tid
from appliance.base.database import Connection, Database

PAGE: Final = 500
# After which a page ends, however few rows it has.
PAGE_BYTES: Final = 1_000_000
# As long as what an app may send.
LONGEST_TEXT: Final = 150 * 1024


class InvalidPapers(ValueError):
    """Rows that are not of their kind."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True)
class _Kind:
    """A table: whose its rows are, what tells one of a viewer's rows from another, the rest."""

    table: str
    owner: str
    key: str
    columns: Mapping[str, type[int] | type[str]]


KINDS: Final[Mapping[str, _Kind]] = {
    "mutes": _Kind(
        "mute",
        "viewer",
        "target",
        {"target": str, "created_us": int, "only_reposts": int, "only_quoteposts": int},
    ),
    "muted-lists": _Kind("list_mute", "viewer", "list", {"list": str, "created_us": int}),
    "muted-threads": _Kind("thread_mute", "viewer", "root", {"root": str, "created_us": int}),
    "bookmarks": _Kind("bookmark", "viewer", "uri", {"uri": str, "cid": str, "created_us": int}),
    "drafts": _Kind(
        "draft",
        "viewer",
        "id",
        {"id": str, "draft": str, "created_us": int, "updated_us": int},
    ),
    "activity-subscriptions": _Kind(
        "activity_subscription",
        "viewer",
        "target",
        {"target": str, "post": int, "reply": int, "created_us": int},
    ),
    "settings": _Kind(
        "viewer",
        "did",
        "did",
        {"seen_us": int, "priority": int, "notification_preferences": str},
    ),
}


def _object_of_objects(text: str) -> None:
    """Raises ValueError."""
    found = orjson.loads(text)
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise ValueError("not an object of objects")


def _object(text: str) -> None:
    """Raises ValueError."""
    if not isinstance(orjson.loads(text), dict):
        raise ValueError("not an object")


# What a text has to be, by the name of its column; each raises ValueError for anything else.
_FORMS: Final[Mapping[str, Callable[[str], object]]] = {
    "target": Did,
    "list": AtUri,
    "root": AtUri,
    "uri": AtUri,
    "cid": Cid.parse,
    "id": Tid,
    "draft": _object,
    "notification_preferences": _object_of_objects,
}
_MERGE_SETTINGS: Final = """
ON CONFLICT DO UPDATE SET
    seen_us = max(seen_us, excluded.seen_us),
    priority = max(priority, excluded.priority),
    notification_preferences = iif(
        notification_preferences = '{}', excluded.notification_preferences, notification_preferences
    )
"""


class ViewerPapers:
    """Hand a viewer's rows over, and take them in."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(self, viewer: str, kind: str, after: str) -> list[dict[str, Any]]:
        """Give the next rows of a kind, those after this key; none at the end.

        Raises InvalidPapers.
        """
        return await self._db.scan(_page, viewer, _kind(kind), after)

    async def put(self, viewer: str, kind: str, rows: Sequence[Any]) -> int:
        """Take rows in; give how many are new. Raises InvalidPapers."""
        return await self._db.write(_put, viewer, _kind(kind), [_row(kind, row) for row in rows])


def key_of(kind: str, row: Mapping[str, Any]) -> str:
    """Name the place of a row in its kind; the one row of settings is its own end."""
    return str(row.get(_kind(kind).key, "\U0010ffff"))


def _kind(name: str) -> _Kind:
    found = KINDS.get(name)
    if found is None:
        raise InvalidPapers(f"There is no kind of papers called {name}")
    return found


def _row(kind: str, row: Any) -> list[int | str]:
    columns = _kind(kind).columns
    if not isinstance(row, dict) or row.keys() != columns.keys():
        raise InvalidPapers(f"A row of {kind} has the fields {', '.join(columns)}")
    for name, wanted in columns.items():
        value = row[name]
        if type(value) is not wanted or not _is_well_formed(name, value):
            raise InvalidPapers(f"The field {name} of {kind} is not what it should be")
    return [row[name] for name in columns]


def _is_well_formed(name: str, value: int | str) -> bool:
    if isinstance(value, int):
        return 0 <= value < 2**62
    try:
        _FORMS[name](value)
    except ValueError:
        return False
    return len(value) <= LONGEST_TEXT


def _page(conn: Connection, viewer: str, kind: _Kind, after: str) -> list[dict[str, Any]]:
    names = ", ".join(kind.columns)
    # The key of settings is the owner: one row, on the first page.
    bound = f"{kind.key} > ?" if kind.key != kind.owner else "? = ''"
    found: list[dict[str, Any]] = []
    size = 0
    for row in conn.execute(
        f"SELECT {names} FROM {kind.table} WHERE {kind.owner} = ? AND {bound}"  # noqa: S608
        f" ORDER BY {kind.key} LIMIT {PAGE}",
        (viewer, after),
    ):
        found.append(dict(zip(kind.columns, row, strict=True)))
        size += sum(len(value) for value in row if isinstance(value, str))
        if size > PAGE_BYTES:
            break
    return found


def _put(conn: Connection, viewer: str, kind: _Kind, rows: Sequence[list[int | str]]) -> int:
    names = ", ".join([kind.owner, *kind.columns])
    marks = ", ".join("?" * (len(kind.columns) + 1))
    clash = _MERGE_SETTINGS if kind.key == kind.owner else "ON CONFLICT DO NOTHING"
    new = 0
    for row in rows:
        conn.execute(
            f"INSERT INTO {kind.table} ({names}) VALUES ({marks}) {clash}",  # noqa: S608
            [viewer, *row],
        )
        new += conn.changes()
    return new
