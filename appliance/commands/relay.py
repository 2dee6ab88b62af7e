"""`hearth relay`: what an operator does about hosts and accounts of the relay, in words."""

import argparse
from typing import Final

from appliance.operator import Operator, Say

PAGE = 100
RELAY = "internal.hearth.relay"


async def show_hosts(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """List every host with its state, and what there is to know of it."""
    async for host in operator.pages(f"{RELAY}.listHosts", "hosts", limit=PAGE):
        state = host["status"] if host["standing"] == "active" else host["standing"]
        accounts = f"{host['accounts']} of {host['accountLimit']} accounts"
        notes = [host.get("note"), host.get("lastFailure") if state == "offline" else None]
        if host["throttledAccounts"]:
            notes.append(f"{host['throttledAccounts']} accounts wait for a place")
        told = "; ".join(note for note in notes if note)
        say(f"{host['hostname']:40} {state:10} {accounts:26} {told}".rstrip())


async def approve(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Follow a host that waits."""
    await operator.call(f"{RELAY}.approveHost", hostname=args.hostname)
    say(f"{args.hostname} is followed")


async def limit(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Say how many accounts a host may have; without a number, as many as its standing gives."""
    fields = {} if args.accounts is None else {"accounts": args.accounts}
    done = await operator.call(f"{RELAY}.setHostLimit", hostname=args.hostname, **fields)
    say(f"{done['letIn']} accounts that waited are let in")


async def ban(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Carry an account, or a domain with all below it, no longer."""
    await operator.call(f"{RELAY}.ban", name=args.name, reason=args.reason)
    say(f"{args.name} is banned")


async def unban(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Lift a ban; hosts under it wait for approval."""
    await operator.call(f"{RELAY}.unban", name=args.name)
    say(f"{args.name} is no longer banned")


async def show_bans(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """List who is banned, and why."""
    async for each in operator.pages(f"{RELAY}.listBans", "bans", limit=PAGE):
        say(f"{each['name']:40} {each['createdAt'][:10]} {each['reason']}")


async def show_upstreams(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Tell what other relays know of this network, as it was seen last, or now."""
    if args.now:
        await operator.call(f"{RELAY}.checkUpstreams")
    upstreams = (await operator.query(f"{RELAY}.listUpstreams"))["upstreams"]
    if not upstreams:
        say("no relay was asked; those of the setting pds.relays are")
    for one in upstreams:
        say(f"{one['relay']:40} {one['checkedAt'][:19]}")
        for finding in one["findings"]:
            say(f"    {finding['level']:5} {finding['seen']}")
        for account in one.get("accounts", ()):
            if account["state"] != "well":
                say(f"    {account['did']} {account['state']}")


async def take_down(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Take an account out of the stream and its replay, or let it back."""
    await operator.call(f"{RELAY}.takeDownAccount", did=args.did, applied=not args.undo)
    say(f"{args.did} is {'let back' if args.undo else 'taken down'}")


async def repair(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Compare an account with its host now."""
    done = await operator.call(f"{RELAY}.repairAccount", did=args.did)
    say(done["result"])


async def show_quarantine(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """List the frames that were not passed on, newest first, and why."""
    found = {} if args.did is None else {"did": args.did}
    async for kept in operator.pages(f"{RELAY}.listQuarantine", "frames", limit=PAGE, **found):
        whose = kept.get("did", kept["hostname"])
        say(f"{kept['number']:6} {kept['createdAt'][:19]} {whose} {kept['verdict']}")
        say(f"       {kept['reason']}")


async def release(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Judge a kept frame once more; if it is right after all, it is passed on."""
    done = await operator.call(f"{RELAY}.releaseQuarantined", number=args.number)
    say(f"{done['verdict']}: {done['reason']}" if done["reason"] else done["verdict"])


async def discard(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Forget a kept frame."""
    await operator.call(f"{RELAY}.discardQuarantined", number=args.number)
    say(f"{args.number} is gone")


ACTIONS: Final = {
    "hosts": show_hosts,
    "approve": approve,
    "limit": limit,
    "ban": ban,
    "unban": unban,
    "bans": show_bans,
    "takedown": take_down,
    "repair": repair,
    "quarantine": show_quarantine,
    "upstreams": show_upstreams,
    "release": release,
    "discard": discard,
}
