"""The units of systemd that say the same in two places, and what they run."""

import re

import pytest

from appliance.commands.parser import parser
from tests.support.appliance import ROOT

ALONE = {
    "Conflicts=hearth.service",
    "Description=Hearth, the role %i by itself",
    "After=network.target time-sync.target hearth.service",
}
TOGETHER = {
    "Description=Hearth, a social network of your own",
    "After=network.target time-sync.target",
    "ExecStartPre=+/bin/sh /opt/hearth/switch.sh before-start",
}


def lines(name: str) -> list[str]:
    """Give what counts of a unit."""
    text = (ROOT / "systemd" / name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_a_role_by_itself_is_confined_and_watched_as_all_of_them_are() -> None:
    together, alone = lines("hearth.service"), lines("hearth@.service")
    begin = next(line for line in together if line.startswith("ExecStart="))
    expected = [line for line in together if line not in {*TOGETHER, begin}]
    kept = [line for line in alone if line not in {*ALONE, f"{begin} --role %i"}]
    assert kept == expected
    assert set(alone) > ALONE
    assert f"{begin} --role %i" in alone


@pytest.mark.parametrize("name", ["hearth-backup", "hearth-update-due"])
def test_what_timers_start_is_confined_as_the_service_is(name: str) -> None:
    confined = lines("hearth.service")
    begin, end = confined.index("CapabilityBoundingSet="), confined.index("[Install]")
    started = lines(f"{name}.service")
    assert started[started.index("CapabilityBoundingSet=") :] == confined[begin:end]
    kept = ("User=", "Group=", "Environment", "StateDirectory", "UMask=", "Memory", "Working")
    assert {line for line in started if line.startswith(kept)} == {
        line for line in confined if line.startswith(kept)
    }


@pytest.mark.parametrize("name", ["hearth-backup", "hearth-update"])
def test_what_a_machine_has_slept_through_is_looked_at_when_it_wakes(name: str) -> None:
    timer = lines(f"{name}.timer")
    assert {"OnCalendar=hourly", "RandomizedDelaySec=15min", "Persistent=true"} <= set(timer)


UNITS = sorted(path.name for path in (ROOT / "systemd").glob("hearth*"))


def test_the_commands_that_units_run_can_be_typed() -> None:
    words_of = parser()
    for name in UNITS:
        for words in re.findall(r"-m appliance (.*)", (ROOT / "systemd" / name).read_text()):
            assert words_of.parse_args(words.replace("%i", "pds").split())
