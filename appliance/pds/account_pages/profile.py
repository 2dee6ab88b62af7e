"""The name and the words that others see of a member."""

from contextlib import suppress
from typing import Any

from aiohttp import web

from appliance.atproto.lexicon.errors import InvalidValue
from appliance.atproto.syntax import Did, Nsid, RecordKey
from appliance.pds.account_pages.visit import HOME, Visit
from appliance.pds.accounts import AccountDeactivated, AccountTakedown
from appliance.pds.records import RecordNotFound
from appliance.pds.repos import InvalidSwap
from appliance.pds.role import Pds
from appliance.pds.writes import Expected

_COLLECTION = Nsid.unchecked("app.bsky.actor.profile")
_KEY = RecordKey.unchecked("self")


async def show(visit: Visit) -> web.Response:
    kept = _record(visit.pds, visit.did)
    return _page(visit, kept.get("displayName", ""), kept.get("description", ""), "")


async def save(visit: Visit) -> web.Response:
    """Write the profile record; what else it holds stays."""
    name, about = visit.text("name"), visit.text("about").replace("\r\n", "\n")
    await visit.pds.front_page.choose(visit.did, shown=visit.text("front") == "yes")
    try:
        await _write(visit.pds, visit.pds.accounts.require_writable(visit.did).did, name, about)
    except InvalidValue:
        return _page(visit, name, about, visit.words("profile.too_long"))
    except (AccountDeactivated, AccountTakedown):
        return _page(visit, name, about, visit.words("profile.closed"))
    return visit.go(f"{HOME}?done=profile")


async def _write(pds: Pds, did: Did, name: str, about: str) -> None:
    """Put both into the record as it is now, which an app may change at the same time."""
    while True:
        state = pds.records.state(did, f"{_COLLECTION}/{_KEY}")
        record = {**_record(pds, did), "$type": str(_COLLECTION)}
        for field, text in (("displayName", name), ("description", about)):
            record[field] = text
            if not text:
                del record[field]
        expected = Expected(state[0] if state else None)
        write = pds.writes.put(did, (_COLLECTION, _KEY), record, True, expected)
        with suppress(InvalidSwap):
            await pds.repos.write(did, [write], None)
            return


def display_name(pds: Pds, did: Did) -> str:
    return str(_record(pds, did).get("displayName", ""))


def _record(pds: Pds, did: Did) -> dict[str, Any]:
    try:
        found = pds.records.get(did, _COLLECTION, _KEY).value
    except RecordNotFound:
        return {}
    return dict(found) if isinstance(found, dict) else {}


def _page(visit: Visit, name: Any, about: Any, error: str) -> web.Response:
    status = 422 if error else 200
    shown = visit.pds.front_page.shows(visit.did)
    return visit.page(
        "profile", status=status, name=str(name), about=str(about), error=error, shown=shown
    )
