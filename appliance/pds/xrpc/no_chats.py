"""What is true of chats on a network that has no chat service: nobody has any.

Clients ask on every page. Looking for Bluesky's service would take seconds where there is no
internet, and lead outside where there is.
"""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from appliance.atproto.syntax import JsonObject, Nsid
from appliance.atproto.xrpc.answers import JSON, encode
from appliance.atproto.xrpc.server import PRIVATE
from appliance.pds.proxy import NoService

# By this name the official client asks for "the" chat service.
BLUESKY_CHAT: Final = "did:web:api.bsky.chat#bsky_chat"
_QUIET: Final[JsonObject] = {"include": "all", "push": False}
ANSWERS: Final[Mapping[str, JsonObject]] = {
    # Nothing of anybody is there. The official client deletes an account only after this.
    "chat.bsky.actor.deleteAccount": {},
    "chat.bsky.actor.getStatus": {
        "chatDisabled": True,
        "canCreateGroups": False,
        "groupMemberLimit": 0,
    },
    "chat.bsky.convo.getConvoAvailability": {"canChat": False},
    "chat.bsky.convo.getLog": {"logs": []},
    "chat.bsky.convo.getUnreadCounts": {"unreadAcceptedConvos": 0, "unreadRequestConvos": 0},
    "chat.bsky.convo.listConvoRequests": {"requests": []},
    "chat.bsky.convo.listConvos": {"convos": []},
    "chat.bsky.convo.updateAllRead": {"updatedCount": 0},
    "chat.bsky.group.getJoinLinkPreviews": {"joinLinkPreviews": []},
    "chat.bsky.group.listMutualGroups": {"convos": []},
    "chat.bsky.notification.getPreferences": {
        "preferences": {"chat": _QUIET, "chatRequest": _QUIET}
    },
}


# A download, one JSON object to a line: no lines.
EXPORT: Final = "chat.bsky.actor.exportAccountData"


def answer(nsid: Nsid) -> web.Response:
    """Answer a call to the chat service. Raises NoService where only a service could."""
    if nsid == EXPORT:
        return web.Response(headers={"Content-Type": "application/jsonl", **PRIVATE})
    found = ANSWERS.get(nsid)
    if found is None:
        raise NoService("This network has no chat service")
    return web.Response(body=encode(found), headers={"Content-Type": JSON, **PRIVATE})
