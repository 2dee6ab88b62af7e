"""internal.hearth.pds.*, for the other roles here: the network's account, tokens for members."""

from appliance.atproto.syntax import Did, Json, JsonObject, Nsid, RecordKey
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, operator

methods: MethodTable[Pds] = MethodTable()


@methods.procedure("internal.hearth.pds.openNetworkAccount", auth=operator)
async def open_network_account(
    pds: Pds, caller: Caller, *, services: list[JsonObject], keys: list[JsonObject]
) -> Json:
    """Open the network's own account if there is none, and name services in its DID document."""
    found = await pds.network_account.open(
        {one["id"]: (one["type"], one["endpoint"]) for one in services},
        {one["id"]: one["didKey"] for one in keys},
    )
    return {"did": found.did, "handle": found.handle}


@methods.query("internal.hearth.pds.getNetworkAccount", auth=operator)
async def get_network_account(pds: Pds, caller: Caller) -> Json:
    found = pds.network_account.require()
    return {"did": found.did, "handle": found.handle}


@methods.procedure("internal.hearth.pds.putNetworkRecord", auth=operator)
async def put_network_record(
    pds: Pds, caller: Caller, *, collection: Nsid, rkey: RecordKey, record: JsonObject | None
) -> Json:
    """Write a record of the network's own repo; without one, delete what is there."""
    did = pds.network_account.require().did
    if record is None:
        write = pds.writes.discard(did, collection, rkey)
    else:
        write = pds.writes.put(did, (collection, rkey), record, validate=True)
    await pds.repos.write(did, [write])
    return {"uri": f"at://{did}/{collection}/{rkey}"}


@methods.procedure("internal.hearth.pds.vouch", auth=operator)
async def vouch(pds: Pds, caller: Caller, *, did: Did, aud: Did, lxm: Nsid) -> Json:
    """Sign a token by which another service knows for which member our AppView asks."""
    pds.accounts.require_writable(did)
    return {"token": pds.proxy.service_token(did, aud, lxm)}
