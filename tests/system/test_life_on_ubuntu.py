"""Ubuntu, where its mirror is named: from the installation of Hearth to its last trace."""

import os

import pytest

from tests.system.conftest import Installed
from tests.system.debians import UBUNTU_MIRROR, UBUNTUS
from tests.system.machine import Machine
from tests.system.whole_life import live

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.machines]


@pytest.mark.skipif(UBUNTU_MIRROR not in os.environ, reason=f"{UBUNTU_MIRROR} names no mirror")
@pytest.mark.parametrize("installed", UBUNTUS, indirect=True)
def test_installed_upgraded_broken_taken_back_and_removed(
    installed: Installed, box: Machine
) -> None:
    live(installed, box)
