"""com.atproto.temp.*: what a sign-up form asks."""

from appliance.atproto.syntax import Datetime, Handle, Json
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.credentials import UnusableEmail, check_email
from appliance.pds.handles import (
    LONGEST_FRONT,
    SHORTEST_FRONT,
    HandleNotAvailable,
    check_front,
)
from appliance.pds.role import Pds

methods: MethodTable[Pds] = MethodTable()

_MOST_SUGGESTIONS = 3
_RESULT = "com.atproto.temp.checkHandleAvailability#result"


@methods.query("com.atproto.temp.checkSignupQueue")
async def check_signup_queue(pds: Pds) -> Json:
    return {"activated": True}


@methods.query("com.atproto.temp.checkHandleAvailability")
async def check_handle_availability(
    pds: Pds, *, handle: Handle, email: str | None, birth_date: Datetime | None
) -> Json:
    if email is not None:
        try:
            check_email(email)
        except UnusableEmail as bad:
            raise InvalidRequest(str(bad), "InvalidEmail") from bad
    try:
        await pds.handles.check(handle, None)
        reserved = False
    except HandleNotAvailable:
        reserved = True
    if not reserved and pds.accounts.find(handle) is None:
        return {"handle": handle, "result": {"$type": f"{_RESULT}Available"}}
    result = {"$type": f"{_RESULT}Unavailable", "suggestions": _suggestions(pds, handle)}
    return {"handle": handle, "result": result}


def _suggestions(pds: Pds, handle: Handle) -> list[Json]:
    """Name free handles close to one that is taken."""
    domain = pds.handles.domain_of(handle) or ""
    stem = handle.removesuffix(domain).rstrip("-")
    found: list[Json] = []
    for number in range(1, 100):
        front = f"{stem[: LONGEST_FRONT - len(str(number))]}{number}"
        candidate = Handle.unchecked(f"{front}{domain}")
        if len(front) >= SHORTEST_FRONT and pds.accounts.find(candidate) is None:
            check_front(front)
            found.append({"handle": candidate, "method": "numbered"})
        if len(found) == _MOST_SUGGESTIONS:
            break
    return found
