"""What is told of the certificates that Hearth gets itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.upkeep import https_checks, low_ports
from appliance.upkeep.causes import CAUSES
from appliance.upkeep.checkup import Finding
from appliance.upkeep.https_checks import REMEDIES, check_https, check_idle_ports
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
    watcher, answer, kept = (tmp_path / name for name in ("watcher", "answer", "kept"))
    monkeypatch.setattr(
        https_checks,
        "LowPorts",
        lambda data: LowPorts(data, watched_by=watcher, answer=answer, stay_closed=kept),
    )

    def found(now: float = NOW) -> Finding:
        [one] = check_https(tmp_path, now, mode="acme")
        assert one.cause == "https-port"
        return one

    assert "systemctl enable" in found().remedy
    watcher.touch()
    assert "journalctl -u hearth-ports" in found().remedy
    LowPorts(tmp_path).ask([80])
    asked = (tmp_path / low_ports.FOLDER / low_ports.WANTED).stat().st_mtime
    assert (found(asked + 1).level, found(asked + 1).seen) == ("warn", "port 80 is not open yet")
    assert "journalctl -u hearth-ports" in found(asked + 61).remedy
    Opened(failed=frozenset({80})).write(answer)
    assert "another program has port 80" in found(asked + 1).remedy
    kept.touch()
    assert f"by the file {kept}" in found(asked + 1).remedy


def test_a_certificate_that_is_being_asked_for_is_told(tmp_path: Path) -> None:
    journal = HttpsJournal().noted("smith.example").noted("b.example", ends=NOW + DAY)
    journal.write(tmp_path)
    awaited, good = check_https(tmp_path, NOW, mode="acme")
    assert (awaited.subject, awaited.level) == ("Certificate of smith.example", "warn")
    assert awaited.cause == "certificate-awaited"
    assert good.level == "good"
    replace(journal, closed="80, 443", waits=True).write(tmp_path)
    closed, good = check_https(tmp_path, NOW, mode="acme")
    assert "certificates are asked for when they are" in closed.expected
    assert good.level == "good"


def test_a_port_that_is_kept_for_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, answer = tmp_path / "units" / "hearth-ports.path", tmp_path / "answer"
    monkeypatch.setattr(
        https_checks, "LowPorts", lambda data: LowPorts(data, watched_by=watcher, answer=answer)
    )
    assert [*check_idle_ports(tmp_path, [2580])] == []
    kept = watcher.parent / "sockets.target.wants"
    kept.mkdir(parents=True)
    (kept / "hearth.socket").symlink_to("/etc/systemd/system/hearth.socket")
    [found] = check_idle_ports(tmp_path, [2580, 443])
    assert (found.subject, found.level, found.cause) == ("Port 80", "warn", "port-idle")
    assert found.remedy == "run: sudo systemctl disable --now hearth.socket"
    assert [*check_idle_ports(tmp_path, [80, 443])] == []
    # What root's part has opened, it closes by itself.
    Opened(opened=frozenset({80})).write(answer)
    assert [*check_idle_ports(tmp_path, [2580])] == []


def test_certificates_that_are_here_are_told_in_a_line(tmp_path: Path) -> None:
    journal = HttpsJournal().noted("a.example", ends=NOW + DAY).noted("b.example", ends=NOW + 9e6)
    journal.write(tmp_path)
    [found] = check_https(tmp_path, NOW, mode="acme")
    assert (found.level, found.seen[:6]) == ("good", "2 here")
    assert "2027-01-16" in found.seen


def test_a_journal_that_is_damaged_says_nothing(tmp_path: Path) -> None:
    noted = HttpsJournal().noted("a.example", failures=2)
    whole = replace(noted, closed="80", waits=True).write(tmp_path)
    assert HttpsJournal.read(tmp_path) == whole
    (tmp_path / NAME).write_text('{"names": {}, "closed": "80"}')
    assert HttpsJournal.read(tmp_path) == HttpsJournal(closed="80")
    for damage in ("", "[]", '{"names": {"a": {"x": 1}}, "closed": ""}', "{"):
        (tmp_path / NAME).write_text(damage)
        assert HttpsJournal.read(tmp_path) == HttpsJournal()
