"""The wizard after the claim: name, reach, people, backup, sheet, done. Any step can be redone."""

from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from appliance.admin.owner import Owner
from appliance.admin.pages.people import Enrolment, enrol
from appliance.admin.session import WrongPassword
from appliance.admin.visit import Visit
from appliance.base.drawings import qr_code
from appliance.base.throttle import TooManyTries
from appliance.upkeep.recovery_sheet import KEY_FILE, RecoverySheet, sheet_of

STEPS: Final = ("name", "reach", "people", "backup", "sheet", "done")
LONGEST_NAME: Final = 40


async def show_name(visit: Visit) -> web.Response:
    return step(visit, "name", name=visit.panel.desk.name, error="")


async def save_name(visit: Visit) -> web.Response:
    """Name the network; a network that runs takes the name on by starting anew."""
    name = " ".join(visit.text("name").split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        error = visit.words("setup.name_unfit", most=LONGEST_NAME)
        return step(visit, "name", name=name, error=error)
    is_new = name != visit.panel.desk.name
    await visit.panel.desk.rename(name)
    if is_new:
        await visit.panel.acts.note("panel.changeSettings", {"network.name": name})
    runs = bool(visit.settings.pds.hostname)
    return visit.go_anew("/setup/reach") if is_new and runs else visit.go("/setup/reach")


async def show_people(visit: Visit) -> web.Response:
    return await _people_page(visit, Enrolment(await visit.panel.people.terms(), {}))


async def add_person(visit: Visit) -> web.Response:
    return await _people_page(visit, await enrol(visit))


async def show_sheet(visit: Visit) -> web.Response:
    """Explain the sheet; it is shown to who types the panel's password once more."""
    return _sheet_page(visit, None, "")


async def make_sheet(visit: Visit) -> web.Response:
    try:
        await visit.panel.sessions.prove(visit.secret("password"), visit.address)
    except TooManyTries as stop:
        return _sheet_page(visit, None, visit.words("errors.tries", count=stop.wait))
    except WrongPassword:
        return _sheet_page(visit, None, visit.words("sign_in.wrong"))
    sheet = sheet_of(visit.settings.paths.secret(KEY_FILE))
    await visit.panel.acts.note("panel.showSheet", {"address": visit.address})
    return _sheet_page(visit, sheet, "")


async def show_done(visit: Visit) -> web.Response:
    return step(visit, "done", pds_url=visit.settings.pds.url, page=await some_people(visit))


async def finish(visit: Visit) -> web.Response:
    await visit.panel.owner.change(_finished)
    return visit.go("/")


def step(visit: Visit, which: str, /, *, error: object = "", **context: Any) -> web.Response:
    """Answer with a page of the wizard."""
    status = 422 if error else 200
    at = STEPS.index(which.partition("_")[0])
    return visit.page(f"setup_{which}", status=status, steps=STEPS, at=at, error=error, **context)


async def some_people(visit: Visit) -> Any:
    return await visit.panel.people.page(limit=5)


def _finished(owner: Owner) -> Owner:
    return replace(owner, setup_done=True)


def _sheet_page(visit: Visit, sheet: RecoverySheet | None, error: str) -> web.Response:
    domains = visit.settings.network.handle_domains
    return step(
        visit,
        "sheet",
        error=error,
        sheet=sheet,
        qr=qr_code(sheet.digits) if sheet else "",
        today=visit.today,
        address=visit.settings.pds.url,
        handles=domains[0] if domains else f".{visit.settings.pds.hostname}",
    )


async def _people_page(visit: Visit, filled: Enrolment) -> web.Response:
    return step(
        visit,
        "people",
        filled=filled,
        page=await some_people(visit),
        pds_url=visit.settings.pds.url,
        error=filled.errors,
    )
