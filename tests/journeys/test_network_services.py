"""A network with an account of its own: its labels, by command, as everybody sees them."""

from collections.abc import Iterator, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.atproto import jwt
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.labels import as_json
from tests.journeys.test_command_line import said
from tests.support.appliance import Appliance
from tests.support.client import Client, Member, Operator, Refused, join, soon, uris
from tests.support.lying_labeler import open_labeler


@pytest.fixture(scope="module")
def served() -> Iterator[Appliance]:
    """A network with all its services."""
    appliance = Appliance(bare=False)
    yield appliance
    appliance.finish()


@pytest.fixture
async def ann(served: Appliance, http: aiohttp.ClientSession) -> Member:
    return await join(http, served.pds, "ann")


@pytest.fixture
async def own(served: Appliance, http: aiohttp.ClientSession) -> str:
    """Wait until the network has its account; give its DID."""
    labeler = Operator(http, served.labeler, served.operator_token)

    async def look() -> Any:
        return await labeler.get("internal.hearth.labeler.getLabeler")

    return str((await soon(look, lambda found: "did" in found))["did"])


async def test_a_label_put_by_command_is_seen_by_members_at_once_and_gone_when_taken_back(
    served: Appliance, http: aiohttp.ClientSession, ann: Member, own: str
) -> None:
    post = await ann.write_post("buy my thing")
    shown = f"{post.uri} is labelled spam by {own}\n"
    assert said(served, "label", "add", post.uri, "spam") == shown
    wanted = {"atproto-accept-labelers": f"{own};redact"}

    async def values(headers: dict[str, str] | None) -> list[str]:
        path = "/xrpc/app.bsky.feed.getPosts"
        answer = await ann.raw("GET", path, headers=headers, params={"uris": [post.uri]})
        if answer.headers.get("atproto-content-labelers") != wanted["atproto-accept-labelers"]:
            return ["not yet"]
        return [label["val"] for one in answer.json["posts"] for label in one["labels"]]

    async def both() -> tuple[list[str], list[str]]:
        return await values(wanted), await values(None)

    await soon(both, lambda seen: seen == (["spam"], ["spam"]))
    assert "spam" in said(served, "label", "list", post.uri)
    said(served, "label", "remove", post.uri, "spam")

    await soon(both, lambda seen: seen == ([], []))


async def test_who_is_labelled_takedown_is_gone_for_those_who_trust_the_labeler_so_far(
    served: Appliance, http: aiohttp.ClientSession, ann: Member, own: str
) -> None:
    bob = await join(http, served.pds, "bob")
    said(served, "label", "add", bob.handle, "!takedown")
    path, params = "/xrpc/app.bsky.actor.getProfiles", {"actors": [bob.did]}

    async def seen(header: str) -> int:
        headers = {"atproto-accept-labelers": header}
        answer = await ann.raw("GET", path, headers=headers, params=params)
        return len(answer.json["profiles"])

    await soon(lambda: seen(f"{own};redact"), lambda count: count == 0)
    assert await seen(own) == 1
    said(served, "label", "remove", f"at://{bob.did}".removeprefix("at://"), "!takedown")


async def test_a_kind_of_label_of_ones_own_is_in_the_labelers_view(
    served: Appliance, http: aiohttp.ClientSession, ann: Member, own: str
) -> None:
    said(served, "label", "define", "spoiler", "Spoiler", "Tells how a story ends.")

    async def told() -> Any:
        return await ann.get("app.bsky.labeler.getServices", dids=[own], detailed=True)

    await soon(told, lambda answer: "spoiler" in str(answer["views"]))
    assert "spoiler              Spoiler" in said(served, "label", "kinds")


async def test_a_report_to_the_labeler_reaches_the_operator(
    served: Appliance, http: aiohttp.ClientSession, ann: Member, own: str
) -> None:
    answer = await ann.raw(
        "POST",
        "/xrpc/com.atproto.moderation.createReport",
        body=b'{"reasonType":"com.atproto.moderation.defs#reasonSpam","subject":'
        b'{"$type":"com.atproto.admin.defs#repoRef","did":"%s"}}' % ann.did.encode(),
        headers={
            "atproto-proxy": f"{own}#atproto_labeler",
            "Content-Type": "application/json",
        },
    )
    assert answer.status == 200, answer.body
    operator = Operator(http, served.pds, served.operator_token)
    reports = (await operator.get("internal.hearth.pds.listReports"))["reports"]
    assert ann.did in [one["reportedBy"] for one in reports]


