"""Compact JWTs in the four shapes the protocol has, each with its one algorithm.

Sessions (HS256), service auth (ES256K or ES256, as the key says), DPoP proofs and client
assertions (ES256). Nothing is negotiated: the shape decides, never the token.
https://atproto.com/specs/xrpc#inter-service-authentication-jwt https://atproto.com/specs/oauth
"""

import hmac
from base64 import urlsafe_b64encode
from binascii import Error as InvalidBase64
from binascii import a2b_base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from appliance.atproto.crypto import InvalidKey, PrivateKey, PublicKey
from appliance.atproto.data import InvalidData, dumps, loads
from appliance.atproto.syntax import JsonObject

# Longer than any honest token; a DPoP proof with its key has about 600 letters.
MAX_TOKEN: Final = 16 * 1024
MAX_JTI: Final = 256
MAX_PROOF_HEADER: Final = 2048

# The letters of the other alphabet become one that is in neither.
_TO_STANDARD: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING: Final = (b"", b"===", b"==", b"=")
# By how many letters stand behind the last four: those that may be the last, as the bits that they
# have too many are zero. One alone never is enough.
_LAST_LETTERS: Final = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")
_SECRET_JWK_FIELDS: Final = frozenset(("d", "k", "p", "q", "dp", "dq", "qi", "oth"))
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class InvalidToken(ValueError):
    """A token is malformed, of another shape, not signed as it says, or says the wrong thing."""

    xrpc_name = "InvalidToken"


@dataclass(frozen=True, slots=True)
class UnverifiedJwt:
    """A token taken apart, with nothing in it to be believed before `verify`."""

    header: JsonObject
    claims: JsonObject
    signing_input: bytes
    signature: bytes

    def verify(self, key: PublicKey, *, any_s: bool = False) -> bool:
        """Check the signature; the token must name the algorithm of the key.

        The signature's s must be low unless `any_s`.
        """
        if self.header.get("alg") != key.alg:
            return False
        return key.verify(self.signing_input, self.signature, any_s=any_s)

    def text(self, claim: str, longest: int = 2048) -> str:
        """Give a claim that must be a text that is not empty; raise InvalidToken."""
        return _text(self.claims, claim, longest)

    def time(self, claim: str) -> float:
        """Give a claim that must be seconds since 1970; raise InvalidToken."""
        return _time(self.claims, claim)


class DpopProof(NamedTuple):
    """What a verified DPoP proof says: who holds the key, and what makes the proof unique."""

    thumbprint: str
    jti: str
    issued_at: float
    nonce: str | None


@dataclass(frozen=True, slots=True)
class ClientAssertion:
    """What a verified client assertion says: the key it used, and what makes it unique."""

    key_id: str
    thumbprint: str
    jti: str
    issued_at: float


def encode_hs256(secret: bytes, typ: str, claims: JsonObject) -> str:
    """Write a token only its maker can check, marked with its type."""
    signing_input = _header("HS256", typ) + b"." + _base64url(dumps(claims))
    signature = hmac.digest(secret, signing_input, "sha256")
    return (signing_input + b"." + _base64url(signature)).decode()


def decode_hs256(secret: bytes, token: str, typ: str) -> JsonObject:
    """Give the claims of a token of ours and of this type; raise InvalidToken.

    Its times are not looked at.
    """
    header, claims, signature = _segments(token)
    # Our own tokens have our own header to the letter, so there is nothing to interpret.
    if header != _header("HS256", typ):
        raise InvalidToken(f"not a token of the type {typ}")
    expected = hmac.digest(secret, header + b"." + claims, "sha256")
    if not hmac.compare_digest(expected, _from_base64url(signature)):
        raise InvalidToken("the token is not signed by this server")
    return _object(claims)


def encode_es(key: PrivateKey, claims: JsonObject, typ: str = "JWT") -> str:
    """Write a token anyone can check who knows the public key."""
    signing_input = _header(key.public.alg, typ) + b"." + _base64url(dumps(claims))
    return (signing_input + b"." + _base64url(key.sign(signing_input))).decode()


