"""A network of any size, and all that has to be the same after it was lost and restored."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import apsw

from appliance.settings import changed, load
from tests.support.client import Member, Operator, join, sign_in, soon

PASSWORD = "a long enough password of "
# Records in one call.
BATCH = 200
BLOB_BYTES = 20_000
POST = "app.bsky.feed.post"


@dataclass(frozen=True)
class Size:
    """How many of each there are in the whole network."""

    members: int
    records: int
    blobs: int


@dataclass
class Known:
    """What the world and the members themselves know of a network. App passwords by handle."""

    members: dict[str, dict[str, Any]] = field(default_factory=dict)
    invites: list[Any] = field(default_factory=list)
    settings: Any = None
    secrets: dict[str, str] = field(default_factory=dict)


async def fill(http: aiohttp.ClientSession, base: str, token: str, size: Size) -> dict[str, str]:
    """Let everybody join and write; give the app passwords by handle."""
    operator = Operator(http, base, token)
    for uses in (1, 7):
        await operator.post("com.atproto.server.createInviteCode", useCount=uses)
    found = {}
    everybody: list[Member] = []
    for number in range(size.members):
        handle = f"member{number}.test"
        member = await join(http, base, "m", password=PASSWORD + handle, handle=handle)
        made = await member.post("com.atproto.server.createAppPassword", name="phone")
        found[handle] = made["password"]
        everybody.append(member)
    for number, member in enumerate(everybody):
        before = everybody[number - 1]
        await _write(member, size.records // size.members, size.blobs // size.members)
        await member.post("app.bsky.graph.muteActor", actor=before.did)
        await member.post(
            "app.bsky.actor.putPreferences",
            preferences=[
                {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": bool(number % 2)},
                {
                    "$type": "app.bsky.actor.defs#personalDetailsPref",
                    "birthDate": f"19{number % 90 + 10}-01-01T00:00:00.000Z",
                },
            ],
        )
    return found


async def _write(member: Member, records: int, blobs: int) -> None:
    pictures = [await member.upload(os.urandom(BLOB_BYTES), "image/png") for _ in range(blobs)]
    posts: list[dict[str, Any]] = [
        {"$type": POST, "createdAt": "2026-01-01T00:00:00.000Z", "text": f"number {number}"}
        for number in range(records)
    ]
    for post, picture in zip(posts, pictures, strict=False):
        image = {"alt": "", "image": picture}
        post["embed"] = {"$type": "app.bsky.embed.images", "images": [image]}
    for first in range(0, records, BATCH):
        create = "com.atproto.repo.applyWrites#create"
        writes = [
            {"$type": create, "collection": POST, "value": post}
            for post in posts[first : first + BATCH]
        ]
        await member.post("com.atproto.repo.applyWrites", repo=member.did, writes=writes)


async def look(
    http: aiohttp.ClientSession, base: str, plc: str, token: str, apps: dict[str, str], data: Path
) -> Known:
    """Sign in as everybody, twice, and note all there is."""
    known = Known()
    operator = Operator(http, base, token)
    for handle, password in apps.items():
        member = await sign_in(http, base, handle, PASSWORD + handle)
        await sign_in(http, base, handle, password)
        known.members[handle] = await _of(member, plc)
    codes = await operator.get("com.atproto.admin.getInviteCodes", limit=500)
    known.invites = sorted((one["code"], one["available"], one["uses"]) for one in codes["codes"])
    # The place of the blobs is the restored network's own.
    known.settings = changed(load(data, {}).with_values({"pds.blob_folder": ""}))
    known.secrets = dict(_secrets(data))
    return known


async def _of(member: Member, plc: str) -> dict[str, Any]:
    async with member.http.get(f"{plc}/{member.did}") as answer:
        document = await answer.json(content_type=None)
    session = await member.get("com.atproto.server.getSession")
    blobs = (await member.get("com.atproto.sync.listBlobs", did=member.did, limit=1000))["cids"]
    apps = (await member.get("com.atproto.server.listAppPasswords"))["passwords"]
    muted = await soon(
        lambda: member.get("app.bsky.graph.getMutes"), lambda seen: bool(seen["mutes"])
    )
    return {
        "did": member.did,
        "document": document,
        "email": session["email"],
        "apps": [(one["name"], one["createdAt"]) for one in apps],
        "preferences": await member.get("app.bsky.actor.getPreferences"),
        "mutes": [one["did"] for one in muted["mutes"]],
        "records": await _records(member),
        "blobs": {cid: await _sum_of(member, cid) for cid in sorted(blobs)},
    }


async def _records(member: Member) -> dict[str, str]:
    found: dict[str, str] = {}
    cursor: dict[str, str] = {}
    while True:
        page = await member.get(
            "com.atproto.repo.listRecords", repo=member.did, collection=POST, limit=100, **cursor
        )
        found |= {one["uri"]: one["cid"] for one in page["records"]}
        if "cursor" not in page:
            return found
        cursor = {"cursor": page["cursor"]}


async def _sum_of(member: Member, cid: str) -> str:
    where = f"{member.base}/xrpc/com.atproto.sync.getBlob"
    async with member.http.get(where, params={"did": member.did, "cid": cid}) as answer:
        assert answer.status == 200
        return hashlib.sha256(await answer.read()).hexdigest()


def _secrets(data: Path) -> Iterator[tuple[str, str]]:
    for path in sorted((data / "secrets").iterdir()):
        yield path.name, hashlib.sha256(path.read_bytes()).hexdigest()


def last_number(data: Path) -> int:
    """The highest number the stream of a network that lies still ever gave."""
    return _number(data, "SELECT seq FROM sqlite_sequence WHERE name = 'event'")


def first_number_after(data: Path, number: int) -> int:
    """The first that was given after one."""
    return _number(data, "SELECT min(seq) FROM event WHERE seq > ?", number)


def _number(data: Path, sql: str, *values: int) -> int:
    with closing(apsw.Connection(str(data / "pds.sqlite"), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        found = db.execute(sql, values).fetchall()[0][0]
    assert isinstance(found, int)
    return found
