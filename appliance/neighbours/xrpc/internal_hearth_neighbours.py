"""internal.hearth.neighbours.*: houses nearby, and how they are paired."""

from typing import Any

from appliance.atproto.syntax import Datetime, Json, JsonObject
from appliance.atproto.xrpc.methods import MethodTable
from appliance.neighbours.pairing import Course
from appliance.neighbours.role import Neighbours
from appliance.neighbours.sightings import Sighting
from appliance.neighbours.store import Neighbour
from appliance.upkeep.operator_access import operator

methods: MethodTable[Neighbours] = MethodTable()


@methods.query("internal.hearth.neighbours.listNeighbours", auth=operator)
async def list_neighbours(neighbours: Neighbours, caller: None) -> Json:
    """Say who is paired, who is on the way to it, who else was seen; and who we are."""
    counts = await neighbours.store.counts()
    paired = neighbours.store.all()
    known = {one.key for one in paired}
    courses = [one for one in neighbours.introductions.pairings.all() if one.state != "done"]
    busy = known | {one.key for one in courses}
    announcer = neighbours.announcer
    return {
        "key": neighbours.house.key.fingerprint,
        "name": neighbours.house.card.name,
        "names": list(announcer.names) if announcer else [],
        "announces": announcer is not None,
        "paired": [_paired(neighbours, one, counts.get(one.key, 0)) for one in paired],
        "courses": [_course(one) for one in courses],
        "seen": [_seen(one) for one in neighbours.sightings.all() if one.key not in busy],
    }


@methods.procedure("internal.hearth.neighbours.pair", auth=operator)
async def pair(neighbours: Neighbours, caller: None, *, key: str) -> Json:
    """Ask for a pair with a house that was seen, or that asked. The other owner has to, too."""
    known = (neighbours.introductions.pairings.find(key), neighbours.store.find(key))
    places = [(one.address, one.port) for one in known if one is not None]
    sighting = neighbours.sightings.find(key)
    if sighting is not None:
        places += sighting.places
    places = list(dict.fromkeys(places))
    wrong = places
    try:
        wrong = await neighbours.introductions.want(key, places)
    finally:
        for place in wrong:
            neighbours.sightings.wrong(key, place)
    return {"state": _state(neighbours, key)}


@methods.procedure("internal.hearth.neighbours.confirm", auth=operator)
async def confirm(neighbours: Neighbours, caller: None, *, key: str, code: str) -> Json:
    """Say that the other screen shows this code too."""
    await neighbours.introductions.confirm(key, code)
    return {"state": _state(neighbours, key)}


@methods.procedure("internal.hearth.neighbours.refuse", auth=operator)
async def refuse(neighbours: Neighbours, caller: None, *, key: str) -> None:
    """Stop what was begun, or do not want it."""
    await neighbours.introductions.refuse(key)


@methods.procedure("internal.hearth.neighbours.unpair", auth=operator)
async def unpair(neighbours: Neighbours, caller: None, *, key: str) -> None:
    """End a pair: nothing is followed, asked or answered any more."""
    await neighbours.introductions.unpair(key)


def _state(neighbours: Neighbours, key: str) -> str:
    course = neighbours.introductions.pairings.find(key)
    return course.state if course is not None else "failed"


def _paired(neighbours: Neighbours, one: Neighbour, members: int) -> JsonObject:
    contact = neighbours.company.contact(one.key)
    view: JsonObject = {
        "key": one.key,
        "name": one.card.name,
        "did": one.card.did,
        "pds": one.card.pds,
        "domains": list(one.card.domains),
        "address": f"{one.address}:{one.port}",
        "here": contact.here,
        "knowsUs": contact.knows_us,
        "followed": contact.is_followed,
        "members": members,
        "behind": contact.behind,
        "progress": contact.progress,
        "pairedAt": Datetime.from_us(one.paired_us),
    }
    if one.seen_us is not None:
        view["seenAt"] = Datetime.from_us(one.seen_us)
    return view


def _course(one: Course) -> JsonObject:
    view: dict[str, Any] = {
        "key": one.key,
        "name": one.card.name,
        "address": one.address,
        "state": one.state,
        "until": Datetime.from_us(int(one.until * 1_000_000)),
    }
    if one.code and one.state != "failed":
        view["code"] = one.code
    if one.failure:
        view["failure"] = one.failure
    return view


def _seen(one: Sighting) -> JsonObject:
    return {"key": one.key, "name": one.name, "did": one.did, "address": one.places[0][0]}
