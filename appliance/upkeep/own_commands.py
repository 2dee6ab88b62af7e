"""Work that the running network gives to a process of its own: `hearth backup`, `hearth update`.

It is last in line for the processor and the disk, so that nobody who reads or writes has to wait.
"""

import asyncio
import contextlib
import logging
import sys
from pathlib import Path
from typing import Final

from appliance.base import cores

log = logging.getLogger(__name__)

NICENESS: Final = 15
# Of those that workers have to stop.
SECONDS_TO_END: Final = 2.0


async def run_command(what: str, action: str, data: Path, *options: str) -> bool:
    """Run a command of ours for a data folder to its end; tell whether it went well."""
    log.info("%s begins action=%s", what, action)
    command = [sys.executable, "-m", "appliance", what, action, "--data", str(data), *options]
    with cores.spread():
        child = await asyncio.create_subprocess_exec(
            *("nice", "-n", str(NICENESS), *command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    try:
        _, said = await child.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            child.terminate()
            # It puts away what it has begun.
            async with asyncio.timeout(SECONDS_TO_END):
                await child.wait()
    if child.returncode == 0:
        log.info("%s ended action=%s", what, action)
        return True
    text = " ".join(said.decode("utf-8", "replace").split())
    log.error("%s failed action=%s reason=%s", what, action, text[-500:])
    return False
