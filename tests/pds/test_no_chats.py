"""Chats, on a network without a chat service."""

import pytest

from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.lexicon.validate import Validator
from appliance.pds.xrpc.no_chats import ANSWERS, BLUESKY_CHAT, EXPORT
from tests.support.pds_box import Box, Member

# Nothing is there to be deleted, or to be read.
ACTS = ("chat.bsky.actor.deleteAccount", "chat.bsky.convo.updateAllRead")
PROXIED = {"atproto-proxy": BLUESKY_CHAT}


@pytest.mark.parametrize("nsid", ANSWERS)
async def test_nobody_has_chats(box: Box, alice: Member, nsid: str) -> None:
    verb = "POST" if nsid in ACTS else "GET"
    answer = await box.ask(verb, f"/xrpc/{nsid}", token=alice.access, headers=PROXIED)
    assert answer.status == 200
    assert answer.json == ANSWERS[nsid]
    Validator(load_catalog()).output(nsid, answer.json)


async def test_nobody_has_chats_to_take_along(box: Box, alice: Member) -> None:
    answer = await box.ask("GET", f"/xrpc/{EXPORT}", token=alice.access, headers=PROXIED)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Type"] == "application/jsonl"


async def test_nobody_can_be_written_to(box: Box, alice: Member) -> None:
    call = "/xrpc/chat.bsky.convo.sendMessage"
    answer = await box.ask("POST", call, token=alice.access, headers=PROXIED, json={})
    assert (answer.status, answer.json["error"]) == (400, "InvalidRequest")
    assert answer.json["message"] == "This network has no chat service"


async def test_another_chat_service_is_looked_for(box: Box, alice: Member) -> None:
    header = {"atproto-proxy": "did:web:nobody.invalid#bsky_chat"}
    call = "/xrpc/chat.bsky.convo.getLog"
    answer = await box.ask("GET", call, token=alice.access, headers=header)
    assert answer.status >= 400


async def test_strangers_and_plain_app_passwords_learn_nothing(box: Box, alice: Member) -> None:
    call = "/xrpc/chat.bsky.convo.getLog"
    assert (await box.ask("GET", call, headers=PROXIED)).status == 401
    made = await box.ask(
        "POST",
        "/xrpc/com.atproto.server.createAppPassword",
        token=alice.access,
        json={"name": "plain"},
    )
    session = await box.ask(
        "POST",
        "/xrpc/com.atproto.server.createSession",
        json={"identifier": alice.did, "password": made.json["password"]},
    )
    refused = await box.ask("GET", call, token=session.json["accessJwt"], headers=PROXIED)
    assert (refused.status, refused.json["message"]) == (400, "Bad token method")
