"""A backup that somebody made to do harm, by who has the key: refused, and nothing touched."""

import json
import os
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import pytest

from appliance.backup.contents import FORMAT, MANIFEST, STAGING, sum_of
from appliance.backup.engine import BackupFailed, Engine, Snapshot
from appliance.backup.restored import bring_back
from appliance.base.database import _open_writable

HOME = f"home/{STAGING}"
GOOD = {"format": FORMAT, "version": "1", "taken_at": "2026-11-21", "blobs": "/blobs", "files": {}}


class Storage:
    """What restic would fetch, made by somebody else."""

    def __init__(self, make: Callable[[Path], None], path: str = f"/{HOME}") -> None:
        self._make = make
        self.snapshot = Snapshot(id="abc", time="2026-11-21T00:00:00Z", paths=(path,))

    def fetch(self, _snapshot: str, into: Path) -> None:
        into.joinpath(HOME).mkdir(parents=True)
        self._make(into)


def written(changes: dict[str, Any]) -> Callable[[Path], None]:
    def make(into: Path) -> None:
        into.joinpath(HOME, MANIFEST).write_text(json.dumps({**GOOD, **changes}))

    return make


def linked(into: Path) -> None:
    written({})(into)
    into.joinpath(HOME, "pds.sqlite").symlink_to("/etc/passwd")


def piped(into: Path) -> None:
    written({})(into)
    os.mkfifo(into / HOME / "settings.toml")


def folder_linked(into: Path) -> None:
    written({})(into)
    into.joinpath("blobs").symlink_to("/tmp")  # noqa: S108


def deep(into: Path) -> None:
    into.joinpath(HOME, MANIFEST).write_text("[" * 200_000)


MALICIOUS = {
    "a link for a database": linked,
    "a pipe for a file": piped,
    "a link for the blobs": folder_linked,
    "blobs outside": written({"blobs": "/../../../outside"}),
    "a file outside": written({"files": {"../../../outside": "ab"}}),
    "a manifest of the future": written({"format": FORMAT + 1}),
    "a manifest without files": written({"files": None}),
    "a list for files": written({"files": ["a"]}),
    "a number for the blobs": written({"blobs": 7}),
    "a manifest that is none": deep,
}


@pytest.mark.parametrize("make", MALICIOUS.values(), ids=MALICIOUS)
def test_what_was_made_to_do_harm_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    storage = Storage(make)
    with pytest.raises(BackupFailed):
        bring_back(
            cast(Engine, storage), storage.snapshot, tmp_path / "a" / "b", lambda *_told: None
        )
    assert {path.name for path in tmp_path.iterdir()} <= {"a"}
    assert {path.name for path in tmp_path.joinpath("a").iterdir()} <= {"b"}


def test_the_folder_it_was_taken_from_leads_nowhere_else(tmp_path: Path) -> None:
    storage = Storage(written({}), path=f"/../../{STAGING}")
    with pytest.raises(BackupFailed, match="not made by Hearth"):
        bring_back(cast(Engine, storage), storage.snapshot, tmp_path, lambda *_told: None)


def test_one_whose_directory_does_not_add_up_is_refused(tmp_path: Path) -> None:
    def damaged(into: Path) -> None:
        directory = into / HOME / "directory.sqlite"
        schema = files("appliance.directory") / "schema"
        with closing(_open_writable(directory, schema, "FULL")) as conn:
            conn.pragma("journal_mode", "DELETE")
            conn.execute(
                "INSERT INTO operation (did, cid, created_ms, operation)"
                " VALUES ('did:plc:a', x'00', 1, '{}')"
            )
        written({"files": {"directory.sqlite": sum_of(directory)}})(into)

    storage = Storage(damaged)
    with pytest.raises(BackupFailed, match="did:plc:a: its log in the directory is damaged"):
        bring_back(cast(Engine, storage), storage.snapshot, tmp_path, lambda *_told: None)


def test_a_plain_one_is_taken(tmp_path: Path) -> None:
    storage = Storage(written({"more": "of a later version"}))
    found = bring_back(cast(Engine, storage), storage.snapshot, tmp_path, lambda *_told: None)
    assert found.blobs == tmp_path / "blobs"
