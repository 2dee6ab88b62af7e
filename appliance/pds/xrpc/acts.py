"""Whatever the operator does is written down, whichever way it came."""

from collections.abc import Mapping
from typing import Any

from aiohttp.web import Request

from appliance.atproto.xrpc.server import After
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller

# How panel and commands say who they are; the operator's token proves it.
ACTOR = "Hearth-Actor"
ACTORS = ("panel", "command")
# Told about acts elsewhere; and what the other roles here ask among themselves.
# A move tells every second how far it is.
_NO_ACTS = ("internal.hearth.pds.noteAct", "internal.hearth.pds.reportMove")
_OWN = "internal.hearth."


def note_act(pds: Pds) -> After:
    """Make what hears of every procedure that was done."""

    async def note(nsid: str, caller: Any, values: Mapping[str, Any], request: Request) -> None:
        if not (isinstance(caller, Caller) and caller.is_operator) or nsid in _NO_ACTS:
            return
        actor = actor_of(request)
        if actor != "token" or not nsid.startswith(_OWN):
            await pds.operator_acts.note(actor, nsid, values)

    return note


def actor_of(request: Request) -> str:
    """By which way the operator came: the panel, a command, or the bare token."""
    said = request.headers.get(ACTOR, "")
    return said if said in ACTORS else "token"
