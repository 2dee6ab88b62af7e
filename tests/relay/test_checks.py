"""The checks an event must pass, by number: each with a frame that passes and one that fails."""

import pytest

from tests.relay.checks import accounts, blocks, operations, stream
from tests.relay.checks.scene import CHECKS, Scene
from tests.relay.conftest import Lab

GROUPS = {stream: range(1, 13), blocks: range(13, 24), operations: range(24, 35)}


def test_every_check_is_shown_in_its_group() -> None:
    groups = {**GROUPS, accounts: range(35, 41)}
    assert sorted(CHECKS) == list(range(1, 41))
    for group, numbers in groups.items():
        assert [each for each in numbers if not hasattr(group, CHECKS[each][0])] == []


@pytest.mark.parametrize("number", sorted(CHECKS), ids=lambda n: f"{n}_{CHECKS[n][0]}")
async def test_check(number: int, lab: Lab) -> None:
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        await CHECKS[number][1](scene)
