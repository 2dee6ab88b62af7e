"""Apps that call in a member's name: an access token, and a proof of the key it is bound to.

https://www.rfc-editor.org/rfc/rfc9449#section-7
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from aiohttp import web

from appliance.atproto.xrpc.errors import AuthRequired
from appliance.pds.oauth.errors import DpopRefused, InvalidToken, OAuthError
from appliance.pds.oauth.grants import Grant
from appliance.pds.oauth.permissions import Permissions
from appliance.pds.role import Pds

NONCE_HEADER: Final = "DPoP-Nonce"
# Where the nonce for the answer is kept with a request.
NONCE: Final = web.RequestKey("dpop_nonce", str)


async def grant_of(pds: Pds, request: web.Request, token: str) -> tuple[Grant, Permissions]:
    """Check token and proof of a call. Raises AuthRequired, with what the app needs to go on."""
    oauth = pds.oauth
    request[NONCE] = oauth.dpop.nonce()
    proofs = request.headers.getall("DPoP", ())
    try:
        grant, claims = oauth.desk.holder(token)
        if len(proofs) > 1:
            raise DpopRefused("More than one DPoP proof")
        thumbprint = oauth.dpop.check(
            proofs[0] if proofs else None,
            method=request.method,
            url=pds.site.url + request.rel_url.raw_path,
            access_token=token,
        )
        if thumbprint != claims.dpop_jkt:
            raise InvalidToken("The access token is bound to another key")
    except OAuthError as refused:
        raise _unauthorized(refused) from refused
    if grant.used < claims.generation:
        await oauth.grants.note_used(grant, claims.generation)
    return grant, _permissions(grant.permissions)


async def add_nonce(request: web.Request, response: web.StreamResponse) -> None:
    """Send the newest nonce with every answer to an app; a signal of the application."""
    nonce = request.get(NONCE)
    if nonce is not None:
        response.headers[NONCE_HEADER] = nonce


def _unauthorized(refused: OAuthError) -> AuthRequired:
    return AuthRequired(str(refused), refused.error, _challenge(refused.error, str(refused)))


def _challenge(error: str, description: str) -> Mapping[str, str]:
    """Say in a header what an app has to bring."""
    told = description.replace("\\", "").replace('"', "'")
    text = f'DPoP algs="ES256", error="{error}", error_description="{told}"'
    return {"WWW-Authenticate": text}


@lru_cache(maxsize=1024)
def _permissions(scope: str) -> Permissions:
    return Permissions.granted(scope)
