"""The list of members, and a new one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from appliance.admin.people import Terms, Welcome, is_email, whole_handle
from appliance.admin.visit import Visit
from appliance.atproto.syntax import InvalidSyntax
from appliance.atproto.xrpc.errors import XrpcError

SHORTEST_PASSWORD: Final = 8
# Which field an error of the PDS belongs under.
_FIELD_OF_ERROR: Final[Mapping[str, str]] = {
    "InvalidHandle": "handle",
    "HandleNotAvailable": "handle",
    "UnsupportedDomain": "handle",
    "InvalidPassword": "password",
    "InvalidEmail": "email",
}


@dataclass
class Enrolment:
    """A filled-in form for a new member: what was typed, what was wrong, what came of it."""

    terms: Terms
    values: Mapping[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    welcome: Welcome | None = None


async def show(visit: Visit) -> web.Response:
    """List the members, or those that a search finds."""
    wanted = visit.query("q")
    people = visit.panel.people
    page = await (people.search(wanted) if wanted else people.page(visit.query("cursor") or None))
    done = visit.query("done")
    wards = await visit.panel.wards.all()
    roles = {one.guardian_did: "guardian" for one in wards if one.guardian_did}
    roles |= {one.did: "ward" for one in wards}
    kept = await people.kept_names()
    return visit.page("people", page=page, wanted=wanted, done=done, roles=roles, kept=kept)


async def show_kept(visit: Visit) -> web.Response:
    """Say what it means to let others have a name that somebody took elsewhere."""
    return await _kept_page(visit)


async def free_name(visit: Visit) -> web.Response:
    """Let others have it, once the name was typed."""
    return await _kept_page(visit, visit.text("confirm"))


async def _kept_page(visit: Visit, typed: str | None = None) -> web.Response:
    did, names = visit.place("did"), await visit.panel.people.kept_names()
    name = next((one for one in names if one["did"] == did and not one["isHere"]), None)
    if name is None:
        visit.not_found()
    if typed is not None and typed.strip().removeprefix("@").lower() == name["handle"]:
        await visit.panel.people.free_name(did)
        return visit.go("/people?done=freed")
    error = visit.words("kept.mismatch", handle=name["handle"]) if typed is not None else ""
    return visit.page(
        "kept_name", status=422 if error else 200, name=name, typed=typed or "", error=error
    )


async def show_new(visit: Visit) -> web.Response:
    return _new_page(visit, Enrolment(await visit.panel.people.terms(), {}))


async def create(visit: Visit) -> web.Response:
    return _new_page(visit, await enrol(visit))


async def enrol(visit: Visit) -> Enrolment:
    """Open the account that a form asks for, or say what keeps it from being opened."""
    terms = await visit.panel.people.terms()
    values = {name: visit.text(name) for name in ("handle", "email")}
    filled = Enrolment(terms, values)
    password = visit.secret("password")
    handle = _checked(visit, filled, password)
    if filled.errors:
        return filled
    try:
        filled.welcome = await visit.panel.people.create(handle, values["email"], password)
    except XrpcError as error:
        if error.status >= 500:
            raise
        name, words = _explained(visit, error)
        filled.errors[name] = words
    return filled


def _checked(visit: Visit, filled: Enrolment, password: str) -> str:
    """Look a form over; note what is wrong, and return the whole handle."""
    handle = ""
    try:
        handle = whole_handle(filled.values["handle"], filled.terms.domains)
    except InvalidSyntax:
        filled.errors["handle"] = visit.words("person_errors.InvalidHandle")
    if filled.values["email"] and not is_email(filled.values["email"]):
        filled.errors["email"] = visit.words("person_errors.InvalidEmail")
    if password and len(password) < SHORTEST_PASSWORD:
        words = visit.words("person_errors.short_password", least=SHORTEST_PASSWORD)
        filled.errors["password"] = words
    return handle


def _explained(visit: Visit, error: XrpcError) -> tuple[str, str]:
    """Say under which field an error of the PDS belongs, and in what words."""
    for kind in ("handle", "email"):
        if error.message.lower().startswith(f"{kind} already taken"):
            return kind, visit.words(f"person_errors.{kind}_taken")
    name = f"person_errors.{error.name}"
    words = visit.words(name) if visit.panel.strings.has(name) else error.message or error.name
    return _FIELD_OF_ERROR.get(error.name, "form"), words


def _new_page(visit: Visit, filled: Enrolment) -> web.Response:
    status = 422 if filled.errors else 200
    return visit.page("person_new", status=status, filled=filled, pds_url=visit.settings.pds.url)
