"""What the AppView keeps of a member that no repo holds: mutes, bookmarks, drafts, wishes.

Asked for as the member's app would, so any AppView will do. What it does not have is left out. A
list may be of any length, so it is written down page by page, and one page is in memory.
"""

import asyncio
import json
from typing import Any, BinaryIO, Final

from appliance.atproto.syntax import Did, Json
from appliance.pds.appview_choices import AppViewChoices
from appliance.pds.out_tray import OutTray
from appliance.pds.proxy import Call, NoService, Proxy
from appliance.pds.services_elsewhere import UpstreamFailed

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
    """Fetch a member's private data from the AppView that they use."""

    def __init__(self, proxy: Proxy, choices: AppViewChoices, tray: OutTray) -> None:
        self._proxy = proxy
        self._choices = choices
        self._tray = tray

    async def documents(self, did: Did) -> dict[str, BinaryIO]:
        """Name each kind that the AppView has as a file of its own. Raises NoRoomForArchive."""
        found: dict[str, BinaryIO] = {}
        for name, (nsid, field) in _LISTS.items():
            items = await self._all(did, nsid, field)
            if items is not None:
                found[f"private/{name}.json"] = items
        wishes = await self._ask(did, _NOTIFICATIONS, [])
        if wishes is not None:
            file = self._tray.open()
            file.write(_text(wishes))
            file.seek(0)
            found["private/notifications.json"] = file
        return found

    async def _all(self, did: Did, nsid: str, field: str) -> BinaryIO | None:
        """Every item of a paged list; None if there is no such list."""
        file = self._tray.open()
        params: list[tuple[str, str]] = []
        between = b"["
        for number in range(MOST_PAGES):
            page = await self._ask(did, nsid, params)
            items = page.get(field) if page is not None else None
            if page is None or not isinstance(items, list):
                if not number:
                    file.close()
                    return None
                break
            for item in items:
                file.write(between + _text(item))
                between = b",\n"
            cursor = page.get("cursor")
            if not items or not isinstance(cursor, str):
                break
            params = [("cursor", cursor)]
        file.write(b"[]" if between == b"[" else b"]")
        file.seek(0)
        return file

    async def _ask(
        self, did: Did, nsid: str, params: list[tuple[str, str]]
    ) -> dict[str, Any] | None:
        call = Call("GET", nsid, params, {}, None)
        try:
            async with asyncio.timeout(SECONDS):
                target = await self._proxy.target(None, self._choices.of(did))
                async with self._proxy.send(target, call, did, None) as answer:
                    body = bytearray()
                    async for chunk in answer.chunks:
                        body += chunk
                        if len(body) > MOST_BYTES:
                            return None
                    said = json.loads(body) if answer.status == 200 else None
        except (NoService, UpstreamFailed, OSError, ValueError):
            return None
        return said if isinstance(said, dict) else None


def _text(item: Json) -> bytes:
    return json.dumps(item, indent=1, ensure_ascii=False).encode(errors="replace")
