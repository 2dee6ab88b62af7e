"""A data folder of a reference PDS that is damaged, or was made to do harm."""

import os
import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from appliance import adopt
from appliance.commands.parser import parser
from appliance.settings import Settings
from appliance.settings_groups import Paths

DID = f"did:plc:{'a' * 24}"
NOON = "2024-01-01T12:00:00.000Z"
ACCOUNTS = """
CREATE TABLE actor (did, handle, createdAt, deactivatedAt, deleteAfter, takedownRef);
CREATE TABLE account (did, email, emailConfirmedAt, passwordScrypt, invitesDisabled);
CREATE TABLE app_password (did, name, passwordScrypt, privileged, createdAt);
CREATE TABLE refresh_token (id, did, appPasswordName, expiresAt, nextId);
CREATE TABLE token
    (did, clientId, clientAuth, parameters, currentRefreshToken, createdAt, updatedAt);
"""


def folder(at: Path, did: str = DID, created: str = NOON, handle: str = "ann.test") -> Path:
    (at / "actors").mkdir(parents=True)
    with closing(sqlite3.connect(at / "account.sqlite")) as conn:
        conn.executescript(ACCOUNTS)
        conn.execute("INSERT INTO actor VALUES (?, ?, ?, NULL, NULL, NULL)", (did, handle, created))
        conn.execute("INSERT INTO account VALUES (?, 'a@b.test', NULL, 'x', 0)", (did,))
        conn.commit()
    with closing(sqlite3.connect(at / "sequencer.sqlite")) as conn:
        conn.execute("CREATE TABLE repo_seq (seq INTEGER PRIMARY KEY AUTOINCREMENT)")
        conn.commit()
    return at


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "its store or key is missing"),
        ({"did": "did:plc:../../../outside"}, "expected a DID"),
        ({"created": "yesterday"}, "expected a datetime"),
        ({"handle": "../outside"}, "expected a handle"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(
    changes: dict[str, str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = folder(tmp_path / "pds", **changes)
    assert told in failed(tmp_path, given, capsys)
    assert {path.name for path in tmp_path.iterdir()} == {"pds", "ours"}


def test_a_database_that_is_none_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = folder(tmp_path / "pds")
    (given / "account.sqlite").write_bytes(b"no database" * 1000)
    assert "not a database" in failed(tmp_path, given, capsys)


def failed(around: Path, given: Path, capsys: pytest.CaptureFixture[str]) -> str:
    args = parser().parse_args(["adopt", "--data", str(around / "ours"), str(given)])
    assert adopt.run(args, lambda _line: None) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("hearth: cannot take this over: ")
    assert not list((around / "ours").glob("adopting-*"))
    return line


def test_what_lies_beside_a_database_and_never_ends_is_not_copied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = folder(tmp_path / "pds")
    (given / "account.sqlite-wal").symlink_to("/dev/zero")
    os.mkfifo(given / "sequencer.sqlite-wal")
    most, allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000_000, allowed))
    try:
        assert "its store or key is missing" in failed(tmp_path, given, capsys)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, allowed))


def test_a_database_that_may_not_be_read_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = folder(tmp_path / "pds")

    def refuse(source: Path, _target: Path) -> None:
        raise PermissionError(13, "Permission denied", str(source))

    monkeypatch.setattr("shutil.copyfile", refuse)
    assert "Permission denied" in failed(tmp_path, given, capsys)


def test_the_settings_of_the_old_server_are_taken_and_no_others(tmp_path: Path) -> None:
    env = {
        "PDS_HOSTNAME": "smiths.family",
        "PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": "ab" * 32,
        "HEARTH_BACKUP_TARGET": "sftp:thief@example.org:/all",
        "HEARTH_UPDATES_AUTOMATIC": "true",
    }
    paths = Paths.of(str(tmp_path / "ours"))
    paths.data.mkdir()
    settings = adopt.take_settings(paths, env)
    assert settings.pds.hostname == "smiths.family"
    assert settings.backup.target == Settings().backup.target
    assert "thief" not in paths.settings_file.read_text()
    assert paths.secret("plc-rotation-key").read_text().strip() == "ab" * 32
