"""Make a release: an archive of this checkout, and the signed channel that names it.

    tools/release.sh key release.key             once: the key of who publishes; keep it offline
    tools/release.sh make FOLDER --key FILE      an archive, and FOLDER/channel.json, signed

FOLDER is then put where `update.channel` of the networks leads: on a web server, or on a stick.
The same commit gives the same archive, byte for byte. With --packages, archives for a processor
bring along all Python packages, so that the machine needs no network. Each holds a bill of
materials (CycloneDX), hearth.cdx.json.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.updates.archives import describe, make_archive
from appliance.updates.channel import ANY_MACHINE, FILE, SIGNATURE, in_order
from appliance.updates.signatures import NotSigned, PublisherKey
from tools.bill import bill, locked
from tools.wheels import PYTHONS, fetch

ROOT = Path(__file__).resolve().parents[1]
# As systemd/machine.sh copies them.
CONTENTS = (
    *("appliance", "web", "tools", "systemd"),
    *("install.sh", "pyproject.toml", "README.md", "CHANGES.md"),
)
MACHINES = ("x86_64", "aarch64")
KEPT = 20
BILL = "hearth.cdx.json"
TIME = "%Y-%m-%dT%H:%M:%SZ"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="tools/release.sh", description=__doc__.partition("\n")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    key = commands.add_parser("key", help="make the key of who publishes")
    key.add_argument("file", type=Path)
    make = commands.add_parser("make", help="make a release of this checkout")
    make.add_argument("folder", type=Path)
    make.add_argument("--key", type=Path, required=True, help="the secret key")
    make.add_argument("--packages", nargs="*", choices=MACHINES, default=[], metavar="MACHINE")
    make.add_argument("--days", type=int, default=180, help="how long the channel's word counts")
    args = parser.parse_args()
    try:
        make_key(args.file) if args.command == "key" else make_release(args)
    except (NotSigned, OSError, ValueError, subprocess.CalledProcessError) as problem:
        sys.exit(f"release: {problem}")


def make_key(path: Path) -> None:
    """Write a new key and its public half beside it; never over one that is there."""
    key = PublisherKey.generate()
    path.touch(0o600, exist_ok=False)
    path.write_text(key.secret_text, "ascii")
    public = path.with_suffix(".pub")
    public.write_text(key.public_text, "ascii")
    print(f"{path} is secret; {public} goes to those who trust it, as /etc/hearth/release.pub")


def make_release(args: argparse.Namespace) -> None:
    key = PublisherKey.parse(args.key.read_text("ascii"))
    version = re.search(
        r'^VERSION = "(.+)"$', (ROOT / "appliance/version.py").read_text(), re.MULTILINE
    )[1]
    changes = changes_of(version)
    channel = args.folder / FILE
    told = json.loads(channel.read_text()) if channel.exists() else {"releases": []}
    args.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as around:
        public = Path(around, "release.pub")
        public.write_text(key.public_text, "ascii")
        files = {**committed_files(), "release.pub": public, BILL: Path(around, BILL)}
        parts = locked(ROOT / "tools/locks/base.txt")
        files[BILL].write_text(bill("application", version, git("rev-parse", "HEAD"), parts))
        time = int(git("log", "-1", "--format=%ct"))
        archives = [pack(args.folder, version, ANY_MACHINE, files, time)]
        for machine in args.packages:
            wheels = wheels_for(machine, Path(around, machine))
            archives.append(pack(args.folder, version, machine, {**files, **wheels}, time))
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    release = {
        "version": version,
        "date": datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d"),
        "python": oldest.removeprefix(">="),
        "changes": changes,
        "archives": archives,
    }
    others = [each for each in told["releases"] if each["version"] != version]
    now = datetime.now(UTC)
    channel_now = {
        "hearth": 1,
        "made": now.strftime(TIME),
        "until": (now + timedelta(days=args.days)).strftime(TIME),
        "releases": sorted([release, *others], key=lambda one: in_order(one["version"]))[-KEPT:],
    }
    content = json.dumps(channel_now, indent=1, ensure_ascii=False).encode()
    # The signature first: between the two, nobody believes anything, and asks again.
    signature = key.sign(content, f"hearth channel {channel_now['made']}")
    (args.folder / SIGNATURE).write_text(signature, "utf-8")
    channel.write_bytes(content)
    for archive in archives:
        print(f"{archive['name']}  {archive['size']} bytes  sha256 {archive['sha256']}")


def changes_of(version: str) -> str:
    """Find what CHANGES.md says of a version."""
    text = (ROOT / "CHANGES.md").read_text("utf-8")
    found = re.search(rf"^## {re.escape(version)}\b.*\n+((?:(?!## ).*\n?)*)", text, re.MULTILINE)
    if not found or not found[1].strip():
        raise ValueError(f"CHANGES.md says nothing of {version}")
    return found[1].strip()


def committed_files() -> dict[str, Path]:
    if git("status", "--porcelain", "--", *CONTENTS):
        raise ValueError("there are changes that are not committed: commit them first")
    return {name: ROOT / name for name in git("ls-files", "--", *CONTENTS).splitlines()}


def git(*args: str) -> str:
    command = ["git", "-C", str(ROOT), *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603


def wheels_for(machine: str, folder: Path) -> dict[str, Path]:
    """Fetch what the lock names, for every Python on a kind of processor."""
    fetch(ROOT / "tools/locks/base.txt", machine, PYTHONS, folder)
    return {f"wheels/{path.name}": path for path in folder.iterdir()}


def pack(
    folder: Path, version: str, machine: str, files: dict[str, Path], time: int
) -> dict[str, object]:
    """Write an archive; what was published once under a name stays as it is."""
    ending = "" if machine == ANY_MACHINE else f"-{machine}"
    target = folder / f"hearth-{version}{ending}.tar.gz"
    before = describe(target, machine) if target.exists() else None
    aside = target.with_suffix(".part")
    make_archive(files, aside, time)
    made = describe(aside, machine)
    if before and before.sha256 != made.sha256:
        aside.unlink()
        raise ValueError(f"{target.name} was published with other content: raise the version")
    aside.replace(target)
    return {"machine": machine, "name": target.name, "size": made.size, "sha256": made.sha256}


if __name__ == "__main__":
    main()
