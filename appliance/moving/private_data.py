"""What an AppView keeps of a member that no repo holds, moved by the methods apps use.

An item that is there already is not put a second time, so this may be done again.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from appliance.atproto.xrpc.errors import XrpcError
from appliance.moving.server import Server

MOST_PAGES: Final = 1000
FOLDER: Final = "private/"


@dataclass(frozen=True)
class Kind:
    """A paged list: how it is read, what tells one item from another, how an item is put."""

    name: str
    nsid: str
    field: str
    key: Callable[[Any], str]
    put: str
    fields: Callable[[Any], dict[str, Any]]


def _draft_key(item: Any) -> str:
    return json.dumps(item["draft"], sort_keys=True)


KINDS: Final = (
    Kind(
        "mutes",
        "app.bsky.graph.getMutes",
        "mutes",
        lambda item: str(item["did"]),
        "app.bsky.graph.muteActor",
        lambda item: {"actor": item["did"]},
    ),
    Kind(
        "muted-lists",
        "app.bsky.graph.getListMutes",
        "lists",
        lambda item: str(item["uri"]),
        "app.bsky.graph.muteActorList",
        lambda item: {"list": item["uri"]},
    ),
    Kind(
        "bookmarks",
        "app.bsky.bookmark.getBookmarks",
        "bookmarks",
        lambda item: str(item["subject"]["uri"]),
        "app.bsky.bookmark.createBookmark",
        lambda item: {"uri": item["subject"]["uri"], "cid": item["subject"]["cid"]},
    ),
    Kind(
        "drafts",
        "app.bsky.draft.getDrafts",
        "drafts",
        _draft_key,
        "app.bsky.draft.createDraft",
        lambda item: {"draft": item["draft"]},
    ),
    Kind(
        "activity-subscriptions",
        "app.bsky.notification.listActivitySubscriptions",
        "subscriptions",
        lambda item: str(item["did"]),
        "app.bsky.notification.putActivitySubscription",
        lambda item: {
            "subject": item["did"],
            "activitySubscription": item["viewer"]["activitySubscription"],
        },
    ),
)
_GET_WISHES: Final = "app.bsky.notification.getPreferences"
_PUT_WISHES: Final = "app.bsky.notification.putPreferencesV2"


async def read(server: Server) -> dict[str, Any]:
    """Give a document for each kind that the server's AppView has."""
    found: dict[str, Any] = {}
    for kind in KINDS:
        items = await _all(server, kind)
        if items is not None:
            found[f"{FOLDER}{kind.name}.json"] = items
    for name, nsid, params in (
        ("notifications", _GET_WISHES, {}),
        ("seen", "app.bsky.notification.listNotifications", {"limit": 1}),
    ):
        try:
            said = await server.query(nsid, **params)
        except XrpcError:
            continue
        if name == "seen":
            said = {"seenAt": said["seenAt"]} if said.get("seenAt") else {}
        if said:
            found[f"{FOLDER}{name}.json"] = said
    return found


async def write(server: Server, documents: dict[str, Any]) -> tuple[int, int]:
    """Put what is not there yet; give how many items were put, and how many were refused."""
    put = refused = 0
    for kind in KINDS:
        items = documents.get(f"{FOLDER}{kind.name}.json")
        if not items:
            continue
        present = Counter(kind.key(item) for item in await _all(server, kind) or ())
        # Lists are given newest first; put in this order, they come out as they were.
        for item in reversed(items):
            if present[kind.key(item)]:
                present[kind.key(item)] -= 1
            else:
                done = await _put(server, kind.put, kind.fields(item))
                put, refused = put + done, refused + (not done)
    wishes = documents.get(f"{FOLDER}notifications.json")
    if wishes:
        refused += not await _put(server, _PUT_WISHES, wishes["preferences"])
    seen = documents.get(f"{FOLDER}seen.json")
    if seen:
        refused += not await _put(server, "app.bsky.notification.updateSeen", seen)
    return put, refused


async def _all(server: Server, kind: Kind) -> list[Any] | None:
    """Every item; None if there is no such list."""
    items: list[Any] = []
    cursor = None
    for _ in range(MOST_PAGES):
        try:
            page = await server.query(kind.nsid, cursor=cursor)
        except XrpcError:
            return items or None
        items += page[kind.field]
        cursor = page.get("cursor")
        if not cursor or not page[kind.field]:
            break
    return items


async def _put(server: Server, nsid: str, fields: dict[str, Any]) -> bool:
    try:
        await server.call(nsid, fields)
    except XrpcError:
        return False
    return True
