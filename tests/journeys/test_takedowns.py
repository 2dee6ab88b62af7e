"""What is taken down is seen nowhere: not of an account, a post, or a picture."""

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.appliance import Appliance
from tests.support.client import Client, Member, Operator, Ref, soon

PICTURE = Path(__file__).parents[1] / "interop" / "dot.png"
POST = "app.bsky.feed.post"
UPDATE = "com.atproto.admin.updateSubjectStatus"
Look = Callable[[], Awaitable[bytes]]


class Scene:
    """A member with a face and a post with a picture, and the many places where one finds them."""

    def __init__(self, network: Appliance, ann: Member, bob: Member) -> None:
        self.network = network
        self.ann = ann
        self.bob = bob
        self.word = f"zebra{ann.did[-8:]}"
        self.picture: dict[str, Any] = {}
        self.post = Ref("", "")
        self.feed = ""

    async def prepare(self) -> None:
        ann, bob = self.ann, self.bob
        face = await ann.upload(PICTURE.read_bytes(), "image/png")
        await ann.put("app.bsky.actor.profile", "self", displayName=self.word, avatar=face)
        # Bytes of its own: a picture that nobody else has.
        unlike = PICTURE.read_bytes() + self.word.encode()
        self.picture = await ann.upload(unlike, "image/png")
        images = [{"image": self.picture, "alt": "a dot"}]
        embed = {"$type": "app.bsky.embed.images", "images": images}
        self.post = await ann.write_post(f"{self.word} at night", embed=embed)
        await bob.follow(ann)
        await bob.like(self.post)
        appview = Operator(ann.http, self.network.appview, self.network.operator_token)
        feed = {"name": "everything", "title": "Everything", "kind": "everyone"}
        self.feed = (await appview.post("internal.hearth.feeds.putFeed", feed=feed))["uri"]

    @property
    def cid(self) -> str:
        return str(self.picture["ref"]["$link"])

    def places(self) -> dict[str, Look]:
        """Name every place where the account is found by strangers or by a member."""
        ann, bob, network = self.ann, self.bob, self.network
        stranger, view = Client(ann.http, network.pds), Client(ann.http, network.appview)
        of, repo = {"did": ann.did}, {"repo": ann.did}
        return {
            **self.places_of_the_post(),
            **self.places_of_the_picture(),
            "the repo described": _asked(stranger, "com.atproto.repo.describeRepo", **repo),
            "the repo": _asked(stranger, "com.atproto.sync.getRepo", **of),
            "the checkout": _asked(stranger, "com.atproto.sync.getCheckout", **of),
            "the head": _asked(stranger, "com.atproto.sync.getHead", **of),
            "the commit": _asked(stranger, "com.atproto.sync.getLatestCommit", **of),
            "the proof": _asked(
                stranger, "com.atproto.sync.getRecord", **of, collection=POST, rkey=self.post.rkey
            ),
            "the block": _asked(stranger, "com.atproto.sync.getBlocks", **of, cids=self.post.cid),
            "the blobs": _asked(stranger, "com.atproto.sync.listBlobs", **of),
            "who posts": _found(
                stranger, ann.did, "com.atproto.sync.listReposByCollection", collection=POST,
                limit=1000,
            ),
            "the handle": _asked(
                stranger, "com.atproto.identity.resolveHandle", handle=ann.handle
            ),
            "the handle's host": self._host,
            "the profile": _asked(bob, "app.bsky.actor.getProfile", actor=ann.did),
            "profiles": _found(bob, ann.did, "app.bsky.actor.getProfiles", actors=ann.did),
            "the profile, to strangers": _asked(view, "app.bsky.actor.getProfile", actor=ann.did),
            "the search for people": _found(
                bob, ann.did, "app.bsky.actor.searchActors", q=self.word
            ),
            "the search while typing": _found(
                bob, ann.did, "app.bsky.actor.searchActorsTypeahead", q=self.word
            ),
            "whom bob follows": _found(bob, ann.did, "app.bsky.graph.getFollows", actor=bob.did),
        }  # fmt: skip

    def places_of_the_post(self) -> dict[str, Look]:
        ann, bob, network = self.ann, self.bob, self.network
        stranger = Client(ann.http, network.pds)
        where = {"repo": ann.did, "collection": POST}
        uri = self.post.uri
        return {
            "the record": _asked(
                stranger, "com.atproto.repo.getRecord", **where, rkey=self.post.rkey
            ),
            "the list of records": _found(
                stranger, self.word, "com.atproto.repo.listRecords", **where
            ),
            "the timeline": _found(bob, self.word, "app.bsky.feed.getTimeline"),
            "the author's feed": _found(
                bob, self.word, "app.bsky.feed.getAuthorFeed", actor=ann.did
            ),
            "posts": _found(bob, self.word, "app.bsky.feed.getPosts", uris=uri),
            "the thread": _found(bob, self.word, "app.bsky.feed.getPostThread", uri=uri),
            "the search": _found(bob, self.word, "app.bsky.feed.searchPosts", q=self.word),
            "the feed": _found(bob, self.word, "app.bsky.feed.getFeed", feed=self.feed, limit=100),
        }

    def places_of_the_picture(self) -> dict[str, Look]:
        ann, network = self.ann, self.network
        view = Client(ann.http, network.appview)
        stranger = Client(ann.http, network.pds)
        where = f"{ann.did}/{self.cid}"
        return {
            "the blob": _asked(stranger, "com.atproto.sync.getBlob", did=ann.did, cid=self.cid),
            "the picture, small": _shown(view, f"/img/feed_thumbnail/plain/{where}"),
            "the picture, large": _shown(view, f"/img/feed_fullsize/plain/{where}"),
        }

    async def _host(self) -> bytes:
        port = urlsplit(self.network.pds).port
        headers = {"Host": f"{self.ann.handle}:{port}"}
        client = Client(self.ann.http, self.network.pds)
        answer = await client.raw("GET", "/.well-known/atproto-did", headers=headers)
        return answer.body if answer.status == 200 else b""


