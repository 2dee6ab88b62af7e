"""A computer for arm64 whose memory has pages of 16 kB, as a Raspberry Pi 5 starts by itself.

It has no disk: the kernel is Debian's for such pages, and all that it starts is a Debian of some
packages, unpacked and not installed, with the single file of Hearth in it, held in memory.
"""

import hashlib
import lzma
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.system.debians import cache, sources

KERNEL, SUITE = "linux-image-arm64-16k", "trixie"
# The oldest that the single file runs on.
PROGRAMS = "dash,coreutils,libc-bin,libstdc++6,tar,gzip,util-linux,mount,kmod,iproute2"
OF = "bookworm"
# For the network of qemu, each after what it needs.
MODULES = ("core/failover", "net/net_failover", "net/virtio_net")
DATA = "var/lib/hearth"
INIT = f"""#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root HEARTH_DOOR_PORT=80
mkdir -p /proc /sys /dev /run /tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm
for place in /dev/shm /tmp /run; do mount -t tmpfs tmpfs $place; done
for module in /modules/*; do insmod $module; done
echo smiths >/proc/sys/kernel/hostname
ip link set lo up
ip address add 10.0.2.15/24 dev eth0
ip link set eth0 up
echo "pages of $(getconf PAGESIZE)"
/hearth run --data /{DATA}
echo "it ended with $?"
sleep 3600
"""


def unpacked(packages: str, suite: str) -> Path:
    """Give the folder of packages for arm64, unpacked; fetched when it is not there yet."""
    recipe = hashlib.sha256(f"{suite} {packages}".encode()).hexdigest()[:12]
    place = cache() / f"unpacked-{recipe}"
    if not place.exists():
        part = place.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        command = ["mmdebstrap", "--mode=root", "--variant=extract", "--quiet"]
        command += ['--aptopt=APT::Install-Recommends "false"', "--architectures=arm64"]
        command += [f"--include={packages}", suite, str(part)]
        subprocess.run([*command, *sources(suite)], check=True)  # noqa: S603
        part.rename(place)
    return place


def kernel() -> Path:
    (found,) = (unpacked(KERNEL, SUITE) / "boot").glob("vmlinuz-*")
    return found


def first_files(hearth: Path, known: Mapping[str, str], folder: Path) -> Path:
    """Make what the kernel unpacks into memory and starts: a Debian, and Hearth as one file.

    known: its secrets, by the names of their files.
    """
    tree = folder / "tree"
    # Devices are in it, too.
    copy = ["cp", "--archive", str(unpacked(PROGRAMS, OF)), str(tree)]
    subprocess.run(copy, check=True)  # noqa: S603
    (tree / "modules").mkdir()
    for number, name in enumerate(MODULES):
        (packed,) = (unpacked(KERNEL, SUITE) / "usr/lib/modules").glob(f"*/kernel/*/{name}.ko.xz")
        module = lzma.decompress(packed.read_bytes())
        (tree / f"modules/{number}-{packed.stem}").write_bytes(module)
    shutil.copy(hearth, tree / "hearth")
    secrets = tree / DATA / "secrets"
    secrets.mkdir(parents=True)
    for name, text in known.items():
        (secrets / name).write_text(text)
        (secrets / name).chmod(0o600)
    for path in (secrets.parent, secrets):
        path.chmod(0o700)
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tree / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    archive = folder / "first"
    names = subprocess.run(
        ["find", ".", "-print0"],  # noqa: S607
        cwd=tree,
        check=True,
        capture_output=True,
    ).stdout
    with archive.open("wb") as file:
        pack = ["cpio", "--null", "--create", "--format=newc", "--owner=0:0", "--quiet"]
        subprocess.run(pack, cwd=tree, check=True, input=names, stdout=file)  # noqa: S603
    shutil.rmtree(tree)
    return archive
