"""What a backup that was cut off leaves is put away, and is in nobody's way."""

import fcntl
import os
import signal
import subprocess
from pathlib import Path

import pytest

from appliance.backup.engine import Engine
from appliance.backup.left_over import put_away
from appliance.upkeep.backup_journal import COURSE, LOCK
from tests.support.appliance import wait_until

LEFT = ("backup-staging/pds.sqlite", "backup-rehearsal/secrets/rotation-key", COURSE)


def leave(data: Path) -> None:
    for name in LEFT:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("secret")


def test_at_a_start_what_was_left_is_put_away_unless_somebody_is_at_work(tmp_path: Path) -> None:
    leave(tmp_path)
    with (tmp_path / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        put_away(tmp_path)
        assert all((tmp_path / name).exists() for name in LEFT)
    put_away(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


@pytest.mark.slow
def test_a_place_that_was_left_locked_takes_backups_forgets_and_proves(tmp_path: Path) -> None:
    place, data = tmp_path / "place", tmp_path / "data"
    engine = Engine(str(place), "key", tmp_path / "cache", {})
    engine.prepare(expected=False)
    locks = place / "locks"
    data.mkdir()
    (data / "film").write_bytes(os.urandom(4_000_000))
    env = {**os.environ, "RESTIC_REPOSITORY": str(place), "RESTIC_PASSWORD": "key"}
    cut_off = subprocess.Popen(  # noqa: S603
        ["restic", "--limit-upload", "20", "backup", str(data)],  # noqa: S607
        env=env,
        stdout=subprocess.DEVNULL,
    )
    wait_until(lambda: any("-" not in lock.name for lock in locks.iterdir()), "its lock")
    cut_off.send_signal(signal.SIGKILL)
    cut_off.wait(60)
    engine.prepare(expected=True)
    engine.save([data], [], lambda _done, _of: None)
    assert list(locks.iterdir()) == []
    engine.thin_out()
    engine.check()
    assert len(engine.snapshots()) == 1
