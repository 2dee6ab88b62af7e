"""Whether the running network has something in hand."""

import socket
from pathlib import Path

import pytest

from appliance.settings import Settings, defaults
from appliance.upkeep import standing_by
from appliance.upkeep.standing_by import is_taken_up


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing_by, "SECONDS_BETWEEN_LOOKS", 0.01)


def settings_in(data: Path) -> Settings:
    settings = defaults("home", data).with_values({"pds.hostname": "smith.home"})
    settings.paths.run.mkdir()
    return settings


def test_what_does_not_run_is_not_waited_for(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert not is_taken_up(settings, lambda: False)
    # A network that was killed leaves its sockets.
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(settings.paths.socket("pds")))
    assert not is_taken_up(settings, lambda: False)
    assert is_taken_up(settings, lambda: True)


def test_a_network_that_runs_has_its_time_to_begin(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    looks = iter((False, True))
    with socket.socket(socket.AF_UNIX) as network:
        network.bind(str(settings.paths.socket("pds")))
        network.listen()
        assert is_taken_up(settings, lambda: next(looks))
        assert not is_taken_up(settings, lambda: False, patience=0.0)


def test_a_network_that_ends_meanwhile_is_not_waited_for(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    network = socket.socket(socket.AF_UNIX)
    network.bind(str(settings.paths.socket("pds")))
    network.listen()
    looks: list[bool] = []

    def look() -> bool:
        looks.append(False)
        if len(looks) == 2:
            network.close()
        return False

    assert not is_taken_up(settings, look)
    assert len(looks) == 3