async def test_the_feeds_every_network_begins_with_are_offered_before_all_others(
    served: Appliance, http: aiohttp.ClientSession, ann: Member, own: str
) -> None:
    async def offered() -> Any:
        return await ann.get("app.bsky.feed.getSuggestedFeeds", limit=10)

    found = await soon(offered, lambda answer: len(answer["feeds"]) >= 3)
    wanted = {f"at://{own}/app.bsky.feed.generator/{n}" for n in ("everyone", "photos", "friends")}
    assert {feed["uri"] for feed in found["feeds"][:3]} == wanted
    # Ann follows nobody: where there is nothing to see yet, nobody is sent.
    suggested = (await ann.get("app.bsky.unspecced.getSuggestedFeeds"))["feeds"]
    assert f"at://{own}/app.bsky.feed.generator/friends" not in {feed["uri"] for feed in suggested}
    popular = await ann.get("app.bsky.unspecced.getPopularFeedGenerators", query="photos")
    assert [feed["displayName"] for feed in popular["feeds"]] == ["Photos here"]
    view = await ann.get("app.bsky.feed.getFeedGenerator", feed=f"{min(wanted)}")
    assert (view["isOnline"], view["isValid"]) == (True, True)
    described = await Client(http, served.appview).get("app.bsky.feed.describeFeedGenerator")
    assert {feed["uri"] for feed in described["feeds"]} >= wanted


async def test_a_feed_made_by_command_is_read_here_and_by_the_world(
    served: Appliance, http: aiohttp.ClientSession, ann: Member, own: str
) -> None:
    made = said(served, "feed", "add", "cats", "Cats", "hashtags", "--word", "#cats")
    uri = f"at://{own}/app.bsky.feed.generator/cats"
    assert made == f"Cats is offered as {uri}\n"
    await ann.write_post("a dog")
    cat = await ann.write_post("a cat", tags=["Cats"])

    async def read() -> list[str]:
        answer = await ann.raw("GET", "/xrpc/app.bsky.feed.getFeed", params={"feed": uri})
        return uris(answer.json) if answer.status == 200 else []

    await soon(read, lambda seen: seen == [cat.uri])
    world = Client(http, served.appview)
    skeleton = await world.get("app.bsky.feed.getFeedSkeleton", feed=uri)
    assert skeleton == {"feed": [{"post": cat.uri}]}
    assert "hashtags; cats; everybody" in said(served, "feed", "list")
    said(served, "feed", "remove", "cats")
    with pytest.raises(Refused, match="UnknownFeed"):
        await world.get("app.bsky.feed.getFeedSkeleton", feed=uri)

    async def gone() -> int:
        answer = await ann.raw("GET", "/xrpc/app.bsky.feed.getFeedGenerator", params={"feed": uri})
        return answer.status

    await soon(gone, lambda status: status == 400)


async def test_a_personal_feed_is_read_by_who_proves_who_they_are(
    served: Appliance, http: aiohttp.ClientSession, ann: Member, own: str
) -> None:
    bob, cat = [await join(http, served.pds, name) for name in ("bob", "cat")]
    await ann.follow(bob)
    await bob.follow(cat)
    post = await cat.write_post("hello, friends of friends")
    feed = f"at://{own}/app.bsky.feed.generator/friends"

    async def read() -> list[str]:
        return uris(await ann.get("app.bsky.feed.getFeed", feed=feed))

    await soon(read, lambda seen: seen == [post.uri])
    nsid = "app.bsky.feed.getFeedSkeleton"
    world = Client(http, served.appview)
    with pytest.raises(Refused, match="401"):
        await world.get(nsid, feed=feed)
    asked = await ann.get("com.atproto.server.getServiceAuth", aud=own, lxm=nsid)
    known = Client(http, served.appview, asked["token"])
    assert await known.get(nsid, feed=feed) == {"feed": [{"post": post.uri}]}
    asked = await ann.get("com.atproto.server.getServiceAuth", aud="did:web:other.test", lxm=nsid)
    with pytest.raises(Refused, match="BadJwtAudience"):
        await Client(http, served.appview, asked["token"]).get(nsid, feed=feed)


