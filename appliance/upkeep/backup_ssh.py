"""The SSH key by which this network opens its storage, and the hosts it has met.

Both are files of the network's own: a service has no terminal to be asked at, and none of a
person's keys.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.base.secret_files import read_or_create
from appliance.settings_groups import Paths

SFTP: Final = "sftp:"
COMMENT: Final = "hearth-backup"


@dataclass(frozen=True)
class SshFiles:
    """Where the key is, and which key each host has shown (as in OpenSSH's known_hosts)."""

    key: Path
    hosts: Path

    @classmethod
    def of(cls, paths: Paths) -> "SshFiles":
        return cls(paths.secret("backup-ssh-key"), paths.secret("backup-ssh-hosts"))

    def made(self) -> "SshFiles":
        """See that there is a key."""
        read_or_create(self.key, _make_key)
        return self

    def public_line(self) -> str:
        """Give the line for the storage's `authorized_keys`."""
        private = serialization.load_ssh_private_key(self.made().key.read_bytes(), None)
        line = private.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        return f"{line.decode('ascii')} {COMMENT}"


def _make_key() -> str:
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        .decode("ascii")
        .strip()
    )
