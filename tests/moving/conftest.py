"""What tests of moves share."""

from collections.abc import Iterator

import pytest

from tests.support.appliance import Appliance


@pytest.fixture(scope="session")
def second(shared_network: Appliance) -> Iterator[Appliance]:
    """Another network on the same directory."""
    appliance = Appliance("--plc", shared_network.plc, "--handle-domain", ".second.test")
    yield appliance
    appliance.finish()
