"""Machines for the tests: Hearth installed once for each Debian, then copied."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.system.debians import suites
from tests.system.machine import Machine
from tests.system.releases import release

FIRST, SECOND, MIGRATING, BROKEN = "1.0.0", "1.1.0", "1.2.0", "1.3.0"
NAMED = "HEARTH_PDS_HOSTNAME=hearth.home"


def setup(machine: Machine, version: str, command: str) -> str:
    """Call the install.sh of a release; give what it said. Anything but success is a failure."""
    return machine.run(script(version, command) + " 2>&1").stdout


def script(version: str, command: str) -> str:
    return f"HEARTH_WHEELS=/input/wheels /input/{version}/install.sh {command}"


@dataclass(frozen=True)
class Installed:
    """A machine, switched off, on which the first release was installed and has a member."""

    suite: str
    machine: Machine
    said: str
    score: float


@pytest.fixture(scope="module", params=suites())
def installed(request: pytest.FixtureRequest) -> Iterator[Installed]:
    assert os.getuid() == 0, "machines of their own are made by root"
    assert shutil.which("mmdebstrap"), "apt install mmdebstrap"
    machine = Machine(request.param)
    release(machine.input, FIRST)
    release(machine.input, SECOND)
    release(machine.input, MIGRATING, migrates=True)
    release(machine.input, BROKEN, migrates=True, breaks=True)
    with machine:
        said = setup(machine, FIRST, "install")
        machine.run(f"echo {NAMED} >>/etc/hearth/hearth.env && systemctl restart hearth")
        machine.run("hearth account create ann.hearth.home")
        exposure = machine.run("systemd-analyze security --no-pager hearth.service").stdout
        machine.switch_off()
        score = float(exposure.rpartition("hearth.service: ")[2].split()[0])
        yield Installed(request.param, machine, said, score)


@pytest.fixture
def box(installed: Installed) -> Iterator[Machine]:
    """A machine of its own, with the first release in service."""
    with Machine(installed.suite, installed.machine) as machine:
        machine.until("hearth health")
        yield machine
