"""`hearth run`: what it takes over from a reference PDS, and ports that it cannot have."""

import json
import logging
from pathlib import Path

import pytest

from appliance import service
from appliance.base.machine import in_url
from appliance.base.secret_files import replace_secret
from appliance.listeners import bind, close_all
from appliance.settings_groups import Paths


def test_secrets_of_the_reference_become_files_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = Paths(tmp_path)
    env = {
        "PDS_JWT_SECRET": "first",
        "PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": "ab" * 32,
        "PDS_REPORT_SERVICE_URL": "https://mod.example",
        "PDS_BLOBSTORE_S3_REGION": "eu",
        "PDS_HCAPTCHA_SITE_KEY": "",
    }
    with caplog.at_level(logging.WARNING):
        service.take_over(paths, env)
    assert paths.secret("jwt-secret").read_text() == "first\n"
    assert paths.secret("jwt-secret").stat().st_mode & 0o777 == 0o600
    assert paths.secret("plc-rotation-key").read_text() == "ab" * 32 + "\n"
    assert not paths.secret("operator-token").exists()
    assert "PDS_REPORT_SERVICE_URL has no effect" in caplog.text
    assert "PDS_BLOBSTORE_S3_REGION has no effect" in caplog.text
    assert "HCAPTCHA" not in caplog.text
    assert "first" not in caplog.text
    service.take_over(paths, {"PDS_JWT_SECRET": "second"})
    assert paths.secret("jwt-secret").read_text() == "first\n"


def test_a_port_that_is_somebody_elses_is_told_with_its_setting_and_how_to_find_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = bind(["127.0.0.1"], 0)
    port = taken[0].getsockname()[1]
    monkeypatch.setattr(service, "setup_logging", lambda **_: None)
    for name in ("ADMIN", "DOOR"):
        monkeypatch.setenv(f"HEARTH_{name}_HOST", "127.0.0.1")
        monkeypatch.setenv(f"HEARTH_{name}_PORT", "0")
    monkeypatch.setenv("HEARTH_DOOR_PORT", str(port))
    try:
        assert service.run(Paths(tmp_path), json_logs=False) == 1
    finally:
        close_all({"": taken})
    said = capsys.readouterr().err
    assert f"hearth: cannot listen: 127.0.0.1 port {port}: Address already in use" in said
    assert "ss -ltnp names the program that has it" in said
    assert "the setting is door.port" in said


@pytest.mark.parametrize("own", ["192.168.1.20", "203.0.113.5", "fd00::5", "2001:db8::5"])
def test_the_link_to_begin_leads_through_ssh_to_a_computer_that_is_not_at_home(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    own: str,
) -> None:
    monkeypatch.setattr(service, "own_address", lambda: own)
    replace_secret(Paths(tmp_path).secret("claim-code"), "code")
    assert service.show_claim(Paths(tmp_path)) == 0
    said = capsys.readouterr().out
    assert "Open this link to begin: http://" in said
    if own in ("192.168.1.20", "fd00::5"):
        assert f"Open this link to begin: http://{in_url(own)}:2587/claim?code=code" in said
        assert "▄▄▄▄▄" in said
    else:
        assert f"ssh -L 2587:127.0.0.1:2587 root@{own}" in said
        assert "http://127.0.0.1:2587/claim?code=code" in said


def test_where_there_is_no_link_to_begin_with_the_reason_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert service.show_claim(Paths(tmp_path / "none")) == 1
    assert "no network was started" in capsys.readouterr().out
    owner = {"password": "x", "claimedAt": 1.0, "setupDone": True, "sessions": {}}
    (tmp_path / "admin.json").write_text(json.dumps(owner))
    assert service.show_claim(Paths(tmp_path)) == 1
    assert "has an owner already" in capsys.readouterr().out
