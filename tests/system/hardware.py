"""Computers that qemu can play: how each one is started, and from what of its disk."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.system.disks import boot_file, copy_boot_file
from tests.system.large_pages import kernel

UEFI = "/usr/share/ovmf/OVMF.fd"


@dataclass(frozen=True)
class Hardware:
    """A kind of computer: qemu's words for it, but for what is plugged in by cable."""

    words: Callable[[Path, Path], list[str]]
    network: str
    # The Raspberry Pi 3 has its network by USB, and only one cable.
    has_cable: bool = True


def pc(*firmware: str) -> Hardware:
    """An x86-64 computer, by UEFI or BIOS."""

    def words(disk: Path, _: Path) -> list[str]:
        # Without cx16, which a Debian kernel of 6.12 does not survive in the emulation of qemu 7.2.
        machine = ["qemu-system-x86_64", "-machine", "q35", "-cpu", "max,-cx16", "-smp", "2"]
        machine += ["-m", "1024", *firmware, *drive(disk, "virtio")]
        return [*machine, "-device", "i6300esb", "-device", "virtio-rng-pci"]

    return Hardware(words, "virtio-net-pci")


def arm(disk: Path, folder: Path) -> list[str]:
    """A computer with the processor of a Raspberry Pi 4; the rest is of no real one."""
    machine = ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a72", "-smp", "2"]
    machine += ["-m", "1024", *drive(disk, "virtio"), "-device", "virtio-rng-pci"]
    return [*machine, *what_firmware_starts(disk, folder, " console=ttyAMA0")]


def arm_16k(first: Path, _: Path) -> list[str]:
    """A computer with the processor of a Raspberry Pi 5 and its pages, without a disk."""
    machine = ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a76", "-smp", "2"]
    machine += ["-m", "2048", "-device", "virtio-rng-pci", "-kernel", str(kernel())]
    return [*machine, "-initrd", str(first), "-append", "console=ttyAMA0 panic=30"]


def pi_3(disk: Path, folder: Path) -> list[str]:
    """A Raspberry Pi 3B with its card; described by the file that its firmware would choose."""
    tree = copy_boot_file(disk, "bcm2837-rpi-3-b.dtb", folder)
    machine = ["qemu-system-aarch64", "-machine", "raspi3b", "-dtb", str(tree), *drive(disk, "sd")]
    # Its first serial line leads to its Bluetooth. As soon as somebody begins to feed its watchdog,
    # qemu starts it anew.
    return [
        *machine,
        *("-serial", "null"),
        *what_firmware_starts(disk, folder, " systemd.watchdog_sec=0"),
    ]


def drive(disk: Path, plug: str) -> list[str]:
    return ["-drive", f"file={disk},format=raw,if={plug},cache=writethrough"]


def what_firmware_starts(disk: Path, folder: Path, more: str = "") -> list[str]:
    """Read config.txt as a Raspberry Pi's firmware does; give to qemu what it names."""
    config = told(boot_file(disk, "config.txt"))
    kernel = copy_boot_file(disk, config["kernel"], folder)
    first = copy_boot_file(disk, config["initramfs"].split()[0], folder)
    line = boot_file(disk, "cmdline.txt").strip() + more
    return ["-kernel", str(kernel), "-initrd", str(first), "-append", line]


def told(config: str) -> dict[str, str]:
    """Take config.txt apart: NAME=VALUE, and initramfs FILE followkernel."""
    found = {}
    for line in config.splitlines():
        name, _, value = line.strip().replace(" ", "=", 1).partition("=")
        if name and not name.startswith(("#", "[")):
            found[name] = value
    return found


KINDS = {
    "uefi": pc("-bios", UEFI),
    "bios": pc(),
    "arm": Hardware(arm, "virtio-net-pci"),
    "arm-16k": Hardware(arm_16k, "virtio-net-pci", has_cable=False),
    "pi-3": Hardware(pi_3, "usb-net", has_cable=False),
}
