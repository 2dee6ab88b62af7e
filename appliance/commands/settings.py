"""`hearth settings`: the settings file, in words; with or without a network that runs."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import get_origin

from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.sizes import NotASize, read_size
from appliance.base.typed_secrets import holds_login, warn_of_seen
from appliance.operator import NotRunning, Say, at_the_network
from appliance.settings import Declaration, InvalidSettings, declarations
from appliance.settings_file import change, described
from appliance.settings_groups import Paths

TRIAL = """\
hearth: this folder is one of `hearth try`: its addresses, its ports and what its options say
        stand in no file and go before what is listed here
"""


def run(args: argparse.Namespace, say: Say) -> int:
    """List settings, or write one. Raises InvalidSettings."""
    data = Paths.of(args.data).data
    if args.name is not None:
        _declared(args.name)
    if args.name is None or not args.value:
        _show(data, args.name, say)
        return 0
    values = {args.name: _read(args.name, args.value)}
    if any(map(holds_login, args.value)):
        better = (
            "the panel's page Settings, or the file secrets/smtp-password"
            if args.name.startswith("smtp.")
            else "the panel's page Settings"
        )
        warn_of_seen("a password in an address", better)
    try:
        differs = asyncio.run(_put(args.data, values))
    except NotRunning:
        differs = change(data, values)
    except XrpcError as refused:
        sys.stderr.write(f"hearth: {refused.message or refused.name}\n")
        return 1
    say("written; it holds from the next start" if differs else "it is so already")
    return 0


def _show(data: Path, name: str | None, say: Say) -> None:
    trial = Paths(data).trial_mark.exists()
    if trial:
        sys.stderr.write(TRIAL)
    for one in described(data, "dev" if trial else None):
        if name in (None, one.name):
            size = f"  ({one.size})" if one.size else ""
            say(f"{'*' if one.changed else ' '} {one.name} = {one.text}{size}")


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
    declared = _declared(name)
    kind = declared.kind
    if get_origin(kind) is tuple:
        return [text for text in given if text]
    text = " ".join(given)
    if kind is bool and text in ("true", "false"):
        return text == "true"
    if declared.is_size:
        try:
            return read_size(text)
        except NotASize as wrong:
            raise InvalidSettings(f"{name} must be a size such as 300 MB, or bytes") from wrong
    if kind is int and text.isascii() and text.isdecimal():
        return int(text)
    return text
