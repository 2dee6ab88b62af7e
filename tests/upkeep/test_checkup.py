import shutil
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from appliance.base.strings import Strings
from appliance.upkeep.backup_journal import Journal
from appliance.upkeep.checkup import (
    check_backups,
    check_clock,
    check_data_folder,
    check_databases,
    check_role,
)


def database(path: Path) -> Path:
    conn = apsw.Connection(str(path))
    for sql in ("PRAGMA journal_mode = WAL", "CREATE TABLE x (a TEXT)", "CREATE INDEX y ON x (a)"):
        conn.execute(sql).fetchall()
    conn.executemany("INSERT INTO x VALUES (?)", [(f"row {n}" * 20,) for n in range(500)])
    conn.close()
    return path


def test_a_whole_database_is_well(tmp_path: Path) -> None:
    database(tmp_path / "pds.sqlite")
    (finding,) = check_databases(tmp_path)
    assert finding.level == "good"
    assert "pds.sqlite" in finding.subject


def test_a_damaged_database_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = database(tmp_path / "pds.sqlite")
    damaged = bytearray(path.read_bytes())
    damaged[4096 * 3 : 4096 * 5] = b"\xff" * 4096 * 2
    path.write_bytes(damaged)
    (finding,) = check_databases(tmp_path)
    assert finding.level == "bad"
    assert finding.remedy


def test_keys_that_others_can_read_are_found(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "jwt-secret").write_text("x")
    (secrets / "jwt-secret").chmod(0o644)
    found = {finding.subject: finding.level for finding in check_data_folder(tmp_path)}
    assert found["Keys"] == "bad"
    (secrets / "jwt-secret").chmod(0o600)
    assert "Keys" not in {finding.subject for finding in check_data_folder(tmp_path)}


def test_a_clock_that_was_never_set_is_found() -> None:
    assert [finding.level for finding in check_clock(0.0)] == ["bad"]
    assert [finding.level for finding in check_clock(1_800_000_000.0)] == ["good"]


def test_a_role_is_judged_by_its_workers() -> None:
    well = {"workers": [{"name": "a", "state": "running", "failures": 0}]}
    ill = {"workers": [{"name": "a", "state": "waiting", "failures": 3, "lastError": "no"}]}
    assert [finding.level for finding in check_role("pds", well)] == ["good"]
    (finding,) = check_role("pds", ill)
    assert finding.level == "warn"
    assert "no" in finding.seen
    assert [finding.level for finding in check_role("pds", None)] == ["bad"]


def test_what_a_role_found_of_itself_is_passed_on() -> None:
    finding = {"subject": "Seen by relay.test", "level": "bad", "seen": "it does not follow us"}
    status = {"workers": [], "findings": [{**finding, "expected": "", "remedy": "ask"}]}
    _, told = check_role("relay", status)
    assert (told.subject, told.level, told.remedy) == ("Seen by relay.test", "bad", "ask")


def test_what_to_do_about_copies_is_a_button_of_the_panel(tmp_path: Path) -> None:
    words, now = Strings.load(), 1_800_000_000.0
    Journal(taken_at=now - 4 * 86_400).note(tmp_path)
    old, unproven = check_backups(tmp_path, now, expected=True)
    assert f"press {words('backup.now')}," in old.remedy
    assert f"press {words('backup.prove')}," in unproven.remedy
    assert f"page {words('backup.title')} " in old.remedy


def test_backups_that_are_missing_old_failing_or_never_proven_are_told(tmp_path: Path) -> None:
    now, day = 1_800_000_000.0, 86_400.0

    def levels(journal: Journal) -> dict[str, str]:
        journal.note(tmp_path)
        found = check_backups(tmp_path, now, expected=True)
        return {finding.subject: finding.level for finding in found}

    (never,) = check_backups(tmp_path, now, expected=True)
    # The panel asks for the place on a page of its own, not among the settings.
    assert (never.level, "page Copies" in never.remedy) == ("warn", True)
    assert list(check_backups(tmp_path, now, expected=False)) == []
    proven = Journal(taken_at=now - day / 2, proven_at=now - day, proven="all")
    assert levels(proven) == {"Backups": "good", "Proof of backups": "good"}
    # The first proof begins by itself: it is told of, and a warning only when it is late.
    just_taken = Journal(first_at=now - 60, taken_at=now - 60)
    assert levels(just_taken) == {"Backups": "good", "Proof of backups": "good"}
    (due,) = (one for one in check_backups(tmp_path, now, expected=True) if "Proof" in one.subject)
    assert due.seen.startswith("due: within minutes")
    begun = Journal(first_at=now - day, taken_at=now - 60, proof_tried_at=now - day + 60)
    assert levels(begun)["Proof of backups"] == "good"
    late = Journal(first_at=now - 3 * day, taken_at=now - 60, proof_tried_at=now - 60)
    assert levels(late)["Proof of backups"] == "warn"
    unproven = Journal(taken_at=now - day / 2)
    assert levels(unproven) == {"Backups": "good", "Proof of backups": "warn"}
    old = Journal(taken_at=now - 4 * day, proven_at=now)
    assert levels(old)["Backups"] == "bad"
    failing = Journal(taken_at=now - day, proven_at=now, failure="no room")
    assert levels(failing)["Backups"] == "warn"
    broken = Journal(taken_at=now - day, proven_at=now - day, proof_failure="a record is damaged")
    assert levels(broken)["Proof of backups"] == "bad"


def test_a_folder_that_is_not_there_and_a_full_disk_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (missing,) = check_data_folder(tmp_path / "none")
    assert missing.cause == "data-missing"
    for free, level in ((900, "warn"), (100, "bad")):
        usage = SimpleNamespace(free=free * 1024**2)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        (full,) = check_data_folder(tmp_path)
        assert (full.cause, full.level) == ("disk-low", level)
