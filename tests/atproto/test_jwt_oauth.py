from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jwt as jose
from joserfc.jwk import ECKey

from appliance.atproto.crypto import PrivateKey, PublicKey
from appliance.atproto.data import dumps
from appliance.atproto.jwt import (
    ClientAssertion,
    DpopProof,
    InvalidToken,
    thumbprint,
    verify_client_assertion,
    verify_dpop,
)

NOW = 1_795_168_800.0
URL = "https://hearth.test/oauth/token"
ACCESS_TOKEN = "an.access.token"
CLIENT = "https://app.test/client-metadata.json"
ISSUER = "https://hearth.test"

KEY = ECKey.generate_key("P-256", parameters={"kid": "one"}, private=True)
PUBLIC = KEY.as_dict(private=False)
JWK = {name: PUBLIC[name] for name in ("kty", "crv", "x", "y")}
SIGNER = PrivateKey.from_bytes("p256", urlsafe_b64decode(str(KEY.as_dict(private=True)["d"]) + "="))
OTHER = ECKey.generate_key("P-256", private=True)
K256 = ECKey.generate_key("secp256k1", private=True)

HEADER = {"typ": "dpop+jwt", "alg": "ES256", "jwk": JWK}
CLAIMS = {"jti": "unique", "htm": "POST", "htu": URL, "iat": NOW}


