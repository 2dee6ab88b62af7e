"""com.atproto.lexicon.*: what an NSID means, as its authority publishes it."""

from appliance.atproto.syntax import Json, Nsid
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.role import Pds

methods: MethodTable[Pds] = MethodTable()


@methods.query("com.atproto.lexicon.resolveLexicon")
async def resolve_lexicon(pds: Pds, *, nsid: Nsid) -> Json:
    found = await pds.lexicon_resolver.resolve(nsid)
    return {"uri": found.uri, "cid": str(found.cid), "schema": found.schema}
