"""Secrets that are given to a command: in a file, typed when asked, or in the command itself.

What stands in a command is read by everybody on the computer while it runs (`ps`), and the shell
keeps it.
"""

import getpass
import re
import sys
from pathlib import Path
from typing import Final

ASK: Final = "-"
# A password in an address, as in smtps://ann:secret@host.
_LOGIN: Final = re.compile(r"://[^/@\s]*:[^/@\s]+@")


def warn_of_seen(what: str, better: str) -> None:
    """Say that others could see it, and what does not show it."""
    sys.stderr.write(
        f"hearth: {what} in a command is seen by others on this computer and kept by the shell;"
        f" better {better}\n"
    )


def holds_login(text: str) -> bool:
    """Tell whether it is an address with a password in it."""
    return _LOGIN.search(text) is not None


def read_secret(place: str, prompt: str) -> str:
    """Read one from a file; "-" asks for it, or takes a line of the input. Raises OSError."""
    if place != ASK:
        return Path(place).expanduser().read_text("utf-8").strip()
    typed = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()
    return typed.strip()
