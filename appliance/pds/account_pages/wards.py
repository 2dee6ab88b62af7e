"""Whom a member looks after, and what is fixed for them; and the same as its member sees it."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from aiohttp import web

from appliance.atproto.syntax import Did
from appliance.pds.account_pages.visit import HOME, Visit
from appliance.pds.guardians import Ward
from appliance.pds.pins import Pins, UnfitPins

_DONE: Final = ("handed_over", "taken_over")
_FIELDS: Final = {"birthDate": "birth_date", "labelers": "labelers", "mutedWords": "muted_words"}


@dataclass(frozen=True)
class Filled:
    """The form, as it is shown."""

    birth_date: str
    adult_content: bool
    labelers: tuple[str, ...]
    muted_words: tuple[str, ...]

    @classmethod
    def of(cls, pins: Pins) -> "Filled":
        return cls(pins.birth_date, not pins.no_adult_content, pins.labelers, pins.muted_words)


async def show(visit: Visit) -> web.Response:
    """List whom one looks after; who is looked after sees what is fixed, and by whom."""
    guardians = visit.pds.guardians
    own = guardians.ward(visit.did)
    return visit.page(
        "wards",
        wards=[
            {"did": ward.did, "handle": _name(visit, ward.did)}
            for ward in guardians.wards_of(visit.did)
        ],
        own=Filled.of(own.pins) if own else None,
        by=_name(visit, own.guardian) if own and own.guardian else "",
        grown_up=own is not None and guardians.is_grown_up(own),
        done=visit.query("done") if visit.query("done") in _DONE else "",
    )


async def show_one(visit: Visit) -> web.Response:
    ward = _ward(visit)
    return _page(visit, ward, Filled.of(ward.pins), {})


async def save(visit: Visit) -> web.Response:
    """Fix what was filled in."""
    ward = _ward(visit)
    filled = Filled(
        visit.text("birth_date"),
        visit.text("no_adult") != "yes",
        tuple(visit.form.get("labelers", "").split()),
        tuple(visit.form.get("muted_words", "").splitlines()),
    )
    try:
        pins = Pins.of(
            filled.birth_date, filled.labelers, filled.muted_words, adult=filled.adult_content
        )
        await visit.pds.guardians.look_after(ward.did, visit.did, pins)
    except UnfitPins as unfit:
        name = _FIELDS[unfit.field]
        return _page(visit, ward, filled, {name: visit.words(f"ward.unfit_{name}")})
    await _note(visit, "putWard", ward.did)
    return visit.go(f"{HOME}/wards/{quote(ward.did, safe='')}?done=saved")


async def hand_over(visit: Visit) -> web.Response:
    ward = _ward(visit)
    await visit.pds.guardians.hand_over(ward.did)
    await _note(visit, "releaseWard", ward.did)
    return visit.go(f"{HOME}/wards?done=handed_over")


async def take_over(visit: Visit) -> web.Response:
    """Let who is grown up look after themselves."""
    own = visit.pds.guardians.ward(visit.did)
    if own is None or not visit.pds.guardians.is_grown_up(own):
        visit.not_found()
    await visit.pds.guardians.hand_over(visit.did)
    await _note(visit, "releaseWard", visit.did)
    return visit.go(f"{HOME}/wards?done=taken_over")


def _ward(visit: Visit) -> Ward:
    """The ward whose page this is, if it is this member who looks after them."""
    did = visit.request.match_info["did"]
    found = [ward for ward in visit.pds.guardians.wards_of(visit.did) if ward.did == did]
    return found[0] if found else visit.not_found()


async def _note(visit: Visit, method: str, did: Did) -> None:
    """What guardians do stands in the log beside what the operator does."""
    about = {"did": did, "by": visit.did}
    await visit.pds.operator_acts.note("member", f"internal.hearth.pds.{method}", about)


def _name(visit: Visit, did: Did) -> str:
    found = visit.pds.accounts.find(did)
    return found.handle if found else did


def _page(visit: Visit, ward: Ward, filled: Filled, errors: dict[str, str]) -> web.Response:
    return visit.page(
        "ward",
        status=422 if errors else 200,
        did=ward.did,
        handle=_name(visit, ward.did),
        ward=filled,
        errors=errors,
        grown_up=visit.pds.guardians.is_grown_up(ward),
        saved=visit.query("done") == "saved",
    )
