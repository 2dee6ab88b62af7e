"""Nonsense is refused by its right name; nothing is written, nothing crashes."""

import gzip
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import pytest

from tests.support.appliance import Appliance
from tests.support.client import Client, Member, now
from tests.support.refusals import CAR, CREATE, DEEP, INVALID, JSON, Call, Table, check

SESSION = "com.atproto.server.createSession"


@pytest.fixture
async def unmoved(network: Appliance, ann: Member) -> Callable[[Table], Awaitable[None]]:
    """Makes calls in Ann's name; her repo must be the same after them."""
    stranger = Client(ann.http, network.pds)

    async def check_unmoved(table: Table) -> None:
        before = await stranger.get("com.atproto.sync.getRepo", did=ann.did)
        await check(ann, table)
        assert await stranger.get("com.atproto.sync.getRepo", did=ann.did) == before

    return check_unmoved


Unmoved: TypeAlias = Callable[[Table], Awaitable[None]]


def in_depth(levels: int) -> bytes:
    """Make a createRecord input whose record holds maps within maps."""
    inner = b'{"a":' * levels + b"1" + b"}" * levels
    return b'{"repo":"me","collection":"test.deep.record","record":' + inner + b"}"


async def test_bodies_that_are_not_json(unmoved: Unmoved) -> None:
    bodies = {
        "cut off": b'{"repo":',
        "empty": b"",
        "a word": b"nul",
        "a list": b"[]",
        "not a number": b'{"repo":NaN}',
        "not utf-8": b'{"repo":"\xff\xfe"}',
        "half a pair": b'{"repo":"\\ud800"}',
        "two values": b"{}{}",
        "a byte-order mark": b"\xef\xbb\xbf{}",
        "zero bytes": b"\0" * 100,
        "lists in lists": b"[" * DEEP,
        "lists in lists, closed": b"[" * DEEP + b"]" * DEEP,
        "maps in maps": in_depth(DEEP),
        "one map too many": in_depth(65),
    }
    await unmoved({name: (Call(CREATE, body), INVALID) for name, body in bodies.items()})


async def test_bodies_that_are_too_long_or_wrongly_packed(unmoved: Unmoved) -> None:
    long = (413, "PayloadTooLarge")
    packed = {**JSON, "Content-Encoding": "gzip"}
    await unmoved(
        {
            "a record over 1 MB": (Call(CREATE, b'{"a":"' + b"a" * 1_050_000 + b'"}'), long),
            "a session over 150 kB": (Call(SESSION, b'{"a":"' + b"a" * 160_000 + b'"}'), long),
            "a bomb": (Call(CREATE, gzip.compress(b" " * 5_000_000), packed), long),
            "broken gzip": (Call(CREATE, b"\x1f\x8b\x08nonsense", packed), INVALID),
            "unknown packing": (
                Call(CREATE, b"{}", {**JSON, "Content-Encoding": "zstd"}),
                (415, "UnsupportedMediaType"),
            ),
            "another type": (Call(CREATE, b"{}", {"Content-Type": "text/plain"}), INVALID),
            "a form": (
                Call(CREATE, b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}),
                INVALID,
            ),
        }
    )


