"""Root's part: take what the service asks to have installed, believe only its signature, install.

Started by hearth-update.path when the service has written `updates/wanted`. The service may be
somebody else's by now, so what it wrote is copied out of its reach before it is looked at, nothing
is read through a link, and the release must be newer than what runs and be signed by a key of
/etc/hearth. What came of it is told in a file that only root writes.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from appliance.updates.archives import BadArchive, prove, unpack
from appliance.updates.channel import (
    FILE,
    MOST_BYTES,
    MOST_SIGNATURE_BYTES,
    SIGNATURE,
    BadChannel,
    Release,
    in_order,
    read_channel,
)
from appliance.updates.installation import FOLDER, WANTED, Installation
from appliance.updates.signatures import NotSigned
from appliance.upkeep.asked import Asked
from appliance.version import VERSION

SEEN: Final = "channel-made"
RELEASE: Final = "release"


# What a question may be besides sensible: also JSON of a thousand brackets.
_REFUSED: Final = (
    *(BadArchive, BadChannel, NotSigned),
    *(OSError, KeyError, TypeError, ValueError, RecursionError),
)


def main(data: Path, installation: Installation) -> int:
    """Install what is wanted; return the exit status. A refusal is an answer, not a failure."""
    place = installation.root / FOLDER
    version = ""
    asked = Asked(data / FOLDER)
    try:
        version = str(json.loads(asked.read(WANTED, MOST_SIGNATURE_BYTES))["version"])[:20]
        if version == VERSION:
            _see_it_settled(installation.root, place)
        else:
            _install(place, take_over(asked, place, version, installation, time.time()))
    except _REFUSED as problem:
        _tell(place, version, "refused", str(problem))
        sys.stderr.write(f"hearth: {version!r} is refused: {problem}\n")
    finally:
        shutil.rmtree(place / RELEASE, ignore_errors=True)
        # Last of all: after a power cut in the middle, it is all done again.
        asked.remove(WANTED)
    return 0


def take_over(
    asked: Asked, place: Path, version: str, installation: Installation, now: float
) -> Release:
    """Copy, prove and unpack a release into `place`.

    Raises BadArchive, BadChannel, NotSigned, OSError.
    """
    if in_order(version) <= in_order(VERSION):
        raise BadChannel(f"{version} is not newer than {VERSION}, which runs")
    place.mkdir(mode=0o755, exist_ok=True)
    content = asked.read(FILE, MOST_BYTES)
    signature = asked.read(SIGNATURE, MOST_SIGNATURE_BYTES).decode("utf-8", "replace")
    seen = place / SEEN
    keys = installation.trusted()
    channel = read_channel(content, signature, keys, now=now, not_before=_seen(seen))
    release = channel.release(version)
    archive = release.archive_for(os.uname().machine)
    copy = place / "archive"
    try:
        asked.copy(archive.name, copy, archive.size)
        prove(copy, archive)
        unpack(copy, place / RELEASE)
    finally:
        copy.unlink(missing_ok=True)
    inside = (place / RELEASE / "appliance/version.py").read_text("utf-8")
    if f'VERSION = "{version}"' not in inside:
        raise BadArchive(f"the archive holds another release than {version}")
    aside = place / f".{SEEN}"
    aside.write_text(f"{channel.made}\n", "ascii")
    aside.replace(seen)
    return release


def _seen(path: Path) -> float:
    """When the newest channel that was believed here was made; 0 for none, or an unreadable note.

    Root alone writes it. A note that a power cut has emptied must not refuse every release to come.
    """
    try:
        return float(path.read_text("ascii"))
    except (FileNotFoundError, ValueError):
        return 0.0


def _install(place: Path, release: Release) -> None:
    """Let the new release's own installer do the change, and tell what came of it."""
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", str(place / RELEASE / "install.sh"), "upgrade"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    sys.stderr.write(done.stderr)
    said = [line.removeprefix("hearth: ") for line in done.stderr.splitlines() if line.strip()]
    state = "installed" if done.returncode == 0 else "back"
    _tell(place, release.version, state, "" if state == "installed" else " ".join(said[-2:]))


def _see_it_settled(root: Path, place: Path) -> None:
    """Tell what came of a change that went on by itself after a power cut."""
    while (root / "change").exists():
        time.sleep(1.0)
    result = (root / "result").read_text("utf-8").strip()
    _tell(place, VERSION, "installed" if result.startswith("now ") else "back", result)


def _tell(place: Path, version: str, state: str, reason: str) -> None:
    answer = {"version": version, "state": state, "reason": reason[:500], "at": time.time()}
    place.mkdir(mode=0o755, exist_ok=True)
    aside = place / ".answer.json"
    aside.write_text(json.dumps(answer), "utf-8")
    aside.chmod(0o644)
    aside.replace(place / "answer.json")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Installation()))
