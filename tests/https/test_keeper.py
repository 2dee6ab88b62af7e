"""When certificates are got, renewed, tried again and let go."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.base.http import OutboundFailed
from appliance.base.workers import Workers
from appliance.https import keeper as module
from appliance.https.account_key import as_pem, new_key
from appliance.https.acme import AcmeRefused
from appliance.https.keeper import Keeper, Wanted
from appliance.https.shelf import Shelf
from appliance.upkeep.https_journal import NAME as JOURNAL
from appliance.upkeep.https_journal import HttpsJournal, Standing
from tests.support.acme_authority import signed
from tests.support.waiting import until

NAME, ANN = "smith.example", "ann.smith.example"
DAY = 86_400.0


class Scene:
    """A keeper whose authority signs at once, or fails as the test says."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.time = 1_800_000_000.0
        self.asked: list[tuple[str, int]] = []
        self.fails: Exception | None = None
        self.members = {ANN}
        self.shelf = Shelf(data / "certificates")
        self.keeper = self.another()

    def another(self) -> Keeper:
        wanted = Wanted((NAME,), (".smith.example",))
        return Keeper(self.data, self.shelf, wanted, self.issue, self.hosted, lambda: self.time)

    async def issue(self, name: str, failures: int) -> tuple[str, str]:
        self.asked.append((name, failures))
        if self.fails is not None:
            raise self.fails
        key = new_key()
        return signed([name], key.public_key(), self.time, self.time + 90 * DAY), as_pem(key)

    async def hosted(self, name: str) -> bool:
        return name in self.members

    def standing(self, name: str = NAME) -> Any:
        return HttpsJournal.read(self.data).of(name)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def _once(scene: Scene, done: Callable[[], object]) -> None:
    """Let it look until something is done."""
    async with Workers() as workers:
        workers.start("certificates", scene.keeper.run)
        await until(done)


async def test_our_names_get_a_certificate_by_themselves(scene: Scene) -> None:
    await _once(scene, lambda: scene.standing().ends)
    assert scene.asked == [(NAME, 0)]
    assert scene.standing().ends == scene.time + 90 * DAY
    assert scene.standing().next_at == scene.time + 60 * DAY


async def test_a_name_is_spoken_of_before_it_is_asked_for_and_one_that_is_here_as_it_is(
    scene: Scene,
) -> None:
    assert HttpsJournal.read(scene.data).names == {NAME: Standing()}
    await scene.keeper.renew(NAME)
    known = scene.standing()
    (scene.data / JOURNAL).unlink()
    scene.keeper = scene.another()
    assert scene.standing().ends == known.ends
    assert scene.standing().next_at == known.next_at


async def test_what_has_more_than_a_third_of_its_life_left_stays(scene: Scene) -> None:
    await scene.keeper.renew(NAME)
    scene.time += 59 * DAY
    assert [*scene.keeper.due()] == []
    scene.time += 2 * DAY
    assert [*scene.keeper.due()] == [NAME]


async def test_each_try_that_fails_is_waited_for_longer(scene: Scene) -> None:
    scene.fails = AcmeRefused("connection", "nothing is there")
    waited = []
    for _ in range(12):
        await scene.keeper.renew(NAME)
        waited.append(scene.standing().next_at - scene.time)
        assert [*scene.keeper.due()] == []
        scene.time = scene.standing().next_at
        assert [*scene.keeper.due()] == [NAME]
    assert waited[:4] == [60, 120, 240, 480]
    assert waited[-1] == module.LONGEST_WAIT
    assert scene.asked[-1] == (NAME, 11)
    assert scene.standing().failure == "connection: nothing is there"


async def test_a_limit_is_waited_for_as_long_as_told(scene: Scene) -> None:
    scene.fails = AcmeRefused("rateLimited", "too many", 100_000.0)
    await scene.keeper.renew(NAME)
    assert scene.standing().next_at == scene.time + 100_000
    scene.fails = AcmeRefused("rateLimited", "too many")
    await scene.keeper.renew(NAME)
    assert scene.standing().next_at == scene.time + module.LIMITED_WAIT


