"""internal.hearth.pds.*: what the commands need that move accounts for the operator."""

import logging

from appliance.atproto.syntax import Datetime, Did, Handle, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.credentials import check_email, new_hash
from appliance.pds.identities import UnusableIdentity
from appliance.pds.move_reports import MoveReport, State
from appliance.pds.oauth.permissions_kinds import IdentityPermission
from appliance.pds.role import Pds
from appliance.pds.signup import Application
from appliance.pds.transfer import ImportProgress
from appliance.pds.web_identities import NotMadeHere, Place
from appliance.pds.xrpc.auth import Caller, account_full, operator

log = logging.getLogger(__name__)

methods: MethodTable[Pds] = MethodTable()


@methods.procedure("internal.hearth.pds.openSession", auth=operator)
async def open_session(pds: Pds, caller: Caller, *, did: Did) -> Json:
    """For two hours, and not renewable: the operator moves a member's things by this."""
    found = pds.accounts.require(did)
    log.warning("the operator opened a session did=%s", did)
    return {
        "did": did,
        "handle": found.handle,
        "email": found.email,
        "active": found.is_active,
        "accessJwt": pds.mint.access(did, "full", found.session_generation),
    }


@methods.procedure("internal.hearth.pds.receiveAccount", auth=operator)
async def receive_account(
    pds: Pds, caller: Caller, *, did: Did, handle: Handle, email: str, password: str
) -> Json:
    """Open an account for a DID that lives elsewhere, on the operator's word; it is deactivated."""
    check_email(email)
    await pds.handles.check(handle, did)
    pds.accounts.check_names_free(handle, email)
    wish = Application(handle, email, await new_hash(password), did=did)
    opened = await pds.signup.open(wish)
    return {"did": opened.did, "handle": opened.handle}


@methods.procedure(
    "internal.hearth.pds.pointWebIdentity", auth=account_full.for_apps(IdentityPermission("*"))
)
async def point_web_identity(
    pds: Pds,
    caller: Caller,
    *,
    token: str,
    endpoint: str | None,
    signing_key: Did | None,
    handle: Handle | None,
) -> None:
    """Have the document of a did:web that is made here name another server, or again this one.

    By the code that also signs operations of a did:plc.
    """
    if not pds.web_identities.is_made_here(caller.did):
        raise NotMadeHere(caller.did)
    if (endpoint is None) != (signing_key is None):
        raise InvalidRequest("endpoint and signingKey are given together, or neither")
    place = None
    if endpoint is not None and signing_key is not None:
        place = Place.of(endpoint, signing_key, handle)
    await pds.email_tokens.use(caller.did, "plc_operation", token)
    await pds.lifecycle.point(caller.did, pds.accounts.require(caller.did).handle, place)


@methods.query("internal.hearth.pds.listKeptNames", auth=operator)
async def list_kept_names(pds: Pds, caller: Caller, *, limit: int, cursor: str | None) -> Json:
    """Names that nobody is given, since a did:web that is made here took them elsewhere."""
    found = pds.web_identities.kept_names(cursor or "", limit)
    names = [
        {"did": one.did, "handle": one.handle, "endpoint": one.pds_url, "isHere": one.is_here}
        for one in found
    ]
    return {"names": names, **({"cursor": found[-1].handle} if len(found) == limit else {})}


@methods.procedure("internal.hearth.pds.freeKeptName", auth=operator)
async def free_kept_name(pds: Pds, caller: Caller, *, did: Did) -> None:
    """Serve the document of one who lives elsewhere no longer: their identity ends with that."""
    await pds.web_identities.free(did)
    log.warning("the operator gave a kept name free; its identity has ended did=%s", did)


@methods.query("internal.hearth.pds.getPlcState", auth=operator)
async def get_plc_state(pds: Pds, caller: Caller, *, did: Did) -> Json:
    state = await pds.identities.state(did)
    keys = state.get("rotationKeys")
    if not isinstance(keys, list):
        raise UnusableIdentity("The directory names no rotation keys")
    return {"rotationKeys": keys, "last": await pds.identities.last_operation(did)}


@methods.procedure("internal.hearth.pds.reportMove", auth=operator)
async def report_move(
    pds: Pds,
    caller: Caller,
    *,
    did: Did,
    what: str,
    peer: str | None,
    step: str,
    done: int,
    of: int,
    state: State,
    words: str | None,
) -> None:
    told = MoveReport(did, what, peer or "", step, done, of, state, words or "")
    await pds.move_reports.put(told)


@methods.query("internal.hearth.pds.listMoves", auth=operator)
async def list_moves(pds: Pds, caller: Caller) -> Json:
    moves = [_move_view(pds, report, at) for report, at in pds.move_reports.newest()]
    return {"moves": moves, "imports": [_import_view(pds, one) for one in pds.imports.running()]}


def _move_view(pds: Pds, report: MoveReport, updated_us: int) -> JsonObject:
    return {
        "did": report.did,
        **_handle(pds, report.did),
        "what": report.what,
        "peer": report.peer,
        "step": report.step,
        "done": report.done,
        "of": report.total,
        "state": report.state,
        "words": report.words,
        "updatedAt": Datetime.from_us(updated_us),
    }


def _import_view(pds: Pds, progress: ImportProgress) -> JsonObject:
    return {
        "did": progress.did,
        **_handle(pds, progress.did),
        "phase": progress.phase,
        "done": progress.done,
        "of": progress.of,
        "startedAt": Datetime.from_us(progress.started_us),
    }


def _handle(pds: Pds, did: Did) -> JsonObject:
    found = pds.accounts.find(did)
    return {} if found is None else {"handle": found.handle}