async def test_the_service_of_a_feed_elsewhere_is_told_who_reads(
    served: Appliance, http: aiohttp.ClientSession, ann: Member, own: str
) -> None:
    post = await ann.write_post("named elsewhere")
    heard: list[Mapping[str, str]] = []

    async def document(request: web.Request) -> web.Response:
        url = f"http://{request.host}"
        service = {"id": "#bsky_fg", "type": "BskyFeedGenerator", "serviceEndpoint": url}
        return web.json_response({"id": did, "service": [service]})

    async def skeleton(request: web.Request) -> web.Response:
        heard.append(request.headers)
        rows = [{"post": f"{post.uri}x"}, {"post": "nonsense"}, {"post": post.uri}]
        return web.json_response({"feed": rows, "cursor": "more"})

    app = web.Application()
    app.router.add_get("/.well-known/did.json", document)
    app.router.add_get("/xrpc/app.bsky.feed.getFeedSkeleton", skeleton)
    async with TestServer(app, host="localhost") as server:
        did = f"did:web:localhost%3A{server.port}"
        feed = await ann.create("app.bsky.feed.generator", did=did, displayName="Elsewhere")

        async def read() -> Any:
            path = "/xrpc/app.bsky.feed.getFeed"
            return (await ann.raw("GET", path, params={"feed": feed.uri})).json

        answer = await soon(read, lambda seen: "feed" in seen and seen["feed"])
        assert (uris(answer), answer["cursor"]) == ([post.uri], "more")
        assert "viewer" in answer["feed"][0]["post"]
        token = jwt.parse(heard[0]["Authorization"].removeprefix("Bearer "))
        assert (token.text("iss"), token.text("aud")) == (ann.did, did)
        assert token.text("lxm") == "app.bsky.feed.getFeedSkeleton"
        # As PDSes of the reference ask: with a token for the feed's service in place of ours.
        nsid = "app.bsky.feed.getFeedSkeleton"
        asked = await ann.get("com.atproto.server.getServiceAuth", aud=did, lxm=nsid)
        other = Client(http, served.appview, asked["token"])
        answer = await other.get("app.bsky.feed.getFeed", feed=feed.uri)
        assert uris(answer) == [post.uri]
        assert heard[-1]["Authorization"] == f"Bearer {asked['token']}"
        # Ours does not, so whoever comes with one may be the service: it learns nothing of ann.
        assert "viewer" not in answer["feed"][0]["post"]
        asked = await ann.get("com.atproto.server.getServiceAuth", aud=own, lxm=nsid)
        with pytest.raises(Refused, match="BadJwtAudience"):
            await Client(http, served.appview, asked["token"]).get(
                "app.bsky.feed.getFeed", feed=feed.uri
            )
    away = await ann.raw("GET", "/xrpc/app.bsky.feed.getFeed", params={"feed": feed.uri})
    assert away.error == (502, "UpstreamFailure")


async def test_a_labeler_elsewhere_that_a_member_names_is_asked_and_believed(
    ann: Member,
) -> None:
    post = await ann.write_post("a matter of taste")
    async with open_labeler() as other:
        forged = other.label(post.uri, "forged", PrivateKey.generate())
        told = [as_json(one) for one in (other.label(post.uri, "tasteless"), forged)]
        other.answer = {"labels": told}
        headers = {"atproto-accept-labelers": other.did}

        async def values() -> list[str]:
            path, params = "/xrpc/app.bsky.feed.getPosts", {"uris": [post.uri]}
            answer = await ann.raw("GET", path, headers=headers, params=params)
            return [label["val"] for one in answer.json["posts"] for label in one["labels"]]

        assert await soon(values, lambda seen: bool(seen)) == ["tasteless"]

        async def is_known() -> bool:
            asked = len(other.asked)
            assert await values() == ["tasteless"]
            return len(other.asked) == asked

        # What was asked before the first answer came may still be on its way; then nobody is asked.
        await soon(is_known, bool)
