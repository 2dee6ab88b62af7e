import random
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt as jose
from joserfc.jwk import ECKey, OctKey

from appliance.atproto.crypto import CurveName, PrivateKey
from appliance.atproto.curves import ORDERS
from appliance.atproto.data import dumps
from appliance.atproto.jwt import (
    MAX_TOKEN,
    InvalidToken,
    decode_hs256,
    encode_es,
    encode_hs256,
    parse,
    thumbprint,
)

SECRET = b"an unguessable secret of 32 byte"
CLAIMS = {"iss": "did:plc:abc", "aud": "did:web:localhost", "exp": 1_763_680_060, "lxm": "a.b.c"}
NAMES: list[CurveName] = ["k256", "p256"]

JOSE_SECRET = OctKey.import_key(SECRET)


@pytest.fixture(params=NAMES)
def key(request: pytest.FixtureRequest) -> PrivateKey:
    name: CurveName = request.param
    return PrivateKey.generate(name)


def jose_key(key: PrivateKey) -> ECKey:
    """Give a key of ours to joserfc, secret included."""
    jwk = key.public.to_jwk() | {"d": segment(key.to_bytes())}
    return ECKey.import_key({name: str(value) for name, value in jwk.items()})


def segment(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def forged(header: Any, claims: Any, signature: bytes = bytes(64)) -> str:
    return ".".join((segment(dumps(header)), segment(dumps(claims)), segment(signature)))


def resigned(header: dict[str, Any], claims: dict[str, Any], secret: bytes = SECRET) -> str:
    """Sign any header with HS256, as a thief of nothing but our format would."""
    return jose.encode(header, claims, OctKey.import_key(secret), algorithms=["HS256", "HS384"])


def test_a_session_token_gives_its_claims_back() -> None:
    token = encode_hs256(SECRET, "at+jwt", CLAIMS)
    assert decode_hs256(SECRET, token, "at+jwt") == CLAIMS
    assert jose.decode(token, JOSE_SECRET, algorithms=["HS256"]).claims == CLAIMS


def test_a_session_token_of_joserfc_is_ours_to_the_byte() -> None:
    token = resigned({"typ": "at+jwt", "alg": "HS256"}, CLAIMS)
    assert token == encode_hs256(SECRET, "at+jwt", CLAIMS)


@pytest.mark.parametrize(
    "token",
    [
        encode_hs256(SECRET, "refresh+jwt", CLAIMS),
        encode_hs256(b"another secret", "at+jwt", CLAIMS),
        resigned({"typ": "JWT", "alg": "HS256"}, CLAIMS),
        resigned({"typ": "at+jwt", "alg": "HS384"}, CLAIMS),
        resigned({"typ": "at+jwt", "alg": "HS256", "kid": "../../dev/null"}, CLAIMS),
        forged({"typ": "at+jwt", "alg": "none"}, CLAIMS, b""),
        forged({"typ": "at+jwt", "alg": "HS256"}, CLAIMS, b""),
        forged({"typ": "at+jwt", "alg": "HS256"}, CLAIMS, bytes(32)),
        encode_es(PrivateKey.generate(), CLAIMS, "at+jwt"),
        encode_hs256(SECRET, "at+jwt", CLAIMS) + "=",
        encode_hs256(SECRET, "at+jwt", CLAIMS)[:-1],
        encode_hs256(SECRET, "at+jwt", CLAIMS) + ".",
        encode_hs256(SECRET, "at+jwt", CLAIMS) + "\n",
    ],
    ids=[
        "another type",
        "another secret",
        "no type of ours",
        "another algorithm",
        "a key id",
        "no algorithm",
        "no signature",
        "a signature of zeros",
        "signed by a key",
        "padded",
        "cut",
        "four parts",
        "a newline",
    ],
)
def test_a_session_token_of_another_making_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        decode_hs256(SECRET, token, "at+jwt")


def test_no_change_of_a_letter_leaves_a_session_token_valid() -> None:
    token = encode_hs256(SECRET, "at+jwt", CLAIMS)
    rng = random.Random(20261120)  # noqa: S311
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/é "
    for at in range(len(token)):
        letter = rng.choice(letters.replace(token[at], ""))
        with pytest.raises(InvalidToken):
            decode_hs256(SECRET, token[:at] + letter + token[at + 1 :], "at+jwt")


def test_a_signed_token_gives_its_claims_back(key: PrivateKey) -> None:
    token = parse(encode_es(key, CLAIMS))
    assert token.header == {"typ": "JWT", "alg": key.public.alg}
    assert token.claims == CLAIMS
    assert token.verify(key.public)
    assert not token.verify(PrivateKey.generate(key.curve).public)


def test_joserfc_takes_our_signed_tokens(key: PrivateKey) -> None:
    token = encode_es(key, CLAIMS)
    decoded = jose.decode(token, jose_key(key), algorithms=["ES256", "ES256K"])
    assert decoded.claims == CLAIMS


def test_we_take_the_signed_tokens_of_joserfc(key: PrivateKey) -> None:
    for number in range(10):
        header = {"alg": key.public.alg}
        claims = CLAIMS | {"n": number}
        token = jose.encode(header, claims, jose_key(key), algorithms=["ES256", "ES256K"])
        assert parse(token).claims == claims
        assert parse(token).verify(key.public, any_s=True)


def test_the_high_twin_of_a_token_holds_only_where_it_may(key: PrivateKey) -> None:
    token = encode_es(key, CLAIMS)
    body, _, _ = token.rpartition(".")
    signature = parse(token).signature
    high = ORDERS[key.curve] - int.from_bytes(signature[32:])
    twin = parse(f"{body}.{segment(signature[:32] + high.to_bytes(32))}")
    assert not twin.verify(key.public)
    assert twin.verify(key.public, any_s=True)


@pytest.mark.parametrize("alg", ["none", "HS256", "ES384", "es256", "", None, ["ES256"], 256])
def test_a_token_must_name_the_algorithm_of_the_key(key: PrivateKey, alg: Any) -> None:
    header, claims = segment(dumps({"alg": alg})), segment(dumps(CLAIMS))
    signature = key.sign(f"{header}.{claims}".encode())
    assert not parse(f"{header}.{claims}.{segment(signature)}").verify(key.public)


def test_the_two_curves_are_not_mistaken_for_each_other() -> None:
    one, other = PrivateKey.generate("k256"), PrivateKey.generate("p256")
    assert not parse(encode_es(one, CLAIMS)).verify(other.public)
    assert not parse(encode_es(other, CLAIMS)).verify(one.public)


def test_a_public_key_is_no_secret_to_sign_with() -> None:
    key = PrivateKey.generate("p256")
    token = resigned({"alg": "HS256"}, CLAIMS, key.public.did_key.encode())
    assert not parse(token).verify(key.public)


GOOD = encode_es(PrivateKey.from_bytes("k256", bytes(31) + b"\x07"), CLAIMS)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        GOOD.replace(".", "", 1),
        GOOD + ".x",
        " " + GOOD,
        GOOD + " ",
        GOOD + "=",
        "é" + GOOD,
        "A" * (MAX_TOKEN + 1),
        forged([], CLAIMS),
        forged({}, []),
        forged({}, "text"),
        forged({"crit": ["exp"]}, CLAIMS),
        f"{segment(b'{')}.{segment(b'{}')}.",
        f"{segment(b'{}')}.{segment(b'[' * 5000)}.",
        f"{segment(b'{}')}.e30=.",
        f"{segment(b'{}')}.e31.",
        None,
        b"a.b.c",
    ],
    ids=lambda token: str(token)[:40],
)
def test_what_is_no_token_is_refused(token: Any) -> None:
    with pytest.raises(InvalidToken):
        parse(token)


