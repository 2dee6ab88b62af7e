"""A key of the member's own, which stands before the server's: the way back, whatever happens.

The key is made in the browser and never sent. What comes here is its public half, after the
member has typed the printed words once more.
"""

from typing import Any, Final

from aiohttp import web

from appliance.atproto.crypto import InvalidKey, PublicKey
from appliance.atproto.identity import plc
from appliance.pds.account_pages.visit import Visit
from appliance.pds.identities import UnusableIdentity

# A did:plc has room for five rotation keys.
MOST_KEYS: Final = 5


async def show(visit: Visit) -> web.Response:
    return await _page(visit)


async def keep(visit: Visit) -> web.Response:
    """Put the member's key before all others, in the public record of their identity."""
    key, account = visit.text("key"), visit.account
    try:
        if not key.startswith("did:key:"):
            raise InvalidKey(key)
        PublicKey.parse(key)
    except InvalidKey:
        return await _page(visit, error=visit.words("recovery.bad_key"))
    try:
        state = await visit.pds.identities.state(account.did)
        keys = [one for one in state["rotationKeys"] if one != key]
        if visit.text("replace") == "yes":
            keys = [one for one in keys if one == visit.pds.identities.rotation_key]
        if len(keys) >= MOST_KEYS:
            return await _page(visit, error=visit.words("recovery.full"))
        operation = await visit.pds.identities.sign(account.did, {"rotationKeys": [key, *keys]})
        await visit.pds.identities.submit(account, operation)
    except (UnusableIdentity, LookupError, OSError):
        return await _page(visit, error=visit.words("handle.directory"))
    await visit.pds.lifecycle.announce_identity(account.did, account.handle)
    return await _page(visit, done=True)


async def _page(visit: Visit, *, error: str = "", done: bool = False) -> web.Response:
    state: dict[str, Any] | None = None
    if plc.is_plc_did(visit.did):
        try:
            state = await visit.pds.identities.state(visit.did)
        except (LookupError, OSError):
            error = error or visit.words("handle.directory")
    ours = visit.pds.identities.rotation_key
    keys = state["rotationKeys"] if state else []
    return visit.page(
        "recovery",
        status=422 if error else 200,
        can=plc.is_plc_did(visit.did),
        own=[one for one in keys if one != ours],
        first=bool(keys) and keys[0] != ours,
        error=error,
        done=done,
        today=visit.pds.clock.iso()[:10],
    )
