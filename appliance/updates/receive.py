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
    except (BadArchive, BadChannel, NotSigned, OSError, KeyError, TypeError, ValueError) as problem:
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
    not_before = float(seen.read_text("ascii")) if seen.exists() else 0.0
    keys = installation.trusted()
    channel = read_channel(content, signature, keys, now=now, not_before=not_before)
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
    seen.write_text(f"{channel.made}\n", "ascii")
    return release


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
