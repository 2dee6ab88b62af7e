"""Put a root file system on the image of a disk.

Nothing is mounted: every file system is made as a file, then joined behind a table of partitions.
`any` is started by every x86-64 computer, old or new: behind a GPT, with GRUB as its own installer
would write it, for BIOS (a partition of its own, and the first sector) and for UEFI. `pi` is for
Raspberry Pis, of which the older ones know nothing but an MBR and a FAT.
"""

import argparse
import os
import struct
import subprocess
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
MEGABYTE = 1 << 20
FIRST_FREE = 2048
GRUB = Path("/usr/lib/grub")
MODULES = "part_gpt part_msdos ext2 fat search search_label configfile normal linux echo test"
FIND = "search --no-floppy --label hearth-root --set root\nconfigfile ($root)/boot/grub/grub.cfg\n"
BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
ROOT_X86_64 = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
FAT_MEGABYTES = {"any": 128, "pi": 512}
# Room for what comes before the root is grown, and for updates where it cannot be.
SPARE_MEGABYTES = 200


@dataclass(frozen=True)
class Part:
    """A partition: what is in it, and what the table says of it."""

    content: Path
    fields: str

    @property
    def sectors(self) -> int:
        """Its size, in whole megabytes."""
        return -(-self.content.stat().st_size // MEGABYTE) * (MEGABYTE // SECTOR)


def run(*command: str | Path, typed: str | None = None) -> None:
    subprocess.run(list(map(str, command)), check=True, input=typed, text=True, stdout=2)  # noqa: S603


def named(seed: str) -> str:
    """Make an identifier that is the same each time."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"hearth:{seed}"))


def ext4(tree: Path, image: Path, seed: str) -> None:
    """Make the root's file system; its blocks suit the disk it will grow to."""
    used = int(
        subprocess.run(  # noqa: S603
            ["du", "-sm", "--apparent-size", str(tree)],  # noqa: S607
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()[0]
    )
    size = used * 115 // 100 + SPARE_MEGABYTES
    options = f"hash_seed={named(seed + ' order')},lazy_itable_init=0"
    run(
        *("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-i", "16384", "-J", "size=32"),
        *("-O", "^orphan_file,^metadata_csum_seed"),
        *("-L", "hearth-root", "-U", named(seed), "-E", options, "-d", tree, image, f"{size}M"),
    )


def fat(folder: Path, image: Path, megabytes: int, seed: str) -> None:
    """Make the boot partition, which any computer can write to."""
    number = named(seed).replace("-", "")[:8]
    with image.open("wb") as file:
        file.truncate(megabytes * MEGABYTE)
    run("mkfs.vfat", "-F", "32", "-n", "HEARTH", "-i", number, image)
    for path in sorted(folder.iterdir()):
        run("mcopy", "-s", "-m", "-i", image, path, "::")


def grub(form: str, image: Path, work: Path) -> None:
    """Make GRUB in one file, which looks for the root by its label."""
    config = work / "find.cfg"
    config.write_text(FIND)
    modules = [*MODULES.split(), *(["biosdisk"] if form == "i386-pc" else ["efi_gop"])]
    run("grub-mkimage", "-O", form, "-o", image, "-c", config, "-p", "/boot/grub", *modules)


def first_sector(core: Path, place: int) -> bytes:
    """Make the code of the first sector lead to GRUB at a place, as grub-install does."""
    image = bytearray(core.read_bytes())
    length = -(-len(image) // SECTOR)
    struct.pack_into("<QHH", image, 0x1F4, place + 1, length - 1, 0x820)
    core.write_bytes(image)
    code = bytearray((GRUB / "i386-pc/boot.img").read_bytes())
    struct.pack_into("<Q", code, 0x5C, place)
    # The jump for drives that give their own number wrongly.
    code[0x66:0x68] = b"\x90\x90"
    return bytes(code[:440])


def join(parts: list[Part], disk: Path, label: list[str]) -> None:
    """Write partitions one behind the other, and the table that names them."""
    lines = [*label, "unit: sectors"]
    place = FIRST_FREE
    places = []
    for part in parts:
        lines.append(f"start={place}, size={part.sectors}, {part.fields}")
        places.append(place)
        place += part.sectors
    with disk.open("wb") as file:
        file.truncate((place + FIRST_FREE) * SECTOR)
    run("sfdisk", "--quiet", disk, typed="\n".join(lines) + "\n")
    for part, where in zip(parts, places, strict=True):
        run(
            *("dd", f"if={part.content}", f"of={disk}", "bs=1M", f"seek={where * SECTOR}"),
            *("oflag=seek_bytes", "conv=notrunc,sparse", "status=none"),
        )


def any_computer(boot: Path, root: Path, work: Path, disk: Path, seed: str) -> None:
    """Join what BIOS and UEFI start from."""
    core, image = work / "core", work / "boot"
    grub("i386-pc", core, work)
    start = first_sector(core, FIRST_FREE)
    (boot / "EFI/BOOT").mkdir(parents=True)
    grub("x86_64-efi", boot / "EFI/BOOT/BOOTX64.EFI", work)
    fat(boot, image, FAT_MEGABYTES["any"], seed)
    parts = [
        Part(content, f"type={kind}, uuid={named(seed + name)}, name={name}")
        for content, kind, name in (
            (core, BIOS_BOOT, "bios"),
            (image, ESP, "boot"),
            (root, ROOT_X86_64, "root"),
        )
    ]
    join(parts, disk, ["label: gpt", f"label-id: {named(seed + ' disk')}"])
    with disk.open("r+b") as file:
        file.write(start)


def pi(boot: Path, root: Path, work: Path, disk: Path, seed: str) -> None:
    """Join what a Raspberry Pi starts from."""
    image = work / "boot"
    fat(boot, image, FAT_MEGABYTES["pi"], seed)
    number = named(seed + " disk")[:8]
    parts = [Part(image, "type=c, bootable"), Part(root, "type=83")]
    join(parts, disk, ["label: dos", f"label-id: 0x{number}"])


FORMS = {"any": any_computer, "pi": pi}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("form", choices=FORMS)
    parser.add_argument("tree", type=Path, help="the root file system")
    parser.add_argument("boot", type=Path, help="what goes on the boot partition")
    parser.add_argument("disk", type=Path, help="the image to make")
    args = parser.parse_args()
    seed = f"{args.disk.name} {os.environ['SOURCE_DATE_EPOCH']}"
    with tempfile.TemporaryDirectory(dir=args.disk.parent) as around:
        work = Path(around)
        ext4(args.tree, work / "root", seed)
        FORMS[args.form](args.boot, work / "root", work, args.disk, seed)


if __name__ == "__main__":
    main()
