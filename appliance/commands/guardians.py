"""`hearth guardian`: members who are looked after, in words."""

import argparse
from collections.abc import Mapping
from typing import Any, Final

from appliance.operator import Action, NotDone, Operator, Say

PDS: Final = "internal.hearth.pds"


async def show_all(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """List who is looked after, and by whom."""
    for ward in (await operator.query(f"{PDS}.listWards"))["wards"]:
        by = ward.get("guardianHandle") or ward.get("guardian") or "the owner"
        grown_up = "  grown up" if ward["grownUp"] else ""
        say(f"{ward.get('handle', ward['did']):40} by {by}{grown_up}")


async def show(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Tell what is fixed for a member."""
    did = await operator.did_of(args.account)
    ward = (await operator.query(f"{PDS}.getWard", did=did)).get("ward")
    if ward is None:
        say(f"{args.account} is not looked after")
        return
    _tell(ward, say)


async def put(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Have a member looked after; what is not said stays as it is."""
    did = await operator.did_of(args.account)
    known = (await operator.query(f"{PDS}.getWard", did=did)).get("ward", {})
    given = {
        "guardian": await operator.did_of(args.by) if args.by else None,
        "birthDate": args.birth_date,
        "adultContent": None if args.adult_content is None else args.adult_content == "allow",
        "labelers": args.labeler,
        "mutedWords": args.mute,
    }
    stays = {name: known[name] for name in given if name in known}
    fields = {**stays, **{name: value for name, value in given.items() if value is not None}}
    if args.by == "":
        fields.pop("guardian", None)
    done = await operator.call(f"{PDS}.putWard", did=did, **fields)
    _tell(done["ward"], say)


async def hand_over(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Let a member look after themselves. Raises NotDone."""
    did = await operator.did_of(args.account)
    if "ward" not in await operator.query(f"{PDS}.getWard", did=did):
        raise NotDone(f"{args.account} is not looked after")
    await operator.call(f"{PDS}.releaseWard", did=did)
    say(f"{args.account} looks after the account alone; settings stay until they change them")


ACTIONS: Final[Mapping[str, Action]] = {
    "list": show_all,
    "show": show,
    "set": put,
    "hand-over": hand_over,
}


def _tell(ward: dict[str, Any], say: Say) -> None:
    say(f"looked after by  {ward.get('guardianHandle') or ward.get('guardian') or 'the owner'}")
    say(f"birth date       {ward.get('birthDate', 'not fixed')}")
    say(f"adult content    {'as they choose' if ward['adultContent'] else 'off'}")
    say(f"labelers         {', '.join(ward['labelers']) or 'none fixed'}")
    say(f"muted words      {', '.join(ward['mutedWords']) or 'none fixed'}")
