"""How the tokens of apps are written.

An access token is a JWT that only we can check; a refresh token is a name, a number and a seal.
Neither is stored: the grant knows which generation of its tokens counts, so a token can be given
again within the grace time, and revoking is to delete the grant.
"""

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from appliance.atproto import jwt
from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.pds.oauth.errors import InvalidGrant, InvalidToken

ACCESS_TYP: Final = "at+jwt"
ACCESS_SECONDS: Final = 15 * 60
_ID_BYTES: Final = 16
_CODE_BYTES: Final = 32
_CACHED_TOKENS: Final = 4096
_REFRESH: Final = re.compile(r"ref-([\w-]{22})\.(\d{1,9})\.([\w-]{43})", re.ASCII)


@dataclass(frozen=True)
class OAuthClaims:
    """What an access token of ours says; `expires_at` in seconds."""

    grant_id: str
    generation: int
    did: Did
    dpop_jkt: str
    expires_at: int


@dataclass(frozen=True)
class RefreshName:
    """Which token of which grant a refresh token is."""

    grant_id: str
    generation: int


class TokenWriter:
    """Write tokens and check that they are ours; whether they still count the grant knows."""

    def __init__(self, secret: bytes, issuer: str, audience: Did, clock: Clock) -> None:
        self._secret = secret
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._checked: OrderedDict[str, OAuthClaims] = OrderedDict()

    def access(self, claims: OAuthClaims, client_id: str) -> str:
        """Write an access token; what it is good for the grant knows, so it fits into a header."""
        return jwt.encode_hs256(
            self._secret,
            ACCESS_TYP,
            {
                "iss": self._issuer,
                "aud": self._audience,
                "sub": claims.did,
                "client_id": client_id,
                "jti": f"{claims.grant_id}.{claims.generation}",
                "iat": int(self._clock.now()),
                "exp": claims.expires_at,
                "cnf": {"jkt": claims.dpop_jkt},
            },
        )

    def check_access(self, token: str) -> OAuthClaims:
        """Raises InvalidToken, also when it is too old."""
        claims = self._checked.get(token)
        if claims is None:
            claims = self._checked[token] = self.read_access(token)
            if len(self._checked) > _CACHED_TOKENS:
                self._checked.popitem(last=False)
        if claims.expires_at <= self._clock.now():
            raise InvalidToken("The access token has expired")
        return claims

    def read_access(self, token: str) -> OAuthClaims:
        """Read an access token, however old. Raises InvalidToken."""
        try:
            claims = jwt.decode_hs256(self._secret, token, ACCESS_TYP)
        except jwt.InvalidToken as bad:
            raise InvalidToken("Not an access token of this server") from bad
        grant_id, _, generation = str(claims.get("jti")).partition(".")
        bound = claims.get("cnf")
        if (
            claims.get("iss") != self._issuer
            or claims.get("aud") != self._audience
            or not isinstance(bound, dict)
            or not generation.isdecimal()
            or not str(claims.get("sub")).startswith("did:")
            or type(claims.get("exp")) is not int
        ):
            raise InvalidToken("Not an access token for apps")
        did, thumbprint = Did.unchecked(claims["sub"]), str(bound.get("jkt"))
        return OAuthClaims(grant_id, int(generation), did, thumbprint, claims["exp"])

    def refresh(self, name: RefreshName) -> str:
        body = f"ref-{name.grant_id}.{name.generation}"
        return f"{body}.{self._seal(body)}"

    def read_refresh(self, token: str) -> RefreshName:
        """Raises InvalidGrant unless the token was written here."""
        found = _REFRESH.fullmatch(token)
        body, _, seal = token.rpartition(".")
        if found is None or not hmac.compare_digest(seal, self._seal(body)):
            raise InvalidGrant("Not a refresh token of this server")
        return RefreshName(found[1], int(found[2]))

    def _seal(self, body: str) -> str:
        digest = hmac.digest(self._secret, f"oauth {body}".encode(), "sha256")
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


def new_id() -> str:
    return secrets.token_urlsafe(_ID_BYTES)


def new_code() -> str:
    return "cod-" + secrets.token_urlsafe(_CODE_BYTES)


def digest_of(secret: str) -> str:
    """What is stored in the place of a secret that is random."""
    return sha256(secret.encode()).hexdigest()
