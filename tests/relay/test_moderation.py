"""The operator decides: who is followed, who is banned, what is taken down."""

from pathlib import Path

import pytest

from appliance.firehose.events import AccountEvent, CommitEvent
from appliance.relay import hosts, repair
from appliance.relay.bans import domains_of
from tests.relay.checks.scene import Scene
from tests.relay.conftest import Lab
from tests.support.hosts import TIME, fake_host
from tests.support.waiting import until


async def test_a_takedown_reaches_what_is_kept_and_what_is_to_come(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "GRACE_SECONDS", 0.0)
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        did = scene.alice.did
        await scene.passes(scene.commit(scene.alice.post("a")))
        await scene.fails(scene.commit(scene.alice.post("b"), since=None, ops=()), "invalid")
        assert await running.order("takeDownAccount", did=did, applied=True) == (200, None)
        async with running.stream() as stream:
            event = await stream.event()
            assert isinstance(event, AccountEvent)
            assert (event.active, event.status) == (False, "takendown")
        assert (await running.ask("listQuarantine"))[1] == {"frames": []}
        for method in ("getRepo", "getLatestCommit"):
            status, answer = await running.get(f"com.atproto.sync.{method}", did=did)
            assert (status, answer["error"]) == (400, "RepoTakendown")
        _, account = await running.ask("getAccount", did=did)
        assert (account["active"], account["localStatus"]) == (False, "takendown")
        await scene.fails(scene.commit(scene.alice.post("c")), "inactive")
        head = running.role.log.head()
        assert await running.order("takeDownAccount", did=did, applied=False) == (200, None)
        assert (await running.order("repairAccount", did=did))[0] == 200
        async with running.stream(head) as stream:
            assert await stream.kinds(2) == ["account", "sync"]
        await scene.passes(scene.commit(scene.alice.post("d")))
        unknown = "did:plc:" + "z" * 24
        status, answer = await running.order("takeDownAccount", did=unknown, applied=True)
        assert (status, answer["error"]) == (400, "RepoNotFound")


async def test_a_banned_account_does_not_come_back_and_a_stranger_never_comes(lab: Lab) -> None:
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        bob = lab.account("bob")
        for did in (scene.alice.did, bob.did):
            assert await running.order("ban", name=did, reason="spam") == (200, None)
        await scene.fails(scene.commit(scene.alice.post("a")), "inactive")
        await scene.fails(scene.commit(bob.post("a")), "banned")
        _, page = await running.ask("listBans")
        assert [(each["name"], each["reason"]) for each in page["bans"]] == [
            (scene.alice.did, "spam"),
            (bob.did, "spam"),
        ]
        for did in (scene.alice.did, bob.did):
            assert await running.order("unban", name=did) == (200, None)
        await scene.passes(scene.commit(bob.post("b")))
        await scene.passes(scene.commit(scene.alice.post("b")), gap=True)
        status, answer = await running.order("unban", name=bob.did)
        assert (status, answer["error"]) == (400, "BanNotFound")


async def test_a_domain_is_banned_with_all_below_it(lab: Lab) -> None:
    async with lab.relay(mode="home") as running:
        for name in ("a.spam.com", "b.spam.com", "notspam.com"):
            assert await running.request_crawl(name) == (200, b"")
        await running.order("ban", name="Spam.com", reason="lies")
        store = running.role.hosts
        standings = {host.hostname: host.standing for host in store.all(0, 9)}
        del standings[lab.home.hostname]
        assert standings == {
            "a.spam.com": "banned",
            "b.spam.com": "banned",
            "notspam.com": "waiting",
        }
        for name in ("a.spam.com", "deep.new.spam.com", "spam.com"):
            status, answer = await running.request_crawl(name)
            assert (status, b"HostBanned" in answer) == (400, True)
        status, answer = await running.order("approveHost", hostname="a.spam.com")
        assert (status, answer["error"]) == (400, "InvalidRequest")
        await running.order("unban", name="spam.com")
        found = store.find("a.spam.com")
        assert found is not None
        assert found.standing == "waiting"
        for bad in ("", "did:x", "no domain", "a..b"):
            status, answer = await running.order("ban", name=bad, reason="")
            assert (status, answer["error"]) == (400, "InvalidRequest")


