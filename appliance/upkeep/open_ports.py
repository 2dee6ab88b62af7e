"""Root's part: open ports 80 and 443 for the service, or close what it opened; nothing else.

Started by hearth-ports.path when the service has written `ports/wanted`, in which nothing counts
but which of the two are named. A port is opened by enabling its socket unit; the service gets it
when it starts anew, and systemd holds it meanwhile, so that nobody is refused. What somebody else
has is left to them: the unit is disabled again. Units that root itself enabled are never closed.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from appliance.upkeep.asked import Asked
from appliance.upkeep.low_ports import (
    ANSWER,
    FOLDER,
    UNITS,
    WANTED,
    Opened,
    boot_now,
    read_wish,
)

SERVICE: Final = "hearth.service"
LONGEST_WISH: Final = 100

# Runs systemctl with these words; tells whether it was done.
Control: TypeAlias = Callable[..., bool]


def main(data: Path, answer: Path, control: Control) -> int:
    """Do what is wanted; return the exit status. A refusal is an answer, not a failure."""
    try:
        asked = Asked(data / FOLDER)
        try:
            settle(read_wish(asked.read(WANTED, LONGEST_WISH)), answer, control)
        finally:
            # Last of all: after a power cut in the middle, it is all done again.
            asked.remove(WANTED)
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"hearth: refused: {problem}\n")
    return 0


def settle(wanted: frozenset[int], answer: Path, control: Control) -> None:
    """Open and close until what this part has opened is what is wanted. Raises OSError."""
    before = Opened.read(answer)
    missing = frozenset(port for port in wanted if not control("is-active", UNITS[port]))
    # Before it is done, so that what was opened is known to be ours whatever comes between; and
    # the service, when it starts, sees that it has asked.
    told = Opened(wanted, before.opened | missing, frozenset(), boot_now())
    told.write(answer)
    for port in before.opened - wanted:
        _close(port, control)
    for port in missing:
        control("enable", UNITS[port])
    if missing:
        control("restart", SERVICE)
    failed = frozenset(port for port in missing if not control("is-active", UNITS[port]))
    for port in failed:
        _close(port, control)
        control("reset-failed", UNITS[port])
    replace(told, opened=(told.opened & wanted) - failed, failed=failed).write(answer)
    sys.stderr.write(f"hearth: open {sorted(wanted - failed)}, not to be had {sorted(failed)}\n")


def _close(port: int, control: Control) -> None:
    control("disable", UNITS[port])
    control("stop", UNITS[port])


def _systemctl(*words: str) -> bool:
    command = ["systemctl", "--quiet", *words]
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 0  # noqa: S603


def _run() -> int:
    change = ANSWER.with_name("change")
    # A change of release starts the service anew by itself, and wants to see it running.
    while change.exists():
        time.sleep(1.0)
    return main(Path(sys.argv[1]), ANSWER, _systemctl)


if __name__ == "__main__":
    sys.exit(_run())