@pytest.mark.parametrize("problem", [OutboundFailed("no answer"), OSError("disk"), ValueError("x")])
async def test_other_failures_are_told_and_tried_again(scene: Scene, problem: Exception) -> None:
    scene.fails = problem
    await scene.keeper.renew(NAME)
    assert scene.standing().failure == str(problem)
    assert scene.standing().kind == (
        "unreachable" if isinstance(problem, OutboundFailed) else "here"
    )


async def test_a_failure_outlives_a_restart_and_ends_when_the_owner_says_so(scene: Scene) -> None:
    scene.fails = AcmeRefused("dns", "no such name")
    await scene.keeper.renew(NAME)
    scene.keeper = scene.another()
    assert [*scene.keeper.due()] == []
    scene.keeper.try_now()
    assert [*scene.keeper.due()] == [NAME]
    scene.fails = None
    await scene.keeper.renew(NAME)
    assert (scene.standing().failure, scene.standing().failures) == ("", 0)


async def test_whoever_asks_for_a_members_name_waits_for_its_certificate(scene: Scene) -> None:
    async with Workers() as workers:
        workers.start("certificates", scene.keeper.run)
        await asyncio.gather(*(scene.keeper.wait_for(ANN) for _ in range(5)))
    assert scene.shelf.covering(ANN, scene.time) is not None
    assert [name for name, _ in scene.asked if name == ANN] == [ANN]


@pytest.mark.parametrize("name", ["bob.smith.example", "smith.example", "smith.test", "", "x"])
async def test_names_that_nobody_here_has_are_not_asked_for(scene: Scene, name: str) -> None:
    await scene.keeper.wait_for(name)
    assert scene.asked == []


async def test_certificates_of_handles_are_bounded_by_the_hour(scene: Scene) -> None:
    names = [f"m{number}.smith.example" for number in range(module.MOST_IN_AN_HOUR + 5)]
    scene.members = set(names)
    await scene.keeper.renew(NAME)
    async with Workers() as workers:
        workers.start("certificates", scene.keeper.run)
        for name in names:
            await scene.keeper.wait_for(name)
    assert len(scene.asked) == 1 + module.MOST_IN_AN_HOUR
    scene.time += 3601
    async with Workers() as workers:
        workers.start("certificates", scene.keeper.run)
        await scene.keeper.wait_for(names[-1])
    assert scene.asked[-1][0] == names[-1]


async def test_a_name_that_failed_is_not_waited_for(scene: Scene) -> None:
    scene.fails = AcmeRefused("connection", "nothing is there")
    await scene.keeper.renew(ANN)
    await scene.keeper.wait_for(ANN)
    assert len(scene.asked) == 1


async def test_a_handle_that_is_gone_is_let_go(scene: Scene) -> None:
    await scene.keeper.renew(ANN)
    assert [name for name, _ in scene.shelf] == [ANN]
    scene.members = set()
    scene.time += 80 * DAY
    await scene.keeper.renew(ANN)
    assert [*scene.shelf] == []
    assert set(HttpsJournal.read(scene.data).names) == {NAME}
    again = Shelf(scene.data / "certificates")
    again.load()
    assert [*again] == []


async def test_a_handle_that_failed_is_tried_again_and_forgotten_once_it_is_gone(
    scene: Scene,
) -> None:
    await scene.keeper.renew(NAME)
    scene.fails = AcmeRefused("connection", "nothing is there")
    await scene.keeper.renew(ANN)
    assert [*scene.keeper.due()] == []
    scene.time = scene.standing(ANN).next_at
    assert [*scene.keeper.due()] == [ANN]
    scene.members = set()
    await scene.keeper.renew(ANN)
    assert set(HttpsJournal.read(scene.data).names) == {NAME}


async def test_names_of_before_are_neither_renewed_nor_spoken_of(scene: Scene) -> None:
    scene.members.add("ann.old.example")
    await scene.keeper.renew("ann.old.example")
    scene.fails = AcmeRefused("connection", "nothing is there")
    await scene.keeper.renew("old.example")
    scene.time += 89 * DAY
    scene.keeper = scene.another()
    assert [*scene.keeper.due()] == [NAME]
    scene.fails = None
    await scene.keeper.renew(NAME)
    assert set(HttpsJournal.read(scene.data).names) == {NAME}