def test_the_last_letter_has_one_form_only() -> None:
    body, _, signature = GOOD.rpartition(".")
    accepted = []
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        try:
            accepted.append(parse(f"{body}.{signature[:-1]}{letter}").signature)
        except InvalidToken:
            continue
    assert len(accepted) == len(set(accepted)) == 4


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    for token in (text, f"{text}.{text}.{text}", f"e30.e30.{text}"):
        try:
            parse(token)
        except InvalidToken:
            continue


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.none() | st.booleans() | st.integers(0, 2**53) | st.text(max_size=20),
        max_size=6,
    )
)
def test_any_claims_survive_both_shapes(claims: dict[str, Any]) -> None:
    assert decode_hs256(SECRET, encode_hs256(SECRET, "at+jwt", claims), "at+jwt") == claims
    assert parse(encode_es(PrivateKey.from_bytes("k256", b"\x01" * 32), claims)).claims == claims


def test_a_claim_is_taken_only_as_what_it_must_be() -> None:
    token = parse(forged({}, {"t": "x", "e": "", "n": 5, "f": 1.5, "b": True, "z": None}))
    assert token.text("t") == "x"
    assert (token.time("n"), token.time("f")) == (5, 1.5)
    for name in ("e", "n", "b", "z", "absent"):
        with pytest.raises(InvalidToken, match=name):
            token.text(name)
    for name in ("t", "e", "b", "z", "absent"):
        with pytest.raises(InvalidToken, match=name):
            token.time(name)
    with pytest.raises(InvalidToken, match="1 to 0"):
        token.text("t", longest=0)


def test_a_thumbprint_is_that_of_rfc_7638(key: PrivateKey) -> None:
    jwk = key.public.to_jwk()
    canonical = f'{{"crv":"{jwk["crv"]}","kty":"EC","x":"{jwk["x"]}","y":"{jwk["y"]}"}}'
    assert thumbprint(key.public) == segment(sha256(canonical.encode()).digest())
    assert thumbprint(key.public) == jose_key(key).thumbprint()
