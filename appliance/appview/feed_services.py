"""Ask the services behind feed generators which posts their feeds hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from appliance.appview.hydrate.rows import FeedItem
from appliance.atproto.data import InvalidData, loads
from appliance.atproto.http_port import HttpPort
from appliance.atproto.identity.errors import IdentityNotFound, IdentityUnreachable
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.syntax import AtUri, Did, InvalidSyntax, Json, JsonObject
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import InvalidRequest, UpstreamFailure

SERVICE: Final = "#bsky_fg"
REPOST: Final = "app.bsky.feed.defs#skeletonReasonRepost"
SKELETON: Final = "app.bsky.feed.getFeedSkeleton"
MOST_ITEMS: Final = 100
MOST_BYTES: Final = 512_000
SECONDS_TO_ANSWER: Final = 5.0
LONGEST_CONTEXT: Final = 2000
LONGEST_REQUEST_ID: Final = 100
LONGEST_CURSOR: Final = 4096


@dataclass(frozen=True, slots=True)
class Named:
    """A post a feed names, the repost that brought it, and what the feed wants back about it."""

    post: AtUri
    repost: AtUri | None
    context: JsonObject


@dataclass(frozen=True, slots=True)
class Skeleton:
    """An answer of a feed service."""

    named: list[Named]
    cursor: str | None

    def uris(self) -> list[str]:
        """List every record named."""
        return [uri for each in self.named for uri in (each.post, each.repost) if uri is not None]

    def items(self, ids: Mapping[str, int]) -> list[tuple[FeedItem, JsonObject]]:
        """Give the posts we hold, in the feed's order, each with its context."""
        found = []
        for each in self.named:
            post_id = ids.get(each.post)
            repost_id = post_id if each.repost is None else ids.get(each.repost)
            if post_id is not None and repost_id is not None:
                found.append((FeedItem(0, repost_id, 0, post_id), each.context))
        return found


class FeedServices:
    """The way to feed generators' services, by the DIDs their records name."""

    def __init__(self, resolver: IdentityResolver, http: HttpPort) -> None:
        self._resolver = resolver
        self._http = http

    async def is_reachable(self, did: str) -> bool:
        """Whether the service's DID document says where it is."""
        try:
            await self._endpoint(did)
        except (InvalidRequest, UpstreamFailure):
            return False
        return True

    async def skeleton(
        self, did: str, feed: str, page: tuple[int, str | None], headers: Mapping[str, str]
    ) -> Skeleton:
        """Ask for a page of a feed: (limit, cursor). The headers say for whom, if for anybody.

        Raises InvalidRequest if there is no such service, XrpcError as the service names it, and
        UpstreamFailure.
        """
        client = XrpcClient.outside(self._http, await self._endpoint(did))
        answer = await client.call(
            "GET",
            SKELETON,
            params={"feed": feed, "limit": page[0], "cursor": page[1]},
            headers=headers,
            max_bytes=MOST_BYTES,
            timeout=SECONDS_TO_ANSWER,
        )
        try:
            return _parse(loads(answer.body))
        except InvalidData as bad:
            raise UpstreamFailure("the feed service gave an unreadable answer") from bad

    async def _endpoint(self, did: str) -> str:
        try:
            document = await self._resolver.document(Did(did))
        except (InvalidSyntax, IdentityNotFound):
            raise InvalidRequest(f"could not find the service of the feed: {did}") from None
        except IdentityUnreachable as error:
            raise UpstreamFailure("could not look up the service of the feed") from error
        endpoint = document.service(SERVICE)
        if endpoint is None:
            raise InvalidRequest(f"{did} is no feed service")
        return endpoint


def _parse(answer: Json) -> Skeleton:
    """Read a skeleton; what is not understood in it is left out. Raises UpstreamFailure."""
    feed = answer.get("feed") if isinstance(answer, dict) else None
    if not isinstance(feed, list):
        raise UpstreamFailure("the feed service gave an unreadable answer")
    cursor = answer.get("cursor")
    is_usable = isinstance(cursor, str) and 0 < len(cursor) <= LONGEST_CURSOR
    request_id = _short(answer.get("reqId"), LONGEST_REQUEST_ID)
    told: JsonObject = {} if request_id is None else {"reqId": request_id}
    named = [found for item in feed[:MOST_ITEMS] if (found := _item(item, told)) is not None]
    return Skeleton(named, cursor if is_usable and named else None)


def _item(item: Any, told: JsonObject) -> Named | None:
    try:
        post, reason = AtUri(item["post"]), item.get("reason")
        is_repost = isinstance(reason, dict) and reason.get("$type") == REPOST
        repost = AtUri(reason["repost"]) if is_repost else None
        context = _short(item.get("feedContext"), LONGEST_CONTEXT)
    except (InvalidSyntax, KeyError, TypeError, AttributeError):
        return None
    return Named(post, repost, told if context is None else {"feedContext": context, **told})


def _short(text: Any, most: int) -> str | None:
    """Take a text of at most so many bytes; None for anything else."""
    return text if isinstance(text, str) and len(text.encode()) <= most else None
