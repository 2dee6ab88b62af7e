"""Attacks on the proof of the key (DPoP), where requests are pushed, at tokens, and at calls."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.pds.oauth_negative.conftest import Field
from tests.support.members_house import ORIGIN
from tests.support.oauth_client import App, Key, base64url
from tests.support.pds_box import Answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SESSION = "com.atproto.server.getSession"


class Place(NamedTuple):
    """Where a proof is shown: for what it has to be, and how the call is made."""

    verb: str
    url: str
    call: Callable[[App, str], Awaitable[Answer]]
    takes_token: bool = False


async def _push(app: App, proof: str) -> Answer:
    return await app.send("/oauth/par", app.request(), proof=proof)


async def _refresh(app: App, proof: str) -> Answer:
    return await app.refresh(proof=proof)


async def _call(app: App, proof: str) -> Answer:
    return await app.call("GET", SESSION, proof=proof)


PLACES = {
    "pushing": Place("POST", f"{ORIGIN}/oauth/par", _push),
    "refreshing": Place("POST", f"{ORIGIN}/oauth/token", _refresh),
    "calling": Place("GET", f"{ORIGIN}/xrpc/{SESSION}", _call, takes_token=True),
}

Attack = Callable[[App, Callable[..., str]], str]


def _unsigned(app: App, prove: Callable[..., str]) -> str:
    header, body, _ = prove(header={"alg": "none"}).split(".")
    return f"{header}.{body}."


def _sealed_with_public_key(app: App, prove: Callable[..., str]) -> str:
    """HS256 by the text of the public key: for servers that let the token choose the algorithm."""
    header, body, _ = prove(header={"alg": "HS256"}).split(".")
    seal = hmac.digest(orjson.dumps(app.key.jwk), f"{header}.{body}".encode(), "sha256")
    return f"{header}.{body}.{base64url(seal)}"


def _private_shown(app: App, prove: Callable[..., str]) -> str:
    secret = app.key.private.private_numbers().private_value.to_bytes(32, "big")
    return prove(header={"jwk": {**app.key.jwk, "d": base64url(secret)}})


def _bent(app: App, prove: Callable[..., str]) -> str:
    """Claims changed after signing."""
    header, body, signature = prove().split(".")
    return f"{header}.{body[:-2]}AA.{signature}"


def _off_curve() -> dict[str, str]:
    return {"kty": "EC", "crv": "P-256", "x": base64url(b"\1" * 32), "y": base64url(b"\1" * 32)}


def _other_curve() -> dict[str, str]:
    numbers = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    x, y = (base64url(each.to_bytes(48, "big")) for each in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-384", "x": x, "y": y}


def with_(**changes: Any) -> Attack:
    return lambda _app, prove: prove(**changes)


def with_header(**header: Any) -> Attack:
    return lambda _app, prove: prove(header=header)


BAD = "invalid_dpop_proof"
ATTACKS: dict[str, tuple[Attack, str]] = {
    "no proof": (lambda _app, _prove: "", BAD),
    "no JWT": (lambda _app, _prove: "a proof", BAD),
    "alg none": (_unsigned, BAD),
    "HS256 by the public key": (_sealed_with_public_key, BAD),
    "alg of another family": (with_header(alg="RS256"), BAD),
    "alg of another curve": (with_header(alg="ES256K"), BAD),
    "another type of token": (with_header(typ="JWT"), BAD),
    "no key": (with_header(jwk=None), BAD),
    "somebody else's key shown": (with_header(jwk=Key().jwk), BAD),
    "the private key shown": (_private_shown, BAD),
    "a symmetric key": (with_header(jwk={"kty": "oct", "k": base64url(b"k" * 32)}), BAD),
    "a point off the curve": (with_header(jwk=_off_curve()), BAD),
    "a key on another curve": (with_header(jwk=_other_curve()), BAD),
    "claims changed after signing": (_bent, BAD),
    "no jti": (with_(jti=None), BAD),
    "empty jti": (with_(jti=""), BAD),
    "endless jti": (with_(jti="j" * 5000), BAD),
    "no htm": (with_(htm=None), BAD),
    "another htm": (with_(htm="PATCH"), BAD),
    "htm in small letters": (lambda _app, prove: prove(htm="get"), BAD),
    "no htu": (with_(htu=None), BAD),
    "htu of another server": (with_(htu="https://evil.example/oauth/par"), BAD),
    "htu of another path": (with_(htu=f"{ORIGIN}/oauth/revoke"), BAD),
    "htu of another scheme": (with_(htu="https://localhost:2583/oauth/par"), BAD),
    "htu that is no URL": (with_(htu="/oauth/par"), BAD),
    "no iat": (with_(iat=None), BAD),
    "iat as text": (with_(iat="now"), BAD),
    "made long ago": (lambda app, prove: prove(iat=app.now - 900), BAD),
    "made in the future": (lambda app, prove: prove(iat=app.now + 900), BAD),
    "a token's hash at the wrong place": (with_(ath=base64url(b"h" * 32)), BAD),
    "no nonce": (with_(nonce=None), "use_dpop_nonce"),
    "somebody else's nonce": (with_(nonce="nonce-of-another-server"), "use_dpop_nonce"),
    "a nonce that is no text": (with_(nonce=7), BAD),
}


def proving(app: App, place: Place) -> Callable[..., str]:
    token = app.tokens["access_token"] if place.takes_token else None
    return lambda **changes: app.proof(place.verb, place.url, token, **changes)


def check(answer: Answer, error: str) -> None:
    """See that a proof is refused as its place refuses."""
    if answer.status == 401:
        assert f'error="{error}"' in answer.headers["WWW-Authenticate"]
        assert answer.headers["WWW-Authenticate"].startswith("DPoP ")
    else:
        assert (answer.status, answer.error) == (400, error)
    assert answer.headers["DPoP-Nonce"]


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(("attack", "error"), ATTACKS.values(), ids=ATTACKS)
async def test_a_proof_with_this_in_it_is_refused(
    ground: Field, place: Place, attack: Attack, error: str
) -> None:
    app = await ground.settled()
    tokens = dict(app.tokens)
    check(await place.call(app, attack(app, proving(app, place))), error)
    # Nothing was used up: the honest app goes on.
    assert app.tokens == tokens
    assert (await app.refresh()).status == 200


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_a_proof_counts_once(ground: Field, place: Place) -> None:
    app = await ground.settled()
    proof = proving(app, place)()
    assert (await place.call(app, proof)).status < 300
    check(await place.call(app, proof), BAD)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_a_proof_counts_once_however_fast_it_is_shown_again(
    ground: Field, place: Place
) -> None:
    app = await ground.settled()
    proof = proving(app, place)()
    answers = await asyncio.gather(*(place.call(app, proof) for _ in range(10)))
    assert sorted(answer.status < 300 for answer in answers) == [False] * 9 + [True]


async def test_a_proof_counts_once_at_both_servers_together(ground: Field) -> None:
    app = await ground.settled()
    assert (await app.send("/oauth/par", app.request())).status == 201
    jti = "seen-at-par"
    proof = app.proof("POST", f"{ORIGIN}/oauth/par", jti=jti)
    assert (await app.send("/oauth/par", app.request(), proof=proof)).status == 201
    again = app.proof("POST", f"{ORIGIN}/oauth/token", jti=jti)
    check(await app.refresh(proof=again), BAD)


async def test_a_nonce_dies(ground: Field) -> None:
    app = await ground.settled()
    old = app.nonce
    ground.wait(301)
    check(await _push(app, app.proof("POST", f"{ORIGIN}/oauth/par", nonce=old)), "use_dpop_nonce")
    assert app.nonce != old
    assert (await app.refresh()).status == 200


async def test_nonces_change_and_the_one_before_still_counts(ground: Field) -> None:
    app = await ground.settled()
    old = app.nonce
    ground.wait(100)
    assert (await _push(app, app.proof("POST", f"{ORIGIN}/oauth/par", nonce=old))).status == 201
    assert app.nonce != old


async def test_two_proofs_are_one_too_many(ground: Field) -> None:
    app = await ground.settled()
    access = app.tokens["access_token"]
    url = f"{ORIGIN}/xrpc/{SESSION}"
    headers = [
        ("Authorization", f"DPoP {access}"),
        *(("DPoP", app.proof("GET", url, access)) for _ in range(2)),
    ]
    async with ground.house.session.get(
        f"http://localhost/xrpc/{SESSION}", headers=headers
    ) as answer:
        assert answer.status == 401
        assert f'error="{BAD}"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "ath", [None, base64url(hashlib.sha256(b"another token").digest()), "", 7], ids=str
)
async def test_a_proof_is_for_one_token(ground: Field, ath: object) -> None:
    app = await ground.settled()
    proof = proving(app, PLACES["calling"])(ath=ath)
    check(await _call(app, proof), BAD)


async def test_a_query_is_no_part_of_what_is_proved(ground: Field) -> None:
    app = await ground.settled()
    proof = proving(app, PLACES["calling"])(htu=f"{ORIGIN}/xrpc/{SESSION}?x=y#z")
    assert (await _call(app, proof)).status == 200


async def test_the_key_of_a_request_is_the_key_of_its_tokens(ground: Field) -> None:
    app = ground.app()
    code = await app.code(ground.browser)
    app.key = Key()
    answer = await app.exchange(code)
    assert (answer.status, answer.error) == (400, "invalid_grant")


async def test_a_stolen_token_is_nothing_without_its_key(ground: Field) -> None:
    app = await ground.settled()
    app.key = Key()
    answer = await app.call("GET", SESSION)
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    refreshed = await app.refresh()
    assert (refreshed.status, refreshed.error) == (400, "invalid_grant")
