"""Which AppView a member's apps show the network by."""

from typing import Final

from aiohttp import web

from appliance.pds.account_pages.visit import HOME, Visit
from appliance.pds.appview_choices import AppViewChoice, InvalidChoice
from appliance.pds.proxy import NoService
from appliance.pds.services_elsewhere import UpstreamFailed

KINDS: Final = ("server", "local", "any", "named")


async def show(visit: Visit) -> web.Response:
    choice = visit.pds.appview_choices.of(visit.did)
    return _page(visit, choice.kind, str(choice) if choice.kind == "named" else "")


async def choose(visit: Visit) -> web.Response:
    """Take a choice; an AppView that is named has to be found."""
    kind, service = visit.text("kind"), visit.text("service")
    if kind not in KINDS:
        return _page(visit, "", service, kind_error=visit.words("appview.no_kind"))
    try:
        choice = AppViewChoice.of(service if kind == "named" else kind)
        if choice.kind != kind:
            raise InvalidChoice
        await visit.pds.proxy.check_choice(choice)
    except InvalidChoice:
        return _page(visit, kind, service, error=visit.words("appview.no_name"))
    except (NoService, UpstreamFailed):
        return _page(visit, kind, service, error=visit.words("appview.not_found"))
    await visit.pds.appview_choices.choose(visit.did, choice)
    return visit.go(f"{HOME}?done=appview")


def _page(
    visit: Visit, kind: str, service: str, *, error: str = "", kind_error: str = ""
) -> web.Response:
    return visit.page(
        "appview",
        status=422 if error or kind_error else 200,
        kinds=KINDS,
        kind=kind,
        service=service,
        error=error,
        kind_error=kind_error,
    )
