"""`hearth neighbours`: other Hearths at home, in words."""

import argparse
from typing import Any, Final

from appliance.operator import NoSuchAccount, Operator, Say

OWN: Final = "internal.hearth.neighbours"
SHOWN_OF_KEY: Final = 8
_STATES: Final = {
    "asked": "asks to be paired; if you want that: hearth neighbours pair {key}",
    "wanted": "was asked; its owner has to ask for it too, on the other screen",
    "compare": "shows the code {code}; if the other screen shows it too:"
    " hearth neighbours confirm {key} {code}",
    "confirmed": "shows the code {code}; its owner has to confirm it too",
    "failed": "did not become a neighbour ({failure}); both may begin anew",
}


async def show(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """List who is paired, who is on the way to it, and who else was seen."""
    told = await operator.query(f"{OWN}.listNeighbours")
    names = ", ".join(told["names"]) if told["announces"] else "nothing: neighbours.announce is off"
    say(f"this is {told['name']} ({_short(told['key'])}); announced: {names or 'nothing yet'}")
    for one in told["paired"]:
        say(f"paired  {one['name']:24} {_short(one['key'])}  {_standing(one)}")
    for one in told["courses"]:
        words = _STATES.get(one["state"], one["state"]).format(
            key=_short(one["key"]), code=one.get("code", ""), failure=one.get("failure", "")
        )
        say(f"        {one['name']:24} {_short(one['key'])}  {words}")
    for one in told["seen"]:
        say(f"seen    {one['name']:24} {_short(one['key'])}  {one['address']}")


async def pair(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Ask for a pair with a house."""
    key = await _key_of(operator, args.name, ("courses", "seen", "paired"))
    await operator.call(f"{OWN}.pair", key=key)
    say("asked; once both owners have, hearth neighbours list shows a code")


async def confirm(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Say that both screens show this code."""
    key = await _key_of(operator, args.name, ("courses",))
    done = await operator.call(f"{OWN}.confirm", key=key, code=args.code)
    say("they are paired" if done["state"] == "done" else "confirmed here; the other owner is next")


async def refuse(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Stop what was begun."""
    key = await _key_of(operator, args.name, ("courses",))
    await operator.call(f"{OWN}.refuse", key=key)
    say(f"{args.name} was refused")


async def unpair(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """End a pair."""
    key = await _key_of(operator, args.name, ("paired",))
    await operator.call(f"{OWN}.unpair", key=key)
    say(f"{args.name} is no neighbour any more")


ACTIONS: Final = {
    "list": show,
    "pair": pair,
    "confirm": confirm,
    "refuse": refuse,
    "unpair": unpair,
}


def _standing(one: dict[str, Any]) -> str:
    if not one["knowsUs"]:
        return "does not know this house any more; unpair it, and begin anew"
    if not one["here"]:
        return f"away since {one.get('seenAt', one['pairedAt'])}, {one['members']} members"
    behind = f", catching up: {one['progress']} %" if one["behind"] else ""
    return f"here at {one['address']}, {one['members']} members{behind}"


def _short(key: str) -> str:
    return key[:SHOWN_OF_KEY]


async def _key_of(operator: Operator, name: str, lists: tuple[str, ...]) -> str:
    """Find a house by its name, or by how its key begins. Raises NoSuchAccount."""
    told = await operator.query(f"{OWN}.listNeighbours")
    known: dict[str, str] = {one["key"]: one["name"] for each in lists for one in told[each]}
    found = [key for key, called in known.items() if called == name or key.startswith(name)]
    if len(found) != 1:
        what = "no house is" if not found else "more than one house is"
        raise NoSuchAccount(f"{what} called {name}; see: hearth neighbours list")
    return found[0]
