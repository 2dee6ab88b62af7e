"""Backups to storage elsewhere by SFTP, with the network's own key; S3: tests/system/test_s3.py."""

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.upkeep.backup_journal import Journal
from tests.backup.test_backup import hearth
from tests.backup.test_older_formats import SAMPLES
from tests.support.make_backup_sample import KEY
from tests.support.sftp_server import SftpServer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return network(tmp_path_factory.mktemp("network"))


def network(folder: Path) -> Path:
    """A network that lies still."""
    with tarfile.open(SAMPLES / "format-1.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    status, words = hearth("restore", str(folder / "place"), data=folder / "data", said=KEY)
    assert status == 0, words
    return folder / "data"


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[SftpServer]:
    folder = tmp_path / "storage"
    folder.mkdir()
    server = SftpServer(folder).start()
    yield server
    server.stop()


def all_the_way(data: Path, place: str, card: Path, *more: str) -> None:
    """Back up, once more, prove, and restore elsewhere."""
    (data / "backups.json").unlink(missing_ok=True)
    added = []
    for _ in range(2):
        status, words = hearth("backup", "now", data=data, place=place)
        assert status == 0, words
        added.append(Journal.read(data).added)
        # What does not change is stored once.
        (data / "secrets" / "note").write_text("something new")
    assert added[1] < added[0] / 4
    status, words = hearth("backup", "prove", data=data, place=place)
    assert status == 0, words
    status, words = hearth("backup", "list", data=data, place=place)
    assert len(words.splitlines()) == 1, words
    status, words = hearth("restore", place, *more, data=card, said=KEY)
    assert status == 0, words
    assert "1 accounts" in words
    assert (card / "secrets" / "note").read_text() == "something new"


def test_by_sftp_with_a_key_of_its_own(data: Path, tmp_path: Path, sftp: SftpServer) -> None:
    place = sftp.place("copies")
    status, words = hearth("backup", "now", data=data, place=place)
    assert status == 1
    assert "hearth backup ssh-key" in words
    status, line = hearth("backup", "ssh-key", data=data)
    assert line.startswith("ssh-ed25519 ")
    assert hearth("backup", "ssh-key", data=data) == (status, line)
    sftp.let_in(line)
    mine = tmp_path / "my-key"
    mine.write_bytes((data / "secrets" / "backup-ssh-key").read_bytes())
    mine.chmod(0o600)
    all_the_way(data, place, tmp_path / "card", "--ssh-key", str(mine))
    # The card opens the storage as the lost machine did.
    assert hearth("backup", "ssh-key", data=tmp_path / "card") == (status, line)

    sftp.stop()
    sftp.new_host_key()
    sftp.start()
    status, words = hearth("backup", "now", data=data, place=place)
    assert status == 1
    assert "another computer answers than the one that was met there before" in words


def test_a_place_cannot_be_an_option_of_ssh(data: Path) -> None:
    status, words = hearth("backup", "now", data=data, place="sftp:-oProxyCommand=id:/copies")
    assert status == 1
    assert "is no place" in words


def test_ssh_that_is_missing_is_told(data: Path, tmp_path: Path) -> None:
    only = tmp_path / "bin"
    only.mkdir()
    restic = shutil.which("restic")
    assert restic
    (only / "restic").symlink_to(restic)
    with pytest.MonkeyPatch.context() as here:
        here.setenv("PATH", str(only))
        status, words = hearth("backup", "now", data=data, place="sftp:a@127.0.0.1:/x")
    assert status == 1
    assert "sudo apt install openssh-client" in words
