"""Custom feeds through an AppView of somebody else.

Such an AppView passes the member's token on to the service that makes the feed. So the token names
that service and the method it has, not the AppView; which service it is, the feed's record says.
"""

from dataclasses import replace
from typing import Final

from appliance.atproto.syntax import AtUri, Did, InvalidSyntax
from appliance.pds.proxy import Call, Target
from appliance.pds.role import Pds
from appliance.pds.xrpc.patched import sound_answer

GET_FEED: Final = "app.bsky.feed.getFeed"
SKELETON: Final = "app.bsky.feed.getFeedSkeleton"
_RECORD: Final = "com.atproto.repo.getRecord"


class UnknownFeed(ValueError):
    """No service stands behind a feed of this name."""

    xrpc_name = "UnknownFeed"

    def __init__(self) -> None:
        super().__init__("could not resolve feed did")


async def for_the_feed(pds: Pds, target: Target, call: Call) -> Call:
    """Have a getFeed vouched for before the service that makes the feed.

    Raises UnknownFeed, but UpstreamFailed where the AppView is in trouble: a client takes the one
    for the end of the feed.
    """
    try:
        feed = AtUri(dict(call.params).get("feed", ""))
    except InvalidSyntax as bad:
        raise UnknownFeed from bad
    named = [("repo", feed.authority), ("collection", feed.collection), ("rkey", feed.rkey)]
    if not all(part for _, part in named):
        raise UnknownFeed
    params = [(name, str(part)) for name, part in named]
    asked = Call("GET", _RECORD, params, {}, None)
    found = await sound_answer(pds, target, asked, None)
    value = found["value"] if found else None
    try:
        did = Did(str(value.get("did"))) if isinstance(value, dict) else None
    except InvalidSyntax as bad:
        raise UnknownFeed from bad
    if did is None:
        raise UnknownFeed
    return replace(call, vouch_for=(did, SKELETON))