def _asked(client: Client, nsid: str, **params: Any) -> Look:
    """Ask, and give the answer if it is a good one."""

    async def look() -> bytes:
        answer = await client.raw("GET", f"/xrpc/{nsid}", params=params)
        return answer.body if answer.status == 200 else b""

    return look


def _found(client: Client, mark: str, nsid: str, **params: Any) -> Look:
    """Ask, and give the answer if what is looked for stands in it."""
    ask = _asked(client, nsid, **params)

    async def look() -> bytes:
        body = await ask()
        return body if mark.encode() in body else b""

    return look


def _shown(client: Client, path: str) -> Look:
    async def look() -> bytes:
        answer = await client.raw("GET", path)
        return answer.body if answer.status == 200 else b""

    return look


async def wait(places: Iterable[tuple[str, Look]], *, seen: bool) -> None:
    for name, look in places:

        async def found(look: Look = look) -> bool:
            return bool(await look())

        try:
            await soon(found, lambda is_there: is_there is seen)
        except AssertionError as late:
            raise AssertionError(f"{name} is {'not ' if seen else ''}seen") from late


@pytest.fixture
async def scene(network: Appliance, ann: Member, bob: Member) -> Scene:
    made = Scene(network, ann, bob)
    await made.prepare()
    await wait(made.places().items(), seen=True)
    return made


def operator_of(scene: Scene) -> Operator:
    return Operator(scene.ann.http, scene.network.pds, scene.network.operator_token)


async def test_an_account_that_is_taken_down_or_suspended_is_seen_nowhere(scene: Scene) -> None:
    operator = operator_of(scene)
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": scene.ann.did}
    await operator.post(UPDATE, subject=subject, takedown={"applied": True})
    await wait(scene.places().items(), seen=False)
    await operator.post(UPDATE, subject=subject, takedown={"applied": False})
    await wait(scene.places().items(), seen=True)
    await operator.post("internal.hearth.pds.suspendAccount", did=scene.ann.did, days=1)
    await wait(scene.places().items(), seen=False)


async def test_a_post_and_a_picture_that_are_taken_down_are_seen_nowhere(scene: Scene) -> None:
    operator = operator_of(scene)
    post = {"$type": "com.atproto.repo.strongRef", **scene.post.json}
    picture = {
        "$type": "com.atproto.admin.defs#repoBlobRef",
        "did": scene.ann.did,
        "cid": scene.cid,
    }
    for subject, places in (
        (picture, scene.places_of_the_picture()),
        (post, scene.places_of_the_post()),
    ):
        await operator.post(UPDATE, subject=subject, takedown={"applied": True})
        await wait(places.items(), seen=False)
        await operator.post(UPDATE, subject=subject, takedown={"applied": False})
        await wait(places.items(), seen=True)
