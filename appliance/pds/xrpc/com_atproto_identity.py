"""com.atproto.identity.*: handles and DIDs, and the operations that change ours."""

from appliance.atproto.identity.did_doc import DidDocument
from appliance.atproto.identity.resolver import INVALID_HANDLE
from appliance.atproto.syntax import Did, Handle, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.oauth.permissions_kinds import IdentityPermission
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, account, account_full, signed_in

methods: MethodTable[Pds] = MethodTable()

_ALL_OF_IT = IdentityPermission("*")
_OWNER = account_full.for_apps(_ALL_OF_IT)
_ANY_APP = account.for_apps(signed_in)
_RENAMER = account.for_apps(IdentityPermission("handle"))


@methods.query("com.atproto.identity.resolveHandle")
async def resolve_handle(pds: Pds, *, handle: Handle) -> Json:
    found = pds.web_identities.did_of(handle)
    if found is not None:
        return {"did": found}
    if pds.accounts.find(handle) is not None or pds.handles.domain_of(handle) is not None:
        raise InvalidRequest("Unable to resolve handle", "HandleNotFound")
    return {"did": await pds.resolver.did_for(handle)}


@methods.query("com.atproto.identity.resolveDid")
async def resolve_did(pds: Pds, *, did: Did) -> Json:
    return {"didDoc": (await pds.resolver.document(did)).raw}


@methods.query("com.atproto.identity.resolveIdentity")
async def resolve_identity(pds: Pds, *, identifier: Did | Handle) -> Json:
    return await _identity_info(pds, identifier, fresh=False)


@methods.procedure("com.atproto.identity.refreshIdentity", auth=_ANY_APP)
async def refresh_identity(pds: Pds, caller: Caller, *, identifier: Did | Handle) -> Json:
    return await _identity_info(pds, identifier, fresh=True)


@methods.procedure("com.atproto.identity.updateHandle", auth=_RENAMER)
async def update_handle(pds: Pds, caller: Caller, *, handle: Handle) -> None:
    await pds.handles.check(handle, caller.did)
    await pds.signup.rename(caller.did, handle)


@methods.query(
    "com.atproto.identity.getRecommendedDidCredentials", auth=account.for_apps(signed_in)
)
async def get_recommended_did_credentials(pds: Pds, caller: Caller) -> Json:
    return pds.identities.credentials(pds.accounts.require(caller.did))


@methods.procedure("com.atproto.identity.requestPlcOperationSignature", auth=_OWNER)
async def request_plc_operation_signature(pds: Pds, caller: Caller) -> None:
    await pds.codes.send(pds.accounts.require(caller.did), "plc_operation")


@methods.procedure("com.atproto.identity.signPlcOperation", auth=_OWNER)
async def sign_plc_operation(
    pds: Pds,
    caller: Caller,
    *,
    token: str | None,
    rotation_keys: list[str] | None,
    also_known_as: list[str] | None,
    verification_methods: Json,
    services: Json,
) -> Json:
    if not token:
        raise InvalidRequest("A confirmation token is required to sign PLC operations")
    await pds.email_tokens.use(caller.did, "plc_operation", token)
    changes = {
        "rotationKeys": rotation_keys,
        "alsoKnownAs": also_known_as,
        "verificationMethods": verification_methods,
        "services": services,
    }
    return {"operation": await pds.identities.sign(caller.did, changes)}


@methods.procedure("com.atproto.identity.submitPlcOperation", auth=account.for_apps(_ALL_OF_IT))
async def submit_plc_operation(pds: Pds, caller: Caller, *, operation: Json) -> None:
    found = pds.accounts.require(caller.did)
    await pds.identities.submit(found, operation)
    await pds.lifecycle.announce_identity(found.did, found.handle)


async def _identity_info(pds: Pds, identifier: Did | Handle, *, fresh: bool) -> JsonObject:
    did = identifier if isinstance(identifier, Did) else await _did_for(pds, identifier)
    document = await pds.resolver.document(did, fresh=fresh)
    handle = await _verified_handle(pds, document, fresh=fresh)
    return {"did": did, "handle": handle, "didDoc": document.raw}


async def _verified_handle(pds: Pds, document: DidDocument, *, fresh: bool) -> Handle:
    """The handle that names the DID back; for handles under our domains we are the authority."""
    claimed = document.handle
    is_ours = claimed is not None and pds.handles.domain_of(claimed) is not None
    holder = pds.accounts.find(claimed) if claimed is not None and is_ours else None
    if claimed is None or holder is None:
        return (await pds.resolver.resolve(document.did, fresh=fresh)).handle
    return claimed if holder.did == document.did else INVALID_HANDLE


async def _did_for(pds: Pds, handle: Handle) -> Did:
    found = pds.accounts.find(handle)
    return found.did if found is not None else await pds.resolver.did_for(handle)
