"""A data folder of a reference PDS that is damaged, or was made to do harm."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from appliance import adopt
from appliance.commands.parser import parser

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
