"""internal.hearth.pds.*: what the owner writes for everybody."""

from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, operator

methods: MethodTable[Pds] = MethodTable()


@methods.query("internal.hearth.pds.getHouseKey")
async def get_house_key(pds: Pds) -> Json:
    """Say by which key neighbours know this house: under its public name, that proves the name."""
    try:
        return {"key": pds.settings.paths.house_key.read_text(encoding="ascii")}
    except FileNotFoundError:
        raise InvalidRequest("This house has no neighbours", "NotOffered") from None


@methods.query("internal.hearth.pds.getHouseTexts", auth=operator)
async def get_house_texts(pds: Pds, caller: Caller) -> Json:
    return {"rules": pds.house_texts.get("rules"), "welcome": pds.house_texts.get("welcome")}


@methods.procedure("internal.hearth.pds.putHouseTexts", auth=operator)
async def put_house_texts(
    pds: Pds, caller: Caller, *, rules: str | None, welcome: str | None
) -> None:
    """Write the texts that are given; an empty one is taken away."""
    if rules is not None:
        await pds.house_texts.put("rules", rules.strip())
    if welcome is not None:
        await pds.house_texts.put("welcome", welcome.strip())
