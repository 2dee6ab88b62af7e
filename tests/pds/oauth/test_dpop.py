"""Proofs of a key: nonces turn over, nothing counts twice, and memory is bounded."""

from collections.abc import Callable
from typing import cast

import pytest

from appliance.pds.oauth import dpop
from appliance.pds.oauth.dpop import NONCE_SECONDS, ROTATED_AFTER, DpopGuard
from appliance.pds.oauth.errors import DpopRefused, NonceWanted
from tests.support.clock import FakeClock
from tests.support.members_house import MembersHouse
from tests.support.oauth_client import App

URL = "https://pds.example.com/oauth/token"


class Maker(App):
    """Makes proofs by a clock of its own."""

    clock: FakeClock

    @property
    def now(self) -> int:
        return int(self.clock.now())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def guard(clock: FakeClock) -> DpopGuard:
    return DpopGuard(clock)


@pytest.fixture
def proof(clock: FakeClock, guard: DpopGuard) -> Callable[..., str]:
    """Makes a proof that is good but for what is changed."""
    maker = Maker(cast(MembersHouse, None), "http://localhost")
    maker.clock = clock

    def make(**changes: object) -> str:
        return maker.proof("POST", URL, **{"nonce": guard.nonce(), **changes})  # type: ignore[arg-type]

    return make


def test_a_proof_counts_once(guard: DpopGuard, proof: Callable[..., str]) -> None:
    one = proof()
    first = guard.check(one, method="POST", url=URL)
    with pytest.raises(DpopRefused, match="used before"):
        guard.check(one, method="POST", url=URL)
    assert guard.check(proof(), method="POST", url=URL) == first


def test_a_proof_needs_a_nonce_of_ours(guard: DpopGuard, proof: Callable[..., str]) -> None:
    for nonce in (None, "", "made-up"):
        with pytest.raises(NonceWanted):
            guard.check(proof(nonce=nonce), method="POST", url=URL)
    for missing in (None, ""):
        with pytest.raises(DpopRefused):
            guard.check(missing, method="POST", url=URL)


def test_a_nonce_is_not_asked_of_a_proof_that_is_wrong_anyway(
    guard: DpopGuard, proof: Callable[..., str]
) -> None:
    for nonce in (None, "made-up"):
        with pytest.raises(DpopRefused, match="htu"):
            guard.check(proof(nonce=nonce), method="POST", url=f"{URL}/elsewhere")


def test_a_proof_that_lacked_its_nonce_was_not_used_up(
    guard: DpopGuard, proof: Callable[..., str]
) -> None:
    with pytest.raises(NonceWanted):
        guard.check(proof(nonce="old", jti="a"), method="POST", url=URL)
    assert guard.check(proof(jti="a"), method="POST", url=URL)


def test_a_nonce_turns_over_and_lives_on_for_a_while(
    guard: DpopGuard, proof: Callable[..., str], clock: FakeClock
) -> None:
    first = guard.nonce()
    clock.advance(ROTATED_AFTER - 1)
    assert guard.nonce() == first
    clock.advance(1)
    assert guard.nonce() != first
    clock.advance(NONCE_SECONDS - ROTATED_AFTER - 1)
    assert guard.check(proof(nonce=first), method="POST", url=URL)
    clock.advance(1)
    with pytest.raises(NonceWanted):
        guard.check(proof(nonce=first), method="POST", url=URL)


def test_no_nonce_lives_longer_than_five_minutes() -> None:
    assert NONCE_SECONDS < 300


def test_a_restart_forgets_every_nonce(
    guard: DpopGuard, proof: Callable[..., str], clock: FakeClock
) -> None:
    one = proof()
    with pytest.raises(NonceWanted):
        DpopGuard(clock).check(one, method="POST", url=URL)


def test_a_flood_of_proofs_only_turns_the_nonces_faster(
    guard: DpopGuard, proof: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dpop, "MOST_PROOFS", 2)
    first, seen = proof(), set()
    guard.check(first, method="POST", url=URL)
    for _ in range(40):
        guard.check(proof(), method="POST", url=URL)
        seen.add(guard.nonce())
    assert len(seen) >= 20
    with pytest.raises(NonceWanted):
        guard.check(first, method="POST", url=URL)
