"""What the AppView keeps of a member that no repo holds: mutes, bookmarks, drafts, wishes.

Asked for as the member's app would, so any AppView will do. What it does not have is left out.
"""

import asyncio
import json
from typing import Any, Final

from appliance.atproto.syntax import Did, Json
from appliance.pds.proxy import Call, NoService, Proxy, UpstreamFailed

MOST_PAGES: Final = 1000
MOST_BYTES: Final = 4_000_000
SECONDS: Final = 20.0
_LISTS: Final = {
    "mutes": ("app.bsky.graph.getMutes", "mutes"),
    "muted-lists": ("app.bsky.graph.getListMutes", "lists"),
    "bookmarks": ("app.bsky.bookmark.getBookmarks", "bookmarks"),
    "drafts": ("app.bsky.draft.getDrafts", "drafts"),
    "activity-subscriptions": (
        "app.bsky.notification.listActivitySubscriptions",
        "subscriptions",
    ),
}
_NOTIFICATIONS: Final = "app.bsky.notification.getPreferences"


class ViewerData:
    """Fetch a member's private data from the AppView."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    async def documents(self, did: Did) -> dict[str, Json]:
        """Name each kind that the AppView has as a file of its own."""
        found: dict[str, Json] = {}
        for name, (nsid, field) in _LISTS.items():
            items = await self._all(did, nsid, field)
            if items is not None:
                found[f"private/{name}.json"] = items
        wishes = await self._ask(did, _NOTIFICATIONS, [])
        if wishes is not None:
            found["private/notifications.json"] = wishes
        return found

    async def _all(self, did: Did, nsid: str, field: str) -> list[Json] | None:
        """Every item of a paged list; None if there is no such list."""
        items: list[Json] = []
        params: list[tuple[str, str]] = []
        for _ in range(MOST_PAGES):
            page = await self._ask(did, nsid, params)
            if page is None or not isinstance(page.get(field), list):
                return items or None
            items += page[field]
            cursor = page.get("cursor")
            if not page[field] or not isinstance(cursor, str):
                break
            params = [("cursor", cursor)]
        return items

    async def _ask(
        self, did: Did, nsid: str, params: list[tuple[str, str]]
    ) -> dict[str, Any] | None:
        call = Call("GET", nsid, params, {}, None)
        try:
            async with asyncio.timeout(SECONDS):
                target = await self._proxy.target(None)
                async with self._proxy.send(target, call, did, None) as answer:
                    body = b""
                    async for chunk in answer.chunks:
                        body += chunk
                        if len(body) > MOST_BYTES:
                            return None
                    said = json.loads(body) if answer.status == 200 else None
        except (NoService, UpstreamFailed, OSError, ValueError):
            return None
        return said if isinstance(said, dict) else None
