"""`hearth settings`: the settings file, in words; with or without a network that runs."""

import argparse
import asyncio
import sys
from typing import get_origin

from appliance.atproto.xrpc.errors import XrpcError
from appliance.operator import NotRunning, Say, at_the_network
from appliance.settings import Declaration, InvalidSettings, declarations
from appliance.settings_file import change, described
from appliance.settings_groups import Paths


def run(args: argparse.Namespace, say: Say) -> int:
    """List settings, or write one. Raises InvalidSettings."""
    data = Paths.of(args.data).data
    if args.name is not None:
        _declared(args.name)
    if args.name is None or not args.value:
        for one in described(data):
            if args.name in (None, one.name):
                say(f"{'*' if one.changed else ' '} {one.name} = {one.text}")
        return 0
    values = {args.name: _read(args.name, args.value)}
    try:
        differs = asyncio.run(_put(args.data, values))
    except NotRunning:
        differs = change(data, values)
    except XrpcError as refused:
        sys.stderr.write(f"hearth: {refused.message or refused.name}\n")
        return 1
    say("written; it holds from the next start" if differs else "it is so already")
    return 0


async def _put(data: str, values: dict[str, object]) -> bool:
    """Have the network that runs write it, so that it stands in the log. Raises NotRunning."""
    async with at_the_network(data) as network:
        operator = network.operator("pds")
        done = await operator.call("internal.hearth.pds.putSettings", values=values)
    return bool(done["changed"])


def _declared(name: str) -> Declaration:
    """Raises InvalidSettings."""
    known: dict[str, Declaration] = {each.name: each for each in declarations()}
    if name not in known:
        raise InvalidSettings(f"there is no setting {name}; see: hearth settings")
    return known[name]


def _read(name: str, given: list[str]) -> object:
    """Read what was typed, by the kind of the setting. Raises InvalidSettings."""
    kind = _declared(name).kind
    if get_origin(kind) is tuple:
        return [text for text in given if text]
    text = " ".join(given)
    if kind is bool and text in ("true", "false"):
        return text == "true"
    if kind is int and text.isascii() and text.isdecimal():
        return int(text)
    return text
