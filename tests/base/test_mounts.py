"""The kind of file system a folder is on; data on another computer is refused."""

from pathlib import Path

import pytest

from appliance.base.mounts import FarAway, mount_of, refuse_far

MOUNTS = """\
/dev/a / ext4 rw,noatime 0 0
server:/export /srv nfs4 rw,relatime,vers=4.2 0 0
//nas/photos /srv/my\\040photos cifs rw 0 0
/dev/b /srv/disk ext4 rw 0 0
/dev/c /again ext4 rw 0 0
ann@far: /again fuse.sshfs rw,nosuid 0 0
short line
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mounts").write_text(MOUNTS)
    return tmp_path


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "ext4"),
        ("/var/lib/hearth", "ext4"),
        ("/srv", "nfs4"),
        ("/srv/hearth", "nfs4"),
        ("/srvice", "ext4"),
        ("/srv/my photos/hearth", "cifs"),
        ("/srv/disk/hearth", "ext4"),
        ("/again/hearth", "fuse.sshfs"),
    ],
)
def test_a_folder_is_on_the_mount_nearest_to_it(proc: Path, folder: str, kind: str) -> None:
    assert mount_of(Path(folder), proc)[0] == kind
    if kind == "ext4":
        refuse_far(Path(folder), proc)
    else:
        with pytest.raises(FarAway, match="lies on another computer"):
            refuse_far(Path(folder), proc)


def test_what_the_kernel_does_not_tell_is_not_refused(tmp_path: Path) -> None:
    assert mount_of(tmp_path, tmp_path / "none") == ("", ("",))
    refuse_far(tmp_path, tmp_path / "none")
