"""Other Hearths at home: who is paired, who asks, who else is there."""

from typing import Final

from aiohttp import web

from appliance.admin.neighbours import NeighboursAway
from appliance.admin.visit import Visit

HERE: Final = "/neighbours"
_PROBLEMS: Final = {
    "NeighbourNotThere": "neighbours.not_there",
    "NameTaken": "neighbours.name_taken",
    "TooManyNeighbours": "neighbours.too_many",
}


async def show(visit: Visit) -> web.Response:
    return await _page(visit, "neighbours")


async def live(visit: Visit) -> web.Response:
    """The part of the page that changes by itself."""
    return await _page(visit, "neighbours_live")


async def pair(visit: Visit) -> web.Response:
    """Ask for a pair, or agree to one."""
    return await _answer(visit, await visit.panel.neighbours.pair(visit.text("key")))


async def confirm(visit: Visit) -> web.Response:
    """Both screens show the same code."""
    done = await visit.panel.neighbours.confirm(visit.text("key"), visit.text("code"))
    return await _answer(visit, done)


async def refuse(visit: Visit) -> web.Response:
    """Do not want it, or saw another code."""
    return await _answer(visit, await visit.panel.neighbours.refuse(visit.text("key")))


async def unpair(visit: Visit) -> web.Response:
    """End a pair, after a question: to have it back takes both owners and a code."""
    if visit.text("sure") != "yes":
        return await _page(visit, "neighbours", ask=visit.text("key"))
    problem = await visit.panel.neighbours.unpair(visit.text("key"))
    return await _answer(visit, problem, f"{HERE}?done=ended")


async def _answer(visit: Visit, problem: str, after: str = HERE) -> web.Response:
    if not problem:
        return visit.go(after)
    error = visit.words(_PROBLEMS.get(problem, "neighbours.refused"))
    return await _page(visit, "neighbours", error=error)


async def _page(visit: Visit, template: str, *, error: str = "", ask: str = "") -> web.Response:
    try:
        street = await visit.panel.neighbours.street()
    except NeighboursAway:
        return visit.page(template, street=None, error=error, asked=None, ended=False)
    asked = next((one for one in street.paired if one["key"] == ask), None)
    status = 422 if error else 200
    ended = visit.query("done") == "ended"
    return visit.page(template, status=status, street=street, error=error, asked=asked, ended=ended)
