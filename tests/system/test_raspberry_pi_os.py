"""install.sh on what Raspberry Pi OS is made of (raspberry.py), from installation to last trace.

Here of this machine's own kind, so that the service is confined as everywhere; for arm64 in
test_arm64.py.
"""

import pytest

from tests.system.conftest import Installed
from tests.system.debians import RASPBERRY
from tests.system.machine import Machine
from tests.system.whole_life import live

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.machines]


@pytest.mark.parametrize("installed", [RASPBERRY], indirect=True)
def test_installed_upgraded_broken_taken_back_and_removed(
    installed: Installed, box: Machine
) -> None:
    check_system(box)
    live(installed, box)
    check_system(box)


def check_system(box: Machine) -> None:
    """What was there before is there as it was."""
    assert box.run("cat /etc/rpi-issue").stdout.startswith("Raspberry Pi")
    assert box.run("systemctl is-active avahi-daemon").stdout == "active\n"
    assert "raspi.sources" in box.run("ls /etc/apt/sources.list.d").stdout
    assert "extra-index-url" in box.run("cat /etc/pip.conf").stdout
    assert "sudo" in box.run("id -nG pi").stdout.split()
