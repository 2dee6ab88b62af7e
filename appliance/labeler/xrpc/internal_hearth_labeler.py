"""internal.hearth.labeler.*: what the operator says of accounts and records."""

from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Datetime, Json, JsonObject
from appliance.atproto.xrpc.methods import MethodTable
from appliance.labeler.labels import Wish
from appliance.labeler.role import Labeler
from appliance.labeler.xrpc.com_atproto_label import page_of, position
from appliance.upkeep.operator_access import operator

methods: MethodTable[Labeler] = MethodTable()


@methods.procedure("internal.hearth.labeler.putLabel", auth=operator)
async def put_label(
    labeler: Labeler,
    caller: None,
    *,
    uri: str,
    cid: Cid | None,
    val: str,
    exp: Datetime | None,
) -> Json:
    """Put a label on an account, or on a record: with `cid` as it is now, without it for good.

    A blob is labelled by a record that shows it.
    """
    labeler.definitions.require(val)
    src = await labeler.identity.require()
    wish = Wish(uri, val, None if cid is None else str(cid), exp)
    return {"label": await labeler.labels.put(src, wish)}


@methods.procedure("internal.hearth.labeler.negateLabel", auth=operator)
async def negate_label(labeler: Labeler, caller: None, *, uri: str, val: str) -> Json:
    """Take a label back."""
    src = await labeler.identity.require()
    return {"label": await labeler.labels.put(src, Wish(uri, val, neg=True))}


@methods.query("internal.hearth.labeler.listLabels", auth=operator)
async def list_labels(
    labeler: Labeler, caller: None, *, uri: str | None, limit: int, cursor: str | None
) -> Json:
    found = await labeler.labels.query([uri or "*"], position(cursor), limit)
    return page_of(found, limit)


@methods.query("internal.hearth.labeler.getLabeler", auth=operator)
async def get_labeler(labeler: Labeler, caller: None) -> Json:
    """Say in whose name labels are put, if that is known, and which there are."""
    found: JsonObject = {
        "labelValues": labeler.definitions.values(),
        "definitions": labeler.definitions.all(),
    }
    did = labeler.identity.did
    return found if did is None else {**found, "did": did}


@methods.procedure("internal.hearth.labeler.putDefinition", auth=operator)
async def put_definition(labeler: Labeler, caller: None, *, definition: JsonObject) -> None:
    await labeler.definitions.put(definition)
    await labeler.identity.publish()


@methods.procedure("internal.hearth.labeler.deleteDefinition", auth=operator)
async def delete_definition(labeler: Labeler, caller: None, *, identifier: str) -> None:
    await labeler.definitions.delete(identifier)
    await labeler.identity.publish()
