"""A network born at home is published: the reference's directory takes it, its AppView sees it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.journeys.test_publish import make_home, running
from tests.support.client import PASSWORD, Client, Member, Ref, Refused, sign_in, soon
from tests.support.commands import hearth
from tests.support.reference_network import ReferenceNetwork, reference_network

pytestmark = pytest.mark.slow

NAME = "smiths.example.org"


@pytest.fixture(scope="module")
def world() -> Iterator[ReferenceNetwork]:
    with reference_network() as network:
        yield network


async def join(http: aiohttp.ClientSession, url: str, handle: str) -> Member:
    fields = {"handle": handle, "email": f"{handle}@mail.test", "password": PASSWORD}
    return Member(
        http, url, await Client(http, url).post("com.atproto.server.createAccount", **fields)
    )


async def at_home(url: str) -> tuple[str, str, Ref]:
    """Two people at home: Bob follows Ann and likes what she writes."""
    async with aiohttp.ClientSession() as http:
        ann = await join(http, url, "ann.smiths.home")
        bob = await join(http, url, "bob.smiths.home")
        post = await ann.write_post("born at home")
        await bob.follow(ann)
        await bob.like(post)
        return ann.did, bob.did, post


async def fetched(url: str) -> Any:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def seen_out_there(
    world: ReferenceNetwork, url: str, people: tuple[str, str, Ref]
) -> tuple[dict[str, Any], list[Any], list[str]]:
    """Give what the reference AppView shows of Ann: profile, posts, followers."""
    ann, _, _ = people
    async with aiohttp.ClientSession() as http:
        # Somebody out there, who knows nothing but a DID.
        eve = await join(http, world.pds, "eve.test")
        home = await sign_in(http, url, f"ann.{NAME}")
        later = await home.write_post("published")

        async def feed() -> list[Any]:
            shown = await eve.get("app.bsky.feed.getAuthorFeed", actor=ann)
            return [item["post"] for item in shown["feed"]]

        async def look() -> list[Any]:
            try:
                return await feed()
            except Refused:
                return []

        posts = await soon(look, lambda seen: later.uri in [one["uri"] for one in seen], 60)
        profile = await eve.get("app.bsky.actor.getProfile", actor=ann)
        followers = await eve.get("app.bsky.graph.getFollowers", actor=ann)
        return profile, posts, [one["did"] for one in followers["followers"]]


def test_the_reference_sees_the_same_people_posts_and_followers(
    world: ReferenceNetwork, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    url = make_home(data)
    with running(data, url):
        people = asyncio.run(at_home(url))
        ann, bob, post = people
        before = asyncio.run(fetched(f"{url}/xrpc/com.atproto.sync.getLatestCommit?did={ann}"))
        done = hearth("publish", NAME, "--directory", world.plc, "--anyway", data=data)
        assert done.returncode == 0, done.stderr
        assert "3 of 3 identities name the new address" in done.stdout
        # The directory of others has checked every operation; the first is the one made at home.
        for did, name in ((ann, "ann"), (bob, "bob")):
            log = asyncio.run(fetched(f"{world.plc}/{did}/log/audit"))
            assert len(log) == 2
            assert log[0]["operation"]["alsoKnownAs"] == [f"at://{name}.smiths.home"]
            document = asyncio.run(fetched(f"{world.plc}/{did}"))
            assert document["alsoKnownAs"] == [f"at://{name}.{NAME}"]
            [service] = [one for one in document["service"] if one["id"] == "#atproto_pds"]
            assert service["serviceEndpoint"] == f"https://{NAME}"
        # Nothing was signed anew: the repo is the one from home.
        after = asyncio.run(fetched(f"{url}/xrpc/com.atproto.sync.getLatestCommit?did={ann}"))
        assert after == before
        world.follow(url.replace("http", "ws", 1))
        profile, posts, followers = asyncio.run(seen_out_there(world, url, people))
        assert (profile["did"], profile["followersCount"], profile["postsCount"]) == (ann, 1, 2)
        assert followers == [bob]
        [shown] = [one for one in posts if one["uri"] == post.uri]
        assert (shown["cid"], shown["likeCount"]) == (post.cid, 1)
