"""Data folders on which no network is started: on another computer, or in use by another."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.appliance import ROOT, Appliance

pytestmark = pytest.mark.slow

# The kernel's own table is replaced for this process alone.
WITH_MOUNTS = 'mount --bind "$1" /proc/$$/mounts && shift && exec "$@"'


def start(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.root
@pytest.mark.parametrize("kind", ["nfs4", "cifs"])
def test_a_data_folder_on_another_computer_is_refused_with_the_reason(
    tmp_path: Path, kind: str
) -> None:
    data, mounts = tmp_path / "data", tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nnas:/export {tmp_path} {kind} rw 0 0\n")
    run = [sys.executable, "-m", "appliance", "try", "--port", "0", "--data", str(data), "--bare"]
    done = start("unshare", "--mount", "sh", "-c", WITH_MOUNTS, "sh", str(mounts), *run)
    assert done.returncode == 1
    assert f"cannot start: {data} lies on another computer ({kind})" in done.stderr
    assert "backups may go elsewhere" in done.stderr
    assert not list(data.glob("*.sqlite"))


def test_one_process_works_on_a_data_folder(tmp_path: Path) -> None:
    ours = Appliance(data=tmp_path)
    (tmp_path / "ports.json").unlink()  # else it would be the ports that are taken
    other = [sys.executable, "-m", "appliance", "try", "--port", "0", "--data", str(tmp_path)]
    done = start(*other, "--bare")
    assert done.returncode == 1
    assert f"in use by process {ours.popen.pid}" in done.stderr
    assert "Traceback" not in done.stderr
    ours.finish()
