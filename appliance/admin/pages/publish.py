"""Out into the world with a network from home: what will happen, and how far it is."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from appliance.admin import reach
from appliance.admin.reach import UnfitReach
from appliance.admin.visit import Visit
from appliance.settings import InvalidSettings
from appliance.settings_groups import PLC
from appliance.upkeep.checkup import Finding

WAYS: Final = ("direct", "forward", "proxy")


async def show(visit: Visit) -> web.Response:
    return await _page(visit, {})


async def live(visit: Visit) -> web.Response:
    """The part that changes by itself."""
    return visit.page("publish_live", progress=await visit.panel.publishing.progress())


async def publish(visit: Visit) -> web.Response:
    """Write the new name down and start anew with it; all else happens by itself.

    Before anything changes it is said where the name leads, and asked once more.
    """
    desk = visit.panel.desk
    if {reach.now(desk.running).kind, reach.now(desk.stored).kind} != {"home"}:
        return visit.go("/publish")
    relays = visit.long_text("relays").split()
    way = visit.text("way") if visit.text("way") in WAYS else WAYS[0]
    try:
        chosen = reach.read(way, visit.text("hostname"), "")
        values = chosen.published(desk.stored, visit.text("directory"), relays)
        desk.stored.with_values(values)
        if visit.text("sure") != chosen.name:
            foreseen = await visit.panel.foresight.look(chosen.name, way)
            return await _page(visit, {}, foreseen, chosen.name)
        await desk.change(values)
    except UnfitReach as wrong:
        return await _page(
            visit, {"hostname": visit.words(f"setup.reach_hostname_{wrong.problem}")}
        )
    except InvalidSettings:
        return await _page(visit, {"directory": visit.words("publish.unfit")})
    await visit.panel.acts.note("panel.publish", {"hostname": chosen.name})
    return visit.go_anew("/publish")


async def _page(
    visit: Visit, errors: dict[str, str], foreseen: Sequence[Finding] = (), sure: str = ""
) -> web.Response:
    """Make the page; `foreseen` is what was seen of the name `sure`, which is still to be taken."""
    stored = visit.panel.desk.stored
    kind = reach.now(visit.panel.desk.running).kind
    return visit.page(
        "publish",
        status=422 if errors else 200,
        kind=kind,
        pending=reach.now(stored).kind != kind,
        domains=visit.settings.network.handle_domains,
        pds_url=visit.settings.pds.url,
        directory=visit.text("directory") or stored.pds.plc_url or PLC,
        hostname=visit.text("hostname"),
        relays=visit.long_text("relays") or "\n".join(stored.pds.relays),
        way=visit.text("way") or WAYS[0],
        ways=WAYS,
        errors=errors,
        foreseen=foreseen,
        sure=sure,
        progress=None if kind == "home" else await visit.panel.publishing.progress(),
    )
