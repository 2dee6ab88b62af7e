"""install.sh on Debians for arm64, whose programs are run by qemu, with systemd as process 1.

Of the confinement two parts are left out, of which qemu is not capable: seccomp, and users of its
own. With Debian 13, and what Raspberry Pi OS is made of, a third, views of its own of the file
system: qemu gives all mounts one number, so its systemd takes the new root for the old one. The
image for Raspberry Pis, which is a Debian 13 for arm64 too, has all of it, on a whole computer of
qemu (test_image_for_pis.py).
"""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests.system.conftest import FIRST, SECOND, script
from tests.system.debians import RASPBERRY, emulated
from tests.system.machine import Machine
from tests.system.releases import release
from tests.system.test_installation import running

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.machines]

HOUR = 3600.0
DROP_IN = "/etc/systemd/system/hearth.service.d"
USERS = ("PrivateUsers=no",)
VIEWS = (
    *("PrivateTmp=no", "PrivateDevices=no", "PrivateMounts=no"),
    *("ProtectSystem=no", "ProtectHome=no", "ProtectProc=default", "ReadWritePaths="),
    *("ProtectControlGroups=no", "ProtectKernelLogs=no", "ProtectKernelModules=no"),
    "ProtectKernelTunables=no",
)
LEFT_OUT = {"trixie": (*USERS, *VIEWS), RASPBERRY: (*USERS, *VIEWS), "bookworm": USERS}


@pytest.fixture(params=LEFT_OUT)
def box(request: pytest.FixtureRequest) -> Iterator[Machine]:
    machine = Machine(f"{request.param}/arm64")
    for version in (FIRST, SECOND):
        release(machine.input, version)
    # That of Debian 12 is content with what is registered here.
    by_newer = nullcontext() if request.param == "bookworm" else emulated("arm64")
    with by_newer, machine:
        # A process run by qemu has threads, so it cannot leave for users of its own.
        lines = " ".join(f"'{line}'" for line in ("[Service]", *LEFT_OUT[request.param]))
        machine.run(f"mkdir -p {DROP_IN} && printf '%s\\n' {lines} >{DROP_IN}/qemu.conf")
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
