"""Whoever comes with a false token, to another role, or with no HTTP at all, gets nowhere."""

import asyncio
import json
from urllib.parse import urlsplit

from appliance.atproto.jwt import encode_hs256, parse
from tests.support.appliance import Appliance
from tests.support.client import Client, Member
from tests.support.refusals import DEEP, INVALID, JSON, Call, check


async def test_tokens_that_open_nothing(network: Appliance, ann: Member, bob: Member) -> None:
    secret = (network.data / "secrets" / "jwt-secret").read_bytes()
    header, payload, signature = str(ann.token).split(".")
    claims = parse(str(ann.token)).claims
    alike = encode_hs256(b"a guess" * 5, "at+jwt", claims)
    none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0"
    bad = (400, "InvalidToken")
    tokens = {
        "no token": ("", (401, "AuthMissing")),
        "a word": ("Bearer x", bad),
        "nothing after the scheme": ("Bearer", bad),
        "another scheme": ("Digest abc", bad),
        "three dots": ("Bearer ...", bad),
        "no algorithm": (f"Bearer {none}.{payload}.", bad),
        "another's payload": (f"Bearer {header}.{str(bob.token).split('.')[1]}.{signature}", bad),
        "another's signature": (f"Bearer {alike}", bad),
        "a token for renewal": (f"Bearer {ann.refresh}", bad),
        "much too long": (f"Bearer {'a' * 6000}", bad),
    }
    got = {}
    for name, (value, _) in tokens.items():
        headers = {"Authorization": value} if value else {}
        stranger = Client(ann.http, network.pds)
        answer = await stranger.raw("GET", "/xrpc/com.atproto.server.getSession", None, headers)
        got[name] = answer.error
    assert got == {name: expected for name, (_, expected) in tokens.items()}
    assert secret not in network.stderr().encode()


async def test_a_token_whose_time_is_over_says_so(network: Appliance, ann: Member) -> None:
    secret = (network.data / "secrets" / "jwt-secret").read_bytes().strip()
    claims = parse(str(ann.token)).claims
    old = encode_hs256(secret, "at+jwt", {**claims, "iat": 1, "exp": 2})
    answer = await Client(ann.http, network.pds, old).raw(
        "GET", "/xrpc/com.atproto.server.getSession"
    )
    assert answer.error == (400, "ExpiredToken")
    fresh = encode_hs256(secret, "at+jwt", claims)
    again = await Client(ann.http, network.pds, fresh).get("com.atproto.server.getSession")
    assert again["did"] == ann.did


async def test_roles_other_than_the_pds_refuse_as_clearly(network: Appliance, ann: Member) -> None:
    relay = {
        "a host that is none": (
            Call.of("com.atproto.sync.requestCrawl", hostname="http://[::1"),
            INVALID,
        ),
        "no host": (Call.of("com.atproto.sync.requestCrawl"), INVALID),
        "a body cut off": (Call("com.atproto.sync.requestCrawl", b"{"), INVALID),
        "deep": (Call("com.atproto.sync.requestCrawl", b"[" * DEEP), INVALID),
        "no did": (Call.get("com.atproto.sync.getLatestCommit", "did=x"), INVALID),
    }
    appview = {
        "no actor": (Call.get("app.bsky.actor.getProfile"), INVALID),
        "no uri": (Call.get("app.bsky.feed.getPostThread", "uri=x"), INVALID),
        "nobody asks": (Call.get("app.bsky.feed.getTimeline"), (401, "AuthMissing")),
    }
    await check(Client(ann.http, network.relay), relay)
    await check(Client(ann.http, network.appview), appview)
    member = Client(ann.http, network.appview, ann.token)
    forged = await member.raw("GET", "/xrpc/app.bsky.feed.getTimeline")
    assert forged.status in (400, 401)


async def test_the_directory_takes_no_operation_that_is_not_signed_by_the_right_key(
    network: Appliance, ann: Member
) -> None:
    directory = Client(ann.http, network.plc)
    log = (await directory.raw("GET", f"/{ann.did}/log")).json
    last = log[-1]
    stolen = {**last, "alsoKnownAs": ["at://mallory.test"], "prev": None}
    attempts = {
        "cut off": b"{",
        "a list": b"[]",
        "deep": b"[" * DEEP,
        "nothing in it": b"{}",
        "the same again": json.dumps(last).encode(),
        "somebody else's": json.dumps(stolen).encode(),
    }
    for name, body in attempts.items():
        answer = await directory.raw("POST", f"/{ann.did}", body, JSON)
        assert answer.status == 400, name
        assert answer.json["message"], name
    assert (await directory.raw("GET", f"/{ann.did}/log")).json == log
    assert (await directory.raw("GET", "/did:plc:nobody")).status in (400, 404)


async def test_what_is_not_even_http_ends_quietly(network: Appliance, ann: Member) -> None:
    noise = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /xrpc/_health HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"GET /xrpc/_health HTTP/1.1\r\n" + b"A: " + b"a" * 100_000 + b"\r\n\r\n",
        b"POST /xrpc/a.b.c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /%00%ff HTTP/1.1\r\nHost: \xff\r\n\r\n",
    ]
    for url in (network.pds, network.relay, network.appview, network.plc, network.panel):
        for data in noise:
            reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
            writer.write(data)
            writer.write_eof()
            answer = await asyncio.wait_for(reader.read(), 60)
            assert b" 500 " not in answer.partition(b"\r\n")[0], (url, data[:60])
            writer.close()
            await writer.wait_closed()
    assert (await ann.get("com.atproto.server.getSession"))["did"] == ann.did


async def test_a_stream_asked_for_with_nonsense_says_why(network: Appliance, ann: Member) -> None:
    for base in (network.pds, network.relay):
        stranger = Client(ann.http, base)
        plain = await stranger.raw("GET", "/xrpc/com.atproto.sync.subscribeRepos")
        assert plain.error == (426, "InvalidRequest")
        url = "/xrpc/com.atproto.sync.subscribeRepos?cursor=yesterday"
        upgrade = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        }
        assert (await stranger.raw("GET", url, None, upgrade)).error == INVALID
