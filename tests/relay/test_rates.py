"""How much a host and an account may send before it has to wait."""

import asyncio
from pathlib import Path

import pytest

from appliance.firehose.events import CommitEvent, IdentityEvent
from appliance.relay import rates
from appliance.relay.rates import Bucket, Rate, Rates
from tests.relay.checks.scene import Scene
from tests.relay.conftest import Lab
from tests.support.clock import FakeClock
from tests.support.hosts import TIME, FakeAccount, fake_host
from tests.support.waiting import until


def test_a_bucket_fills_again_and_tells_how_long_that_takes() -> None:
    bucket = Bucket(Rate(10, 2.0), 0.0)
    assert bucket.take(10, 0.0) == 0
    assert bucket.take(4, 0.0) == 2.0
    assert bucket.take(0, 1.0) == 1.0
    assert bucket.take(10, 100.0) == 0
    assert bucket.take(1, 100.0) == 0.5


def test_a_host_pauses_by_the_strictest_of_its_rates() -> None:
    clock = FakeClock()
    kept = Rates(clock)
    assert kept.host_pause(1, 200) == 0
    assert kept.host_pause(1, 20) == 1.0
    assert kept.host_pause(2, 200) == 0
    clock.advance(3600)
    assert kept.host_pause(1, 200) == 0
    hourly = []
    for _ in range(60):
        clock.advance(60)
        hourly.append(kept.host_pause(1, 200))
    assert hourly[0] == 0
    assert hourly[-1] > 60
    kept.forgive(1)
    assert kept.host_pause(1, 200) == 0


def test_an_account_may_send_one_event_a_second_and_sixty_at_once() -> None:
    clock = FakeClock()
    kept = Rates(clock)
    alice = FakeAccount("alice", clock)
    told = IdentityEvent(alice.did, TIME)
    assert [kept.too_fast(1, told) for _ in range(61)] == [False] * 60 + [True]
    assert not kept.too_fast(2, told)
    clock.advance(2)
    assert [kept.too_fast(1, told) for _ in range(3)] == [False, False, True]


def test_what_is_caught_up_on_says_nothing_of_the_pace() -> None:
    clock = FakeClock()
    kept = Rates(clock)
    event = CommitEvent.of(FakeAccount("alice", clock).post("old"), TIME)
    clock.advance(3600)
    assert not any(kept.too_fast(1, event) for _ in range(100))


def test_the_accounts_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MAX_ACCOUNTS_KEPT", 5)
    clock = FakeClock()
    kept = Rates(clock)
    for letter in "abcdefgh":
        kept.too_fast(1, IdentityEvent(FakeAccount(letter, clock).did, TIME))
    assert len(kept._accounts) == 5


async def test_an_account_that_sends_too_much_is_kept_apart_and_looked_at(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many at once as ever; none is made up for while a slow machine sends them.
    monkeypatch.setattr(rates, "ACCOUNT_RATE", Rate(rates.ACCOUNT_RATE.burst, 0.0001))
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        bob = lab.account("bob")
        lab.directory.put(bob, scene.host(scene.other).url)
        for number in range(60):
            await scene.passes(scene.commit(bob.post(str(number))), scene.other)
        reason = await scene.fails(scene.commit(bob.post("more")), "too_fast", scene.other)
        assert "one event a second" in reason
        reasons = {each.did: each.reason for each in running.role.repairs.due(1 << 60, 9)}
        assert bob.did in reasons


async def test_a_host_that_sends_too_much_is_not_read_and_loses_nothing(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "HOST_RATES", (Rate(10.0, 100.0),))
    async with fake_host(tmp_path / "away.sqlite") as away, lab.relay() as running:
        bob = lab.account("bob", away)
        await running.request_crawl(away.hostname)
        async with running.stream() as stream:
            started = asyncio.get_running_loop().time()
            await away.tell_commit(*(bob.post(str(number)) for number in range(50)))
            await stream.kinds(50)
            host = running.role.hosts.find(away.hostname)
            assert host is not None
            await away.tell_commit(bob.post("last"))
            await stream.kinds(1)
            assert asyncio.get_running_loop().time() - started > 0.3
            monkeypatch.setattr(rates, "HOST_RATES", (Rate(1.0, 0.0001),))
            running.role.crawler.forgive(host.id)
            await away.tell_commit(*(bob.post(str(number)) for number in range(3)))
            await stream.kinds(3)
            await until(
                lambda: running.role.crawler.status(host, lab.clock.now_us()) == "throttled"
            )
            await away.tell_commit(bob.post("held"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(stream.frame(), 0.1)
