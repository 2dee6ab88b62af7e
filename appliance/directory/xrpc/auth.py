"""Who is calling: only the operator has anything to ask of a directory by XRPC."""

import hmac
from base64 import b64decode

from aiohttp import web

from appliance.atproto.xrpc.errors import AuthRequired
from appliance.directory.role import Directory


async def operator(directory: Directory, request: web.Request) -> None:
    """Let the operator pass: HTTP Basic, admin and the operator token. Raises AuthRequired."""
    token = directory.operator_token()
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        given = b64decode(encoded, validate=True)
    except ValueError:
        raise AuthRequired from None
    if scheme.lower() != "basic" or token is None:
        raise AuthRequired
    if not hmac.compare_digest(given, f"admin:{token}".encode()):
        raise AuthRequired
