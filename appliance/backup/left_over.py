"""What a backup or a proof leaves in the data folder when it is cut off: copies of everything."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from appliance.backup.contents import STAGING
from appliance.upkeep.backup_journal import COURSE, LOCK

REHEARSAL: Final = "backup-rehearsal"


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Be the only one at work here, and put away what was left. Raises BlockingIOError."""
    with (data / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for name in (STAGING, REHEARSAL):
            shutil.rmtree(data / name, ignore_errors=True)
        (data / COURSE).unlink(missing_ok=True)
        yield


def put_away(data: Path) -> None:
    """Do so at a start, unless somebody is at work."""
    try:
        with alone(data):
            return
    except BlockingIOError:
        return