async def test_a_host_that_waits_is_followed_when_the_operator_approves(
    lab: Lab, tmp_path: Path
) -> None:
    async with (
        fake_host(tmp_path / "away.sqlite") as away,
        lab.relay(open_to_all=False) as running,
    ):
        bob = lab.account("bob", away)
        await away.tell_commit(bob.post("before anybody asked"))
        assert await running.request_crawl(away.hostname) == (200, b"")
        assert away.seen_cursors == []
        assert await running.order("approveHost", hostname=away.hostname) == (200, None)
        async with running.stream() as stream:
            event = await stream.event()
        assert isinstance(event, CommitEvent)
        assert away.seen_cursors == ["0"]
        _, page = await running.ask("listHosts")
        [_, host] = page["hosts"]
        assert (host["standing"], host["status"], host["accounts"], host["seq"]) == (
            "active",
            "active",
            1,
            1,
        )
        await running.order("ban", name="localhost", reason="enough")
        assert running.role.crawler.connected() == 0
        status, answer = await running.get("com.atproto.sync.getHostStatus", hostname=away.hostname)
        assert (status, answer["status"]) == (200, "banned")
        status, answer = await running.order("approveHost", hostname="pds.nobody.com")
        assert (status, answer["error"]) == (400, "HostNotFound")


async def test_only_the_operator_decides(lab: Lab) -> None:
    async with lab.relay() as running:
        url = running.server.make_url("/xrpc/internal.hearth.relay.ban")
        async with running.session.post(url, json={"name": "a.com", "reason": ""}) as response:
            assert response.status == 401
        for name in ("listHosts", "listBans", "listQuarantine"):
            url = running.server.make_url(f"/xrpc/internal.hearth.relay.{name}")
            async with running.session.get(url) as response:
                assert response.status == 401


async def test_a_relay_that_takes_no_more_hosts_says_when_to_come_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "MAX_WAITING", 1)
    async with lab.relay(mode="home") as running:
        url = running.server.make_url("/xrpc/com.atproto.sync.requestCrawl")
        assert await running.request_crawl("early.com") == (200, b"")
        async with running.session.post(url, json={"hostname": "late.com"}) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "3600")


async def test_a_stranger_that_is_away_for_a_week_is_given_up_until_it_asks(
    lab: Lab, tmp_path: Path
) -> None:
    async with fake_host(tmp_path / "away.sqlite") as away, lab.relay() as running:
        await running.request_crawl(away.hostname)
        crawler, store = running.role.crawler, running.role.hosts
        found = store.find(away.hostname)
        assert found is not None
        await until(lambda: crawler.connected() == 2)
        await store.set_offline(found.id, lab.clock.now_us())
        await crawler._watch_host(found.id, lab.clock.now_us())
        assert store.by_id(found.id).offline_since_us is None
        crawler._followers[found.id][0].connected_since = None
        await crawler._watch_host(found.id, lab.clock.now_us())
        week = 7 * 24 * 3600 * 1_000_000
        away_since = store.by_id(found.id).offline_since_us
        assert away_since is not None
        await crawler._watch_host(found.id, away_since + week)
        assert found.id in crawler._followers
        await crawler._watch_host(found.id, away_since + week + 1)
        assert found.id not in crawler._followers
        # One that we have chosen is never given up.
        crawler._followers[1][0].connected_since = None
        await store.set_offline(1, 1)
        await crawler._watch_host(1, lab.clock.now_us())
        assert 1 in crawler._followers
        await running.request_crawl(away.hostname)
        await until(lambda: found.id in crawler._followers)
        await until(lambda: crawler.connected_since(found) is not None)


def test_a_ban_covers_every_domain_above() -> None:
    assert list(domains_of("a.b.com:99")) == ["a.b.com", "b.com", "com"]


async def test_a_status_told_by_the_host_is_kept_behind_ours(lab: Lab) -> None:
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        await running.role.moderation.take_down(scene.alice.did, applied=True)
        told = scene.numbered(AccountEvent(scene.alice.did, TIME, False, "suspended").frame())
        await scene.send(told)
        _, account = await running.ask("getAccount", did=scene.alice.did)
        assert (account["status"], account["hostStatus"]) == ("takendown", "suspended")