async def test_records_that_cannot_be(unmoved: Unmoved, ann: Member) -> None:
    def post(record: Mapping[str, Any], **more: Any) -> Call:
        collection = "app.bsky.feed.post"
        value = {"text": "hi", "createdAt": now(), **record}
        return Call.of(CREATE, repo=ann.did, collection=collection, record=value, **more)

    def other(**record: Any) -> Call:
        collection = "test.some.record"
        return Call.of(CREATE, repo=ann.did, collection=collection, record=record, validate=False)

    ghost = {"$link": "bafkreih3wnk6nj5pxl3zshmiozx7oibj5a4pzs3ktzcbvegjbmx2zmycim"}
    image = {"$type": "blob", "ref": ghost, "mimeType": "image/png", "size": 10}
    embed = {"$type": "app.bsky.embed.images", "images": [{"image": image, "alt": ""}]}
    unknown = {"collection": "test.some.record", "record": {"a": 1}, "repo": ann.did}
    await unmoved(
        {
            "unknown lexicon": (Call.of(CREATE, **unknown, validate=True), INVALID),
            "another $type": (post({"$type": "app.bsky.feed.like"}), INVALID),
            "no text": (post({"text": None}), INVALID),
            "too many graphemes": (post({"text": "é" * 301}), INVALID),
            "a time without zone": (post({"createdAt": "2026-01-01T00:00:00"}), INVALID),
            "no such day": (post({"createdAt": "2026-02-30T00:00:00Z"}), INVALID),
            "a key of dots": (post({}, rkey=".."), INVALID),
            "a key with a slash": (post({}, rkey="a/b"), INVALID),
            "a key too long": (post({}, rkey="a" * 513), INVALID),
            "a key that is no tid": (post({}, rkey="self"), INVALID),
            "a fraction": (other(a=1.5), INVALID),
            "a number too big": (other(a=2**53), INVALID),
            "a number far too big": (other(a=10**30), INVALID),
            "a broken link": (other(a={"$link": "bafy"}), INVALID),
            "broken bytes": (other(a={"$bytes": "%%"}), INVALID),
            "a broken blob": (other(a={"$type": "blob", "size": "big"}), INVALID),
            "a blob nobody sent": (post({"embed": embed}), (400, "BlobNotFound")),
            "no record at all": (Call.of(CREATE, repo=ann.did, collection="a.b.c"), INVALID),
            "a record of text": (
                Call.of(CREATE, repo=ann.did, collection="a.b.c", record="x"),
                INVALID,
            ),
            "no such collection": (
                Call.of(CREATE, repo=ann.did, collection="posts", record={}),
                INVALID,
            ),
        }
    )


async def test_writes_that_do_not_fit(unmoved: Unmoved, ann: Member) -> None:
    post = await ann.write_post("here")
    where = {"repo": ann.did, "collection": "app.bsky.feed.post"}
    record = {"text": "again", "createdAt": now()}
    create = {"$type": "com.atproto.repo.applyWrites#create", "collection": "app.bsky.feed.post"}
    delete = {"$type": "com.atproto.repo.applyWrites#delete", "collection": "app.bsky.feed.post"}
    ghost = "bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454"
    swap = (400, "InvalidSwap")
    all_writes, put = "com.atproto.repo.applyWrites", "com.atproto.repo.putRecord"

    def together(*writes: Mapping[str, Any], **more: Any) -> Call:
        return Call.of(all_writes, repo=ann.did, writes=writes, **more)

    good = {**create, "value": record}
    await unmoved(
        {
            "a key in use": (Call.of(CREATE, **where, record=record, rkey=post.rkey), INVALID),
            "too many writes": (together(*[good] * 201), INVALID),
            "one bad write": (together(good, {**delete, "rkey": "3jzfcijpj2z2a"}), INVALID),
            "an unknown write": (together({**good, "$type": "test.some#upsert"}), INVALID),
            "another head": (together(good, swapCommit=ghost), swap),
            "another record": (
                Call.of(put, **where, rkey=post.rkey, record=record, swapRecord=ghost),
                swap,
            ),
            "not a new record": (
                Call.of(put, **where, rkey=post.rkey, record=record, swapRecord=None),
                swap,
            ),
        }
    )


async def test_archives_that_are_none(unmoved: Unmoved, network: Appliance, ann: Member) -> None:
    stranger = Client(ann.http, network.pds)
    good = await stranger.get("com.atproto.sync.getRepo", did=ann.did)
    flipped = good[:-10] + bytes([good[-10] ^ 1]) + good[-9:]
    bodies = {
        "empty": b"",
        "zeros": bytes(1000),
        "noise": bytes(range(256)) * 8,
        "cut off": good[:-5],
        "one bit": flipped,
        "an endless length": b"\xff" * 32,
        "depth": b"\x81" * DEEP,
        "the header alone": good[: 1 + good[0]],
        "no cbor within": b"\x0a" + b"\xa2eroots\x80g" + good,
    }
    call = "com.atproto.repo.importRepo"
    await unmoved({name: (Call(call, body, CAR), INVALID) for name, body in bodies.items()})


