"""How restic is to call `ssh`: with the network's own key, and without anybody to ask.

A host is believed when it is first met and has to show the same key from then on. What is stored is
encrypted and sealed before it leaves, so a false host learns nothing and can only lose it.
"""

import re
import shlex
from pathlib import Path
from typing import Final

from appliance.backup.engine import BackupFailed, Way
from appliance.upkeep.backup_ssh import SshFiles

# sftp:USER@HOST:/FOLDER, or sftp://USER@HOST:PORT//FOLDER; both as restic takes them.
_URL: Final = re.compile(r"sftp://(?P<login>[^/:\s]+|[^/\s]*\[[^\]\s]+\])(:(?P<port>\d+))?/\S*")
_SHORT: Final = re.compile(r"sftp:(?P<login>[^/:\s]+|[^/\s]*\[[^\]\s]+\]):\S*")
_OPTIONS: Final = (
    "BatchMode=yes",
    "StrictHostKeyChecking=accept-new",
    "ConnectTimeout=20",
    "ServerAliveInterval=30",
    "ServerAliveCountMax=4",
)


def way(place: str, files: SshFiles, cache: Path) -> Way:
    """Tell restic the way to a place of SFTP. Raises BackupFailed."""
    found = _URL.fullmatch(place) or _SHORT.fullmatch(place)
    login = found["login"] if found else "-"
    # What begins with a dash would be an option of ssh.
    if found is None or login.startswith("-"):
        raise BackupFailed(
            f"{place} is no place",
            "sftp:USER@HOST:/FOLDER or sftp://USER@HOST:PORT//FOLDER",
            "write it like that",
        )
    port = found.groupdict().get("port")
    known = f'UserKnownHostsFile="{files.hosts}" ~/.ssh/known_hosts'
    heard = cache / "ssh-words"
    words = ["ssh", "-E", str(heard), "-i", str(files.key), *(["-p", port] if port else [])]
    for option in (*_OPTIONS, known):
        words += ["-o", option]
    words += [login.replace("[", "").replace("]", ""), "-s", "sftp"]
    # restic reads a list of options, parted by commas, out of each of its own.
    command = shlex.join(words).replace('"', '""')
    return Way(("-o", f'"sftp.command={command}"'), heard)
