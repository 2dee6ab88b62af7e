"""Tokens by which one service calls another for an account, signed with the account's key.

https://atproto.com/specs/xrpc#inter-service-authentication-jwt
"""

import secrets
from collections.abc import Sequence
from typing import Final, Protocol

from appliance.atproto import jwt
from appliance.atproto.crypto import PrivateKey, PublicKey
from appliance.atproto.jwt import UnverifiedJwt
from appliance.atproto.syntax import Did, InvalidSyntax, JsonObject
from appliance.atproto.xrpc.errors import AuthRequired

LIFETIME: Final = 60
LONGEST_LIFETIME: Final = 3600
CLOCK_SKEW: Final = 60
# Tokens of other kinds that an account's key or a session key may have signed.
_OTHER_KINDS: Final = frozenset(("at+jwt", "refresh+jwt", "dpop+jwt"))
_SERVICE_KEYS: Final = frozenset(("", "atproto", "atproto_labeler"))


class Document(Protocol):
    """What is needed of a DID document."""

    @property
    def signing_key(self) -> PublicKey | None:
        """Give the key that signs for the account."""


class Resolver(Protocol):
    """What is needed of an identity resolver."""

    async def document(self, did: Did, fresh: bool = False) -> Document:
        """Give the document of a DID; with `fresh`, not one from a cache."""


def mint(
    key: PrivateKey,
    iss: Did,
    aud: str,
    lxm: str | None,
    now: float,
    ttl: float = LIFETIME,
) -> str:
    """Write a token by which `iss` calls the method `lxm` of the service `aud`, for ttl seconds."""
    claims: JsonObject = {
        "iat": int(now),
        "iss": iss,
        "aud": aud,
        "exp": int(now + ttl),
        "jti": secrets.token_hex(16),
    }
    if lxm is not None:
        claims["lxm"] = lxm
    return jwt.encode_es(key, claims)


async def verify(
    token: str,
    *,
    audience: Sequence[str],
    lxm: str,
    resolver: Resolver,
    now: float,
    anew: bool = False,
) -> Did:
    """Check a token; return the account it was made for.

    Checks: shape, type, time, audience, method, signature by the account's present key (looked up
    afresh once when the known key does not fit; at once with `anew`, which asks a source also when
    it did not answer a moment ago). Does not check: whether it was used before.

    Raises AuthRequired, naming what is wrong, and what the resolver raises.
    """
    try:
        parsed = jwt.parse(token)
        if parsed.header.get("typ") in _OTHER_KINDS:
            raise AuthRequired("Invalid jwt type", "BadJwtType")
        issuer, _, service_key = parsed.text("iss").partition("#")
        did = Did(issuer)
        _check_claims(parsed, service_key, audience, lxm, now)
    except (jwt.InvalidToken, InvalidSyntax) as error:
        raise AuthRequired(f"poorly formatted jwt: {error}", "BadJwt") from error
    for fresh in (True,) if anew else (False, True):
        key = (await resolver.document(did, fresh=fresh)).signing_key
        if key is not None and parsed.verify(key, any_s=True):
            return did
    raise AuthRequired("jwt signature does not match jwt issuer", "BadJwtSignature")


def _check_claims(
    parsed: UnverifiedJwt, service_key: str, audience: Sequence[str], lxm: str, now: float
) -> None:
    if service_key not in _SERVICE_KEYS:
        raise AuthRequired("jwt issuer names an unknown key", "BadJwtIss")
    expires = parsed.time("exp")
    if expires < now:
        raise AuthRequired("jwt expired", "JwtExpired")
    if expires > now + LONGEST_LIFETIME + CLOCK_SKEW:
        raise AuthRequired("jwt lasts too long", "BadJwt")
    if parsed.text("aud") not in audience:
        raise AuthRequired("jwt audience does not match service did", "BadJwtAudience")
    if parsed.claims.get("lxm") != lxm:
        raise AuthRequired(
            f'bad jwt lexicon method ("lxm"): must match {lxm}', "BadJwtLexiconMethod"
        )
