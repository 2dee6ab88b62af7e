"""`hearth support-bundle`: one file with what helps somebody else to help."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from appliance.atproto.xrpc.errors import XrpcError
from appliance.operator import NotRunning, Say, ask_roles, at_the_network
from appliance.settings import changed, load
from appliance.settings_groups import Paths
from appliance.upkeep.support_bundle import Sources, as_zip, files

LINES = 1000


def run(args: argparse.Namespace, say: Say) -> int:
    """Write the file, and say what is in it."""
    data = Paths.of(args.data).data
    if not data.is_dir():
        sys.stderr.write(f"hearth: there is no network in {data}\n")
        return 1
    texts = asyncio.run(_gather(args.data))
    target = Path(args.file)
    target.write_bytes(as_zip(texts))
    for name, text in texts.items():
        say(f"{len(text):9} {name}")
    say(f"{target} is written; look at it before you hand it to anybody")
    return 0


async def _gather(data: str) -> dict[str, str]:
    paths = Paths.of(data)
    settings = load(paths.data, os.environ)
    sources = Sources(
        settings=changed(settings),
        status=await ask_roles(paths),
        log=await _log(data),
        domains=settings.network.handle_domains or (f".{settings.pds.hostname}",),
    )
    return files(sources)


async def _log(data: str) -> list[str]:
    """The last lines of a network that runs; none of one that does not."""
    try:
        async with at_the_network(data) as network:
            found = await network.operator("pds").query("internal.hearth.pds.getLog", lines=LINES)
    except (NotRunning, XrpcError):
        return []
    return list(found["lines"])
