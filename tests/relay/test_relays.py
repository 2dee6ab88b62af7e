"""Another relay is followed for the accounts of hosts that we do not follow ourselves."""

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.firehose.events import AccountEvent, CommitEvent, IdentityEvent, SyncEvent
from appliance.relay import repair
from tests.relay.checks.scene import Scene
from tests.relay.conftest import Lab
from tests.support.hosts import TIME, fake_host
from tests.support.waiting import until

RELAYS = ("http://localhost:7", "http://localhost:8")


async def test_accounts_of_unknown_hosts_come_through_a_relay_and_are_verified(
    lab: Lab, tmp_path: Path
) -> None:
    async with (
        fake_host(tmp_path / "other.sqlite") as other,
        fake_host(tmp_path / "pds.sqlite") as pds,
        lab.relay(relays=(other.url,)) as running,
        running.stream() as stream,
    ):
        await until(lambda: running.role.crawler.connected() == 2)
        assert other.seen_cursors == [None]
        bob = lab.account("bob", pds)
        first, second, third = bob.post("one"), bob.post("two"), bob.post("three")
        lie = CommitEvent.of(third, TIME)
        await other.tell_commit(first)
        await other.tell(
            CommitEvent.of(second, TIME), AccountEvent(bob.did, TIME, False, "suspended")
        )
        assert await stream.kinds(3) == ["commit", "commit", "account"]
        assert running.role.accounts.find(bob.did).status == "suspended"
        await other.tell(AccountEvent(bob.did, "2026-01-02T00:00:00.000Z", True))
        assert await stream.kinds(1) == ["account"]
        await other.tell(replace(lie, prev_data=first.commit.data))
        await until(lambda: running.role.ingest.counts["invalid"] == 1)


async def test_whom_we_hear_directly_we_do_not_hear_through_a_relay(lab: Lab) -> None:
    async with lab.relay(relays=RELAYS) as running:
        scene = await Scene.open(lab, running)
        one, two = (running.role.hosts.named(url.removeprefix("http://")) for url in RELAYS)
        news = scene.alice.post("a")
        await scene.fails(scene.commit(news), "wrong_host", one.id)
        await scene.fails(
            AccountEvent(scene.alice.did, TIME, False, "deleted").frame(), "wrong_host", one.id
        )
        await scene.passes(scene.commit(news))
        # Of two relays the first that tells of an account goes on to do so.
        bob = lab.account("bob")
        lab.directory.put(bob, "https://pds.elsewhere.com")
        await scene.passes(scene.commit(bob.post("a")), one.id)
        news = bob.post("b")
        await scene.fails(scene.commit(news), "wrong_host", two.id)
        await scene.passes(scene.commit(news), one.id)
        await running.role.hosts.set_standing(one.id, "waiting")
        await scene.passes(scene.commit(bob.post("c")), two.id)


async def test_what_two_relays_pass_to_and_fro_is_passed_on_once(lab: Lab) -> None:
    async with lab.relay(relays=RELAYS) as running:
        scene = await Scene.open(lab, running)
        one = running.role.hosts.named(RELAYS[0].removeprefix("http://"))
        bob = lab.account("bob")
        lab.directory.put(bob, "https://pds.elsewhere.com")
        news = bob.post("a")
        for frame in (
            scene.commit(news),
            IdentityEvent(bob.did, TIME).frame(),
            AccountEvent(bob.did, TIME, True).frame(),
            SyncEvent.of(news.commit, TIME).frame(),
        ):
            await scene.passes(frame, one.id)
        for frame, counted in (
            (scene.commit(news), "stale_rev"),
            (IdentityEvent(bob.did, TIME).frame(), "repeated"),
            (AccountEvent(bob.did, TIME, True).frame(), "repeated"),
            (SyncEvent.of(news.commit, TIME).frame(), "repeated"),
        ):
            await scene.fails(frame, counted, one.id)


async def test_an_account_that_comes_through_a_relay_is_repaired_at_its_own_host(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "GRACE_SECONDS", 0.0)
    async with (
        fake_host(tmp_path / "pds.sqlite") as pds,
        lab.relay(relays=RELAYS) as running,
    ):
        scene = await Scene.open(lab, running)
        one = running.role.hosts.named(RELAYS[0].removeprefix("http://"))
        bob = lab.account("bob", pds)
        await scene.passes(scene.commit(bob.post("a")), one.id)
        bob.post("missed")
        assert await running.role.repairer.repair(bob.did) == "its newest commit was passed on"
        lab.directory.put(bob, "ftp://nowhere")
        assert "no usable address" in await running.role.repairer.repair(bob.did)
