"""Backups to storage that speaks S3: a server of others, built with Go, which checks signatures."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup.test_backup import hearth
from tests.backup.test_storage import all_the_way, network
from tests.support.go_programs import Program
from tests.support.ports import free_port

pytestmark = [pytest.mark.machines, pytest.mark.go]

ACCESS, SECRET = "the-access-key", "the-secret-of-the-storage"


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A place in it, and what opens the place, as the person who restores has it."""
    kept = tmp_path / "kept"
    kept.mkdir()
    for name, value in {"ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET}.items():
        monkeypatch.setenv(name, value)
    at = f"127.0.0.1:{free_port()}"
    # What a file system cannot keep beside a file is kept in files of its own.
    beside = ["--sidecar", str(tmp_path / "beside")]
    (tmp_path / "beside").mkdir()
    server = Program("versitygw", ["--port", at, "posix", *beside, str(kept)], tmp_path / "s3")
    server.until_logged("listening on")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    yield f"s3:http://{at}/copies"
    server.stop()


def test_to_storage_that_speaks_s3(
    tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = network(tmp_path)
    monkeypatch.setenv("HEARTH_BACKUP_S3_ACCESS_KEY", ACCESS)
    secret = data / "secrets" / "backup-s3-secret"
    secret.write_text("another secret\n")
    status, words = hearth("backup", "now", data=data, place=s3)
    assert status == 1
    assert "the place may not be written to or read" in words
    assert "another secret" not in words
    secret.write_text(f"{SECRET}\n")
    all_the_way(data, s3, tmp_path / "card")
    assert (tmp_path / "kept" / "copies" / "config").is_file()
