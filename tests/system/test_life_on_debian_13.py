"""Debian 13, from the installation of Hearth to its last trace. Each Debian has a file of its own,
so that two processes of tests take one each."""

import pytest

from tests.system.conftest import Installed
from tests.system.machine import Machine
from tests.system.whole_life import live

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.namespaces]


@pytest.mark.parametrize("installed", ["trixie"], indirect=True)
def test_installed_upgraded_broken_taken_back_and_removed(
    installed: Installed, box: Machine
) -> None:
    live(installed, box)
