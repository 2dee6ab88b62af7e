"""The log of acts; the log of the process; and a bundle of what helps somebody else to help."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from appliance.admin.acts import ACTORS
from appliance.admin.people import whole_handle
from appliance.admin.visit import Visit
from appliance.atproto.syntax import InvalidSyntax
from appliance.atproto.xrpc.errors import XrpcError
from appliance.settings import changed
from appliance.upkeep.support_bundle import Sources, as_zip, files

LINES: Final = 100
LEVELS: Final = ("info", "warning", "error")
_BUNDLED_LINES: Final = 1000


async def show_acts(visit: Visit) -> web.Response:
    """List every act of the operator, the newest first; by one actor or about somebody alone."""
    actor = visit.query("actor") if visit.query("actor") in ACTORS else ""
    about = visit.query("about")
    found = await visit.panel.acts.page(
        visit.query("cursor") or None, actor, await _did_of(visit, about)
    )
    acts = [(one, _whom(one["about"])) for one in found.items]
    named = [did for did in dict.fromkeys(did for _, did in acts) if did.startswith("did:")]
    handles = await visit.panel.people.handles(named[:100])
    return visit.page(
        "log",
        acts=acts,
        cursor=found.cursor,
        handles=handles,
        actors=ACTORS,
        actor=actor,
        about=about,
    )


async def show_lines(visit: Visit) -> web.Response:
    """Show the last lines of the process's log, and what a support bundle would hold."""
    level = visit.query("level") if visit.query("level") in LEVELS else LEVELS[0]
    texts = await _bundle(visit)
    wanted = LEVELS[LEVELS.index(level) :]
    lines = [line for line in await _lines(visit) if _level(line) in wanted]
    return visit.page("logs", lines=lines[-LINES:], level=level, levels=LEVELS, files=texts)


async def bundled(visit: Visit) -> web.Response:
    """Show a file of the bundle."""
    text = (await _bundle(visit)).get(visit.place("name"))
    if text is None:
        visit.not_found()
    return web.Response(text=text, headers={"Cache-Control": "no-store"})


async def bundle(visit: Visit) -> web.Response:
    """Hand the bundle over as a file."""
    name = f"hearth-support-{visit.today}.zip"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    body = as_zip(await _bundle(visit))
    return web.Response(body=body, content_type="application/zip", headers=headers)


async def _bundle(visit: Visit) -> dict[str, str]:
    settings = visit.panel.desk.running
    reports = await visit.panel.overview.reports()
    return files(
        Sources(
            settings=changed(settings),
            status={one.name: one.status for one in reports},
            log=await _lines(visit),
            domains=settings.network.handle_domains or (f".{settings.pds.hostname}",),
        )
    )


async def _lines(visit: Visit) -> list[str]:
    try:
        return await visit.panel.acts.lines(_BUNDLED_LINES)
    except XrpcError:
        return []


def _level(line: str) -> str:
    """The level of a line: its second word, or a field where lines are JSON."""
    if line.startswith("{"):
        return next((level for level in LEVELS if f'"level":"{level}"' in line), "error")
    words = line.split(maxsplit=2)
    return words[1] if len(words) > 1 and words[1] in LEVELS else "error"


async def _did_of(visit: Visit, text: str) -> str:
    """Where a member is named, what stands in the log is their DID."""
    if not text.startswith("@"):
        return text
    try:
        handle = whole_handle(text, (await visit.panel.people.terms()).domains)
    except InvalidSyntax:
        return text
    found = await visit.panel.people.search(handle)
    return next((one.did for one in found.items if one.handle == handle), text)


def _whom(about: Mapping[str, Any]) -> str:
    """The account that an act was about, if it was about one."""
    subject = about.get("subject")
    within = subject if isinstance(subject, dict) else about
    uri = str(within.get("uri", ""))
    return str(within.get("did") or uri.removeprefix("at://").partition("/")[0])
