"""Comparing with hosts: their lists, their newest account, the limit of those that behave."""

import pytest

from appliance.base.connection import Connection
from appliance.firehose.events import AccountEvent, InfoEvent, SyncEvent
from appliance.relay import reconcile, repair
from appliance.relay.hosts import MAX_ACCOUNTS
from tests.relay.checks.scene import HOME, Scene
from tests.relay.conftest import Lab
from tests.support.hosts import TIME
from tests.support.waiting import until

WEEK_US = 7 * 24 * 3600 * 1_000_000


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(reconcile, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(repair, "LOOK_SECONDS", 0.02)


async def test_a_gap_in_a_hosts_stream_brings_up_only_what_differs(lab: Lab) -> None:
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        bob, carol = lab.account("bob"), lab.account("carol")
        await scene.passes(scene.commit(bob.post("a")))
        missed = bob.post("missed"), carol.post("never heard of")
        head = running.role.log.head()
        await scene.send(InfoEvent("OutdatedCursor").frame())
        assert scene.host().compare
        status, answer = await running.order("compareHost", hostname=lab.home.hostname)
        assert (status, answer) == (200, {"differing": 2})
        assert not scene.host().compare
        async with running.stream(head) as stream:
            told = [await stream.event(), await stream.event()]
        revs = {event.rev for event in told if isinstance(event, SyncEvent)}
        assert revs == {news.commit.rev for news in missed}
        assert (await running.order("compareHost", hostname=lab.home.hostname))[1] == {
            "differing": 0
        }


async def test_a_stream_that_does_not_tell_what_its_host_answers_is_connected_anew(
    lab: Lab,
) -> None:
    async with lab.relay() as running, running.stream() as stream:
        alice = lab.account("alice")
        await lab.home.tell_commit(alice.post("a"))
        await stream.frame()
        reconciler, hosts = running.role.reconciler, running.role.hosts
        assert await reconciler.check_alive(hosts.by_id(HOME))
        assert hosts.by_id(HOME).note is None
        connections = len(lab.home.seen_cursors)
        alice.post("kept from us")
        assert not await reconciler.check_alive(hosts.by_id(HOME))
        host = hosts.by_id(HOME)
        assert (host.compare, host.note) == (True, "its stream did not tell what it answers")
        await until(lambda: len(lab.home.seen_cursors) > connections)
        await until(lambda: running.role.crawler.connected() == 1)
        await reconciler.tick()
        assert (await stream.event()).kind == "sync"
        assert not hosts.by_id(HOME).compare


async def test_a_quiet_host_is_a_healthy_one(lab: Lab) -> None:
    async with lab.relay() as running, running.stream() as stream:
        alice = lab.account("alice")
        await lab.home.tell_commit(alice.post("a"))
        await stream.frame()
        lab.clock.ahead_us += 30 * 3600 * 1_000_000
        await running.role.reconciler.tick()
        host = running.role.hosts.by_id(HOME)
        assert len(lab.home.seen_cursors) == 1
        assert running.role.crawler.status(host, lab.clock.now_us()) == "idle"
        assert host.compared_us is not None


async def test_every_account_is_compared_once_a_week(lab: Lab) -> None:
    async with lab.relay() as running, running.stream() as stream:
        scene = await Scene.open(lab, running)
        await stream.frame()
        await running.role.reconciler.tick()
        assert running.role.repairs.due(1 << 60, 9) == []
        lab.home.status[scene.alice.did] |= {"active": False, "status": "deactivated"}
        lab.clock.ahead_us += WEEK_US + 1
        await running.role.reconciler.tick()
        event = await stream.event()
        assert isinstance(event, AccountEvent)
        assert event.status == "deactivated"
        await until(lambda: running.role.repairs.due(1 << 60, 9) == [])
        await running.role.reconciler.tick()
        assert running.role.repairs.due(1 << 60, 9) == []


async def test_a_host_that_behaves_may_have_more_and_those_who_waited_are_told_of(
    lab: Lab,
) -> None:
    def fill(conn: Connection) -> None:
        conn.execute("UPDATE host SET trusted = 0, accounts = ? WHERE id = ?", (MAX_ACCOUNTS, HOME))

    async with lab.relay() as running, running.stream() as stream:
        scene = await Scene.open(lab, running)
        await running.role.hosts._db.write(fill)
        bob = lab.account("bob")
        await scene.fails(scene.commit(bob.post("too many")), "host_full")
        assert await running.get("com.atproto.sync.getRepoStatus", did=bob.did) == (
            200,
            {"did": bob.did, "active": False, "status": "throttled"},
        )
        _, page = await running.ask("listHosts")
        assert [each["throttledAccounts"] for each in page["hosts"]] == [1, 0]
        await running.role.reconciler.tick()
        assert scene.host().account_limit == MAX_ACCOUNTS
        lab.clock.ahead_us += WEEK_US + 1
        await running.role.reconciler.tick()
        assert scene.host().account_limit == 2 * MAX_ACCOUNTS
        assert await stream.kinds(2) == ["commit", "sync"]
        await scene.passes(scene.commit(bob.post("welcome")))


async def test_an_operators_limit_lets_in_at_once(lab: Lab) -> None:
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        hostname = lab.home.hostname
        assert await running.order("setHostLimit", hostname=hostname, accounts=1) == (
            200,
            {"letIn": 0},
        )
        bob = lab.account("bob")
        await scene.fails(scene.commit(bob.post("a")), "host_full")
        await scene.passes(AccountEvent(scene.alice.did, TIME, False, "deleted").frame())
        assert await running.order("setHostLimit", hostname=hostname) == (200, {"letIn": 1})
        await until(lambda: running.role.repairs.due(1 << 60, 9) == [])
        await scene.passes(scene.commit(bob.post("b")))
