"""The network's recovery sheet: its rotation key on paper, and back from paper into the file.

The key of the backups is on it too, which hold everything else.

The key stands in the identity (did:plc) of every member who has none of their own. With it, and
nothing else, identities can be brought to a new server; a network built anew takes it over before
its first start.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.atproto.crypto import PrivateKey
from appliance.base.paper_words import UnreadableWords, bytes_of, words_of
from appliance.base.secret_files import replace_secret
from appliance.upkeep.backup_key import KEY_FILE as BACKUP_KEY_FILE
from appliance.upkeep.backup_key import key_of

KEY_BYTES: Final = 32
KEY_FILE: Final = "plc-rotation-key"


class NoKeyYet(LookupError):
    """The network was never started, so that it has no key."""


class KeyInPlace(ValueError):
    """There is another key already; it is not written over."""


@dataclass(frozen=True)
class RecoverySheet:
    """What is printed: the key as words and as hexadecimal digits, and its public half.

    `backup_key` opens the backups.
    """

    words: list[str] = field(repr=False)
    digits: str = field(repr=False)
    public: str
    backup_key: str = field(repr=False)


def sheet_of(key_file: Path) -> RecoverySheet:
    """Read the key. Raises NoKeyYet."""
    try:
        digits = key_file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise NoKeyYet("this network was never started, so it has no key yet") from None
    secret = bytes.fromhex(digits)
    public = PrivateKey.from_bytes("k256", secret).public.did_key
    backup_key = key_of(key_file.with_name(BACKUP_KEY_FILE))
    return RecoverySheet(words_of(secret), digits, public, backup_key)


def restore(key_file: Path, text: str) -> str:
    """Write the key that words stand for into a network that has none; return its public half.

    Raises UnreadableWords, KeyInPlace.
    """
    secret = bytes_of(text)
    if len(secret) != KEY_BYTES:
        raise UnreadableWords([])
    public = PrivateKey.from_bytes("k256", secret).public.did_key
    if key_file.exists() and key_file.read_text(encoding="ascii").strip() != secret.hex():
        raise KeyInPlace("this network has another key; put it back into an empty data folder")
    key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_secret(key_file, secret.hex())
    return public
