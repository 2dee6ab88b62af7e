"""The handle: a name under a domain of ours, or a domain of the member's own."""

from typing import Final

from aiohttp import web

from appliance.atproto.identity.names import lookup_txt_records
from appliance.atproto.syntax import Handle, InvalidSyntax
from appliance.pds.account_pages.visit import HOME, Visit
from appliance.pds.accounts import NameTaken
from appliance.pds.handles import (
    HandleNotAvailable,
    InvalidHandle,
    UnprovenHandle,
    UnsupportedDomain,
)
from appliance.pds.identities import UnusableIdentity

_REFUSALS: Final = (InvalidHandle, HandleNotAvailable, UnsupportedDomain, UnprovenHandle, NameTaken)
_SHOWN_RECORDS: Final = 5


async def show(visit: Visit) -> web.Response:
    return _page(visit, domain=visit.query("domain"))


async def change(visit: Visit) -> web.Response:
    """Take a name under a domain of ours."""
    front, ending = visit.text("front").lower(), visit.text("ending")
    if ending not in visit.pds.site.handle_domains:
        ending = visit.pds.site.handle_domains[0]
    try:
        handle = Handle(front.removesuffix(ending) + ending)
    except InvalidSyntax:
        return _page(visit, front=front, error=visit.words("person_errors.InvalidHandle"))
    return await _take(visit, handle, front=front)


async def check_domain(visit: Visit) -> web.Response:
    """Look whether a domain says that it is this member's; take it as the handle if it does."""
    typed = visit.text("domain").lower().removeprefix("https://").removeprefix("@").strip("/")
    try:
        handle = Handle(typed)
    except InvalidSyntax:
        return _page(visit, domain=typed, domain_error=visit.words("handle.no_domain"))
    if visit.pds.handles.domain_of(handle) is not None:
        return _page(visit, domain=typed, domain_error=visit.words("handle.ours"))
    if not visit.text("check"):
        return _page(visit, domain=handle)
    return await _take(visit, handle, domain=handle)


async def _take(visit: Visit, handle: Handle, *, front: str = "", domain: str = "") -> web.Response:
    try:
        await visit.pds.handles.check(handle, visit.did)
        await visit.pds.signup.rename(visit.did, handle)
    except UnprovenHandle:
        return _page(visit, domain=domain, seen=await _seen(handle))
    except _REFUSALS as refusal:
        kind = "HandleNotAvailable" if isinstance(refusal, HandleNotAvailable) else "InvalidHandle"
        taken = visit.pds.accounts.find(handle) is not None
        words = visit.words("person_errors.handle_taken" if taken else f"person_errors.{kind}")
        return _page(visit, front=front, domain=domain, **_at(front, words))
    except (UnusableIdentity, LookupError, OSError):
        words = visit.words("handle.directory")
        return _page(visit, front=front, domain=domain, **_at(front, words))
    return visit.go(f"{HOME}?done=handle")


def _at(front: str, words: str) -> dict[str, str]:
    return {"error": words} if front else {"domain_error": words}


async def _seen(handle: Handle) -> str:
    """What DNS says of a domain, for people."""
    try:
        records = await lookup_txt_records(f"_atproto.{handle}")
    except (LookupError, OSError):
        records = []
    return ", ".join(records[:_SHOWN_RECORDS])


def _page(
    visit: Visit,
    *,
    front: str = "",
    error: str = "",
    domain: str = "",
    domain_error: str = "",
    seen: str | None = None,
) -> web.Response:
    wrong = bool(error or domain_error) or seen is not None
    return visit.page(
        "handle",
        status=422 if wrong else 200,
        endings=visit.pds.site.handle_domains,
        front=front,
        error=error,
        domain=domain,
        domain_error=domain_error,
        seen=seen,
    )
