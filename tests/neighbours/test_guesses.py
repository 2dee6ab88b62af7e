"""Many numbers, or many presses of a button, at once: one try for each press, one pair of two."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from appliance.base.addresses import OutboundFailed
from appliance.neighbours.line import Line
from tests.neighbours.test_introductions import codes
from tests.support.street import HERE, Home, home
from tests.support.waiting import until


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[tuple[Home, Home]]:
    """A house, and one whose key is the smaller one: it is to commit first."""
    async with AsyncExitStack() as stack:
        homes = [
            await stack.enter_async_context(home(tmp_path / name, name))
            for name in ("smiths", "jones")
        ]
        first, second = sorted(homes, key=lambda one: one.key)
        yield second, first


async def stop_pairing(one: Home) -> None:
    """From now on this house says only what the test has it say."""
    for worker in list(one.role.workers._workers.values()):
        if worker.name == "neighbours: pairing":
            await worker.stop()


async def test_of_many_commitments_at_once_one_gets_a_number(street: tuple[Home, Home]) -> None:
    house, thief = street
    await stop_pairing(thief)
    await house.want(thief)
    said = {"card": thief.role.house.card.as_json(), "port": thief.port}
    own, certificate = thief.role.house.key, house.role.house.key.certificate

    async def commit(number: int) -> str | None:
        async with Line.open(own, house.key, HERE, house.port) as line:
            value = {**said, "commitment": f"{number:064x}"}
            try:
                answer: Any = await line.ask("/pairing/commit", certificate, value)
            except OutboundFailed:
                return None
        nonce: str | None = answer.get("nonce")
        return nonce

    given = await asyncio.gather(*(commit(number) for number in range(40)))
    assert sum(nonce is not None for nonce in given) == 1
    assert house.state(thief) == "failed"
    # What fails has to be pressed anew, and then another number is given.
    assert await commit(3) is None
    await house.want(thief)
    again = await commit(3)
    assert again is not None
    assert again not in given


@pytest.mark.parametrize("presses", [1, 2, 5])
async def test_owners_who_press_at_the_same_time_and_often_are_a_pair(
    street: tuple[Home, Home], presses: int
) -> None:
    one, other = street
    await asyncio.gather(
        *(each for _ in range(presses) for each in (one.want(other), other.want(one)))
    )
    # A press of one may begin anew what the other has gone through: then both press once more.
    await until(lambda: {one.state(other), other.state(one)} <= {"compare", "failed"})
    if (
        "failed" in (one.state(other), other.state(one))
        or one.course(other).code != other.course(one).code
    ):
        assert presses > 1
        assert not one.is_paired_with(other)
        await codes(one, other)
    code = one.course(other).code
    assert code == other.course(one).code
    await asyncio.gather(
        one.role.introductions.confirm(other.key, code),
        other.role.introductions.confirm(one.key, code),
    )
    await until(lambda: one.is_paired_with(other) and other.is_paired_with(one))