def parse(token: str) -> UnverifiedJwt:
    """Take a token apart without believing it; raise InvalidToken."""
    header, claims, signature = _segments(token)
    signing_input = header + b"." + claims
    return UnverifiedJwt(
        _header_of(header), _object(claims), signing_input, _from_base64url(signature)
    )


def thumbprint(key: PublicKey) -> str:
    """Name a key as RFC 7638 does: a hash over its JWK, in base64url."""
    jwk = key.to_jwk()
    canonical = dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")})
    return _base64url(sha256(canonical).digest()).decode()


def verify_dpop(
    proof: str,
    *,
    method: str,
    url: str,
    now: float,
    access_token: str | None = None,
    window: float = 180,
) -> DpopProof:
    """Check a DPoP proof for a request; the caller remembers its `jti` against replay.

    `window` is how many seconds the proof's clock may be off. Whether the nonce is a good one the
    caller knows. Raises InvalidToken. https://www.rfc-editor.org/rfc/rfc9449#section-4.3
    """
    # With every call of an app: few steps, as the caches are cold when it comes.
    header, body, signature = _segments(proof)
    key, name = _proof_key(header)
    said = _object(body)
    if not key.verify(header + b"." + body, _from_base64url(signature), any_s=True):
        raise InvalidToken("the proof is not signed by the key it shows")
    jti, issued_at, nonce = _text(said, "jti", MAX_JTI), _time(said, "iat"), said.get("nonce")
    if said.get("htm") != method:
        raise InvalidToken("the proof's htm is another method")
    if said.get("htu") != url and not _is_same_place(_text(said, "htu"), url):
        raise InvalidToken("the proof's htu is another URL")
    if not abs(now - issued_at) <= window:
        raise InvalidToken("the proof is too old, or from the future")
    if access_token is None:
        if "ath" in said:
            raise InvalidToken("the proof is bound to an access token, but none came")
    elif said.get("ath") != _token_hash(access_token):
        raise InvalidToken("the proof's ath is another access token")
    if nonce is not None and type(nonce) is not str:
        raise InvalidToken("the claim nonce must be a text")
    return DpopProof(name, jti, issued_at, nonce)


def verify_client_assertion(
    assertion: str,
    *,
    client_id: str,
    audience: Collection[str],
    keys: Sequence[JsonObject],
    now: float,
    max_age: float = 60,
    leeway: float = 30,
) -> ClientAssertion:
    """Check that a confidential client speaks: `private_key_jwt` with ES256.

    `keys` are the JWKs of the client's metadata, `audience` our own names. Times are in seconds;
    the caller remembers the `jti`. Raises InvalidToken.
    https://www.rfc-editor.org/rfc/rfc7523#section-3
    """
    jwt = parse(assertion)
    key_id = jwt.header.get("kid")
    if type(key_id) is not str or not key_id:
        raise InvalidToken("the assertion names no key (kid)")
    key, name = _client_key(key_id, keys)
    if not jwt.verify(key, any_s=True):
        raise InvalidToken("the assertion is not signed by the client's key")
    if jwt.text("iss") != client_id or jwt.text("sub") != client_id:
        raise InvalidToken("the assertion is not about this client")
    if not _audiences(jwt) & set(audience):
        raise InvalidToken("the assertion is meant for another server")
    issued_at = jwt.time("iat")
    if not -leeway <= now - issued_at <= max_age + leeway:
        raise InvalidToken("the assertion is too old, or from the future")
    if "exp" in jwt.claims and not now < jwt.time("exp") + leeway:
        raise InvalidToken("the assertion has expired")
    return ClientAssertion(key_id, name, jwt.text("jti", MAX_JTI), issued_at)


@lru_cache(maxsize=1024)
def _proof_key(segment: bytes) -> tuple[PublicKey, str]:
    """Read the header of a proof: its key, and the key's thumbprint.

    Read once: an app's proofs all have the same, to the letter.
    """
    if len(segment) > MAX_PROOF_HEADER:
        raise InvalidToken("the proof's header is longer than a key makes it")
    header = _header_of(segment)
    if header.get("typ") != "dpop+jwt":
        raise InvalidToken("not a DPoP proof")
    key, name = _p256_key(header.get("jwk"))
    if header.get("alg") != key.alg:
        raise InvalidToken("the proof's algorithm is not its key's")
    return key, name


