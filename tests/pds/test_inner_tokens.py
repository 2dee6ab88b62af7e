"""Tokens for our own AppView."""

from appliance.atproto import jwt
from appliance.atproto.crypto import PrivateKey
from appliance.pds.inner_tokens import MOST_KEPT, USED_SECONDS, InnerTokens
from tests.support.pds_box import Box, Member

APPVIEW = "did:web:appview.example"
PROFILE = "app.bsky.actor.getProfile"


class Now:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


async def test_a_token_serves_while_it_is_young(box: Box, alice: Member) -> None:
    now = Now()
    tokens = InnerTokens(box.pds.keys, now)
    first = tokens.token(alice.did, APPVIEW, PROFILE)
    now.seconds += USED_SECONDS - 1
    assert tokens.token(alice.did, APPVIEW, PROFILE) == first
    assert jwt.parse(first).time("exp") > now.seconds + 20
    now.seconds += 1
    assert tokens.token(alice.did, APPVIEW, PROFILE) != first


async def test_a_clock_that_was_put_back_makes_nothing_last(box: Box, alice: Member) -> None:
    now = Now()
    tokens = InnerTokens(box.pds.keys, now)
    first = tokens.token(alice.did, APPVIEW, PROFILE)
    now.seconds -= 3600
    assert tokens.token(alice.did, APPVIEW, PROFILE) != first


async def test_each_method_and_service_has_its_own(box: Box, alice: Member) -> None:
    tokens = InnerTokens(box.pds.keys, Now())
    known = {
        tokens.token(alice.did, audience, nsid)
        for audience in (APPVIEW, "did:web:other.example")
        for nsid in (PROFILE, "app.bsky.feed.getTimeline")
    }
    assert len(known) == 4


async def test_with_another_key_another_token(box: Box, alice: Member) -> None:
    tokens = InnerTokens(box.pds.keys, Now())
    first = tokens.token(alice.did, APPVIEW, PROFILE)
    await box.pds.keys.assign(alice.did, PrivateKey.generate())
    assert tokens.token(alice.did, APPVIEW, PROFILE) != first


async def test_no_more_are_kept_than_a_household_needs(box: Box, alice: Member) -> None:
    tokens = InnerTokens(box.pds.keys, Now())
    for number in range(MOST_KEPT + 10):
        tokens.token(alice.did, APPVIEW, f"app.bsky.test.number{number}")
    assert len(tokens._kept) == MOST_KEPT
