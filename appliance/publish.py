"""`hearth publish NAME`: a network that was at home gets a name the world can find it by.

The settings change; the running network starts anew within its process and tells every identity
(`pds/readdressing`). What this waits for goes on by itself when it is cut off.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from appliance import operator
from appliance.admin import reach
from appliance.admin.foresight import HERE
from appliance.admin.reach import UnfitReach
from appliance.admin.settings_desk import SettingsDesk
from appliance.base.database import process_at
from appliance.base.machine import is_near, own_address
from appliance.pds.doctor import dns_checks
from appliance.pds.doctor.public_place import PublicPlace
from appliance.settings import Settings, load
from appliance.settings_groups import Paths
from appliance.upkeep.checkup import Finding, in_words

Say = Callable[[str], None]

LOOK_SECONDS: Final = 0.5
SECONDS_TO_START_ANEW: Final = 120.0
_WORDS: Final = {
    "empty": "a name such as smiths.example.org",
    "unfit": "a domain name of yours, in lower case, such as smiths.example.org",
    "taken": "a name in the public DNS: this one means something else, or nothing, to the world",
}


def _way(args: argparse.Namespace) -> str:
    """Name the way to this server that was asked for."""
    if args.https:
        return "direct"
    return "proxy" if args.proxy else "forward"


def run(args: argparse.Namespace, say: Say) -> int:
    """Publish; return the exit status. Raises InvalidSettings."""
    paths = Paths.of(args.data)
    stored = load(paths.data, {})
    if not stored.pds.hostname:
        return _refuse("there is no network here yet", "one that was set up: hearth run")
    try:
        chosen = reach.read(_way(args), args.name, "")
    except UnfitReach as unfit:
        return _refuse(f"{args.name!r} cannot be its name", _WORDS[unfit.problem])
    values = chosen.published(stored, args.directory or "", args.relay or ())
    foreseen, addresses = asyncio.run(_foreseen(stored.with_values(values)))
    for line in in_words(foreseen):
        say(line)
    if addresses:
        say(f"{chosen.name} leads to {', '.join(addresses)}; it has to be yours")
    if foreseen and not args.anyway and stored.with_values(values) != stored:
        return _refuse("nothing was changed", "names that lead here first, or --anyway")
    changed = asyncio.run(SettingsDesk(stored).change(values))
    say(f"the network is known as {chosen.name} from now on" if changed else "nothing to change")
    process = process_at(paths.database("pds"))
    if process is None:
        say(f"it does not run; the rest happens once it does: hearth run --data {paths.data}")
        return 0
    if changed:
        os.kill(process, signal.SIGHUP)
    return asyncio.run(_watch(paths, chosen.name, say))


async def _foreseen(settings: Settings) -> tuple[list[Finding], Sequence[str]]:
    """Look where the names lead: what is not well, and the addresses of the server's name."""
    place = PublicPlace.of(settings)
    try:
        seen = await dns_checks.look_up(place)
    except dns_checks.DnsSilent as problem:
        return [dns_checks.silent(problem)], ()
    found = list(dns_checks.findings(place, seen))
    return found or list(_elsewhere(settings, seen.addresses)), seen.addresses


def _elsewhere(settings: Settings, addresses: Sequence[str]) -> Iterator[Finding]:
    """Where nothing stands in front, the name leads to this computer's own public address."""
    own = own_address()
    if reach.now(settings).kind in HERE and not is_near(own) and own not in addresses:
        yield Finding(
            f"Name {settings.pds.hostname}",
            "bad",
            f"it leads to {', '.join(addresses)}",
            f"{own}, the address of this computer",
            "change its A or AAAA record, or give --proxy if another machine is in front",
            "dns-name",
        )


def _refuse(seen: str, expected: str) -> int:
    sys.stderr.write(f"hearth: {seen}\n        expected: {expected}\n")
    return 1


async def _watch(paths: Paths, name: str, say: Say) -> int:
    """Say how far it is until every identity names the new address. Return the exit status."""
    told = -1
    until = time.monotonic() + SECONDS_TO_START_ANEW
    while True:
        report = (await operator.ask_roles(paths)).get("pds")
        identities = report["counts"]["identities"] if report else {}
        if report and identities["hostname"] == name:
            if identities["told"] != told:
                told = identities["told"]
                say(f"{told} of {identities['of']} identities name the new address")
            if identities["settled"]:
                return 0
            if problem := next((one for one in report["findings"] if one["level"] == "bad"), None):
                return _refuse(problem["seen"], f"{problem['expected']}; {problem['remedy']}")
        elif time.monotonic() > until:
            return _refuse("the network did not come back", "it to start anew: look at its log")
        await asyncio.sleep(LOOK_SECONDS)
