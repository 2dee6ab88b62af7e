"""com.atproto.server.*: addresses and passwords, changed by codes that mail carries."""

from contextlib import suppress

from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.errors import InvalidRequest, RateLimitExceeded
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds import rates
from appliance.pds.accounts import Account
from appliance.pds.credentials import TokenRequired, taking_its_time
from appliance.pds.letters import address_changed
from appliance.pds.oauth.permissions_kinds import AccountPermission
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, account, account_full

methods: MethodTable[Pds] = MethodTable()

_MANAGER = account.for_apps(AccountPermission("email", frozenset({"manage"})))


@methods.procedure("com.atproto.server.requestEmailConfirmation", auth=_MANAGER)
async def request_email_confirmation(pds: Pds, caller: Caller) -> None:
    await pds.codes.send(pds.accounts.require(caller.did), "confirm_email")


@methods.procedure("com.atproto.server.confirmEmail", auth=_MANAGER)
async def confirm_email(pds: Pds, caller: Caller, *, email: str, token: str) -> None:
    await pds.credentials.confirm_email(pds.accounts.require(caller.did), email, token)


@methods.procedure("com.atproto.server.requestEmailUpdate", auth=account_full)
async def request_email_update(pds: Pds, caller: Caller) -> Json:
    found = pds.accounts.require(caller.did)
    token_required = found.email_confirmed_at is not None
    if token_required:
        await pds.codes.send(found, "update_email")
    return {"tokenRequired": token_required}


@methods.procedure("com.atproto.server.updateEmail", auth=account_full)
async def update_email(
    pds: Pds,
    caller: Caller,
    *,
    email: str,
    token: str | None,
    email_auth_factor: bool | None,
) -> None:
    found = pds.accounts.require(caller.did)
    if email.lower() == found.email and email_auth_factor is not None:
        await _set_mailed_step(pds, found, token, email_auth_factor)
        return
    await pds.credentials.update_email(found, email, token)
    if email.lower() != found.email:
        letter = address_changed(found.handle, email)
        await pds.mailer.send(found.did, found.email, letter.subject, letter.body)


@methods.procedure("com.atproto.server.requestPasswordReset")
async def request_password_reset(pds: Pds, *, email: str) -> None:
    """Answer the same whether there is such an account or not, and has had too many letters."""
    async with taking_its_time():
        found = pds.accounts.by_email(email)
        if found is None:
            return
        with suppress(RateLimitExceeded):
            pds.limits.take("mail-reset", found.did, rates.MAILS)
            await pds.codes.send(found, "reset_password")


@methods.procedure("com.atproto.server.resetPassword")
async def reset_password(pds: Pds, *, token: str, password: str) -> None:
    await pds.credentials.reset_password(token, password)


async def _set_mailed_step(pds: Pds, found: Account, token: str | None, wanted: bool) -> None:
    """Switch codes by mail on or off as the second step; off only with a code."""
    if found.email_confirmed_at is None:
        raise InvalidRequest("The address has to be confirmed first")
    if token is not None:
        await pds.email_tokens.use(found.did, "update_email", token)
    elif not wanted:
        raise TokenRequired
    await pds.factors.set_mail(found.did, wanted)
