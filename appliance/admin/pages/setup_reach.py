"""How the network is reached: the question, the answer, and what was then seen."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from appliance.admin import reach
from appliance.admin.pages.checkup import SECONDS, TRIED_AGAIN
from appliance.admin.pages.setup import some_people, step
from appliance.admin.reach import Kind, Reach, UnfitReach
from appliance.admin.visit import Visit
from appliance.atproto.xrpc.errors import XrpcError
from appliance.settings import InvalidSettings
from appliance.upkeep.causes import told_apart
from appliance.upkeep.https_checks import AWAITED, CLOSED
from appliance.upkeep.https_journal import HttpsJournal

# What passes by itself within seconds or minutes: the page asks again meanwhile.
COMING: Final = frozenset({CLOSED, AWAITED})


async def show(visit: Visit) -> web.Response:
    """Show how the network is reached now, and ask how it should be."""
    desk = visit.panel.desk
    chosen = reach.now(desk.stored if desk.stored.pds.hostname else desk.running)
    if chosen.kind == "dev" or not desk.running.pds.hostname:
        address = reach.address_here(desk.running, visit.request.host)
        chosen = Reach(chosen.kind, reach.suffix_for(desk.name), address)
    return await _page(visit, chosen, chosen.name, {})


async def save(visit: Visit) -> web.Response:
    """Write the answer to the settings; it holds at once where the panel can start anew."""
    kind = visit.text("kind")
    name = visit.text("suffix" if kind == "home" else "hostname")
    try:
        chosen = reach.read(kind, name, visit.text("address"))
        values = chosen.settings_after(visit.panel.desk.stored)
        changed = await visit.panel.desk.change(values)
    except (UnfitReach, InvalidSettings) as wrong:
        field, problem = (
            (wrong.field, wrong.problem) if isinstance(wrong, UnfitReach) else ("hostname", "unfit")
        )
        error = {field: visit.words(f"setup.reach_{field}_{problem}")}
        typed = Reach(_kind(kind), visit.text("suffix"), visit.text("address"))
        return await _page(visit, typed, visit.text("hostname"), error)
    if changed and visit.settings.pds.hostname:
        await visit.panel.acts.note("panel.changeSettings", values)
    at_once = changed and not _is_trial(visit)
    return visit.go_anew("/setup/reach/seen") if at_once else visit.go("/setup/reach/seen")


async def seen(visit: Visit) -> web.Response:
    """Say what is seen of the choice, and what to do where that is not what it should be."""
    desk = visit.panel.desk
    kind = reach.now(desk.running).kind
    wanted = reach.now(desk.stored).kind if desk.stored.pds.hostname else kind
    findings, busy = await visit.panel.reach_check.look(), ""
    if kind in reach.PUBLIC_KINDS:
        with suppress(XrpcError):
            looked = await visit.panel.checkup.way_in(_last_change(visit))
            findings = told_apart([*findings, *looked.well, *looked.troubles])
            busy = looked.step
    response = step(
        visit,
        "reach_seen",
        busy=busy,
        findings=findings,
        kind=kind,
        pending=wanted != kind,
        certificates=_certificates(visit),
        waits=any(one.cause in TRIED_AGAIN for one in findings),
        hostname=visit.settings.pds.hostname,
        port=visit.settings.door.port,
    )
    if busy or any(one.cause in COMING and one.level == "warn" for one in findings):
        response.headers["Refresh"] = SECONDS
    return response


async def look_again(visit: Visit) -> web.Response:
    """Have the doctor look anew, where the name is public."""
    if reach.now(visit.panel.desk.running).kind in reach.PUBLIC_KINDS:
        with suppress(XrpcError):
            await visit.panel.checkup.begin()
    return visit.go("/setup/reach/seen")


async def again(visit: Visit) -> web.Response:
    """Have what failed and waits tried at once."""
    with suppress(XrpcError):
        await visit.panel.checkup.try_again()
    return visit.go("/setup/reach/seen")


def _last_change(visit: Visit) -> float:
    """When a certificate last came or was refused: what was seen before is out of date."""
    if visit.settings.https.mode != "acme":
        return 0.0
    now = visit.panel.clock.now()
    known = HttpsJournal.read(visit.settings.paths.data).names.values()
    return max((one.tried_at for one in known if one.tried_at <= now), default=0.0)


def _certificates(visit: Visit) -> list[dict[str, Any]]:
    """Tell how it stands with each name, where Hearth gets certificates itself."""
    if visit.settings.https.mode != "acme":
        return []
    known = HttpsJournal.read(visit.settings.paths.data)
    return [
        {
            "name": name,
            "until": _day(one.ends) if one.ends else "",
            "failure": one.failure,
            "next": _day(one.next_at),
            "waits": known.waits,
        }
        for name, one in sorted(known.names.items())
    ]


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"


def _is_trial(visit: Visit) -> bool:
    """Whether this is a trial: what is chosen then is for `hearth run`."""
    return visit.panel.desk.running.network.mode == "dev"


def _kind(text: str) -> Kind:
    return text if text in reach.KINDS else "home"  # type: ignore[return-value]


async def _page(visit: Visit, chosen: Reach, hostname: str, errors: dict[str, str]) -> web.Response:
    running = visit.panel.desk.running
    is_public = chosen.kind in reach.PUBLIC_KINDS
    suffix = reach.suffix_for(visit.panel.desk.name)
    return step(
        visit,
        "reach",
        kinds=[kind for kind in reach.KINDS if kind != "dev" or running.network.mode == "dev"],
        chosen=chosen.kind,
        suffix=suffix if is_public else chosen.name,
        address=chosen.address or reach.address_here(running, visit.request.host),
        hostname=hostname if is_public or errors else "",
        errors=errors,
        running=reach.now(running).kind if running.pds.hostname else "",
        pds_url=running.pds.url,
        domains=running.network.handle_domains,
        people=await _has_people(visit),
        at_once=visit.panel.anew.is_possible and not _is_trial(visit),
        error=errors,
    )


async def _has_people(visit: Visit) -> bool:
    """Tell whether somebody is here, who would keep the old address."""
    try:
        return bool((await some_people(visit)).items)
    except XrpcError:
        return False
