"""internal.hearth.pds.*: invites as links, with an end and a word about whom they are for."""

from appliance.atproto.syntax import Datetime, Did, Json, JsonObject
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.invites import OPERATOR, InviteCode
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, operator

methods: MethodTable[Pds] = MethodTable()

DAY_US = 86_400_000_000
JOIN = "/join/"


@methods.procedure("internal.hearth.pds.createInvite", auth=operator)
async def create_invite(
    pds: Pds,
    caller: Caller,
    *,
    uses: int,
    days: int | None,
    note: str | None,
    for_account: Did | None,
) -> Json:
    """Make an invite that is a link; without days it stays until it is used up or closed."""
    owner = pds.accounts.require(for_account).did if for_account else OPERATOR
    end = None if days is None else pds.clock.now_us() + days * DAY_US
    return _view(pds, await pds.invites.invite(owner, uses, end, note or ""))


@methods.query("internal.hearth.pds.listInvites", auth=operator)
async def list_invites(pds: Pds, caller: Caller, *, limit: int, cursor: str | None) -> Json:
    page, following = await pds.invites.page("recent", limit, cursor)
    view: JsonObject = {"invites": [_view(pds, one) for one in page]}
    if following is not None and len(page) == limit:
        view["cursor"] = following
    return view


def _view(pds: Pds, one: InviteCode) -> JsonObject:
    used_by = [{"did": use.used_by, "usedAt": Datetime.from_us(use.used_at)} for use in one.uses]
    view: JsonObject = {
        "code": one.code,
        "url": f"{pds.site.url}{JOIN}{one.code}",
        "uses": one.available,
        "usedBy": used_by,
        "madeBy": one.created_by,
        "note": one.note,
        "isOpen": one.is_open(pds.clock.now_us()),
        "disabled": one.disabled,
        "createdAt": Datetime.from_us(one.created_at),
    }
    if one.expires_at is not None:
        view["expiresAt"] = Datetime.from_us(one.expires_at)
    return view
