"""Feeds made by services elsewhere."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.appview.feed_services import FeedServices
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.xrpc.errors import InvalidRequest, UpstreamFailure, XrpcError
from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from tests.support.clock import FakeClock

FEED = "at://did:plc:ann/app.bsky.feed.generator/cats"
POST = "at://did:plc:ann/app.bsky.feed.post/3labaaaaaaaa2"
REPOST = "at://did:plc:bob/app.bsky.feed.repost/3labaaaaaaaa3"


@asynccontextmanager
async def service(
    answer: Any, *, status: int = 200, kind: str = "bsky_fg"
) -> AsyncIterator[tuple[FeedServices, str, list[str]]]:
    """Run a feed service that gives one answer; give the way to it, its DID, what it is asked."""
    asked: list[str] = []

    async def document(request: web.Request) -> web.Response:
        endpoint = f"http://{request.host}"
        entry = {"id": f"#{kind}", "type": "BskyFeedGenerator", "serviceEndpoint": endpoint}
        return web.json_response({"id": did, "service": [entry]})

    async def skeleton(request: web.Request) -> web.Response:
        asked.append(request.query_string)
        return web.json_response(answer, status=status)

    app = web.Application()
    app.router.add_get("/.well-known/did.json", document)
    app.router.add_get("/xrpc/app.bsky.feed.getFeedSkeleton", skeleton)
    async with (
        TestServer(app, host="localhost") as server,
        HttpClient.open(OutboundPolicy(allow_loopback=True)) as http,
    ):
        did = f"did:web:localhost%3A{server.port}"
        resolver = IdentityResolver(http, "https://plc.test", FakeClock().now, (), ())
        yield FeedServices(resolver, http), did, asked


async def test_a_skeleton_names_posts_reposts_and_context() -> None:
    reason = {"$type": "app.bsky.feed.defs#skeletonReasonRepost", "repost": REPOST}
    feed = [
        {"post": POST, "reason": reason, "feedContext": "because"},
        {"post": "no address"},
        "nonsense",
        {"post": POST},
    ]
    answer = {"feed": feed, "cursor": "next", "reqId": "r1"}
    async with service(answer) as (feeds, did, asked):
        found = await feeds.skeleton(did, FEED, (10, "before"), {})
    assert "limit=10" in asked[0]
    assert "cursor=before" in asked[0]
    assert found.uris() == [POST, REPOST, POST]
    assert found.cursor == "next"
    items = found.items({POST: 1, REPOST: 2})
    assert [(item.post_id, item.repost_id, context) for item, context in items] == [
        (1, 2, {"feedContext": "because", "reqId": "r1"}),
        (1, None, {"reqId": "r1"}),
    ]
    assert found.items({}) == []


@pytest.mark.parametrize("odd", [7, None, "x" * 2001, ["because"]])
async def test_context_that_no_client_would_take_is_left_out(odd: Any) -> None:
    feed = [{"post": POST, "feedContext": odd}]
    async with service({"feed": feed, "reqId": odd}) as (feeds, did, _):
        found = await feeds.skeleton(did, FEED, (10, None), {})
    assert found.items({POST: 1})[0][1] == {}


@pytest.mark.parametrize("answer", [{"posts": []}, [], {"feed": "x"}])
async def test_a_service_that_answers_nonsense_has_failed(answer: Any) -> None:
    async with service(answer) as (feeds, did, _):
        with pytest.raises(UpstreamFailure):
            await feeds.skeleton(did, FEED, (10, None), {})


async def test_an_error_of_the_service_is_passed_on() -> None:
    refusal = {"error": "UnknownFeed", "message": "no cats"}
    async with service(refusal, status=400) as (feeds, did, _):
        with pytest.raises(XrpcError) as caught:
            await feeds.skeleton(did, FEED, (10, None), {})
    assert caught.value.name == "UnknownFeed"


async def test_who_is_no_feed_service_is_not_reachable() -> None:
    async with service({}, kind="atproto_pds") as (feeds, did, _):
        assert await feeds.is_reachable(did) is False
        with pytest.raises(InvalidRequest):
            await feeds.skeleton(did, FEED, (10, None), {})
        assert await feeds.is_reachable("nonsense") is False
    async with service({}) as (feeds, did, _):
        assert await feeds.is_reachable(did) is True


async def test_an_empty_page_ends_a_feed() -> None:
    async with service({"feed": [], "cursor": "again"}) as (feeds, did, _):
        assert (await feeds.skeleton(did, FEED, (10, None), {})).cursor is None
