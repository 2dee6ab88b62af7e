"""com.atproto.server.*: invite codes."""

from appliance.atproto.syntax import Datetime, Did, Json, JsonObject
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.invites import OPERATOR, InviteCode
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, account_full, operator

methods: MethodTable[Pds] = MethodTable()

MOST_CODES = 1000
MOST_USES = 1_000_000


@methods.procedure("com.atproto.server.createInviteCode", auth=operator)
async def create_invite_code(
    pds: Pds, caller: Caller, *, use_count: int, for_account: Did | None
) -> Json:
    _check_counts(1, use_count)
    [[code]] = await pds.invites.create([for_account or OPERATOR], 1, use_count)
    return {"code": code}


@methods.procedure("com.atproto.server.createInviteCodes", auth=operator)
async def create_invite_codes(
    pds: Pds,
    caller: Caller,
    *,
    code_count: int,
    use_count: int,
    for_accounts: list[Did] | None,
) -> Json:
    owners: list[str] = [*for_accounts] if for_accounts else [OPERATOR]
    _check_counts(code_count * len(owners), use_count)
    batches = await pds.invites.create(owners, code_count, use_count)
    return {
        "codes": [
            {"account": owner, "codes": codes} for owner, codes in zip(owners, batches, strict=True)
        ]
    }


@methods.query("com.atproto.server.getAccountInviteCodes", auth=account_full)
async def get_account_invite_codes(
    pds: Pds, caller: Caller, *, include_used: bool, create_available: bool
) -> Json:
    """List a member's codes; this server makes none by itself."""
    codes = await pds.invites.of_account(caller.did)
    return {
        "codes": [
            invite_view(one)
            for one in codes
            if not one.disabled and (include_used or not one.is_spent)
        ]
    }


def invite_view(one: InviteCode) -> JsonObject:
    return {
        "code": one.code,
        "available": one.available,
        "disabled": one.disabled,
        "forAccount": one.for_account,
        "createdBy": one.created_by,
        "createdAt": Datetime.from_us(one.created_at),
        "uses": [
            {"usedBy": use.used_by, "usedAt": Datetime.from_us(use.used_at)} for use in one.uses
        ],
    }


def _check_counts(codes: int, uses: int) -> None:
    if not 0 < codes <= MOST_CODES:
        raise InvalidRequest(f"between 1 and {MOST_CODES} codes can be made at once")
    if not 0 < uses <= MOST_USES:
        raise InvalidRequest(f"a code has between 1 and {MOST_USES} uses")