def _client_key(key_id: str, keys: Sequence[JsonObject]) -> tuple[PublicKey, str]:
    for jwk in keys:
        if isinstance(jwk, dict) and jwk.get("kid") == key_id:
            if jwk.get("use", "sig") != "sig" or jwk.get("alg", "ES256") != "ES256":
                raise InvalidToken("the client's key is not for ES256 signatures")
            return _p256_key(jwk)
    raise InvalidToken("the client has no key of this name")


def _p256_key(jwk: object) -> tuple[PublicKey, str]:
    """Give a key and its thumbprint."""
    if not isinstance(jwk, dict) or _SECRET_JWK_FIELDS & jwk.keys():
        raise InvalidToken("the key must be a public JWK")
    try:
        key = PublicKey.from_jwk(jwk)
    except InvalidKey as problem:
        raise InvalidToken(str(problem)) from None
    if key.curve != "p256":
        raise InvalidToken("the key must be on P-256")
    return key, thumbprint(key)


@lru_cache(maxsize=1024)
def _token_hash(access_token: str) -> str:
    return _base64url(sha256(access_token.encode()).digest()).decode()


def _is_same_place(htu: str, url: str) -> bool:
    """Whether both are one URL but for query and fragment; `url` is our own."""
    return _without_query(htu) == _without_query(url)


def _audiences(jwt: UnverifiedJwt) -> set[str]:
    value = jwt.claims.get("aud")
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in values):
        raise InvalidToken("the claim aud must be a text or a list of texts")
    return set(values)


@lru_cache(maxsize=1024)
def _without_query(url: str) -> tuple[str, str, int | None, str]:
    """Reduce a URL to what htu compares: scheme, host, port and path."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidToken("the claim htu must be a URL") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None:
        raise InvalidToken("the claim htu must be an http(s) URL")
    port = _DEFAULT_PORTS[parts.scheme] if port is None else port
    return parts.scheme, parts.hostname, port, parts.path or "/"


def _segments(token: str) -> tuple[bytes, bytes, bytes]:
    if not isinstance(token, str) or len(token) > MAX_TOKEN or not token.isascii():
        raise InvalidToken("not a JWT")
    segments = token.encode().split(b".")
    if len(segments) != 3:
        raise InvalidToken("not a JWT")
    return segments[0], segments[1], segments[2]


def _header_of(segment: bytes) -> JsonObject:
    header = _object(segment)
    if "crit" in header:
        raise InvalidToken("the token demands extensions")
    return header


def _text(claims: JsonObject, claim: str, longest: int = 2048) -> str:
    value = claims.get(claim)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise InvalidToken(f"the claim {claim} must be a text of 1 to {longest} letters")
    return value


def _time(claims: JsonObject, claim: str) -> float:
    value = claims.get(claim)
    if type(value) is int or type(value) is float:
        return value
    raise InvalidToken(f"the claim {claim} must be a number of seconds")


def _object(segment: bytes) -> JsonObject:
    try:
        value = loads(_from_base64url(segment))
    except InvalidData:
        raise InvalidToken("the token holds no JSON") from None
    if not isinstance(value, dict):
        raise InvalidToken("the token holds no JSON object")
    return value


@lru_cache(maxsize=32)
def _header(alg: str, typ: str) -> bytes:
    return _base64url(dumps({"typ": typ, "alg": alg}))


def _base64url(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def _from_base64url(segment: bytes) -> bytes:
    """Decode base64url without padding, in its one canonical form; raise InvalidToken."""
    behind = len(segment) % 4
    if behind and (not _LAST_LETTERS[behind] or segment[-1] not in _LAST_LETTERS[behind]):
        raise InvalidToken("the token is not base64url")
    try:
        return a2b_base64(segment.translate(_TO_STANDARD) + _PADDING[behind], strict_mode=True)
    except InvalidBase64:
        raise InvalidToken("the token is not base64url") from None
