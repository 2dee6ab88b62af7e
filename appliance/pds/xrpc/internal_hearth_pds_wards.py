"""internal.hearth.pds.*Ward*: members who are looked after, and what is fixed for them."""

from appliance.atproto.syntax import Datetime, Did, Json, JsonObject
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.guardians import Ward
from appliance.pds.pins import Pins
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, operator

methods: MethodTable[Pds] = MethodTable()


@methods.query("internal.hearth.pds.listWards", auth=operator)
async def list_wards(pds: Pds, caller: Caller) -> Json:
    return {"wards": [_view(pds, ward) for ward in await pds.guardians.all()]}


@methods.query("internal.hearth.pds.getWard", auth=operator)
async def get_ward(pds: Pds, caller: Caller, *, did: Did) -> Json:
    """Tell how a member is looked after; nothing of who looks after themselves."""
    ward = pds.guardians.ward(pds.accounts.require(did).did)
    return {} if ward is None else {"ward": _view(pds, ward)}


@methods.procedure("internal.hearth.pds.putWard", auth=operator)
async def put_ward(
    pds: Pds,
    caller: Caller,
    *,
    did: Did,
    guardian: Did | None,
    birth_date: str | None,
    adult_content: bool | None,
    labelers: list[Did] | None,
    muted_words: list[str] | None,
) -> Json:
    """Have a member looked after, by another or by the owner, with all that is fixed."""
    pins = Pins.of(birth_date or "", labelers or (), muted_words or (), adult=bool(adult_content))
    await pds.guardians.look_after(pds.accounts.require(did).did, guardian, pins)
    ward = pds.guardians.ward(did)
    return {} if ward is None else {"ward": _view(pds, ward)}


@methods.procedure("internal.hearth.pds.releaseWard", auth=operator)
async def release_ward(pds: Pds, caller: Caller, *, did: Did) -> None:
    """Hand an account over to its member."""
    await pds.guardians.hand_over(pds.accounts.require(did).did)


def _view(pds: Pds, ward: Ward) -> JsonObject:
    pins = ward.pins
    view: JsonObject = {
        "did": ward.did,
        "adultContent": not pins.no_adult_content,
        "labelers": list(pins.labelers),
        "mutedWords": list(pins.muted_words),
        "since": Datetime.from_us(ward.since),
        "grownUp": pds.guardians.is_grown_up(ward),
    }
    if pins.birth_date:
        view["birthDate"] = pins.birth_date
    if ward.guardian is not None:
        view["guardian"] = ward.guardian
    for name, did in (("handle", ward.did), ("guardianHandle", ward.guardian)):
        found = pds.accounts.find(did) if did is not None else None
        if found is not None:
            view[name] = found.handle
    return view
