"""Who is calling: only the operator has anything to ask of a directory by XRPC."""

import hmac

from aiohttp import BasicAuth, web

from appliance.atproto.xrpc.errors import AuthRequired
from appliance.directory.role import Directory


async def operator(directory: Directory, request: web.Request) -> None:
    """Let the operator pass: HTTP Basic, admin and the operator token. Raises AuthRequired."""
    token = directory.operator_token()
    try:
        given = BasicAuth.decode(request.headers.get("Authorization", ""))
    except ValueError:
        raise AuthRequired from None
    right = token is not None and hmac.compare_digest(given.password.encode(), token.encode())
    if given.login != "admin" or not right:
        raise AuthRequired
