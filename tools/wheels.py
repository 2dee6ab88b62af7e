"""Fetch the packages that a lock pins, for other Pythons and processors than those at hand."""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
WHEELS_FOR = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")

# A pinned package: its name and version, on what condition, and its hashes.
ENTRY = re.compile(
    r"(?m)^(?P<pin>[\w.-]+==[^\s;]+)(?: ; (?P<on>[^\\\n]+?))? \\\n(?P<hashes>(?: +--hash.+\n?)+)"
)
BELOW = re.compile(r"python_full_version < '([\d.]+)'")


def fetch(lock: Path, machine: str, pythons: Iterable[str], folder: Path) -> None:
    """Bring into a folder what a lock names, for each Python on a kind of processor."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--require-hashes", "--only-binary=:all:"]
    command += [f"--platform={name}_{machine}" for name in WHEELS_FOR]
    command += ["-d", str(folder)]
    for python in pythons:
        with TemporaryDirectory() as aside:
            ours = Path(aside, "lock.txt")
            ours.write_text(lock_for(lock.read_text("ascii"), python), "ascii")
            subprocess.run([*command, f"--python-version={python}", "-r", str(ours)], check=True)  # noqa: S603


def lock_for(lock: str, python: str) -> str:
    """Give the part of a lock that is for a Python, without conditions.

    pip would ask those of the Python that it runs with itself, whatever `--python-version` says.
    """
    kept = []
    for entry in ENTRY.finditer(lock):
        below = BELOW.search(entry["on"] or "")
        if not below or _numbers(python) < _numbers(below[1]):
            kept.append(f"{entry['pin']} \\\n{entry['hashes']}")
    return "".join(kept)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
