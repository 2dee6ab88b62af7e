"""Disks by USB, named as udev tells of them."""

from pathlib import Path

from appliance.upkeep.usb_disks import plugged_in

USB = "E:ID_BUS=usb\nE:ID_FS_USAGE=filesystem\n"


def test_disks_by_usb_are_named_by_label_or_else_by_uuid(tmp_path: Path) -> None:
    for number, text in enumerate(
        (
            f"{USB}E:ID_FS_LABEL=Copies\nE:ID_FS_UUID=ABCD-1234\n",
            f"{USB}E:ID_FS_LABEL=My stick\nE:ID_FS_UUID=2222-3333\n",
            f"{USB}E:ID_FS_UUID=4444-5555\n",
            f"{USB}E:ID_FS_LABEL=twice\nE:ID_FS_UUID=6666-7777\n",
            f"{USB}E:ID_FS_LABEL=twice\nE:ID_FS_UUID=8888-9999\n",
            "E:ID_BUS=ata\nE:ID_FS_USAGE=filesystem\nE:ID_FS_LABEL=root\n",
            "E:ID_BUS=usb\nE:ID_FS_USAGE=crypto\nE:ID_FS_LABEL=closed\n",
            "I:1\nE:ID_BUS=usb\n",
        )
    ):
        (tmp_path / f"b8:{number}").write_text(text)
    (tmp_path / "c1:1").write_text(f"{USB}E:ID_FS_LABEL=no_block\n")
    assert plugged_in(tmp_path) == ["2222-3333", "4444-5555", "6666-7777", "8888-9999", "Copies"]


def test_where_udev_tells_nothing_there_are_none(tmp_path: Path) -> None:
    assert plugged_in(tmp_path / "none") == []