async def test_parameters_that_make_no_sense(ann: Member) -> None:
    records, record = "com.atproto.repo.listRecords", "com.atproto.repo.getRecord"
    here = f"repo={ann.did}&collection=app.bsky.feed.post"
    queries = {
        "none": (record, ""),
        "one missing": (record, here),
        "no name": (record, "repo=%00&collection=a.b.c&rkey=x"),
        "no utf-8": (record, "repo=%ff%fe&collection=a.b.c&rkey=x"),
        "too small": (records, f"{here}&limit=0"),
        "too large": (records, f"{here}&limit=101"),
        "no number": (records, f"{here}&limit=ten"),
        "an endless number": (records, f"{here}&limit={'9' * 5000}"),
        "neither yes nor no": (records, f"{here}&reverse=maybe"),
        "no did": ("com.atproto.sync.getRepo", "did=ann"),
        "no tid": ("com.atproto.sync.getRepo", f"did={ann.did}&since=yesterday"),
        "no cid": ("com.atproto.sync.getBlocks", f"did={ann.did}&cids=abc"),
        "no post": ("app.bsky.feed.getPostThread", "uri=at://"),
        "a negative page": ("app.bsky.feed.getTimeline", "limit=-1"),
        "an invented cursor": ("app.bsky.feed.getTimeline", "cursor=%00%ff"),
        "too many": ("app.bsky.feed.getPosts", "&".join(["uris=at://a.test"] * 26)),
    }
    table = {name: (Call.get(*call), INVALID) for name, call in queries.items()}
    await check(ann, table)
    over = await ann.raw("GET", f"/xrpc/{records}?{here}&surplus=1")
    assert over.status == 200


async def test_methods_that_do_not_exist_or_go_the_other_way(
    network: Appliance, ann: Member
) -> None:
    table: dict[str, tuple[Call, tuple[int, str]]] = {
        "read what is written": (Call.get(CREATE), INVALID),
        "write what is read": (Call("com.atproto.sync.listRepos", b"{}"), INVALID),
        "another verb": (Call(CREATE, b"{}", JSON, "PUT"), INVALID),
        "no name of a method": (Call.get("nonsense"), INVALID),
        "dots": (Call.get("..."), INVALID),
    }
    stranger = Client(ann.http, network.pds)
    await check(stranger, {**table, "unknown": (Call.get("test.no.method"), (401, "AuthMissing"))})
    missing = (501, "MethodNotImplemented")
    await check(ann, {**table, "unknown": (Call.get("test.no.method"), missing)})
    for base in (network.relay, network.appview):
        other = Client(ann.http, base)
        await check(other, {"unknown": (Call.get("test.no.method"), missing)})


async def test_the_body_is_looked_at_after_the_token_and_the_parameters_before(
    network: Appliance, ann: Member
) -> None:
    stranger = Client(ann.http, network.pds)
    await check(
        stranger,
        {
            "broken body": (Call(CREATE, b"{"), (401, "AuthMissing")),
            "missing parameter": (
                Call.get("com.atproto.server.getServiceAuth"),
                INVALID,
            ),
        },
    )


async def test_a_service_that_cannot_be_called_through(ann: Member) -> None:
    headers = {
        "two": "did:web:a#b#c",
        "none": "did:web:a",
        "space": "did:web:a #b",
        "no did": "x#y",
    }
    got = {}
    for name, value in headers.items():
        fields = {"atproto-proxy": value}
        answer = await ann.raw("GET", "/xrpc/app.bsky.feed.getTimeline", None, fields)
        got[name] = answer.error
    assert got == dict.fromkeys(headers, INVALID)
