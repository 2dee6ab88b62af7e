"""A command that moves an account, and a process that is killed at one of its calls: a program.

    python -m tests.support.struck_move CALL WHEN PID ARGUMENT...

At the CALL-th call, counted from 1, a process is killed as by a power cut, WHEN is `before` the
call is sent or `after` it was answered, be it by a refusal. PID 0 is this very process. ARGUMENTs
are those of `hearth account`. With CALL 0 nobody is killed. Its last line on stdout is the number
of calls.
"""

import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import pytest

from appliance.atproto.xrpc.client import XrpcClient
from appliance.commands import parser as command_parser
from appliance.moving import command, server

# Progress may go unheard: it is told the panel, and no step of a move.
NO_STEP = "internal.hearth.pds.reportMove"


class Strike:
    """Counts calls, and kills."""

    def __init__(self, call: int, when: str, pid: int) -> None:
        self._call = call
        self._when = when
        self._pid = pid or os.getpid()
        self.calls = 0

    @contextmanager
    def around(self, nsid: str) -> Iterator[None]:
        """Count a call, if it counts, and strike when it is the one."""
        if nsid == NO_STEP:
            yield
            return
        self.calls += 1
        number = self.calls
        self._fall(number, "before")
        try:
            yield
        finally:
            self._fall(number, "after")

    def _fall(self, number: int, when: str) -> None:
        if (number, when) == (self._call, self._when):
            os.kill(self._pid, signal.SIGKILL)


def _count(strike: Strike, patch: pytest.MonkeyPatch) -> None:
    call, raw = XrpcClient.call, XrpcClient.raw

    async def counted(self: XrpcClient, method: str, nsid: str, **more: Any) -> Any:
        with strike.around(nsid):
            return await call(self, method, nsid, **more)

    @asynccontextmanager
    async def counted_raw(
        self: XrpcClient, method: str, nsid: str, **more: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        with strike.around(nsid):
            async with raw(self, method, nsid, **more) as answer:
                yield answer

    patch.setattr(XrpcClient, "call", counted)
    patch.setattr(XrpcClient, "raw", counted_raw)


def main(strike: Strike, arguments: list[str]) -> int:
    patch = pytest.MonkeyPatch()
    _count(strike, patch)
    # Who is killed stays away: the command need not wait as long as it does for a busy server.
    patch.setattr(server, "TRIES", 1)
    given = command_parser.parser().parse_args(["account", *arguments])
    status = command.run(given.action, given, print)
    sys.stdout.write(f"{strike.calls}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(Strike(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])), sys.argv[4:]))
