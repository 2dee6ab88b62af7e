"""com.atproto.admin.*: what is taken down: accounts, records, blobs."""

from appliance.atproto.cid import Cid, InvalidCid
from appliance.atproto.syntax import AtUri, Did, InvalidSyntax, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, operator
from appliance.pds.xrpc.com_atproto_admin_account import require_subject

methods: MethodTable[Pds] = MethodTable()

_REPO = "com.atproto.admin.defs#repoRef"
_RECORD = "com.atproto.repo.strongRef"
_BLOB = "com.atproto.admin.defs#repoBlobRef"


@methods.query("com.atproto.admin.getSubjectStatus", auth=operator)
async def get_subject_status(
    pds: Pds, caller: Caller, *, did: Did | None, uri: AtUri | None, blob: Cid | None
) -> Json:
    if blob is not None:
        if did is None:
            raise InvalidRequest("Must provide a did to request blob state")
        subject = {"$type": _BLOB, "did": did, "cid": str(blob)}
        return {"subject": subject, "takedown": _status(pds.takedowns.blob(did, blob))}
    if uri is not None:
        record = pds.takedowns.record(*_place(pds, uri))
        subject = {"$type": _RECORD, "uri": uri, "cid": str(record.cid)}
        return {"subject": subject, "takedown": _status(record.reference)}
    if did is not None:
        found = require_subject(pds, did)
        return {
            "subject": {"$type": _REPO, "did": did},
            "takedown": _status(found.takedown_ref),
            "deactivated": {"applied": found.deactivated_at is not None},
        }
    raise InvalidRequest("No provided subject")


@methods.procedure("com.atproto.admin.updateSubjectStatus", auth=operator)
async def update_subject_status(
    pds: Pds,
    caller: Caller,
    *,
    subject: JsonObject,
    takedown: JsonObject | None,
    deactivated: JsonObject | None,
) -> Json:
    if takedown is not None:
        await _set_takedown(pds, subject, _reference(pds, takedown))
    if deactivated is not None and subject["$type"] == _REPO:
        await _set_deactivated(pds, Did(subject["did"]), deactivated["applied"])
    view: JsonObject = {"subject": subject}
    if takedown is not None:
        view["takedown"] = takedown
    return view


async def _set_takedown(pds: Pds, subject: JsonObject, reference: str | None) -> None:
    try:
        if subject["$type"] == _REPO:
            did = require_subject(pds, Did(subject["did"])).did
            await pds.lifecycle.set_takedown(did, reference)
        elif subject["$type"] == _RECORD:
            await pds.takedowns.set_record(*_place(pds, AtUri(subject["uri"])), reference)
        elif subject["$type"] == _BLOB:
            cid = Cid.parse(subject["cid"])
            await pds.takedowns.set_blob(Did(subject["did"]), cid, reference)
        else:
            raise InvalidRequest("Invalid subject")
    except (InvalidSyntax, InvalidCid, KeyError) as bad:
        raise InvalidRequest("Invalid subject") from bad


async def _set_deactivated(pds: Pds, did: Did, deactivated: bool) -> None:
    require_subject(pds, did)
    if deactivated:
        await pds.lifecycle.deactivate(did, None)
    else:
        await pds.repos.make_own(did)
        await pds.lifecycle.activate(did)


def _place(pds: Pds, uri: AtUri) -> tuple[Did, str]:
    """The repo and the path that a record's URI names. Raises InvalidRequest."""
    if uri.collection is None or uri.rkey is None:
        raise InvalidRequest("The URI does not name a record")
    return require_subject(pds, uri.authority).did, f"{uri.collection}/{uri.rkey}"


def _reference(pds: Pds, takedown: JsonObject) -> str | None:
    """What to note with a takedown: the operator's word for it, or the time."""
    if not takedown["applied"]:
        return None
    reference: str = takedown.get("ref") or pds.clock.iso()
    return reference


def _status(reference: str | None) -> JsonObject:
    if reference is None:
        return {"applied": False}
    return {"applied": True, "ref": reference}
