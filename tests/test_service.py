"""`hearth run`: what it takes from whoever ran a reference PDS before."""

import logging
from pathlib import Path

import pytest

from appliance import service
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
