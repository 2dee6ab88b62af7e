"""What tests of moves share."""

from collections.abc import Iterator

import pytest

from tests.support.appliance import Appliance


@pytest.fixture(scope="session")
def second(shared_network: Appliance) -> Iterator[Appliance]:
    """Another network on the same directory, where nobody comes in without an invite code."""
    options = ("--plc", shared_network.plc, "--handle-domain", ".second.test", "--invites")
    appliance = Appliance(*options)
    yield appliance
    appliance.finish()
