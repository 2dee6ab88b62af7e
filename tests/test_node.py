"""What all roles have in common: the sockets on which they meet, and that they end when told to."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.appliance import ROOT
from tests.support.whole_house import opened, place

AT_ONCE = 400
# A network without a name that begins anew, and is told to end when its loop hears no more. Whoever
# tells it is answered by another thread, as on a busy machine by one that is about to end.
TOLD_BETWEEN_TWO_RUNS = """
import asyncio, os, signal, sys, threading, time
from pathlib import Path
from appliance import node
from appliance.settings import defaults
from appliance.upkeep.systemd import ServiceManager

number = int(sys.argv[2])
close = asyncio.Runner.close

def told_late(runner):
    os.kill(os.getpid(), number)
    time.sleep(0.1)
    close(runner)

asyncio.Runner.close = told_late
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
begin_anew = lambda _: os.kill(os.getpid(), signal.SIGHUP)
settings = defaults("home", Path(sys.argv[1]))
manager = ServiceManager({})
print(node.serve(settings, {}, begin_anew, manager, restarts=True))
"""


async def test_hundreds_may_call_a_role_at_the_same_moment(tmp_path: Path) -> None:
    with place() as where, ExitStack() as callers:
        async with opened(where, tmp_path) as house:
            for _ in range(AT_ONCE):
                caller = callers.enter_context(socket.socket(socket.AF_UNIX))
                caller.setblocking(False)
                # Nobody is let in meanwhile, as this is the loop that would; a full line raises.
                caller.connect(str(house.settings.paths.socket("appview")))


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_who_is_told_to_end_amid_a_new_start_ends(tmp_path: Path, name: str) -> None:
    number = str(int(getattr(signal, name)))
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", TOLD_BETWEEN_TWO_RUNS, str(tmp_path / "data"), number],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
