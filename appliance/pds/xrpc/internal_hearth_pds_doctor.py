"""internal.hearth.pds.*: looking at this server, and at another's door for its operator."""

from dataclasses import asdict
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from appliance.atproto.syntax import Datetime, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.doctor.mirror import NONCE_LETTERS, PATH
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, operator

methods: MethodTable[Pds] = MethodTable()

EXAMINATION: Final = "pds examination"


@methods.procedure("internal.hearth.pds.examine", auth=operator)
async def examine(pds: Pds, caller: Caller) -> Json:
    """Look at the way in, identities and mail now; it may take a minute."""
    return {"findings": [asdict(finding) for finding in await pds.doctor.examine()]}


@methods.procedure("internal.hearth.pds.beginExamination", auth=operator)
async def begin_examination(
    pds: Pds, caller: Caller, *, mend: bool | None, place: str | None
) -> None:
    """Begin to look, unless somebody does; with `mend`, have again what is damaged here.

    `place` is a server to ask for that, beside those that are asked anyway.
    """
    if mend:  # after the look that is under way, if one is
        pds.workers.start(EXAMINATION, partial(pds.doctor.mend, place or ""))
    elif not pds.doctor.last.is_running:
        pds.workers.start(EXAMINATION, pds.doctor.look_once)


@methods.query("internal.hearth.pds.getExamination", auth=operator)
async def get_examination(pds: Pds, caller: Caller) -> Json:
    """Tell how far the look is, and what the last one found."""
    last = pds.doctor.last
    view: JsonObject = {
        "isRunning": last.is_running,
        "step": last.step,
        "findings": [asdict(finding) for finding in last.findings],
    }
    if last.ended:
        view["begunAt"] = Datetime.from_us(int(last.begun * 1_000_000))
        view["endedAt"] = Datetime.from_us(int(last.ended * 1_000_000))
    return view


@methods.query("internal.hearth.pds.lookAt")
async def look_at(pds: Pds, *, url: str) -> Json:
    """Ask another Hearth's mirror on its behalf, if the operator here lets others have that.

    Nothing but a mirror is asked, and nothing of its answer is told but how it went.
    """
    if not pds.settings.checkup.looks_for_others:
        raise InvalidRequest("This server does not look for others", "NotOffered")
    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    nonce = path.removeprefix(PATH)
    if not path.startswith(PATH) or len(nonce) != NONCE_LETTERS or not nonce.isalnum():
        raise InvalidRequest("Only the mirror of a Hearth is looked at")
    return {"words": await pds.doctor.reach.ask_mirror(url.partition("?")[0])}
