"""The whole relay: from a host's stream to its own."""

import asyncio
import time
from pathlib import Path

import pytest

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.frames import with_seq
from appliance.firehose import event_log
from appliance.firehose.events import (
    AccountEvent,
    CommitEvent,
    IdentityEvent,
    SyncEvent,
    parse,
)
from appliance.relay import crawler
from tests.relay.conftest import Lab, Running
from tests.support.hosts import TIME, fake_host
from tests.support.waiting import until


async def counted(running: Running, name: str, count: int = 1) -> None:
    """Wait until something was counted just so often."""
    await until(lambda: running.role.ingest.counts[name] >= count)
    assert running.role.ingest.counts[name] == count


async def test_a_commit_passes_byte_for_byte_but_for_its_number(lab: Lab) -> None:
    alice = lab.account("alice")
    await lab.home.tell(IdentityEvent(Did("did:plc:" + "z" * 24), TIME))
    await lab.home.tell_commit(alice.commit(), alice.post("one"))
    async with lab.relay() as running, running.stream() as stream:
        first, second = await stream.frame(), await stream.frame()
        sent = [frame for _, frame in lab.home.log.after(1)]
        assert [parse(sent[0]).kind, parse(sent[1]).kind] == ["commit", "commit"]
        assert [with_seq(frame, seq) for seq, frame in enumerate(sent, 1)] == [first, second]
        await lab.home.tell_commit(alice.post("two"))
        event = await stream.event()
        assert isinstance(event, CommitEvent)
        assert (event.did, event.seq) == (alice.did, 3)
        assert running.role.ingest.counts == {"unresolved": 1, "published": 3}


async def test_a_single_event_passes_in_milliseconds(lab: Lab) -> None:
    alice = lab.account("alice")
    async with lab.relay() as running, running.stream() as stream:
        await lab.home.tell_commit(alice.commit())
        await stream.frame()
        taken = []
        for number in range(30):
            news = alice.post(str(number))
            started = time.perf_counter()
            await lab.home.tell_commit(news)
            await stream.frame()
            taken.append(time.perf_counter() - started)
    # The reference polls every half second.
    assert min(taken) < 0.1


async def test_a_relay_that_was_away_misses_nothing_and_repeats_nothing(lab: Lab) -> None:
    alice = lab.account("alice")
    await lab.home.tell_commit(alice.commit(), *(alice.post(str(each)) for each in range(40)))
    async with lab.relay() as running, running.stream() as stream:
        assert await stream.kinds(41) == ["commit"] * 41
    await lab.home.tell_commit(*(alice.post(str(each)) for each in range(25)))
    async with lab.relay() as running, running.stream(41) as stream:
        events = [await stream.event() for _ in range(25)]
        assert [event.seq for event in events if isinstance(event, CommitEvent)] == list(
            range(42, 67)
        )
        assert running.role.ingest.counts == {"published": 25}
    assert lab.home.seen_cursors == ["0", "41"]


async def test_after_a_power_cut_no_number_is_given_twice(lab: Lab, tmp_path: Path) -> None:
    alice = lab.account("alice")
    await lab.home.tell_commit(alice.commit(), alice.post("a"))
    async with lab.relay() as running, running.stream() as stream:
        await stream.kinds(2)
    (tmp_path / "relay.sqlite-wal").touch()
    async with lab.relay() as running, running.stream(2) as stream:
        await lab.home.tell_commit(alice.post("b"))
        event = await stream.event()
        assert isinstance(event, CommitEvent)
        assert event.seq == event_log.SKIPPED + 3
        assert running.role.ingest.counts == {"published": 1}


async def test_a_forged_a_broken_and_an_old_commit_go_no_further(lab: Lab) -> None:
    alice = lab.account("alice")
    first = alice.commit()
    before = alice.repo
    good_key, alice.key = alice.key, PrivateKey.generate()
    forged = alice.post("not hers")
    alice.key, alice.repo = good_key, before
    lie = CommitEvent.of(alice.post("a"), TIME)
    lie = CommitEvent(
        lie.did, lie.rev, lie.since, lie.commit, first.commit.cid, lie.ops, lie.blocks, TIME
    )
    alice.repo = before
    good = alice.post("b")
    async with lab.relay() as running, running.stream() as stream:
        await lab.home.tell_commit(first, forged)
        await lab.home.tell(lie)
        await lab.home.tell_commit(good, first)
        events = [await stream.event(), await stream.event()]
        assert [e.rev for e in events if isinstance(e, CommitEvent)] == [
            first.commit.rev,
            good.commit.rev,
        ]
        await counted(running, "stale_rev")
        assert running.role.ingest.counts == {
            "published": 2,
            "bad_signature": 1,
            "invalid": 1,
            "stale_rev": 1,
        }


async def test_a_changed_key_is_looked_up_again_once(lab: Lab) -> None:
    alice = lab.account("alice")
    async with lab.relay() as running, running.stream() as stream:
        await lab.home.tell_commit(alice.commit())
        await stream.frame()
        alice.key = PrivateKey.generate()
        lab.directory.put(alice, lab.home.url)
        await lab.home.tell_commit(alice.post("new key"))
        await stream.frame()
        assert running.role.ingest.counts == {"published": 2}
        asked = lab.directory.asked[alice.did]
        alice.key = PrivateKey.generate()
        await lab.home.tell_commit(*(alice.post("forged") for _ in range(5)))
        await counted(running, "bad_signature", 5)
        assert lab.directory.asked[alice.did] <= asked + 1


