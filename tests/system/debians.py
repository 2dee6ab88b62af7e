"""Root file systems of Debian, and the packages Hearth needs, made once and kept in a cache.

The mirror is the one this machine's own apt uses; its name is written into nothing that stays.
Ubuntu's is named by HEARTH_UBUNTU_MIRROR; its keys come from Debian, whose own are here.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.appliance import ROOT
from tests.system import raspberry
from tools.wheels import fetch

# Newer systemds filter system calls by a library that they only recommend.
PACKAGES = "systemd-sysv,libseccomp2,dbus,python3,python3-venv,ca-certificates,procps"
# As Debian and Python name a kind of machine.
KINDS = {"amd64": "x86_64", "arm64": "aarch64"}
OWN = next(name for name, kind in KINDS.items() if kind == os.uname().machine)
PYTHONS = {"bookworm": "3.11", "trixie": "3.13", "noble": "3.12", "resolute": "3.14"}
UBUNTUS = ("noble", "resolute")
RASPBERRY = "raspberry"
UBUNTU_MIRROR = "HEARTH_UBUNTU_MIRROR"
# Which programs the kernel has run by another.
BINFMT = Path("/proc/sys/fs/binfmt_misc")
# What a machine without a screen, and a test without a reader, have no use for.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "hearth-system-tests"


def kind_of(system: str) -> str:
    """Give the kind of machine that a system is for: "bookworm/arm64", or "bookworm" for ours."""
    return system.partition("/")[2] or OWN


def root_file_system(system: str) -> Path:
    """Give the folder of a fresh Debian, to be read only; made when it is not there yet."""
    name, machine = system.partition("/")[0], kind_of(system)
    suite, made_of = _made_of(name)
    told = (name, LEFT_OUT, made_of, raspberry.SETTINGS.read_text())
    recipe = hashlib.sha256(repr(told).encode()).hexdigest()[:12]
    place = cache() / ("" if machine == OWN else machine) / f"{name}-{recipe}"
    if not place.exists():
        learn(machine)
        part = place.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        command = ["mmdebstrap", "--mode=root", "--quiet", *made_of, f"--architectures={machine}"]
        command += [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
        # apt's own user may not look into root's home, where the cache with Ubuntu's keys is.
        command.append('--aptopt=APT::Sandbox::User "root"')
        subprocess.run([*command, suite, str(part), *sources(suite)], check=True)  # noqa: S603
        (part / "etc/apt/sources.list").unlink(missing_ok=True)
        part.rename(place)
    return place


def _made_of(name: str) -> tuple[str, list[str]]:
    """Give the suite of a system and what mmdebstrap is told of it."""
    if name == RASPBERRY:
        packages = f"--include={','.join(raspberry.PACKAGES)}"
        recommended = '--aptopt=APT::Install-Recommends "true"'
        settings = f"--customize-hook={raspberry.SETTINGS}"
        return raspberry.SUITE, ["--variant=important", recommended, packages, settings]
    lean = '--aptopt=APT::Install-Recommends "false"'
    return name, ["--variant=minbase", lean, f"--include={PACKAGES}"]


def bare(suite: str, machine: str) -> Path:
    """Give the folder of a Debian without anything that not every Debian has, to be read only."""
    place = cache() / f"bare-{suite}-{machine}"
    if not place.exists():
        learn(machine)
        part = place.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        command = ["mmdebstrap", "--mode=root", "--variant=essential", "--quiet"]
        command += [f"--architectures={machine}", suite, str(part), *sources(suite)]
        subprocess.run(command, check=True)  # noqa: S603
        part.rename(place)
    return place


def learn(machine: str) -> None:
    """Let this machine run programs of another kind, by qemu."""
    if machine != OWN:
        subprocess.run([str(ROOT / "image-build/foreign.sh")], check=True)  # noqa: S603


@contextmanager
def emulated(machine: str) -> Iterator[None]:
    """Have programs of another kind of machine run by the qemu of Debian 13, whatever is here.

    For as long as that takes, all that are started on this machine. The systemd of Debian 13 makes
    processes and their views of the file system in ways that qemu knows since 9.
    """
    program = cache() / f"qemu-{KINDS[machine]}"
    if not program.exists():
        _from_package("qemu-user", f"usr/bin/qemu-{KINDS[machine]}", program)
    learn(machine)
    fields = Path(f"/usr/lib/binfmt.d/qemu-{KINDS[machine]}.conf").read_text().strip().split(":")
    name = fields[1] = f"hearth-{machine}-{os.getpid()}"
    fields[-2] = str(program)
    (BINFMT / "register").write_text(":".join(fields))
    try:
        yield
    finally:
        (BINFMT / name).write_text("-1")


def suites() -> tuple[str, ...]:
    """What installations are tried on: Ubuntu as well, where its mirror is named."""
    debians = ("trixie", "bookworm")
    return (*debians, *UBUNTUS) if UBUNTU_MIRROR in os.environ else debians


def _ubuntu_keys() -> Path:
    """Give the file of Ubuntu's keys, from the package that Debian has of them."""
    place = cache() / "ubuntu-keys.gpg"
    if not place.exists():
        keys = "usr/share/keyrings/ubuntu-archive-keyring.gpg"
        _from_package("ubuntu-keyring", keys, place)
    return place


def _from_package(package: str, name: str, place: Path) -> None:
    """Take a file out of a package of Debian 13, which need not be installed here."""
    with tempfile.TemporaryDirectory(dir=cache()) as folder:
        command = ["mmdebstrap", "--mode=root", "--variant=extract", "--quiet"]
        command += [f"--include={package}", "trixie", f"{folder}/debian"]
        subprocess.run([*command, *sources("trixie")], check=True)  # noqa: S603
        Path(folder, "debian", name).rename(place)


def sources(suite: str) -> list[str]:
    """The lines for apt: this machine's mirrors of Debian, for another suite, or Ubuntu's."""
    if suite in UBUNTUS:
        mirror, keys = os.environ[UBUNTU_MIRROR], _ubuntu_keys()
        pockets = (suite, f"{suite}-updates")
        return [f"deb [signed-by={keys}] {mirror} {pocket} main universe" for pocket in pockets]
    asked = [str(ROOT / "tools/debian_sources.sh"), suite]
    return subprocess.run(  # noqa: S603
        asked, check=True, capture_output=True, text=True
    ).stdout.splitlines()


def wheels(machine: str = OWN) -> Path:
    """Give the folder of all packages of the lock, for every Python; fetched when it changes."""
    lock = ROOT / "tools/locks/base.txt"
    recipe = hashlib.sha256(lock.read_bytes() + repr(PYTHONS).encode()).hexdigest()[:12]
    place = cache() / ("" if machine == OWN else machine) / f"wheels-{recipe}"
    if not place.exists():
        part = place.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        fetch(lock, KINDS[machine], sorted(set(PYTHONS.values())), part)
        part.rename(place)
    return place
