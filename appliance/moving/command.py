"""`hearth account export | import | move-in | move-out`: from the command line to a course."""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from yarl import URL

from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.addresses import OutboundPolicy, parse_address
from appliance.moving import errands
from appliance.moving.progress import Progress
from appliance.moving.scene import Say, Scene
from appliance.moving.trouble import Trouble, Waiting
from appliance.operator import (
    NoSuchAccount,
    NotDone,
    NotRunning,
    Operator,
    at_the_network,
    password_given,
)
from appliance.settings_groups import Paths
from appliance.upkeep.causes import STOPS, in_the_way
from appliance.upkeep.checkup import Finding, check_clock, check_data_folder
from appliance.upkeep.machine_checks import Machine

NOT_FINISHED: Final = 3  # the exit status when something is awaited


def run(name: str, args: argparse.Namespace, say: Say) -> int:
    """Do one of the commands; return the exit status."""
    try:
        asyncio.run(_run(name, args, say))
    except Waiting as waiting:
        _tell("not finished", waiting)
        return NOT_FINISHED
    except Trouble as trouble:
        _tell("stopped", trouble)
        return 1
    except (NotRunning, NoSuchAccount, NotDone) as problem:
        sys.stderr.write(f"hearth: {problem}\n")
        return 1
    return 0


def _tell(state: str, trouble: Trouble) -> None:
    sys.stderr.write(
        f"hearth: {state}\n"
        f"   seen:     {trouble.seen}\n"
        f"   expected: {trouble.expected}\n"
        f"   to do:    {trouble.remedy}\n"
    )


async def _run(name: str, args: argparse.Namespace, say: Say) -> None:
    peer = _address(getattr(args, "peer", ""))
    args.peer = peer
    if "new_password" in args:
        args.new_password = await password_given(args, "new_password")
    policy = OutboundPolicy(allow_loopback=_is_loopback(peer))
    async with at_the_network(args.data, policy) as network:
        operator = network.operator("pds")
        progress = Progress(lambda told: operator.call("internal.hearth.pds.reportMove", **told))
        progress.about |= {"what": name, "peer": peer}
        scene = Scene(network, args, say, progress)
        async with _told(progress):
            await _make_sure(name, operator, Paths.of(args.data).data)
            await _COMMANDS[name](scene)


async def _make_sure(step: str, operator: Operator, data: Path) -> None:
    """Have everything looked over before what is hard to take back. Raises Trouble."""
    if step not in STOPS:
        return
    found = [*check_data_folder(data), *check_clock(time.time()), *Machine().look(data)]
    told: Any = await operator.call("internal.hearth.pds.examine")
    found += [Finding(**each) for each in told["findings"]]
    stop = in_the_way(step, found)
    if stop is not None:
        raise Trouble(f"{stop.subject}: {stop.seen}", stop.expected, stop.remedy)


@asynccontextmanager
async def _told(progress: Progress) -> AsyncIterator[None]:
    """Tell the panel how it ended, and put refusals of servers into words."""
    try:
        yield
    except Trouble as trouble:
        state = "waiting" if isinstance(trouble, Waiting) else "failed"
        await progress.close(state, f"{trouble.seen}. To do: {trouble.remedy}")
        raise
    except XrpcError as refusal:
        seen = f"{progress.step}: {refusal.name}: {refusal.message or refusal.status}"
        remedy = "see to what it says, then give the same command again: it goes on from here"
        await progress.close("failed", f"{seen}. To do: {remedy}")
        raise Trouble(seen, "an answer that lets it go on", remedy) from refusal
    await progress.close("done")


def _address(typed: str) -> str:
    """Read a server's address as people write it; empty if there is none."""
    if not typed:
        return ""
    return (typed if "://" in typed else f"https://{typed}").rstrip("/")


def _is_loopback(url: str) -> bool:
    """Tell whether whoever gave the command named this very machine."""
    try:
        host = URL(url).host or ""
    except ValueError:
        return False
    address = parse_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


_COMMANDS: Final = {
    "export": errands.export,
    "import": errands.bring_in,
    "move-in": errands.move_in,
    "move-out": errands.move_out,
}
