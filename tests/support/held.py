"""What an account holds at a server: its repo and its blobs, each checked against its CID."""

import os
from typing import Any

import aiohttp

from appliance.atproto.car import read_car
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PublicKey
from appliance.atproto.repo.commit import Commit, parse_commit
from appliance.atproto.repo.mst import Mst
from tests.support.client import Client, Member

POST = "app.bsky.feed.post"


async def live(member: Member, posts: int, pictures: int) -> None:
    """Write posts, some of them with a picture."""
    write = "com.atproto.repo.applyWrites#create"
    values: list[Any] = []
    for number in range(posts):
        value: dict[str, Any] = {
            "$type": POST,
            "text": f"post {number}",
            "createdAt": "2026-11-20T10:00:00Z",
        }
        if number < pictures:
            blob = await member.upload(b"\x89PNG\r\n\x1a\n" + os.urandom(2000), "image/png")
            images = [{"image": blob, "alt": ""}]
            value["embed"] = {"$type": "app.bsky.embed.images", "images": images}
        values.append({"$type": write, "collection": POST, "value": value})
    for start in range(0, posts, 200):
        some = values[start : start + 200]
        await member.post("com.atproto.repo.applyWrites", repo=member.did, writes=some)


async def _repo(
    http: aiohttp.ClientSession, base: str, did: str
) -> tuple[Commit, dict[Cid, bytes]]:
    car = read_car(await Client(http, base).get("com.atproto.sync.getRepo", did=did))
    return parse_commit(car.blocks[car.roots[0]]), car.blocks


async def records(http: aiohttp.ClientSession, base: str, did: str) -> tuple[Cid, dict[str, Cid]]:
    """Give the root of a repo's tree, and its records."""
    commit, blocks = await _repo(http, base, did)
    found = dict(Mst.load(commit.data, blocks).items())
    assert set(found.values()) <= set(blocks)
    return commit.data, found


async def is_signed_by(http: aiohttp.ClientSession, base: str, did: str, key: PublicKey) -> bool:
    """Tell whether the newest commit of a repo is signed with a key."""
    commit, _ = await _repo(http, base, did)
    return commit.verify(key)


async def blobs(http: aiohttp.ClientSession, base: str, did: str) -> list[str]:
    """Name the blobs of an account that are served whole."""
    stranger = Client(http, base)
    listed = await stranger.get("com.atproto.sync.listBlobs", did=did, limit=1000)
    for cid in listed["cids"]:
        found = await stranger.raw(
            "GET", "/xrpc/com.atproto.sync.getBlob", params={"did": did, "cid": cid}
        )
        assert Cid.for_blob(found.body) == Cid.parse(cid)
    return sorted(listed["cids"])
