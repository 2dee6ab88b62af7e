"""An account's app preferences: a list of typed objects, kept as the client gave it."""

from collections.abc import Callable, Sequence

from appliance.atproto import data
from appliance.atproto.syntax import Datetime, Did, InvalidSyntax
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.pds.pins import LABELERS as _LABELERS
from appliance.pds.pins import PERSONAL as _PERSONAL
from appliance.pds.pins import Pins, Preference, years_between

_NAMESPACE = "app.bsky."
_FEEDS = "app.bsky.actor.defs#savedFeedsPrefV2"
_AGE = "app.bsky.actor.defs#declaredAgePref"


class InvalidPreference(ValueError):
    """A preference that is not ours to keep, or not this caller's to set."""

    xrpc_name = "InvalidRequest"


class PreferenceStore:
    """The preferences of all accounts.

    Personal details belong to the member: app passwords neither see nor change them. Who has
    stored none yet has the usual ones: the labels of this network are listened to, and whatever
    else its owner has chosen. What a guardian
    has fixed stands in every answer, whatever was put.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        usual: Callable[[], list[Preference]],
        pins: Callable[[Did], Pins | None],
    ) -> None:
        """`usual` gives the preferences of somebody who has chosen nothing yet."""
        self._db = db
        self._clock = clock
        self._usual = usual
        self._pins = pins

    def get(self, did: Did, *, personal: bool) -> list[Preference]:
        """The stored list; with `personal` also the birth date and what follows from it."""
        kept = self._kept(did)
        if kept is None:
            kept = self._usual()
        pins = self._pins(did)
        if pins is not None:
            kept = pins.put_into(kept)
        if not personal:
            return [one for one in kept if one["$type"] != _PERSONAL]
        today = Datetime.from_us(self._clock.now_us())
        return kept + [_declared_age(one, today) for one in kept if one["$type"] == _PERSONAL]

    def count(self, did: Did) -> int:
        """How many preferences are stored."""
        return len(self._kept(did) or ())

    async def put(self, did: Did, items: list[Preference], *, personal: bool) -> None:
        """Replace the list. Raises InvalidPreference."""
        for one in items:
            _check(one, personal)
        kept = [one for one in items if one["$type"] != _AGE]
        pins = self._pins(did)
        if pins is not None:  # so that nothing else comes up the day they are handed over
            kept = [one for one in pins.put_into(kept) if personal or one["$type"] != _PERSONAL]
        await self._db.write(replace, did, kept, personal)

    def _kept(self, did: Did) -> list[Preference] | None:
        row = self._db.read_one("SELECT items FROM preference WHERE did = ?", did)
        return data.loads(row[0]) if row else None


def usual(
    network: Callable[[], Did | None], labelers: Sequence[str], feeds: Sequence[str]
) -> list[Preference]:
    """Give the preferences of somebody who has chosen nothing yet.

    They listen to the network's own labels, and to what its owner has chosen.
    """
    found: list[Preference] = []
    dids = [did for did in dict.fromkeys((network(), *labelers)) if did]
    if dids:
        found.append({"$type": _LABELERS, "labelers": [{"did": did} for did in dids]})
    if feeds:
        saved = [{"id": "following", "type": "timeline", "value": "following", "pinned": True}]
        saved += [
            {"id": uri.rpartition("/")[2], "type": "feed", "value": uri, "pinned": True}
            for uri in feeds
        ]
        found.append({"$type": _FEEDS, "items": saved})
    return found


def replace(conn: Connection, did: Did, items: list[Preference], personal: bool) -> None:
    """Store a list; without `personal`, the personal details that are there stay."""
    if not personal:
        stored = conn.value("SELECT items FROM preference WHERE did = ?", did)
        old = data.loads(stored) if stored else []
        items = items + [one for one in old if one["$type"] == _PERSONAL]
    conn.execute(
        "INSERT OR REPLACE INTO preference (did, items) VALUES (?, ?)", (did, data.dumps(items))
    )


def fix(
    conn: Connection,
    did: Did,
    usual: list[Preference],
    change: Callable[[list[Preference]], list[Preference]],
) -> None:
    """Store what `change` makes of what is stored, or of what is usual."""
    stored = conn.value("SELECT items FROM preference WHERE did = ?", did)
    replace(conn, did, change(data.loads(stored) if stored else usual), True)


def delete_all(conn: Connection, did: Did) -> None:
    conn.execute("DELETE FROM preference WHERE did = ?", (did,))


def _check(one: Preference, personal: bool) -> None:
    kind = one.get("$type")
    if not isinstance(kind, str):
        raise InvalidPreference("Preference is missing a $type")
    if not kind.startswith(_NAMESPACE):
        raise InvalidPreference("Some preferences are not in the app.bsky namespace")
    if kind == _PERSONAL and not personal:
        raise InvalidPreference("Do not have authorization to set preferences.")


def _declared_age(personal: Preference, today: Datetime) -> Preference:
    age = _age(personal.get("birthDate"), today)
    return {"$type": _AGE} | {f"isOverAge{limit}": age >= limit for limit in (13, 16, 18)}


def _age(birth_date: object, today: Datetime) -> int:
    try:
        return years_between(Datetime(str(birth_date)), today)
    except (InvalidSyntax, ValueError):
        return 0
