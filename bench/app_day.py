"""What the official client asks, in the proportions in which it asks it.

Counted while it was driven through 68 screens of entering, writing, reading and being together
(`tests/interop/official_client`): 1019 calls of 65 methods with a session. The 22 methods here are
911 of them; none of the others was called a dozen times.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson
from yarl import URL

from bench.target import POST, Account, Target, now, post_record

CHAT = {"atproto-proxy": "did:web:api.bsky.chat#bsky_chat"}
LIKE = "app.bsky.feed.like"
SEED = 4


@dataclass(frozen=True)
class Call:
    """A call: by which verb, of what; `body` makes what is sent."""

    verb: str
    url: URL
    body: Callable[[], bytes] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What the client says besides: chats are asked of the service that has them."""
        return CHAT if "/chat.bsky." in self.url.path else {}


def single(target: Target, member: Account) -> dict[str, Call]:
    """Calls that are measured by themselves, the cheapest and the dearest among them."""
    return {
        "getPreferences": _get(target, "app.bsky.actor.getPreferences"),
        "getSession": _get(target, "com.atproto.server.getSession"),
        "getProfile": _get(target, "app.bsky.actor.getProfile", actor=member.did),
        "getTimeline": _get(target, "app.bsky.feed.getTimeline", limit=50),
        "createRecord": _post(target, "com.atproto.repo.createRecord", _new_post(member)),
    }


async def mixed(target: Target, people: list[Account]) -> list[Call]:
    """Give the calls of a while with the client, shuffled, always in the same way."""
    me, other = people[0], people[1]
    repo = target.address("com.atproto.repo.describeRepo", repo=other.did)
    handle = orjson.loads(await target.get(repo))["handle"]
    listed = target.address("com.atproto.repo.listRecords", repo=other.did, collection=POST)
    post = orjson.loads(await target.get(listed))["records"][0]
    reads = _everywhere(target, me) + _screens(target, other, handle, post["uri"])
    counted = [*reads, *_writes(target, me, post)]
    found = [call for count, call in counted for _ in range(count)]
    Random(SEED).shuffle(found)  # noqa: S311
    return found


def _everywhere(target: Target, me: Account) -> list[tuple[int, Call]]:
    """What is asked whenever a page is loaded, or again and again."""

    def get(count: int, nsid: str, **params: object) -> tuple[int, Call]:
        return count, _get(target, nsid, **params)

    return [
        get(111, "chat.bsky.convo.getLog"),
        get(90, "app.bsky.actor.getPreferences"),
        get(74, "app.bsky.actor.getProfile", actor=me.did),
        get(59, "app.bsky.notification.listNotifications", limit=40),
        get(57, "app.bsky.ageassurance.getState", countryCode="ZZ", regionCode=""),
        get(56, "app.bsky.actor.getProfiles", actors=me.did),
        get(55, "com.atproto.server.getSession"),
        get(55, "app.bsky.unspecced.getConfig"),
        get(55, "app.bsky.graph.getFollows", actor=me.did, limit=1),
        get(55, "chat.bsky.convo.getUnreadCounts", includeGroupChats="true"),
    ]


def _screens(target: Target, other: Account, handle: str, uri: str) -> list[tuple[int, Call]]:
    """What is asked on the screens that are about something."""

    def get(count: int, nsid: str, **params: object) -> tuple[int, Call]:
        return count, _get(target, nsid, **params)

    rkey = uri.rpartition("/")[2]
    return [
        get(64, "com.atproto.repo.getRecord", repo=other.did, collection=POST, rkey=rkey),
        get(26, "app.bsky.feed.getAuthorFeed", actor=other.did, limit=30),
        get(23, "com.atproto.identity.resolveHandle", handle=handle),
        get(21, "app.bsky.graph.getSuggestedFollowsByActor", actor=other.did),
        get(20, "app.bsky.unspecced.getPostThreadV2", anchor=uri, below=10),
        get(19, "app.bsky.feed.getTimeline", limit=30),
        get(12, "app.bsky.draft.getDrafts"),
        get(12, "app.bsky.feed.getPosts", uris=uri),
        get(11, "app.bsky.actor.searchActorsTypeahead", q="b", limit=8),
    ]


def _writes(target: Target, me: Account, post: dict[str, Any]) -> list[tuple[int, Call]]:
    def like() -> bytes:
        subject = {"uri": post["uri"], "cid": post["cid"]}
        record = {"$type": LIKE, "subject": subject, "createdAt": now()}
        return orjson.dumps({"repo": me.did, "collection": LIKE, "record": record})

    def several() -> bytes:
        kind = "com.atproto.repo.applyWrites#create"
        write = {"$type": kind, "collection": POST, "value": post_record()}
        return orjson.dumps({"repo": me.did, "writes": [write]})

    adult = {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": False}
    return [
        (13, _post(target, "com.atproto.repo.createRecord", like)),
        (12, _post(target, "com.atproto.repo.applyWrites", several)),
        (11, _post(target, "app.bsky.actor.putPreferences", _always({"preferences": [adult]}))),
    ]


def _get(target: Target, nsid: str, **params: object) -> Call:
    return Call("GET", target.address(nsid, **params))


def _post(target: Target, nsid: str, body: Callable[[], bytes]) -> Call:
    return Call("POST", target.address(nsid), body)


def _always(value: dict[str, Any]) -> Callable[[], bytes]:
    return lambda: orjson.dumps(value)


def _new_post(member: Account) -> Callable[[], bytes]:
    return lambda: orjson.dumps({"repo": member.did, "collection": POST, "record": post_record()})
