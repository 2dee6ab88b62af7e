"""internal.hearth.appview.*: what an operator decides about what is shown here."""

from appliance.appview.hydrate.records import record_cid
from appliance.appview.role import AppView
from appliance.appview.takedowns import blob_name
from appliance.appview.viewer_papers import key_of
from appliance.atproto.cid import Cid
from appliance.atproto.syntax import AtUri, Did, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable
from appliance.upkeep.operator_access import operator

REPO = "com.atproto.admin.defs#repoRef"
RECORD = "com.atproto.repo.strongRef"
BLOB = "com.atproto.admin.defs#repoBlobRef"

methods: MethodTable[AppView] = MethodTable()


@methods.procedure("internal.hearth.appview.updateSubjectStatus", auth=operator)
async def update_subject_status(
    appview: AppView, caller: None, *, subject: Json, takedown: Json | None
) -> Json:
    """Take down an account, a record (in all its versions) or a blob, or show it again."""
    name = _name(subject)
    if takedown is not None and takedown["applied"]:
        await appview.takedowns.put(name, takedown.get("ref"))
    elif takedown is not None:
        await appview.takedowns.remove(name)
    return {"subject": subject, "takedown": _status(appview, name)}


@methods.query("internal.hearth.appview.getSubjectStatus", auth=operator)
async def get_subject_status(
    appview: AppView, caller: None, *, did: Did | None, uri: AtUri | None, blob: Cid | None
) -> Json:
    """Say whether an account, a record or, with `did` and `blob`, a blob is taken down."""
    if did is not None and blob is not None:
        subject: JsonObject = {"$type": BLOB, "did": did, "cid": str(blob)}
    elif uri is not None:
        cid = record_cid(appview.index, uri)
        if cid is None:
            raise InvalidRequest("Subject not found")
        subject = {"$type": RECORD, "uri": uri, "cid": str(cid)}
    elif did is not None:
        subject = {"$type": REPO, "did": did}
    else:
        raise InvalidRequest("did or uri is required")
    return {"subject": subject, "takedown": _status(appview, _name(subject))}


@methods.procedure("internal.hearth.appview.rebuildIndex", auth=operator)
async def rebuild_index(appview: AppView, caller: None) -> Json:
    """Index every repo anew, in the background; `getStatus` counts how many are left."""
    return {"accounts": await appview.rebuilds.start()}


@methods.procedure("internal.hearth.appview.fetchNewest", auth=operator)
async def fetch_newest(appview: AppView, caller: None, *, pds: str) -> None:
    """Begin to fetch the newest of the paired house with this PDS, ahead of the stream."""
    if not appview.head_starts.want(pds):
        raise InvalidRequest("No paired house has this PDS")


@methods.query("internal.hearth.appview.getPrivateState", auth=operator)
async def get_private_state(
    appview: AppView, caller: None, *, did: Did, kind: str, cursor: str | None
) -> Json:
    """Hand over what only this AppView knows of a viewer, kind by kind."""
    rows = await appview.papers.page(did, kind, cursor or "")
    view: JsonObject = {"rows": rows}
    if rows:
        view["cursor"] = key_of(kind, rows[-1])
    return view


@methods.procedure("internal.hearth.appview.putPrivateState", auth=operator)
async def put_private_state(
    appview: AppView, caller: None, *, did: Did, kind: str, rows: list[Json]
) -> Json:
    """Take in what another AppView of ours knew of a viewer; what is here already stays."""
    return {"put": await appview.papers.put(did, kind, rows)}


def _name(subject: JsonObject) -> str:
    """Name a subject as `Takedowns` does. Raises InvalidRequest."""
    match subject.get("$type"):
        case "com.atproto.admin.defs#repoRef":
            return str(subject["did"])
        case "com.atproto.repo.strongRef":
            return str(subject["uri"])
        case "com.atproto.admin.defs#repoBlobRef":
            return blob_name(subject["did"], subject["cid"])
        case _:
            raise InvalidRequest("Unknown kind of subject")


def _status(appview: AppView, name: str) -> JsonObject:
    made = appview.takedowns.get(name)
    if made is None:
        return {"applied": False}
    return {"applied": True} if made.ref is None else {"applied": True, "ref": made.ref}
