"""What an owner writes on the boot partition of an image, read and done; no machine is needed."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.appliance import ROOT

PLACE = ROOT / "image-build/root/usr/lib/hearth/card.py"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7h ann@laptop"


@pytest.fixture(scope="module")
def card() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hearth_card", PLACE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Box:
    """A root file system and a boot partition, in folders."""

    def __init__(self, module: ModuleType, place: Path) -> None:
        self.module = module
        self.root = place / "root"
        self.card = place / "card"
        zone = self.root / "usr/share/zoneinfo/Europe/Berlin"
        zone.parent.mkdir(parents=True)
        zone.touch()
        (self.root / "etc").mkdir()
        (self.root / "etc/localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
        self.card.mkdir()

    def start(self, **files: str) -> str:
        """Write files, let the computer read them, and give what it said."""
        for name, text in files.items():
            (self.card / name.replace("__", "-").replace("_txt", ".txt")).write_text(text)
        # What Imager writes is YAML; JSON is YAML too.
        self.module.main(self.module.Computer(self.root, self.card), json.loads)
        return (self.card / "hearth-said.txt").read_text()

    def has(self, name: str) -> str:
        return (self.root / name).read_text()


@pytest.fixture
def box(card: ModuleType, tmp_path: Path) -> Box:
    return Box(card, tmp_path)


def test_a_name_wifi_a_code_and_a_time_zone_by_a_text_file(box: Box) -> None:
    text = '\ufeffname = Smiths\r\nwifi-name = Our house\r\nwifi-password = correct "horse", so\r\n'
    text += "wifi-country = de\r\ncode = OURS-2026\r\ntimezone = Europe/Berlin\r\n"
    said = box.start(hearth_txt=text)
    assert "not done" not in said
    assert "OURS" not in said
    assert "horse" not in said
    assert box.has("etc/hostname") == "smiths\n"
    assert "127.0.1.1 smiths" in box.has("etc/hosts")
    wifi = box.has("etc/wpa_supplicant/hearth.conf")
    assert "country=DE\n" in wifi
    assert f"ssid={b'Our house'.hex()}\n" in wifi
    assert "horse" not in wifi
    assert (box.root / "etc/wpa_supplicant/hearth.conf").stat().st_mode & 0o077 == 0
    assert box.has("var/lib/hearth/secrets/claim-code") == "OURS-2026"
    assert str((box.root / "etc/localtime").readlink()) == "/usr/share/zoneinfo/Europe/Berlin"


def test_secrets_are_taken_from_the_card_and_the_next_start_changes_nothing(box: Box) -> None:
    box.start(hearth_txt='wifi-name = x\nwifi-password = correct "horse", so\ncode = OURS-2026\n')
    wifi = box.has("etc/wpa_supplicant/hearth.conf")
    left = (box.card / "hearth.txt").read_text()
    assert left == "wifi-name = x\nwifi-password = (taken)\ncode = (taken)\n"
    (box.root / "var/lib/hearth/admin.json").touch()
    assert "not done" not in box.start()
    assert box.has("etc/wpa_supplicant/hearth.conf") == wifi
    assert (box.card / "hearth.txt").read_text() == left


def test_the_key_of_wifi_is_that_of_the_standard(box: Box) -> None:
    # The test vector of IEEE 802.11, annex on passphrases.
    box.start(hearth_txt="wifi-name = IEEE\nwifi-password = password\n")
    key = "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
    assert f"psk={key}\n" in box.has("etc/wpa_supplicant/hearth.conf")


def test_what_imager_leaves_for_cloud_init(box: Box) -> None:
    ann = {"name": "ann", "ssh_authorized_keys": [KEY], "passwd": "$6$x"}
    point = {"Our house": {"password": "correct horse"}}
    wifis = {"wlan0": {"access-points": point, "regulatory-domain": "NL"}}
    said = box.start(
        user__data=json.dumps({"hostname": "pi", "users": [ann]}, indent=1),
        network__config=json.dumps({"network": {"version": 2, "wifis": wifis}}, indent=1),
    )
    assert "not done" not in said
    assert box.has("etc/hostname") == "pi\n"
    assert box.has("root/.ssh/authorized_keys") == f"{KEY}\n"
    assert "country=NL" in box.has("etc/wpa_supplicant/hearth.conf")
    assert "correct horse" not in (box.card / "network-config").read_text()
    assert "$6$x" not in (box.card / "user-data").read_text()
    wifi = box.has("etc/wpa_supplicant/hearth.conf")
    assert "not done" not in box.start()
    assert box.has("etc/wpa_supplicant/hearth.conf") == wifi


def test_ssh_has_the_keys_of_the_card_and_none_without_it(box: Box) -> None:
    box.start(authorized_keys=f"{KEY}\n")
    assert box.has("root/.ssh/authorized_keys") == f"{KEY}\n"
    (box.card / "authorized_keys").unlink()
    assert "ssh: off" in box.start()
    assert not (box.root / "root/.ssh/authorized_keys").exists()
    assert "ssh: not done" in box.start(authorized_keys="PRIVATE KEY\n")
    assert not (box.root / "root/.ssh/authorized_keys").exists()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("name = two words", "letters, digits and hyphens"),
        ("code = short", "8 to 64"),
        ("timezone = ../etc/passwd", "no such time zone"),
        ("wifi-name = x\nwifi-password = short", "8 to 63"),
        ("wifi-name = x\nwifi-country = Germany", "two letters"),
        ("wifi-nmae = x", "nothing is known of 'wifi-nmae'"),
    ],
)
def test_what_cannot_be_done_is_said_and_stops_nothing_else(box: Box, line: str, why: str) -> None:
    said = box.start(hearth_txt=f"{line}\n", authorized_keys=KEY)
    assert why in said
    assert box.has("root/.ssh/authorized_keys") == f"{KEY}\n"


def test_a_file_that_is_no_yaml_stops_nothing_else(box: Box) -> None:
    said = box.start(user__data="{", network__config="[1]", hearth_txt="name = here\n")
    assert "user-data: cannot be read" in said
    assert box.has("etc/hostname") == "here\n"


def test_a_code_is_for_networks_without_owner(box: Box) -> None:
    data = box.root / "var/lib/hearth"
    data.mkdir(parents=True)
    (data / "admin.json").touch()
    assert "has an owner" in box.start(hearth_txt="code = OURS-2026\n")
    assert not (data / "secrets").exists()