async def test_a_commit_that_does_not_chain_is_passed_on_and_becomes_the_state(lab: Lab) -> None:
    alice = lab.account("alice")
    first, _lost, third, fourth = alice.commit(), alice.post("a"), alice.post("b"), alice.post("c")
    async with lab.relay() as running, running.stream() as stream:
        await lab.home.tell_commit(first, third, fourth)
        assert await stream.kinds(3) == ["commit"] * 3
        assert running.role.ingest.counts == {"published": 2, "published_with_gap": 1}


async def test_a_sync_sets_the_state(lab: Lab) -> None:
    alice = lab.account("alice")
    first, _lost, third = alice.commit(), alice.post("a"), alice.post("b")
    async with lab.relay() as running, running.stream() as stream:
        await lab.home.tell_commit(first)
        await lab.home.tell(SyncEvent.of(third.commit, TIME), SyncEvent.of(first.commit, TIME))
        await lab.home.tell_commit(alice.post("c"))
        assert await stream.kinds(3) == ["commit", "sync", "commit"]
        assert running.role.ingest.counts == {"published": 3, "rolled_back": 1}


async def test_another_host_cannot_speak_for_an_account_but_it_can_move(
    lab: Lab, tmp_path: Path
) -> None:
    alice = lab.account("alice")
    async with (
        fake_host(tmp_path / "away.sqlite") as away,
        lab.relay(away.url) as running,
        running.stream() as stream,
    ):
        await lab.home.tell_commit(alice.commit())
        await stream.frame()
        await away.tell(AccountEvent(alice.did, TIME, False, "deleted"))
        await away.tell_commit(alice.post("stolen"))
        await counted(running, "wrong_host", 2)
        lab.directory.put(alice, away.url)
        lab.clock.ahead_us += 61_000_000
        await away.tell_commit(alice.post("moved"))
        event = await stream.event()
        assert isinstance(event, CommitEvent)
        status, answer = await running.get("com.atproto.sync.listHosts")
        assert status == 200
        assert [host["accountCount"] for host in answer["hosts"]] == [0, 1]  # type: ignore[attr-defined]


async def test_an_identity_event_names_only_a_verified_handle(lab: Lab) -> None:
    alice = lab.account("alice")
    async with lab.relay() as running, running.stream() as stream:
        await lab.home.tell(IdentityEvent(alice.did, TIME, alice.handle))
        await lab.home.tell(IdentityEvent(alice.did, TIME, "mallory.test"))
        await lab.home.tell(IdentityEvent(alice.did, TIME))
        told = [await stream.event() for _ in range(3)]
        assert [e.handle for e in told if isinstance(e, IdentityEvent)] == [
            alice.handle,
            alice.handle,
            None,
        ]
        lab.home.handles.clear()
        await lab.home.tell(IdentityEvent(alice.did, TIME, alice.handle))
        event = await stream.event()
        assert isinstance(event, IdentityEvent)
        assert event.handle is None


async def test_an_inactive_account_is_silent_until_its_host_says_otherwise(lab: Lab) -> None:
    alice = lab.account("alice")
    async with lab.relay() as running, running.stream() as stream:
        await lab.home.tell_commit(alice.commit())
        await lab.home.tell(AccountEvent(alice.did, TIME, False, "deactivated"))
        assert await stream.kinds(2) == ["commit", "account"]
        lab.home.status[alice.did] = {"did": alice.did, "active": False, "status": "deactivated"}
        await lab.home.tell_commit(alice.post("no"))
        await counted(running, "inactive")
        assert await running.get("com.atproto.sync.getRepoStatus", did=alice.did) == (
            200,
            {"did": alice.did, "active": False, "status": "deactivated"},
        )
        lab.home.status[alice.did] = {"did": alice.did, "active": True}
        lab.clock.ahead_us += 601_000_000
        await lab.home.tell_commit(alice.post("yes"))
        assert await stream.kinds(2) == ["account", "commit"]


async def test_a_deleted_account_leaves_the_replay_and_can_be_gone_from_the_directory(
    lab: Lab,
) -> None:
    alice = lab.account("alice")
    async with lab.relay() as running:
        async with running.stream() as stream:
            await lab.home.tell_commit(alice.commit(), alice.post("a"))
            assert await stream.kinds(2) == ["commit"] * 2
            del lab.directory.documents[alice.did]
            running.role.repairer._resolver.purge(alice.did)
            await lab.home.tell(AccountEvent(alice.did, TIME, False, "deleted"))
            assert await stream.kinds(1) == ["account"]
        async with running.stream() as stream:
            assert await stream.kinds(1) == ["account"]
        _, hosts = await running.get("com.atproto.sync.listHosts")
        assert [host["accountCount"] for host in hosts["hosts"]] == [0]  # type: ignore[attr-defined]


async def test_a_host_whose_numbers_went_back_is_followed_from_now_on(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawler, "HOME_PATIENCE_SECONDS", 0.1)
    alice = lab.account("alice")
    await lab.home.tell_commit(alice.commit(), alice.post("a"), alice.post("b"))
    async with lab.relay() as running, running.stream() as stream:
        await stream.kinds(3)
        await running.role.hosts.set_cursor(1, 1_000)
    async with lab.relay() as running, running.stream(3) as stream:
        hosts = running.role.hosts
        await until(lambda: hosts.by_id(1).cursor is None and lab.home.seen_cursors[-1] is None)
        await asyncio.sleep(0.05)
        await lab.home.tell_commit(alice.post("c"))
        assert await stream.kinds(1) == ["commit"]
        assert running.role.hosts.by_id(1).cursor == 4
