"""What is passed on to other services, and what is not."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from appliance.atproto import jwt
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity import plc
from appliance.atproto.syntax import Did
from appliance.pds.xrpc.fallback import LARGEST_WHOLE
from tests.support.pds_box import APPVIEW_DID, Answer, AppViewStub, Box, Member

TIMELINE = "app.bsky.feed.getTimeline"
PROFILE = "app.bsky.actor.getProfile"
CHAT = "chat.bsky.convo.getLog"


@pytest.fixture
async def stranger() -> AsyncIterator[tuple[AppViewStub, str]]:
    """A service on loopback, and its URL."""
    stub = AppViewStub(body=b'{"stranger":true}')
    app = web.Application()
    app.router.add_route("*", "/xrpc/{nsid}", stub.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield stub, f"http://127.0.0.1:{port}"
    await runner.cleanup()


async def registered(box: Box, url: str, service: str = "labeler") -> Did:
    """Register a DID with a service in the directory."""
    key = PrivateKey.generate()
    operation = plc.genesis_operation(
        rotation_keys=[key.public.did_key],
        signing_key=key.public.did_key,
        handle="labels.example.com",
        pds_url="https://pds.example.com",
    )
    operation["services"][service] = {"type": "Service", "endpoint": url}
    signed = plc.sign_operation(operation, key)
    did = plc.did_for(signed)
    await box.pds.identities._directory.submit(did, signed)
    return did


def report_on(member: Member) -> dict[str, Any]:
    return {
        "reasonType": "com.atproto.moderation.defs#reasonSpam",
        "reason": "spam",
        "subject": {"$type": "com.atproto.admin.defs#repoRef", "did": member.did},
    }


async def proxied(box: Box, header: str, token: str | None = None, nsid: str = TIMELINE) -> Answer:
    return await box.ask("GET", f"/xrpc/{nsid}", token=token, headers={"atproto-proxy": header})


async def test_the_appview_gets_our_token_and_never_the_members(box: Box, alice: Member) -> None:
    answer = await box.ask(
        "GET",
        f"/xrpc/{TIMELINE}?limit=5&x=a&x=b",
        token=alice.access,
        headers={
            "Accept-Language": "de",
            "atproto-accept-labelers": "did:web:l.example.com",
            "x-bsky-topics": "one",
            "Cookie": "secret=1",
            "X-Other": "no",
        },
    )
    assert answer.json == {"ok": True}
    assert answer.headers["Cache-Control"] == "private"
    [sent] = box.appview.requests
    token = jwt.parse(sent.headers["Authorization"].removeprefix("Bearer "))
    assert token.claims["iss"] == alice.did
    assert token.claims["aud"] == APPVIEW_DID
    assert token.claims["lxm"] == TIMELINE
    assert token.claims["exp"] - token.claims["iat"] == 60
    key = (await box.pds.resolver.document(alice.did)).signing_key
    assert key is not None
    assert token.verify(key)
    assert list(sent.query.items()) == [("limit", "5"), ("x", "a"), ("x", "b")]
    assert sent.headers["Accept-Language"] == "de"
    assert sent.headers["atproto-accept-labelers"] == "did:web:l.example.com"
    assert sent.headers["x-bsky-topics"] == "one"
    assert "Cookie" not in sent.headers
    assert "X-Other" not in sent.headers


async def test_the_local_appview_learns_which_rev_to_wait_for(box: Box, alice: Member) -> None:
    await box.get(TIMELINE, alice.access)
    rev = box.appview.requests[0].headers["Hearth-Wait-For-Rev"]
    assert rev == box.pds.repos.head(alice.did).rev


async def test_only_known_headers_come_back(box: Box, alice: Member) -> None:
    box.appview.headers |= {
        "Atproto-Repo-Rev": "3aaaaaaaaaa22",
        "atproto-content-labelers": "x",
        "Set-Cookie": "a=b",
        "X-Secret": "1",
    }
    answer = await box.get(TIMELINE, alice.access)
    assert answer.headers["Atproto-Repo-Rev"] == "3aaaaaaaaaa22"
    assert answer.headers["atproto-content-labelers"] == "x"
    assert "Set-Cookie" not in answer.headers
    assert "X-Secret" not in answer.headers


async def test_what_another_service_answers_is_no_page_of_ours(
    box: Box, alice: Member, stranger: tuple[AppViewStub, str]
) -> None:
    stub, url = stranger
    stub.body, stub.headers = b"<script>alert(1)</script>", {"Content-Type": "text/html"}
    did = await registered(box, url)
    answer = await proxied(box, f"{did}#labeler", alice.access)
    assert (answer.status, answer.body) == (200, stub.body)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


async def test_an_answer_that_is_compressed_comes_through_as_it_is(box: Box, alice: Member) -> None:
    box.appview.body = gzip.compress(b'{"packed":true}')
    box.appview.headers["Content-Encoding"] = "gzip"
    answer = await box.get(TIMELINE, alice.access)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json == {"packed": True}


async def test_bodies_go_up_as_they_come(box: Box, alice: Member) -> None:
    body = bytes(range(256)) * 1000
    kind = {"Content-Type": "video/mp4"}
    nsid = "app.bsky.video.uploadVideo"
    await box.ask("POST", f"/xrpc/{nsid}", token=alice.access, data=body, headers=kind)
    assert box.appview.bodies == [body]
    assert box.appview.requests[0].headers["Content-Type"] == "video/mp4"
    packed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    await box.ask(
        "POST",
        "/xrpc/app.bsky.graph.muteActor",
        token=alice.access,
        data=gzip.compress(b'{"actor":"x"}'),
        headers=packed,
    )
    assert box.appview.requests[1].headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(box.appview.bodies[1]) == b'{"actor":"x"}'


async def test_errors_of_the_appview_keep_their_names(box: Box, alice: Member) -> None:
    box.appview.status, box.appview.body = 400, b'{"error":"BlockedActor","message":"no"}'
    answer = await box.get("app.bsky.feed.getAuthorFeed", alice.access, actor="x.test")
    assert (answer.status, answer.error) == (400, "BlockedActor")
    box.appview.status = 500
    broken = await box.get(TIMELINE, alice.access)
    assert (broken.status, broken.error) == (502, "UpstreamFailure")
    box.appview.status = 302
    moved = await box.get(TIMELINE, alice.access)
    assert (moved.status, moved.error) == (502, "UpstreamFailure")


async def test_who_is_not_signed_in_reads_through_without_a_token(box: Box) -> None:
    answer = await box.get(PROFILE, actor="alice.test")
    assert answer.json == {"ok": True}
    assert "Authorization" not in box.appview.requests[0].headers
    assert "Cache-Control" not in answer.headers


@pytest.mark.parametrize(
    ("verb", "nsid"),
    [("POST", "app.bsky.graph.muteActor"), ("GET", "com.example.unknown"), ("GET", CHAT)],
)
async def test_the_rest_needs_a_session(box: Box, verb: str, nsid: str) -> None:
    answer = await box.ask(verb, f"/xrpc/{nsid}")
    assert (answer.status, answer.error) == (401, "AuthMissing")
    assert box.appview.requests == []


@pytest.mark.parametrize(
    "name",
    [f"{APPVIEW_DID}#bsky_appview", "did:web:api.bsky.app#bsky_appview"],
)
async def test_the_names_of_the_appview_mean_ours(box: Box, alice: Member, name: str) -> None:
    assert (await proxied(box, name, alice.access)).json == {"ok": True}
    token = box.appview.requests[0].headers["Authorization"].removeprefix("Bearer ")
    assert jwt.parse(token).claims["aud"] == APPVIEW_DID
    assert (await proxied(box, name)).json == {"ok": True}


async def test_methods_of_our_own_do_not_listen_to_the_header(box: Box, alice: Member) -> None:
    answer = await proxied(
        box, "did:web:api.bsky.app#bsky_appview", alice.access, "app.bsky.actor.getPreferences"
    )
    assert answer.json == {"preferences": []}
    assert box.appview.requests == []


@pytest.mark.parametrize(
    "header",
    [
        "did:web:x.example.com",
        "did:web:x.example.com#",
        "did:web:x.example.com#a#b",
        "did:web:x.example.com #a",
        "nobody#a",
        "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa#a",
        "did:web:localhost#atproto_pds",
    ],
)
async def test_a_bad_header_is_refused(box: Box, alice: Member, header: str) -> None:
    answer = await proxied(box, header, alice.access)
    assert (answer.status, answer.error) == (400, "InvalidRequest")


async def test_a_named_service_is_asked_with_a_token_for_its_did(
    box: Box, alice: Member, stranger: tuple[AppViewStub, str]
) -> None:
    stub, url = stranger
    did = await registered(box, url)
    answer = await proxied(box, f"{did}#labeler", alice.access)
    assert answer.json == {"stranger": True}
    token = stub.requests[0].headers["Authorization"].removeprefix("Bearer ")
    assert jwt.parse(token).claims["aud"] == did
    assert "Hearth-Wait-For-Rev" not in stub.requests[0].headers
    unknown = await proxied(box, f"{did}#other", alice.access)
    assert (unknown.status, unknown.error) == (400, "InvalidRequest")
    anonymous = await proxied(box, f"{did}#labeler")
    assert (anonymous.status, anonymous.error) == (401, "AuthMissing")


async def test_a_service_that_is_away_is_not_waited_for_twice(box: Box, alice: Member) -> None:
    did = await registered(box, "http://127.0.0.1:1")
    for _ in range(2):
        answer = await proxied(box, f"{did}#labeler", alice.access)
        assert (answer.status, answer.error) == (502, "UpstreamFailure")


@asynccontextmanager
async def breaking_off(length: int) -> AsyncIterator[str]:
    """A service that begins answers of this length and hangs up; give its URL."""

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nhalf" % length)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_page_that_breaks_off_is_a_failure_with_a_name(box: Box, alice: Member) -> None:
    async with breaking_off(100) as url:
        did = await registered(box, url)
        for _ in range(2):
            answer = await proxied(box, f"{did}#labeler", alice.access)
            assert (answer.status, answer.error) == (502, "UpstreamFailure")


async def test_what_is_passed_on_as_it_comes_breaks_off_as_it_does(box: Box, alice: Member) -> None:
    async with breaking_off(LARGEST_WHOLE + 1) as url:
        did = await registered(box, url)
        with pytest.raises(aiohttp.ClientError):
            await proxied(box, f"{did}#labeler", alice.access)
    assert (await box.get(TIMELINE, alice.access)).status == 200


async def test_a_report_whose_answer_breaks_off_is_a_failure_with_a_name(
    box: Box, alice: Member
) -> None:
    async with breaking_off(100) as url:
        did = await registered(box, url, "atproto_labeler")
        headers = {"atproto-proxy": f"{did}#atproto_labeler"}
        path = "/xrpc/com.atproto.moderation.createReport"
        answer = await box.ask(
            "POST", path, token=alice.access, headers=headers, json=report_on(alice)
        )
        assert (answer.status, answer.error) == (502, "UpstreamFailure")


@pytest.mark.parametrize("url", ["http://10.0.0.1", "http://169.254.169.254", "unix:/etc/passwd"])
async def test_no_service_leads_into_the_house(box: Box, alice: Member, url: str) -> None:
    did = await registered(box, url)
    answer = await proxied(box, f"{did}#labeler", alice.access)
    assert answer.status in (400, 502)
    assert answer.error in ("InvalidRequest", "UpstreamFailure")


@pytest.mark.parametrize("nsid", ["com.atproto.admin.sendEmail", CHAT])
async def test_what_the_session_may_not_is_not_passed_on(
    box: Box, alice: Member, nsid: str
) -> None:
    token = await box.app_password(alice)
    answer = await proxied(box, f"{APPVIEW_DID}#x", token, nsid)
    assert answer.status in (400, 401)
    assert box.appview.requests == []


async def test_a_privileged_app_password_chats(
    box: Box, alice: Member, stranger: tuple[AppViewStub, str]
) -> None:
    _, url = stranger
    did = await registered(box, url, "bsky_chat")
    token = await box.app_password(alice, privileged=True)
    assert (await proxied(box, f"{did}#bsky_chat", token, CHAT)).status == 200


async def test_another_service_of_the_appviews_name_is_looked_up(box: Box, alice: Member) -> None:
    answer = await proxied(box, f"{APPVIEW_DID}#other", alice.access)
    assert answer.status >= 400
    assert box.appview.requests == []


async def test_an_empty_header_names_no_service(box: Box, alice: Member) -> None:
    assert (await proxied(box, "", alice.access)).status == 200


async def test_what_has_no_type_is_sent_on_without_one(box: Box, alice: Member) -> None:
    nsid = "app.bsky.notification.updateSeen"
    await box.ask("POST", f"/xrpc/{nsid}", token=alice.access)
    assert "Content-Type" not in box.appview.requests[-1].headers


async def test_a_refusal_of_what_is_not_ours_is_private(box: Box) -> None:
    answer = await box.ask("GET", "/xrpc/com.example.nothing.here")
    assert (answer.status, answer.headers["Cache-Control"]) == (401, "private")


async def test_a_deactivated_member_still_reads(box: Box, alice: Member) -> None:
    await box.deactivate(alice)
    assert (await box.get(TIMELINE, alice.access)).status == 200


async def test_reports_stay_here_or_go_to_the_service_named(
    box: Box, alice: Member, stranger: tuple[AppViewStub, str]
) -> None:
    stub, url = stranger
    did = await registered(box, url, "atproto_labeler")
    nsid = "com.atproto.moderation.createReport"
    report = report_on(alice)
    kept = await box.post(nsid, alice.access, **report)
    assert kept.status == 200
    listed = (await box.operate("GET", "internal.hearth.pds.listReports")).json["reports"]
    assert [one["reason"] for one in listed] == ["spam"]
    made = {**report, "id": 5, "reportedBy": alice.did, "createdAt": "2026-11-20T10:00:00Z"}
    stub.body = json.dumps(made).encode()
    headers = {"atproto-proxy": f"{did}#atproto_labeler"}
    path = f"/xrpc/{nsid}"
    passed = await box.ask("POST", path, token=alice.access, headers=headers, json=report)
    assert passed.json["id"] == 5
    assert b"reasonSpam" in stub.bodies[0]
    stub.status, stub.body = 400, b'{"error":"RateLimited"}'
    refused = await box.ask("POST", path, token=alice.access, headers=headers, json=report)
    assert (refused.status, refused.error) == (400, "RateLimited")
