"""Wrong passwords, counted for the account that they are tried at.

Guessing spread over many addresses is still guessing, so all addresses are counted together. But
those from which the owner has come are counted each for itself: nobody out there keeps a member
out at home. Which these are is forgotten with the process; the next refresh of an app tells.
"""

from typing import Final

from aiohttp import web

from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.limits import Limits
from appliance.pds import rates

_BUCKET: Final = "wrong-password"


def check(limits: Limits, request: web.Request, did: Did) -> None:
    """See that one more password may be tried. Raises RateLimitExceeded."""
    limits.require(request, _BUCKET, limits.key_of(request, did), rates.WRONG_PASSWORDS)


def wrong(limits: Limits, request: web.Request, did: Did) -> None:
    """Count a wrong one. Raises RateLimitExceeded."""
    limits.take_for(request, _BUCKET, limits.key_of(request, did), rates.WRONG_PASSWORDS)


def right(limits: Limits, request: web.Request, did: Did) -> None:
    """Note that the owner has come from the request's address."""
    limits.know(request, did)
