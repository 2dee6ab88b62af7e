"""Reports by members: what was reported, by whom, and what is to be done about it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from appliance.admin.offers import Refused
from appliance.admin.reports import Gone
from appliance.admin.visit import Visit
from appliance.atproto.xrpc.errors import XrpcError


async def show(visit: Visit) -> web.Response:
    return await _page(visit)


async def act(visit: Visit) -> web.Response:
    """Do what a button of a report says; what takes something down closes the report as well."""
    done = _ACTS.get(visit.text("act"))
    number = visit.text("id")
    if done is None or not number.isdecimal() or len(number) > 15:
        visit.not_found()
    try:
        await done(visit)
    except Gone:
        return await _page(visit, error=visit.words("reports.gone"))
    except Refused as refused:
        return await _page(visit, error=str(refused))
    if visit.text("act") not in _LEFT_OPEN:
        await visit.panel.reports.close(int(number), visit.text("note"))
    return visit.go(f"/reports?done={visit.text('act')}")


async def _close(visit: Visit) -> None:
    """Nothing more is to be done than to close it."""


async def _take_down_record(visit: Visit) -> None:
    await visit.panel.reports.take_down_record(
        visit.text("uri"), visit.text("cid"), visit.text("note"), applied=True
    )


async def _restore_record(visit: Visit) -> None:
    await visit.panel.reports.take_down_record(
        visit.text("uri"), visit.text("cid"), "", applied=False
    )


async def _take_down_blob(visit: Visit) -> None:
    await visit.panel.reports.take_down_blob(
        visit.text("did"), visit.text("blob"), visit.text("note"), applied=True
    )


async def _take_down_account(visit: Visit) -> None:
    await visit.panel.reports.take_down_account(visit.text("did"), visit.text("note"))


async def _label(visit: Visit) -> None:
    """Label what was reported, in the network's name."""
    await visit.panel.labels.put(visit.text("uri") or visit.text("did"), visit.text("value"))


async def _mute(visit: Visit) -> None:
    await visit.panel.reports.mute(visit.text("reporter"), muted=True)


async def _unmute(visit: Visit) -> None:
    await visit.panel.reports.mute(visit.text("reporter"), muted=False)


_ACTS: Final[Mapping[str, Callable[[Visit], Awaitable[None]]]] = {
    "close": _close,
    "record": _take_down_record,
    "restore": _restore_record,
    "blob": _take_down_blob,
    "account": _take_down_account,
    "label": _label,
    "mute": _mute,
    "unmute": _unmute,
}
_LEFT_OPEN: Final = ("restore", "blob", "unmute", "label")


async def _labels(visit: Visit) -> list[str]:
    """Which labels there are; none where the labeler does not answer."""
    try:
        return (await visit.panel.labels.kinds())[0]
    except XrpcError:
        return []


async def _page(visit: Visit, error: str = "") -> web.Response:
    everything = visit.query("all") == "yes"
    cases, cursor = await visit.panel.reports.page(
        visit.query("cursor") or None, only_open=not everything
    )
    muted = await visit.panel.reports.muted()
    named = dict.fromkeys([*muted, *(did for one in cases for did in (one.did, one.reporter))])
    return visit.page(
        "reports",
        status=422 if error else 200,
        cases=cases,
        cursor=cursor,
        muted=muted,
        everything=everything,
        handles=await visit.panel.people.handles(list(named)[:100]),
        labels=await _labels(visit),
        done=visit.query("done") if visit.query("done") in _ACTS else "",
        error=error,
    )
