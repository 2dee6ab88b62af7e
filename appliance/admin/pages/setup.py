"""The wizard after the claim: name, reach, people, done. Each step can be left and come back to."""

from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from appliance.admin.owner import Owner
from appliance.admin.pages.people import Enrolment, enrol
from appliance.admin.visit import Visit
from appliance.settings import InvalidSettings

STEPS: Final = ("name", "reach", "people", "done")
MODES: Final = ("dev", "home", "public")
LONGEST_NAME: Final = 40


async def show_name(visit: Visit) -> web.Response:
    return _step(visit, "name", name=visit.panel.desk.name, error="")


async def save_name(visit: Visit) -> web.Response:
    name = " ".join(visit.text("name").split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        error = visit.words("setup.name_unfit", most=LONGEST_NAME)
        return _step(visit, "name", name=name, error=error)
    await visit.panel.desk.rename(name)
    return visit.go("/setup/reach")


async def show_reach(visit: Visit) -> web.Response:
    """Show how the network is reached now, and ask how it should be."""
    desk = visit.panel.desk
    chosen = desk.stored if desk.stored.pds.hostname else desk.running
    hostname = "" if chosen.network.mode == "dev" else chosen.pds.hostname
    return await _reach_page(visit, chosen.network.mode, hostname, {})


async def save_reach(visit: Visit) -> web.Response:
    mode, hostname = visit.text("mode"), visit.text("hostname").lower()
    if mode not in MODES:
        return await _reach_page(visit, "", hostname, {"mode": visit.words("setup.reach_none")})
    if mode != "dev" and not hostname:
        words = visit.words("setup.reach_no_hostname")
        return await _reach_page(visit, mode, hostname, {"hostname": words})
    host = "localhost" if mode == "dev" else hostname
    try:
        await visit.panel.desk.change(
            {
                "network.mode": mode,
                "pds.hostname": host,
                "network.handle_domains": (".test" if mode == "dev" else f".{host}",),
            }
        )
    except InvalidSettings:
        words = visit.words("setup.reach_bad_hostname")
        return await _reach_page(visit, mode, hostname, {"hostname": words})
    return visit.go("/setup/people")


async def show_people(visit: Visit) -> web.Response:
    return await _people_page(visit, Enrolment(await visit.panel.people.terms(), {}))


async def add_person(visit: Visit) -> web.Response:
    return await _people_page(visit, await enrol(visit))


async def show_done(visit: Visit) -> web.Response:
    return _step(visit, "done", pds_url=visit.settings.pds.url, page=await _people(visit))


async def finish(visit: Visit) -> web.Response:
    await visit.panel.owner.change(_finished)
    return visit.go("/")


def _finished(owner: Owner) -> Owner:
    return replace(owner, setup_done=True)


async def _people(visit: Visit) -> Any:
    return await visit.panel.people.page(limit=5)


async def _people_page(visit: Visit, filled: Enrolment) -> web.Response:
    return _step(
        visit,
        "people",
        filled=filled,
        page=await _people(visit),
        pds_url=visit.settings.pds.url,
        error=filled.errors,
    )


async def _reach_page(
    visit: Visit, mode: str, hostname: str, errors: dict[str, str]
) -> web.Response:
    running = visit.panel.desk.running
    return _step(
        visit,
        "reach",
        modes=MODES,
        chosen=mode,
        hostname=hostname,
        errors=errors,
        running=running.network.mode,
        pds_url=running.pds.url,
        domains=running.network.handle_domains,
        has_people=bool((await _people(visit)).items),
        error=errors,
    )


def _step(visit: Visit, step: str, *, error: object = "", **context: Any) -> web.Response:
    status = 422 if error else 200
    return visit.page(
        f"setup_{step}",
        status=status,
        steps=STEPS,
        at=STEPS.index(step),
        error=error,
        **context,
    )
