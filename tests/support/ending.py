"""Ending programs that tests began: nobody waits for them without end, and none is left behind."""

import signal
import subprocess
from contextlib import suppress
from typing import Any

SECONDS_TO_STOP = 90.0


def end(process: subprocess.Popen[Any], number: int = signal.SIGTERM) -> int:
    """Ask a process to end; give its exit status.

    One that stays is told to abort, upon which Python shows where each thread stands, if
    PYTHONFAULTHANDLER was set for it. Then it is killed.
    """
    process.send_signal(number)
    try:
        return process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS_TO_STOP)
        kill(process)
        raise


def kill(process: subprocess.Popen[Any]) -> None:
    """End a process as a power cut would."""
    process.kill()
    process.wait(SECONDS_TO_STOP)
