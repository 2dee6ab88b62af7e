"""Labels: the network's own kinds, and what is said of whom."""

from typing import Any, Final

from aiohttp import web

from appliance.admin.offers import Refused
from appliance.admin.people import whole_handle
from appliance.admin.visit import Visit
from appliance.atproto.syntax import InvalidSyntax

SEVERITIES: Final = ("inform", "alert", "none")
BLURS: Final = ("content", "media", "none")
DEFAULTS: Final = ("warn", "hide", "ignore")


async def show(visit: Visit) -> web.Response:
    return await _page(visit)


async def define(visit: Visit) -> web.Response:
    """Make a kind of label, or make it anew."""
    text = {"lang": "en", "name": visit.text("title"), "description": visit.text("description")}
    definition: dict[str, Any] = {
        "identifier": visit.text("identifier").lower(),
        "severity": visit.text("severity"),
        "blurs": visit.text("blurs"),
        "defaultSetting": visit.text("setting"),
        "adultOnly": visit.text("adult") == "yes",
        "locales": [text],
    }
    try:
        await visit.panel.labels.define(definition)
    except Refused as refused:
        return await _page(visit, definition=definition, define_error=str(refused))
    return visit.go("/labels?done=defined")


async def forget(visit: Visit) -> web.Response:
    return await _done(visit, "forgotten", visit.panel.labels.forget(visit.text("identifier")))


async def put(visit: Visit) -> web.Response:
    """Label whoever or whatever is named: a handle here, a DID, or an at:// address."""
    subject = visit.text("subject")
    uri = await _address(visit, subject)
    if uri is None:
        error = visit.words("ward.nobody", name=subject)
        return await _page(visit, subject=subject, put_error=error)
    try:
        await visit.panel.labels.put(uri, visit.text("value"))
    except Refused as refused:
        return await _page(visit, subject=subject, put_error=str(refused))
    return visit.go("/labels?done=put")


async def negate(visit: Visit) -> web.Response:
    work = visit.panel.labels.negate(visit.text("uri"), visit.text("value"))
    return await _done(visit, "negated", work)


async def _done(visit: Visit, word: str, work: Any) -> web.Response:
    try:
        await work
    except Refused as refused:
        return await _page(visit, put_error=str(refused))
    return visit.go(f"/labels?done={word}")


async def _address(visit: Visit, subject: str) -> str | None:
    if subject.startswith(("did:", "at://did:")):
        return subject
    try:
        handle = whole_handle(subject, (await visit.panel.people.terms()).domains)
    except InvalidSyntax:
        return None
    found = await visit.panel.people.search(handle)
    return next((one.did for one in found.items if one.handle == handle), None)


async def _page(
    visit: Visit,
    *,
    definition: dict[str, Any] | None = None,
    subject: str = "",
    define_error: str = "",
    put_error: str = "",
) -> web.Response:
    values, definitions = await visit.panel.labels.kinds()
    page = await visit.panel.labels.standing(visit.query("cursor") or None)
    dids = dict.fromkeys(one["uri"].removeprefix("at://").partition("/")[0] for one in page.items)
    done = visit.query("done")
    return visit.page(
        "labels",
        status=422 if define_error or put_error else 200,
        values=values,
        definitions=definitions,
        page=page,
        handles=await visit.panel.people.handles(list(dids)[:100]),
        definition=definition or {"locales": [{}]},
        subject=subject,
        define_error=define_error,
        put_error=put_error,
        choices={"severity": SEVERITIES, "blurs": BLURS, "setting": DEFAULTS},
        done=done if done in ("defined", "forgotten", "put", "negated") else "",
    )
