"""The image for Raspberry Pis: what their firmware looks for, and how it starts by qemu."""

import hashlib
import json
import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.appliance import ROOT
from tests.system.disks import boot_file, boot_files, partitions
from tests.system.first_start import (
    CODE,
    begin_network,
    check_first_start,
    check_machine,
    code_to_begin,
    talk,
)
from tests.system.hardware import told
from tests.system.virtual import VirtualMachine

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.machines]

log = logging.getLogger(__name__)

# Zero 2 W, 3, 3+, CM3, 4, 400, CM4.
TREES = (
    *("bcm2837-rpi-zero-2-w.dtb", "bcm2837-rpi-3-b.dtb", "bcm2837-rpi-3-b-plus.dtb"),
    *("bcm2837-rpi-cm3-io3.dtb", "bcm2711-rpi-4-b.dtb", "bcm2711-rpi-400.dtb"),
    "bcm2711-rpi-cm4-io.dtb",
)
USER_DATA = """#cloud-config
hostname: smiths
timezone: Europe/Berlin
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image as it is built; or one that is there already, where the environment names it."""
    if made := os.environ.get("HEARTH_IMAGE_FOR_PIS"):
        return Path(made)
    folder = tmp_path_factory.mktemp("image")
    build = [str(ROOT / "image-build/build.sh"), "arm64", "--to", str(folder)]
    subprocess.run(build, check=True)  # noqa: S603
    (made_now,) = folder.glob("*.img")
    return made_now


def test_imager_is_told_what_it_asks_for(image: Path) -> None:
    (system,) = json.loads(image.with_suffix(".imager.json").read_text())["os_list"]
    packed = image.with_name(system["url"])
    assert system["devices"] == ["pi3-64bit", "pi4-64bit"]
    assert system["init_format"] == "cloudinit"
    assert system["extract_size"] == image.stat().st_size
    assert system["image_download_size"] == packed.stat().st_size
    for name, sum_of_it in ((image, "extract_sha256"), (packed, "image_download_sha256")):
        with name.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == system[sum_of_it]
    checked = ["sha256sum", "--check", image.with_suffix(".sha256").name]
    subprocess.run(checked, cwd=image.parent, check=True)  # noqa: S603
    bill = json.loads(image.with_suffix(".cdx.json").read_text())
    assert {"raspi-firmware", "linux-image-arm64", "aiohttp"} <= {
        each["name"] for each in bill["components"]
    }


def test_firmware_finds_what_it_starts(image: Path) -> None:
    boot, root = partitions(image)
    assert (boot["type"], root["type"]) == ("c", "83")
    there = boot_files(image)
    assert {"bootcode.bin", "start.elf", "start4.elf", "fixup.dat", "fixup4.dat"} <= there
    assert set(TREES) <= there
    config = told(boot_file(image, "config.txt"))
    assert config["arm_64bit"] == "1"
    assert config["kernel"] in there
    assert config["initramfs"].split()[0] in there
    assert "root=LABEL=hearth-root" in boot_file(image, "cmdline.txt")


@pytest.mark.parametrize("kind", ["arm", "pi-3"])
def test_it_starts_with_the_wizard_and_takes_the_whole_card(image: Path, kind: str) -> None:
    with VirtualMachine(image, kind) as box:
        log.info("%s: the wizard answers after %.0f s", kind, box.start())
        code = check_first_start(box)
        log.info("%s: again after %.0f s", kind, box.start())
        assert code_to_begin(box) == code


@pytest.fixture(scope="module")
def box(image: Path) -> Iterator[VirtualMachine]:
    """A computer with a network of two, whose card Raspberry Pi Imager has written."""
    with VirtualMachine(image, "arm") as box:
        box.let_me_in()
        box.put_on_card("user-data", USER_DATA)
        box.put_on_card("hearth.txt", f"code = {CODE}\n")
        box.start()
        begin_network(box)
        yield box


async def test_two_members_talk(box: VirtualMachine) -> None:
    await talk(box)


def test_what_imager_wrote_was_done(box: VirtualMachine) -> None:
    assert box.address_of("smiths.local").startswith("fe80:")
    assert box.run("hostname").strip() == "smiths"
    assert "Berlin" in box.run("readlink /etc/localtime")
    assert CODE not in box.file_on_card("hearth.txt")


def test_the_machine_is_as_it_should_be(box: VirtualMachine) -> None:
    check_machine(box)


def test_a_new_kernel_would_find_the_card(box: VirtualMachine) -> None:
    before = box.run("cat /boot/firmware/cmdline.txt").split()
    box.run("/etc/kernel/postinst.d/z50-raspi-firmware $(uname -r)")
    after = box.run("cat /boot/firmware/cmdline.txt").split()
    assert "root=LABEL=hearth-root" in after
    assert {"net.ifnames=0", "panic=30"} <= set(after) & set(before)
