"""What kind of file system a folder is on, as the kernel tells."""

from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
# File systems of other computers: SQLite's locks and syncs cannot be relied on there.
FAR_AWAY: Final = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "glusterfs"),
        *("fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.glusterfs", "davfs", "fuse.davfs2"),
    )
)


class FarAway(Exception):
    """A data folder lies on another computer."""


def mount_of(folder: Path, proc: Path = PROC) -> tuple[str, tuple[str, ...]]:
    """Give kind and options of the mount a folder lies in, or will; the kind is empty if unknown.

    It is the longest that its path begins with, and of these the last.
    """
    here = folder.resolve()
    kind, options, depth = "", "", -1
    try:
        lines = (proc / "self/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 4:
            continue
        place = Path(fields[1].encode().decode("unicode_escape"))
        if here.is_relative_to(place) and len(place.parts) >= depth:
            depth, kind, options = len(place.parts), fields[2], fields[3]
    return kind, tuple(options.split(","))


def refuse_far(folder: Path, proc: Path = PROC) -> None:
    """Raises FarAway."""
    kind, _ = mount_of(folder, proc)
    if kind in FAR_AWAY:
        raise FarAway(
            f"{folder} lies on another computer ({kind}). There, two programs can write at once and"
            " what was acknowledged can be lost. Put the data on a disk of this computer; backups"
            " may go elsewhere (backup.target)"
        )
