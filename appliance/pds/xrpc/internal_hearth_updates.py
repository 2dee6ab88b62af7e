"""internal.hearth.updates.*: what is known of new releases, and what the owner wants done."""

from datetime import UTC, datetime

from appliance.atproto.syntax import Json
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, operator
from appliance.upkeep.update_journal import ANSWER, DAY, Answer, Asked, Known, Wish
from appliance.version import VERSION

methods: MethodTable[Pds] = MethodTable()

_ASKED: dict[str, Asked] = {"check": "check", "install": "install"}


@methods.query("internal.hearth.updates.getState", auth=operator)
async def get_state(pds: Pds, caller: Caller) -> Json:
    data, update = pds.settings.paths.data, pds.settings.update
    known, wish, answer = Known.read(data), Wish.read(data), Answer.read(ANSWER)
    told: dict[str, Json] = {
        "installed": VERSION,
        "channel": update.channel,
        "automatic": update.automatic,
        "hour": update.hour,
        "held": wish.holds(pds.clock.now()),
        "asked": wish.asked,
    }
    if wish.held_until > pds.clock.now():
        told["heldUntil"] = _time(wish.held_until)
    if known.checked_at:
        told["checkedAt"] = _time(known.checked_at)
    if known.version and known.version != VERSION:
        told["news"] = {"version": known.version, "date": known.date, "changes": known.changes}
    failure = known.failure or known.tried_failure
    if failure:
        told["failure"] = failure
    if answer.state:
        told["last"] = {
            "version": answer.version,
            "state": answer.state,
            "reason": answer.reason,
            "at": _time(answer.at),
        }
    return told


@methods.procedure("internal.hearth.updates.askForUpdate", auth=operator)
async def ask_for_update(pds: Pds, caller: Caller, *, what: str) -> None:
    """Have the channel looked at, or the newest release installed; it begins within seconds."""
    data = pds.settings.paths.data
    Wish.read(data).note(data, asked=_ASKED[what])


@methods.procedure("internal.hearth.updates.holdUpdates", auth=operator)
async def hold_updates(pds: Pds, caller: Caller, *, days: int | None) -> None:
    """Have nothing installed by itself for so many days, or until 0 is said."""
    data = pds.settings.paths.data
    until = -1.0 if days is None else pds.clock.now() + days * DAY if days else 0.0
    Wish.read(data).note(data, held_until=until)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
