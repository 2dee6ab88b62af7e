"""A member who is looked after: by whom, and what is fixed in their settings."""

from dataclasses import replace
from urllib.parse import quote

from aiohttp import web

from appliance.admin.people import NoSuchPerson, Person, whole_handle
from appliance.admin.visit import Visit
from appliance.admin.wards import Refused, Ward
from appliance.atproto.syntax import InvalidSyntax


async def show(visit: Visit) -> web.Response:
    person = await _person(visit)
    ward = await visit.panel.wards.get(person.did)
    return _page(visit, person, ward or Ward(person.did), is_ward=ward is not None)


async def save(visit: Visit) -> web.Response:
    """Fix what was filled in, from now on or anew."""
    person = await _person(visit)
    ward = Ward(
        did=person.did,
        guardian=visit.text("guardian").removeprefix("@"),
        birth_date=visit.text("birth_date"),
        adult_content=visit.text("no_adult") != "yes",
        labelers=visit.long_text("labelers").split(),
        muted_words=visit.long_text("muted_words").splitlines(),
    )
    is_ward = await visit.panel.wards.get(person.did) is not None
    if ward.guardian:
        found = await _named(visit, ward.guardian)
        if found is None:
            error = visit.words("ward.nobody", name=ward.guardian)
            return _page(visit, person, ward, is_ward=is_ward, errors={"guardian": error})
        ward = replace(ward, guardian_did=found.did)
    try:
        await visit.panel.wards.put(ward)
    except Refused as refused:
        named = (name for field, name in _FIELDS.items() if field in str(refused))
        name = next(named, "guardian")
        errors = {name: visit.words(f"ward.unfit_{name}")}
        return _page(visit, person, ward, is_ward=is_ward, errors=errors)
    return visit.go(f"{_path(person)}?done=saved")


async def hand_over(visit: Visit) -> web.Response:
    person = await _person(visit)
    await visit.panel.wards.hand_over(person.did)
    return visit.go(f"/people/{quote(person.did, safe='')}?done=handed-over")


_FIELDS = {"birthDate": "birth_date", "labelers": "labelers", "mutedWords": "muted_words"}


def _path(person: Person) -> str:
    return f"/people/{quote(person.did, safe='')}/guardian"


async def _person(visit: Visit) -> Person:
    try:
        return await visit.panel.people.get(visit.place("did"))
    except NoSuchPerson:
        visit.not_found()


async def _named(visit: Visit, name: str) -> Person | None:
    """Find a member by the handle that was typed."""
    try:
        handle = whole_handle(name, (await visit.panel.people.terms()).domains)
    except InvalidSyntax:
        return None
    found = await visit.panel.people.search(handle)
    return next((one for one in found.items if one.handle == handle), None)


def _page(
    visit: Visit,
    person: Person,
    ward: Ward,
    *,
    is_ward: bool,
    errors: dict[str, str] | None = None,
) -> web.Response:
    return visit.page(
        "guardian",
        status=422 if errors else 200,
        person=person,
        ward=ward,
        is_ward=is_ward,
        errors=errors or {},
        path=_path(person),
        saved=visit.query("done") == "saved",
    )
