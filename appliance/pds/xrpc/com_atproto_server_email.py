"""com.atproto.server.*: addresses and passwords, changed by codes that mail carries."""

from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, account, account_full

methods: MethodTable[Pds] = MethodTable()


@methods.procedure("com.atproto.server.requestEmailConfirmation", auth=account)
async def request_email_confirmation(pds: Pds, caller: Caller) -> None:
    await pds.codes.send(pds.accounts.require(caller.did), "confirm_email")


@methods.procedure("com.atproto.server.confirmEmail", auth=account)
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
    await pds.credentials.update_email(pds.accounts.require(caller.did), email, token)


@methods.procedure("com.atproto.server.requestPasswordReset")
async def request_password_reset(pds: Pds, *, email: str) -> None:
    """Answer the same whether there is such an account or not."""
    found = pds.accounts.by_email(email)
    if found is not None:
        await pds.codes.send(found, "reset_password")


@methods.procedure("com.atproto.server.resetPassword")
async def reset_password(pds: Pds, *, token: str, password: str) -> None:
    await pds.credentials.reset_password(token, password)
