import asyncio

import pytest

from appliance.base import workers as module
from appliance.base.workers import Workers, attempt
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)


async def test_a_worker_is_run_again_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    runs: list[int] = []
    done = asyncio.Event()

    async def run() -> None:
        runs.append(1)
        if len(runs) < 3:
            raise ValueError("not yet")
        done.set()
        await asyncio.sleep(30)

    async with Workers() as workers:
        workers.start("crawler", run)
        await asyncio.wait_for(done.wait(), 60)
        (status,) = workers.status()
        assert (status.name, status.running, status.failures) == ("crawler", True, 2)
        assert status.last_error == "ValueError: not yet"
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


async def test_the_pause_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr("appliance.base.workers.asyncio.sleep", note)
    monkeypatch.setattr(module, "FIRST_PAUSE", 1.0)
    done = asyncio.Event()

    async def run() -> None:
        if len(pauses) == 8:
            done.set()
            return
        raise ValueError

    async with Workers() as workers:
        workers.start("x", run)
        await asyncio.wait_for(done.wait(), 60)
        assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_a_worker_that_is_done_leaves_the_list() -> None:
    async def run() -> None: ...

    async with Workers() as workers:
        workers.start("once", run)
        for _ in range(3):
            await asyncio.sleep(0)
        assert workers.status() == []


async def test_one_worker_can_be_stopped() -> None:
    closed: list[str] = []

    async def run() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            closed.append("tidied")

    async with Workers() as workers:
        worker = workers.start("follower", run)
        workers.start("other", run)
        await asyncio.sleep(0)
        await worker.stop()
        await worker.stop()
        assert closed == ["tidied"]
        assert [status.name for status in workers.status()] == ["other"]


async def test_leaving_stops_every_worker_and_waits() -> None:
    closed: list[int] = []

    async def run() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.01)
            closed.append(1)

    async with Workers() as workers:
        for name in "abc":
            workers.start(name, run)
        await asyncio.sleep(0)
    assert closed == [1, 1, 1]


async def test_a_worker_that_waits_to_run_again_stops_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 3600)

    async def run() -> None:
        raise ValueError

    async with asyncio.timeout(60), Workers() as workers:
        worker = workers.start("broken", run)
        await until(lambda: worker.status().failures >= 1)


def test_an_attempt_gives_the_value_or_the_error() -> None:
    assert attempt(int, "5").value == 5
    assert isinstance(attempt(int, "x").error, ValueError)


async def test_a_worker_started_while_stopping_is_stopped_too() -> None:
    closed: list[str] = []

    async def late() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            closed.append("late")

    async with Workers() as workers:

        async def run() -> None:
            try:
                await asyncio.sleep(30)
            finally:
                workers.start("late", late)
                await asyncio.sleep(0.01)

        workers.start("first", run)
        await asyncio.sleep(0)
    assert closed == ["late"]


@pytest.mark.parametrize("is_begun", [False, True])
async def test_what_comes_after_a_worker_comes_though_it_never_began(is_begun: bool) -> None:
    told: list[str] = []

    async def run() -> None:
        told.append("run")
        await asyncio.sleep(30)

    async with Workers() as workers:
        workers.start("one", run, lambda: told.append("after"))
        if is_begun:
            await asyncio.sleep(0)
    assert told == (["run", "after"] if is_begun else ["after"])


async def test_a_worker_that_does_not_stop_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "SECONDS_TO_STOP", 0.05)
    free = asyncio.Event()

    async def run() -> None:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue

    async with Workers() as workers:
        stubborn = workers.start("stubborn", run)
        await asyncio.sleep(0)
    assert "worker does not stop name=stubborn" in caplog.text
    free.set()
    await stubborn.stop()


async def test_one_that_does_not_heed_its_end_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "SECONDS_TO_HEED", 0.05)
    monkeypatch.setattr(module, "SECONDS_TO_STOP", 0.05)
    free = asyncio.Event()

    async def run() -> None:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue

    async with Workers() as workers:
        stubborn = workers.start("stubborn", run)
        await asyncio.sleep(0)
        async with asyncio.timeout(60):
            await stubborn.stop()
        assert caplog.messages == ["worker does not stop name=stubborn"]
        # Who asks for the state of things still sees it.
        assert [status.name for status in workers.status()] == ["stubborn"]
        free.set()
        await stubborn.stop()
    assert len(caplog.messages) == 1
