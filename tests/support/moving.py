"""The commands that move accounts, given in this process."""

import asyncio
import re

import aiohttp

from appliance.commands import parser as command_parser
from appliance.moving import command
from tests.support.appliance import Appliance
from tests.support.client import Operator


async def hearth(at: Appliance, *args: str) -> tuple[int, list[str]]:
    """Give a command; give its exit status and what it said."""
    said: list[str] = []
    given = command_parser.parser().parse_args(["account", *args, "--data", str(at.data)])
    return await asyncio.to_thread(command.run, given.action, given, said.append), said


async def mailed_code(http: aiohttp.ClientSession, at: Appliance, did: str) -> str:
    """Give the newest code that was mailed to a member."""
    page = await Operator(http, at.pds, at.operator_token).get("internal.hearth.pds.listMail")
    body = next(mail["body"] for mail in page["mails"] if mail["did"] == did)
    found = re.search(r"[A-Z2-7]{5}-[A-Z2-7]{5}", body)
    assert found is not None
    return found[0]
