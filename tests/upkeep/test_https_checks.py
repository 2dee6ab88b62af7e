"""What is told of the certificates that Hearth gets itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.upkeep import https_checks, low_ports
from appliance.upkeep.causes import CAUSES
from appliance.upkeep.https_checks import REMEDIES, check_https
from appliance.upkeep.https_journal import NAME, HttpsJournal
from appliance.upkeep.low_ports import LowPorts, Opened

NOW = 1_800_000_000.0
DAY = 86_400.0


def test_nothing_is_told_where_somebody_else_speaks_https(tmp_path: Path) -> None:
    HttpsJournal(closed="443").write(tmp_path)
    assert [*check_https(tmp_path, NOW, mode="off")] == []
    assert [*check_https(tmp_path / "none", NOW, mode="acme")] == []


@pytest.mark.parametrize("kind", [*REMEDIES, "somethingNew"])
@pytest.mark.parametrize("days_left", [0, 20])
def test_a_certificate_that_cannot_be_had_is_told_with_what_to_do(
    tmp_path: Path, kind: str, days_left: int
) -> None:
    ends = NOW + days_left * DAY if days_left else 0.0
    journal = HttpsJournal().noted(
        "smith.example", failure=f"{kind}: so", kind=kind, ends=ends, next_at=NOW + 60
    )
    journal.write(tmp_path)
    [found] = check_https(tmp_path, NOW, mode="acme")
    assert found.level == ("warn" if days_left else "bad")
    assert f"{kind}: so" in found.seen
    assert "2027-01-15 at 08:01" in found.expected
    assert found.remedy
    assert found.cause in CAUSES


def test_a_port_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    HttpsJournal(closed="443").write(tmp_path)
    for mode in ("acme", "files"):
        [found] = check_https(tmp_path, NOW, mode=mode)
        assert (found.level, found.cause) == ("bad", "https-port")
        assert "443" in found.seen


def test_what_is_done_about_a_port_depends_on_who_can_open_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    HttpsJournal(closed="80").write(tmp_path)
    monkeypatch.setattr(low_ports, "DATA", tmp_path)
    monkeypatch.setattr(https_checks, "ANSWER", tmp_path / "ports.json")

    def remedy() -> str:
        [found] = check_https(tmp_path, NOW, mode="acme")
        return found.remedy

    assert "systemctl enable" in remedy()
    watcher = tmp_path / "hearth-ports.path"
    watcher.touch()
    monkeypatch.setattr(https_checks, "LowPorts", lambda data: LowPorts(data, watched_by=watcher))
    assert "systemd is asked" in remedy()
    Opened(failed=frozenset({80})).write(tmp_path / "ports.json")
    assert "another program has port 80" in remedy()


def test_certificates_that_are_here_are_told_in_a_line(tmp_path: Path) -> None:
    journal = HttpsJournal().noted("a.example", ends=NOW + DAY).noted("b.example", ends=NOW + 9e6)
    journal.write(tmp_path)
    [found] = check_https(tmp_path, NOW, mode="acme")
    assert (found.level, found.seen[:6]) == ("good", "2 here")
    assert "2027-01-16" in found.seen


def test_a_journal_that_is_damaged_says_nothing(tmp_path: Path) -> None:
    whole = replace(HttpsJournal().noted("a.example", failures=2), closed="80").write(tmp_path)
    assert HttpsJournal.read(tmp_path) == whole
    for damage in ("", "[]", '{"names": {"a": {"x": 1}}, "closed": ""}', "{"):
        (tmp_path / NAME).write_text(damage)
        assert HttpsJournal.read(tmp_path) == HttpsJournal()
