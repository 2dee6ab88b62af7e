"""`hearth run`: what it takes over from a reference PDS, and ports that it cannot have."""

import logging
from pathlib import Path

import pytest

from appliance import service
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
