"""com.atproto.admin.*: accounts and their invites, for the operator."""

from typing import Literal

from appliance.atproto.syntax import Datetime, Did, Handle, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.accounts import Account
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, operator
from appliance.pds.xrpc.com_atproto_server_invite import invite_view

methods: MethodTable[Pds] = MethodTable()


@methods.query("com.atproto.admin.getAccountInfo", auth=operator)
async def get_account_info(pds: Pds, caller: Caller, *, did: Did) -> Json:
    return await _account_view(pds, require_subject(pds, did))


@methods.query("com.atproto.admin.getAccountInfos", auth=operator)
async def get_account_infos(pds: Pds, caller: Caller, *, dids: list[Did]) -> Json:
    found = [account for did in dids if (account := pds.accounts.find(did)) is not None]
    return {"infos": [await _account_view(pds, account) for account in found]}


@methods.query("com.atproto.admin.searchAccounts", auth=operator)
async def search_accounts(
    pds: Pds, caller: Caller, *, email: str | None, cursor: str | None, limit: int
) -> Json:
    found = await pds.accounts.search(email or "", page_number(cursor) or 0, limit)
    view: JsonObject = {"accounts": [await _account_view(pds, one) for one in found]}
    if len(found) == limit:
        view["cursor"] = str(found[-1].id)
    return view


@methods.procedure("com.atproto.admin.updateAccountEmail", auth=operator)
async def update_account_email(
    pds: Pds, caller: Caller, *, account: Did | Handle, email: str
) -> None:
    await pds.credentials.set_email(require_subject(pds, account).did, email)


@methods.procedure("com.atproto.admin.updateAccountHandle", auth=operator)
async def update_account_handle(pds: Pds, caller: Caller, *, did: Did, handle: Handle) -> None:
    """Rename an account; reserved names are the operator's to give."""
    require_subject(pds, did)
    await pds.handles.check(handle, did, by_operator=True)
    await pds.signup.rename(did, handle)


@methods.procedure("com.atproto.admin.updateAccountPassword", auth=operator)
async def update_account_password(pds: Pds, caller: Caller, *, did: Did, password: str) -> None:
    await pds.credentials.set_password(require_subject(pds, did).did, password)


@methods.procedure("com.atproto.admin.updateAccountSigningKey", auth=operator)
async def update_account_signing_key(
    pds: Pds, caller: Caller, *, did: Did, signing_key: Did
) -> None:
    """Change the key of an account for one that reserveSigningKey gave, and sign its repo anew."""
    found = require_subject(pds, did)
    key = pds.keys.unassigned(signing_key)
    if key is None:
        raise InvalidRequest("Not a key that was reserved here, for no account", "NotFound")
    await pds.identities.set_signing_key(did, key.public)
    await pds.keys.assign(did, key)
    await pds.lifecycle.announce_identity(did, found.handle)
    if found.is_active:
        await pds.repos.sign_anew(did)
    else:
        await pds.repos.make_own(did)


@methods.procedure("com.atproto.admin.deleteAccount", auth=operator)
async def delete_account(pds: Pds, caller: Caller, *, did: Did) -> None:
    await pds.lifecycle.delete(require_subject(pds, did).did)


@methods.procedure("com.atproto.admin.sendEmail", auth=operator)
async def send_email(
    pds: Pds,
    caller: Caller,
    *,
    recipient_did: Did,
    content: str,
    subject: str | None,
    sender_did: Did,
    comment: str | None,
) -> Json:
    found = pds.accounts.find(recipient_did)
    if found is None:
        raise InvalidRequest("Recipient not found")
    title = subject or f"Message from {pds.site.hostname}"
    await pds.mailer.send(found.did, found.email, title, content)
    return {"sent": True}


@methods.procedure("com.atproto.admin.enableAccountInvites", auth=operator)
async def enable_account_invites(
    pds: Pds, caller: Caller, *, account: Did, note: str | None
) -> None:
    await pds.accounts.set_invites_disabled(require_subject(pds, account).did, False, note)


@methods.procedure("com.atproto.admin.disableAccountInvites", auth=operator)
async def disable_account_invites(
    pds: Pds, caller: Caller, *, account: Did, note: str | None
) -> None:
    await pds.accounts.set_invites_disabled(require_subject(pds, account).did, True, note)


@methods.procedure("com.atproto.admin.disableInviteCodes", auth=operator)
async def disable_invite_codes(
    pds: Pds, caller: Caller, *, codes: list[str] | None, accounts: list[str] | None
) -> None:
    if accounts and "admin" in accounts:
        raise InvalidRequest("cannot disable admin invite codes")
    await pds.invites.disable(codes or [], accounts or [])


@methods.query("com.atproto.admin.getInviteCodes", auth=operator)
async def get_invite_codes(
    pds: Pds, caller: Caller, *, sort: str, limit: int, cursor: str | None
) -> Json:
    if sort not in ("recent", "usage"):
        raise InvalidRequest(f"unknown sort: {sort[:100]}")
    order: Literal["recent", "usage"] = "usage" if sort == "usage" else "recent"
    codes, following = await pds.invites.page(order, limit, cursor)
    view: JsonObject = {"codes": [invite_view(one) for one in codes]}
    if following is not None:
        view["cursor"] = following
    return view


def require_subject(pds: Pds, identifier: Did | Handle) -> Account:
    """The account an operator names. Raises NotFound, with status 400 as clients expect."""
    found = pds.accounts.find(identifier)
    if found is None:
        raise InvalidRequest(f"Account not found: {identifier}", "NotFound")
    return found


def page_number(cursor: str | None) -> int | None:
    """Read a cursor that is a row's number. Raises InvalidRequest."""
    if cursor is None:
        return None
    if not cursor.isdecimal() or len(cursor) > 18:
        raise InvalidRequest("Malformed cursor")
    return int(cursor)


async def _account_view(pds: Pds, found: Account) -> JsonObject:
    view: JsonObject = {
        "did": found.did,
        "handle": found.handle,
        "email": found.email,
        "indexedAt": Datetime.from_us(found.created_at),
        "invitesDisabled": found.invites_disabled,
        "invites": [invite_view(one) for one in await pds.invites.of_account(found.did)],
    }
    invited_by = await pds.invites.used_by(found.did)
    if invited_by is not None:
        view["invitedBy"] = invite_view(invited_by)
    if found.email_confirmed_at is not None:
        view["emailConfirmedAt"] = Datetime.from_us(found.email_confirmed_at)
    if found.deactivated_at is not None:
        view["deactivatedAt"] = Datetime.from_us(found.deactivated_at)
    if found.invite_note:
        view["inviteNote"] = found.invite_note
    return view
