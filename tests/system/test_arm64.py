"""install.sh on a Debian for arm64, whose programs are run by qemu, with systemd as process 1.

Debian 12: the systemd of Debian 13 starts no service under qemu-user 7.2. Of the confinement two
parts are left out, of which qemu is not capable: seccomp, and users of its own.
"""

from collections.abc import Iterator

import pytest

from tests.system.conftest import FIRST, SECOND, script
from tests.system.machine import Machine
from tests.system.releases import release
from tests.system.test_installation import running

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.machines]

HOUR = 3600.0
DROP_IN = "/etc/systemd/system/hearth.service.d"


@pytest.fixture
def box() -> Iterator[Machine]:
    machine = Machine("bookworm/arm64")
    for version in (FIRST, SECOND):
        release(machine.input, version)
    with machine:
        # A process run by qemu has threads, so it cannot leave for users of its own.
        machine.run(
            f"mkdir -p {DROP_IN} && printf '[Service]\\nPrivateUsers=no\\n' >{DROP_IN}/qemu.conf"
        )
        yield machine


def setup(box: Machine, version: str, command: str, typed: str = "") -> str:
    return box.run(script(version, command) + " 2>&1", typed=typed, seconds=HOUR).stdout


def test_installed_upgraded_taken_back_and_removed_on_arm64(box: Machine) -> None:
    assert box.run("dpkg --print-architecture; uname -m").stdout.split() == ["arm64", "aarch64"]
    assert "/claim?code=" in setup(box, FIRST, "install")
    assert running(box) == FIRST
    assert "nothing to do" in setup(box, FIRST, "install")
    assert SECOND in setup(box, SECOND, "upgrade")
    assert running(box) == SECOND
    setup(box, SECOND, "rollback")
    assert running(box) == FIRST
    assert f"runs      {FIRST}" in setup(box, FIRST, "status")
    assert "all data erased" in setup(box, FIRST, "uninstall --purge", "erase\n")
    box.run("! ls -d /opt/hearth /var/lib/hearth* /etc/hearth /etc/systemd/system/*.wants/hearth*")