def segment(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def signed(header: dict[str, Any], claims: dict[str, Any], key: ECKey = KEY) -> str:
    return jose.encode(header, claims, key, algorithms=["ES256", "ES256K"])


def bare(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Sign rightly what joserfc would not sign at all."""
    body = f"{segment(dumps(header))}.{segment(dumps(claims))}"
    return f"{body}.{segment(SIGNER.sign(body.encode()))}"


def proof(header: dict[str, Any] | None = None, key: ECKey = KEY, **claims: Any) -> str:
    """Make a proof; a claim of None is left out."""
    said = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return signed(HEADER | (header or {}), said, key)


def check(token: str, **options: Any) -> DpopProof:
    request: dict[str, Any] = {"method": "POST", "url": URL, "now": NOW}
    return verify_dpop(token, **(request | options))


def test_the_signer_of_odd_headers_signs_rightly() -> None:
    assert check(bare(HEADER, CLAIMS)).thumbprint == KEY.thumbprint()


def test_a_proof_names_its_key() -> None:
    checked = check(proof(nonce="n"))
    assert checked == DpopProof(KEY.thumbprint(), "unique", NOW, "n")
    assert checked.thumbprint == thumbprint(PublicKey.from_jwk(dict(JWK)))


def test_a_proof_with_the_high_s_of_browsers_holds() -> None:
    numbers = ec.generate_private_key(ec.SECP256R1())
    scalar = numbers.private_numbers().private_value.to_bytes(32)
    jwk = PrivateKey.from_bytes("p256", scalar).public.to_jwk()
    body = f"{segment(dumps(HEADER | {'jwk': jwk}))}.{segment(dumps(CLAIMS))}"
    for _ in range(12):
        r, s = decode_dss_signature(numbers.sign(body.encode(), ec.ECDSA(hashes.SHA256())))
        assert check(f"{body}.{segment(r.to_bytes(32) + s.to_bytes(32))}").jti == "unique"


@pytest.mark.parametrize(
    ("htu", "url"),
    [
        (URL, URL + "?x=1"),
        (URL + "?y=2#z", URL),
        ("HTTPS://HEARTH.test:443/oauth/token", URL),
        ("http://localhost/", "http://localhost:80"),
        ("http://localhost:2583/xrpc/a", "http://localhost:2583/xrpc/a"),
    ],
)
def test_the_url_is_compared_without_its_query(htu: str, url: str) -> None:
    assert check(proof(htu=htu), url=url).jti == "unique"


def test_a_proof_may_be_bound_to_the_access_token() -> None:
    ath = segment(sha256(ACCESS_TOKEN.encode()).digest())
    assert check(proof(ath=ath), access_token=ACCESS_TOKEN).jti == "unique"


@pytest.mark.parametrize("offset", [-180, -1.5, 0, 180])
def test_a_clock_may_be_a_little_off(offset: float) -> None:
    assert check(proof(iat=NOW + offset)).issued_at == NOW + offset


def without_jwk() -> str:
    return signed({"typ": "dpop+jwt", "alg": "ES256"}, CLAIMS)


REFUSED: dict[str, Callable[[], str]] = {
    "no type": lambda: proof({"typ": "JWT"}),
    "a session's type": lambda: proof({"typ": "at+jwt"}),
    "no key": without_jwk,
    "a key that is no object": lambda: bare(HEADER | {"jwk": "key"}, CLAIMS),
    "a private key": lambda: proof({"jwk": KEY.as_dict(private=True)}),
    "a key with a secret of any kind": lambda: proof({"jwk": JWK | {"k": "AA"}}),
    "a key on another curve": lambda: proof(
        {"alg": "ES256K", "jwk": K256.as_dict(private=False)}, K256
    ),
    "another's key": lambda: proof(key=OTHER),
    "no algorithm": lambda: bare(HEADER | {"alg": "none"}, CLAIMS),
    "another algorithm": lambda: bare(HEADER | {"alg": "ES256K"}, CLAIMS),
    "demanded extensions": lambda: proof({"crit": ["b64"], "b64": True}),
    "an endless header": lambda: bare(HEADER | {"more": "x" * 3000}, CLAIMS),
    "no jti": lambda: proof(jti=None),
    "an empty jti": lambda: proof(jti=""),
    "a jti that is no text": lambda: proof(jti=7),
    "an endless jti": lambda: proof(jti="x" * 257),
    "no htm": lambda: proof(htm=None),
    "another method": lambda: proof(htm="GET"),
    "the method in lower case": lambda: proof(htm="post"),
    "no htu": lambda: proof(htu=None),
    "another path": lambda: proof(htu=URL + "/"),
    "another host": lambda: proof(htu="https://hearth.example/oauth/token"),
    "another port": lambda: proof(htu="https://hearth.test:444/oauth/token"),
    "another scheme": lambda: proof(htu="http://hearth.test/oauth/token"),
    "a user in the URL": lambda: proof(htu="https://a@hearth.test/oauth/token"),
    "a relative URL": lambda: proof(htu="/oauth/token"),
    "no URL": lambda: proof(htu="https://[/oauth/token"),
    "a port beyond all ports": lambda: proof(htu="https://hearth.test:99999/oauth/token"),
    "no iat": lambda: proof(iat=None),
    "an iat that is text": lambda: proof(iat="1795168800"),
    "an old iat": lambda: proof(iat=NOW - 181),
    "an iat of the future": lambda: proof(iat=NOW + 181),
    "a token's hash without a token": lambda: proof(ath="x"),
    "a nonce that is no text": lambda: proof(nonce=7),
    "nothing": str,
    "garbage": lambda: "a.b.c",
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_a_proof_that_says_anything_wrong_is_refused(make: Callable[[], str]) -> None:
    with pytest.raises(InvalidToken):
        check(make())


@pytest.mark.parametrize("ath", [None, "", "x", 7])
def test_a_token_needs_its_own_hash_in_the_proof(ath: Any) -> None:
    with pytest.raises(InvalidToken, match="ath"):
        check(proof(ath=ath), access_token=ACCESS_TOKEN)


def test_a_proof_shows_its_nonce_and_need_not_have_one() -> None:
    assert check(proof(nonce="n")).nonce == "n"
    assert check(proof()).nonce is None


ASSERTION = {"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "jti": "once", "iat": NOW}
KEYS: list[dict[str, Any]] = [
    {**OTHER.as_dict(private=False), "kid": "zero"},
    {**JWK, "kid": "one", "use": "sig", "alg": "ES256"},
    {**K256.as_dict(private=False), "kid": "k256"},
    {**JWK, "kid": "encrypting", "use": "enc"},
    {**JWK, "kid": "es512", "alg": "ES512"},
    {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "rsa"},
]


def assertion(header: dict[str, Any] | None = None, key: ECKey = KEY, **claims: Any) -> str:
    """Make a client assertion; a claim of None is left out."""
    said = {name: value for name, value in (ASSERTION | claims).items() if value is not None}
    return signed({"alg": "ES256", "kid": "one"} | (header or {}), said, key)


def judge(token: str, **options: Any) -> ClientAssertion:
    given: dict[str, Any] = {"client_id": CLIENT, "audience": {ISSUER, URL}, "keys": KEYS}
    return verify_client_assertion(token, now=NOW, **(given | options))


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": URL},
        {"aud": ["https://elsewhere.test", ISSUER]},
        {"exp": NOW + 60},
        {"iat": NOW - 90},
        {"iat": NOW + 30},
        {"exp": NOW - 20},
    ],
    ids=repr,
)
def test_a_client_that_signs_for_us_is_believed(claims: dict[str, Any]) -> None:
    issued_at = claims.get("iat", NOW)
    expected = ClientAssertion("one", KEY.thumbprint(), "once", issued_at)
    assert judge(assertion(**claims)) == expected


NOT_BELIEVED: dict[str, Callable[[], str]] = {
    "no key named": lambda: signed({"alg": "ES256"}, ASSERTION),
    "an unknown key": lambda: assertion({"kid": "two"}),
    "a key name that is no text": lambda: bare({"alg": "ES256", "kid": ["one"]}, ASSERTION),
    "no algorithm": lambda: bare({"alg": "none", "kid": "one"}, ASSERTION),
    "another key of the client": lambda: assertion({"kid": "zero"}),
    "a key on another curve": lambda: assertion({"kid": "k256", "alg": "ES256K"}, K256),
    "a key for encryption": lambda: assertion({"kid": "encrypting"}),
    "a key for another algorithm": lambda: assertion({"kid": "es512"}),
    "an RSA key": lambda: assertion({"kid": "rsa"}),
    "a stranger's signature": lambda: assertion(key=OTHER),
    "another issuer": lambda: assertion(iss="https://other.test"),
    "another subject": lambda: assertion(sub="https://other.test"),
    "no issuer": lambda: assertion(iss=None),
    "no subject": lambda: assertion(sub=None),
    "another audience": lambda: assertion(aud="https://elsewhere.test"),
    "no audience": lambda: assertion(aud=None),
    "an empty audience": lambda: assertion(aud=[]),
    "no jti": lambda: assertion(jti=None),
    "no iat": lambda: assertion(iat=None),
    "an old iat": lambda: assertion(iat=NOW - 91),
    "an iat of the future": lambda: assertion(iat=NOW + 31),
    "a past exp": lambda: assertion(exp=NOW - 30),
    "an exp that is text": lambda: assertion(exp="never"),
    "nothing": str,
}


@pytest.mark.parametrize("make", NOT_BELIEVED.values(), ids=NOT_BELIEVED.keys())
def test_a_client_that_says_anything_wrong_is_not_believed(make: Callable[[], str]) -> None:
    with pytest.raises(InvalidToken):
        judge(make())


def test_odd_key_sets_do_not_break_the_check() -> None:
    odd: list[Any] = ["key", None, {}, {"kid": "one", "kty": "EC", "crv": "P-256"}]
    with pytest.raises(InvalidToken):
        judge(assertion(), keys=odd)
    assert judge(assertion(), keys=[*odd[:3], KEYS[1]]).key_id == "one"
