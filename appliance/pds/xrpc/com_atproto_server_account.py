"""com.atproto.server.*: open, close, move and delete accounts; what this server is."""

from aiohttp.web import Request

from appliance.atproto.syntax import Datetime, Did, Handle, Json
from appliance.atproto.xrpc.errors import AuthRequired, InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds import guesses
from appliance.pds.credentials import WrongCredentials
from appliance.pds.joining import Wish
from appliance.pds.oauth.permissions_kinds import AccountPermission
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import (
    Caller,
    account_any,
    account_full,
    optional_service,
    owner,
    signed_in,
)
from appliance.pds.xrpc.com_atproto_server_session import session_view

methods: MethodTable[Pds] = MethodTable()

_STATUS = AccountPermission("status", frozenset({"manage"}))
# What a new account is told of its session.
_OF_SIGN_UP = ("did", "handle", "didDoc", "accessJwt", "refreshJwt")


@methods.query("com.atproto.server.describeServer")
async def describe_server(pds: Pds) -> Json:
    chosen = pds.settings.pds
    links = {
        "privacyPolicy": chosen.privacy_policy_url,
        "termsOfService": chosen.terms_of_service_url,
    }
    return {
        "did": pds.did,
        "availableUserDomains": list(pds.site.handle_domains),
        "inviteCodeRequired": chosen.invites_required,
        "blobUploadLimit": chosen.blob_limit,
        "links": {name: url for name, url in links.items() if url},
        "contact": {"email": chosen.contact_email} if chosen.contact_email else {},
    }


@methods.procedure("com.atproto.server.createAccount", auth=optional_service)
async def create_account(
    pds: Pds,
    caller: Caller | None,
    *,
    handle: Handle,
    email: str | None,
    password: str | None,
    invite_code: str | None,
    did: Did | None,
    recovery_key: str | None,
    plc_op: Json,
    verification_code: str | None,
    verification_phone: str | None,
) -> Json:
    if plc_op is not None:
        raise InvalidRequest('Unsupported input: "plcOp"')
    if did is not None and (caller is None or caller.did != did):
        raise AuthRequired(
            f"Missing auth to create account with did: {did}", "AuthenticationRequired"
        )
    wish = Wish(handle, email or "", password or "", invite_code, recovery_key, did)
    opened = await pds.joining.open(wish)
    tokens = await pds.sessions.begin(opened.did)
    view = await session_view(pds, opened, tokens)
    return {name: view[name] for name in _OF_SIGN_UP if name in view}


@methods.procedure("com.atproto.server.reserveSigningKey")
async def reserve_signing_key(pds: Pds, *, did: Did | None) -> Json:
    key = await pds.keys.reserve(did)
    return {"signingKey": key.public.did_key}


@methods.query("com.atproto.server.checkAccountStatus", auth=account_any.for_apps(signed_in))
async def check_account_status(pds: Pds, caller: Caller) -> Json:
    found = pds.accounts.require(caller.did)
    head = pds.repos.head(caller.did)
    blob_counts = await pds.blobs.counts(caller.did)
    record_count = await pds.records.count(caller.did)
    return {
        "activated": found.is_active,
        "validDid": await pds.identities.points_here(caller.did),
        "repoCommit": str(head.commit_cid),
        "repoRev": head.rev,
        "repoBlocks": 1 + record_count + await pds.repos.node_count(caller.did),
        "indexedRecords": record_count,
        "privateStateValues": pds.preferences.count(caller.did),
        "expectedBlobs": blob_counts.expected,
        "importedBlobs": blob_counts.present,
    }


@methods.procedure("com.atproto.server.activateAccount", auth=account_full)
async def activate_account(pds: Pds, caller: Caller) -> None:
    await pds.identities.check_points_here(caller.did)
    await pds.repos.make_own(caller.did)
    await pds.lifecycle.activate(caller.did)


@methods.procedure("com.atproto.server.deactivateAccount", auth=owner.for_apps(_STATUS))
async def deactivate_account(pds: Pds, caller: Caller, *, delete_after: Datetime | None) -> None:
    await pds.lifecycle.deactivate(caller.did, delete_after.to_us() if delete_after else None)


@methods.procedure("com.atproto.server.requestAccountDelete", auth=owner)
async def request_account_delete(pds: Pds, caller: Caller) -> None:
    await pds.codes.send(pds.accounts.require(caller.did), "delete_account")


@methods.procedure("com.atproto.server.deleteAccount")
async def delete_account(
    pds: Pds, *, did: Did, password: str, token: str, request: Request
) -> None:
    found = pds.accounts.find(did)
    if found is None:
        raise WrongCredentials
    guesses.check(pds.limits, request, did)
    try:
        await pds.credentials.check_password(found, password)
    except WrongCredentials:
        guesses.wrong(pds.limits, request, did)
        raise
    await pds.email_tokens.use(did, "delete_account", token)
    await pds.lifecycle.delete(did)
