"""Let the operator in: HTTP Basic, the name admin, and the token of this network."""

import base64
import binascii
import secrets
from pathlib import Path
from typing import Protocol

from aiohttp import web

from appliance.atproto.xrpc.errors import AuthRequired
from appliance.base.secret_files import read_or_create

TOKEN_BYTES = 24


class OperatorAccess:
    """The operator's token, in a file that only this service can read."""

    def __init__(self, path: Path) -> None:
        self.token = read_or_create(path, lambda: secrets.token_urlsafe(TOKEN_BYTES))

    @property
    def header(self) -> str:
        """The Authorization header with which the operator comes."""
        return f"Basic {base64.b64encode(f'admin:{self.token}'.encode()).decode()}"

    def admits(self, header: str) -> bool:
        """Tell whether an Authorization header is the operator's; takes the same time for all."""
        scheme, _, encoded = header.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return False
        right = secrets.compare_digest(given, f"admin:{self.token}".encode())
        return right and scheme.lower() == "basic"


class Attended(Protocol):
    """A role that has an operator."""

    @property
    def access(self) -> OperatorAccess:
        """Give the operator's access."""


async def operator(role: Attended, request: web.Request) -> None:
    """Let only the operator call a method. Raises AuthRequired."""
    if not role.access.admits(request.headers.get("Authorization", "")):
        raise AuthRequired("Operator credentials required", "AuthenticationRequired")
