"""`hearth checkup`: everything that can be looked at, from outside the running network."""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from appliance import operator
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.settings import load
from appliance.settings_groups import FILE_NAME, Paths
from appliance.upkeep.causes import told_apart
from appliance.upkeep.checkup import Finding, check_files, check_role, in_words
from appliance.upkeep.machine_checks import Machine
from appliance.upkeep.systemd import answers

Say = Callable[[str], None]

EXAMINE: Final = "internal.hearth.pds.examine"
BEGIN: Final = "internal.hearth.pds.beginExamination"
LAST: Final = "internal.hearth.pds.getExamination"
LOOK_AGAIN_SECONDS: Final = 1.0


def run(args: argparse.Namespace, say: Say) -> int:
    """Look, tell, and return the exit status: 1 when something is wrong."""
    paths = Paths.of(args.data)
    if args.place and not args.mend:
        sys.stderr.write("hearth: --from says where to mend from: give --mend with it\n")
        return 1
    if args.mend:
        try:
            asyncio.run(_mend(paths, args.place))
        except (operator.NotRunning, XrpcError) as problem:
            sys.stderr.write(f"hearth: {problem}\n")
            return 1
    findings = asyncio.run(look(paths))
    bad = [finding for finding in findings if finding.level == "bad"]
    if args.json:
        say(json.dumps({"findings": [asdict(each) for each in findings], "wrong": len(bad)}))
        return 1 if bad else 0
    for line in in_words(findings):
        say(line)
    say(f"{len(findings)} things looked at, {len(bad)} wrong")
    return 1 if bad else 0


async def _mend(paths: Paths, place: str) -> None:
    """Have the PDS mend, and wait for the end of that. Raises NotRunning, XrpcError."""
    async with operator.at_the_network(str(paths.data)) as network:
        pds = network.operator("pds")
        await _ended(pds)  # a look that was begun before
        await pds.order(BEGIN, mend=True, **({"place": place} if place else {}))
        await _ended(pds)


async def _ended(pds: operator.Operator) -> None:
    """Wait until the PDS looks at nothing any more."""
    while True:
        if not (await pds.query(LAST))["isRunning"]:
            return
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def look(paths: Paths) -> list[Finding]:
    """Look at the files, the machine, each role, and what the PDS finds of itself."""
    known = load(paths.data, os.environ) if (paths.data / FILE_NAME).exists() else None
    in_service = known is not None and known.network.mode != "dev"
    findings = check_files(paths.data, time.time(), in_service=in_service)
    if not paths.data.is_dir():
        return findings
    findings += Machine().look(paths.data)
    if known is not None and not known.pds.hostname:
        return told_apart([*findings, *await _begun(paths)])
    # First, since roles tell of the last look at them.
    examined = await _examined(paths) if paths.socket("pds").exists() else []
    for name, status in (await operator.ask_roles(paths)).items():
        findings.extend(check_role(name, status))
    return told_apart([*findings, *examined])


async def _begun(paths: Paths) -> list[Finding]:
    """A network without a name has its panel, for the wizard, and nothing else yet."""
    async with HttpClient.open(OutboundPolicy()) as http:
        if not await answers(http, paths.address("admin")):
            return [*check_role("admin", None)]
    return [
        Finding(
            "Network",
            "warn",
            "it has no name yet, and serves nobody",
            "one that its owner has begun",
            "open the link that this prints: hearth claim",
            "not-begun",
        )
    ]


async def _examined(paths: Paths) -> list[Finding]:
    async with operator.at_the_network(str(paths.data)) as network:
        try:
            answer = await network.operator("pds").call(EXAMINE)
        except XrpcError as problem:
            return [
                Finding(
                    "Part pds",
                    "warn",
                    f"it did not finish looking at itself: {problem}",
                    "an answer",
                    "look at the log, then try again",
                    "look-slow",
                )
            ]
    return [Finding(**told) for told in answer["findings"]]
