"""`hearth https`: how it stands with certificates and ports, and "try again now", in words."""

import argparse
from datetime import UTC, datetime
from typing import Final

from appliance.operator import Operator, Say
from appliance.settings_groups import Paths
from appliance.upkeep.address_journal import AddressJournal
from appliance.upkeep.https_journal import HttpsJournal

IN_WORDS: Final = {
    "certificates": "certificates that could not be had",
    "address": "telling the DNS where this network is",
    "ports": "opening ports 80 and 443",
}


async def show(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Tell of each name until when its certificate holds, or why there is none."""
    data = Paths.of(args.data).data
    journal = HttpsJournal.read(data)
    for name, one in sorted(journal.names.items()):
        until = f"until {_day(one.ends)}" if one.ends else "none yet"
        say(f"{name:40} {until}")
        if one.failure:
            say(f"    {one.failure}; again at {_day(one.next_at)}")
    if journal.closed:
        say(f"not open: port {journal.closed}")
    if failure := AddressJournal.read(data).failure:
        say(f"the DNS could not be told where this network is: {failure}")
    if not (journal.names or journal.closed or failure):
        say("no certificate was asked for, and nothing has failed")


async def again(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Do not wait until the turn of what failed comes."""
    tried = (await operator.call("internal.hearth.upkeep.tryAgain"))["tried"]
    for name in tried:
        say(f"tried again: {IN_WORDS.get(name, name)}")
    if not tried:
        say("there is nothing to try: this network neither speaks HTTPS nor tells an address")


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"


ACTIONS: Final = {"show": show, "again": again}
