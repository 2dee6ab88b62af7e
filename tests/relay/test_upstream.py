"""Does the network see me? Each thing that may be wrong, at a real server, in plain words."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from appliance.firehose.events import IdentityEvent
from appliance.relay import upstream_echo, upstream_watch
from appliance.relay.upstream_echo import hear_again
from appliance.upkeep.checkup import check_role
from tests.relay.conftest import Lab, Running
from tests.support.hosts import TIME, FakeAccount, fake_host
from tests.support.upstream import FakeUpstream, home_made_certificate
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream_echo, "QUIET_SECONDS", 0.1)


@asynccontextmanager
async def watched(
    lab: Lab, upstream: FakeUpstream, *names: str
) -> AsyncIterator[tuple[Running, list[FakeAccount]]]:
    """Run a relay beside a PDS with some accounts, all of which the upstream knows as they are."""
    members = [lab.account(name) for name in names or ("alice",)]
    lab.upstreams = (upstream.url,)
    async with lab.relay() as running:
        for member in members:
            await lab.home.tell_commit(member.commit(), member.post("hello"))
        await until(lambda: running.role.log.head() >= 2 * len(members))
        for member in members:
            head = member.repo.head
            assert head is not None
            upstream.repos[member.did] = {"active": True, "rev": head.rev}
        yield running, members


async def look(running: Running) -> list[dict[str, Any]]:
    """Look now; what is found is also what the checkup and the panel show."""
    status, answer = await running.order("checkUpstreams")
    assert status == 200
    url = running.server.make_url("/xrpc/internal.hearth.upkeep.getStatus")
    headers = {"Authorization": running.role.access.header}
    async with running.session.get(url, headers=headers) as response:
        report = await response.json()
    shown = [each for each in check_role("relay", report) if each.subject != "Part relay"]
    found: list[dict[str, Any]] = answer["findings"]
    assert [each.seen for each in shown] == [each["seen"] for each in found]
    return found


async def only(running: Running) -> dict[str, Any]:
    (finding,) = await look(running)
    return finding


async def test_all_is_well_and_the_newest_write_comes_back(lab: Lab) -> None:
    async with FakeUpstream(lab.home.log).serve() as upstream, watched(lab, upstream) as (run, _):
        finding = await only(run)
        assert finding["level"] == "good"
        assert "knows 1 of its accounts; the newest write came back in" in finding["seen"]
        assert finding["subject"] == f"Seen by {upstream.url.removeprefix('http://')}"
        _, listed = await run.ask("listUpstreams")
        (view,) = listed["upstreams"]
        assert (view["status"], view["accountCount"], view["ourSeq"]) == ("active", 1, 2)
        assert 0 <= view["echoMs"] < 60_000
        assert upstream.crawls == []


async def test_a_relay_that_does_not_know_us_is_asked_to_crawl(lab: Lab) -> None:
    async with FakeUpstream(lab.home.log).serve() as upstream, watched(lab, upstream) as (run, _):
        upstream.host = None
        finding = await only(run)
        assert (finding["level"], finding["seen"]) == ("bad", "it does not follow this server")
        assert "asked to lately" in finding["remedy"]
        assert upstream.crawls == [lab.home.hostname]
        upstream.refuses = "HostBanned"
        assert "it refused to (HostBanned)" in (await only(run))["remedy"]
        # Where the PDS asks nobody again so soon, what was said last stays known.
        lab.home.asked_lately = True
        assert "it refused to (HostBanned)" in (await only(run))["remedy"]
        assert len(upstream.crawls) == 2


async def test_accounts_held_back_hidden_unknown_or_behind_are_counted(lab: Lab) -> None:
    names = ("alice", "bob", "carol", "dave", "eve", "fay")
    upstream = FakeUpstream(lab.home.log)
    async with upstream.serve(), watched(lab, upstream, *names) as (run, members):
        alice, bob, carol, dave, *_ = (member.did for member in members)
        upstream.repos[alice] = upstream.repos[bob] = {"active": False, "status": "throttled"}
        del upstream.repos[carol]
        upstream.repos[dave] = {"active": False, "status": "takendown"}
        upstream.repos[members[4].did]["rev"] = "2222222222222"
        upstream.host = {"status": "active", "seq": 12, "accountCount": 100}
        found = await look(run)
        assert [each["seen"] for each in found] == [
            "2 of 6 accounts are held back (throttled); it counts 100 accounts here",
            "1 of 6 accounts are unknown to it; it counts 100 accounts here",
            "1 of 6 accounts are hidden by it, though active here; it counts 100 accounts here",
        ]
        assert lab.home.hostname in found[0]["remedy"]
        # A commit of this very minute may still be on its way; an older one may not.
        lab.clock.ahead_us = 120_000_000
        found = await look(run)
        assert "1 of 6 accounts have writes that it did not take in" in found[-1]["seen"]
        assert {each["level"] for each in found} == {"warn"}


async def test_a_relay_that_has_read_more_than_there_is_tells_of_a_restored_backup(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream_watch, "CATCH_UP_SECONDS", 0.2)
    async with FakeUpstream(lab.home.log).serve() as upstream, watched(lab, upstream) as (run, _):
        upstream.host = {"status": "active", "seq": 9000, "accountCount": 1}
        finding = await only(run)
        assert finding["level"] == "bad"
        assert "it has read event 9000 of this server, which has only come to 2" in finding["seen"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("offline", "it cannot connect to this server"),
        ("throttled", "it takes in less than this server writes"),
        ("banned", "it has banned this server"),
        ("odd", "it calls this server 'odd'"),
    ],
)
async def test_the_standing_of_this_server_is_told(lab: Lab, status: str, words: str) -> None:
    async with FakeUpstream(lab.home.log).serve() as upstream, watched(lab, upstream) as (run, _):
        upstream.host = {"status": status, "seq": 2, "accountCount": 1}
        finding = await only(run)
        assert (finding["level"], finding["seen"]) == ("bad", words)
        assert upstream.crawls == ([lab.home.hostname] if status == "offline" else [])


async def test_a_relay_that_is_down_is_named_and_nothing_is_lost(lab: Lab) -> None:
    async with FakeUpstream(lab.home.log).serve() as upstream, watched(lab, upstream) as (run, _):
        upstream.fails = True
        assert "it does not answer: Upstream answered 502" in (await only(run))["seen"]
    lab.upstreams = ("http://localhost:1",)
    async with lab.relay() as running:
        await until(lambda: running.role.log.head() >= 2)
        finding = await only(running)
        assert finding["level"] == "warn"
        assert "it does not answer: " in finding["seen"]
        assert "nothing is lost" in finding["remedy"]


async def test_a_certificate_that_is_not_valid_is_told_as_that(lab: Lab) -> None:
    tls = home_made_certificate(lab.path)
    upstream = FakeUpstream(lab.home.log)
    async with upstream.serve(tls), watched(lab, upstream) as (run, _):
        finding = await only(run)
        assert finding["seen"].startswith("its certificate is not valid: ")


async def test_our_own_certificate_is_tried_when_a_relay_cannot_connect(lab: Lab) -> None:
    tls = home_made_certificate(lab.path)
    door, upstream = FakeUpstream(lab.home.log), FakeUpstream(lab.home.log)
    async with door.serve(tls), upstream.serve():
        lab.home.url = door.url
        async with watched(lab, upstream) as (run, _):
            upstream.host = {"status": "offline", "seq": 2}
            own, theirs = await look(run)
            assert own["subject"] == f"Address {door.url.removeprefix('https://')}"
            assert "its certificate is not valid" in own["seen"]
            assert "renew" in own["remedy"]
            assert theirs["seen"] == "it cannot connect to this server"


async def test_a_write_that_does_not_come_back_is_told(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream_watch, "ECHO_SECONDS", 1)
    async with fake_host(lab.path / "other.sqlite") as other:
        upstream = FakeUpstream(other.log)
        async with upstream.serve(), watched(lab, upstream) as (run, (alice,)):
            # A second of this clock must not go by before it is listened for.
            lab.clock.stand_still()
            news = alice.post("lost")
            await lab.home.tell_commit(news)
            upstream.repos[alice.did]["rev"] = news.commit.rev
            await until(lambda: run.role.log.head() == 3)
            finding = await only(run)
            assert finding["level"] == "warn"
            assert "had not come back through its stream" in finding["seen"]
            # What was written long ago tells nothing.
            lab.clock.ahead_us = 120_000_000
            assert (await only(run))["level"] == "good"


async def test_a_busy_stream_is_wound_back_to_before_the_write(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream_echo, "REWIND", 30)
    # Busy however slow the machine is: where it took this stream for quiet, it would hear all.
    monkeypatch.setattr(upstream_echo, "QUIET_SECONDS", 60.0)
    async with FakeUpstream(lab.home.log).serve() as upstream, watched(lab, upstream) as (run, _):
        alice = lab.account("alicia")
        lost, kept = alice.commit(), alice.post("kept")
        await lab.home.tell_commit(lost, *(alice.post("x") for _ in range(50)))
        await lab.home.tell_commit(kept)

        async def chatter() -> None:
            while True:
                await asyncio.sleep(0.02)
                await lab.home.tell(IdentityEvent(alice.did, TIME))

        talking = asyncio.ensure_future(chatter())
        http = run.role.upstreams._http
        assert await hear_again(http, upstream.url, alice.did, kept.commit.rev, 60)
        assert not await hear_again(http, upstream.url, alice.did, lost.commit.rev, 0.3)
        talking.cancel()


async def test_a_network_without_upstream_relays_looks_at_nothing(lab: Lab) -> None:
    async with lab.relay() as running:
        assert await look(running) == []
        names = [worker.name for worker in running.role.workers.status()]
        assert "relay looks whether it is seen" not in names
