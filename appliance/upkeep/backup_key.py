"""The key that opens the backups, made to be written on paper and typed again."""

import secrets
from pathlib import Path
from typing import Final

from appliance.base.secret_files import read_or_create

KEY_FILE: Final = "backup-key"
# 125 bits, in letters and digits that cannot be taken for one another.
LETTERS: Final = "23456789abcdefghijkmnpqrstuvwxyz"
GROUPS: Final = 5
GROUP_LETTERS: Final = 5


def key_of(key_file: Path) -> str:
    """Give the key of this network's backups, made when it is first asked for."""
    return read_or_create(key_file, make_key)


def make_key() -> str:
    """Make a key that can be read aloud."""
    groups = ("".join(secrets.choice(LETTERS) for _ in range(GROUP_LETTERS)) for _ in range(GROUPS))
    return "-".join(groups)


def as_typed(text: str) -> str:
    """Take a key however it was typed: large letters, spaces in the place of dashes."""
    return "-".join(text.lower().replace("-", " ").split())
