"""The hosts of those whom members follow are found, if they are small and not banned."""

import asyncio
from pathlib import Path

import pytest

from appliance.atproto import cbor
from appliance.atproto.repo.repo import CommitSlice, RecordWrite
from appliance.firehose.events import CommitEvent
from appliance.relay import crawler, friends, hosts
from appliance.relay.friends import followed_in
from tests.relay.conftest import Lab
from tests.support.clock import FakeClock
from tests.support.hosts import TIME, FakeAccount, fake_host


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(friends, "PAUSE_SECONDS", 0.0)


def follow(account: FakeAccount, *subjects: object) -> CommitSlice:
    writes = []
    for number, subject in enumerate(subjects):
        record = {"$type": "app.bsky.graph.follow", "subject": subject, "createdAt": TIME}
        path = f"app.bsky.graph.follow/k{number}{account.handle[0]}"
        writes.append(RecordWrite("create", path, cbor.encode(record)))
    return account.commit(*writes)


async def test_what_a_friend_writes_comes_without_anybody_asking(lab: Lab, tmp_path: Path) -> None:
    async with (
        fake_host(tmp_path / "away.sqlite") as away,
        lab.relay(open_to_all=False) as running,
        running.stream() as stream,
    ):
        alice, bob = lab.account("alice"), lab.account("bob", away)
        await away.tell_commit(bob.post("before anybody looked"))
        await lab.home.tell_commit(follow(alice, str(bob.did)))
        told = [await stream.event(), await stream.event()]
        assert [each.did for each in told if isinstance(each, CommitEvent)] == [alice.did, bob.did]


async def test_a_strangers_follow_opens_no_door(lab: Lab, tmp_path: Path) -> None:
    async with (
        fake_host(tmp_path / "near.sqlite") as near,
        fake_host(tmp_path / "far.sqlite") as far,
        lab.relay(near.url, open_to_all=False) as running,
        running.stream() as stream,
    ):
        zoe, bob = lab.account("zoe", near), lab.account("bob", far)
        await near.tell_commit(follow(zoe, str(bob.did)))
        await stream.frame()
        await asyncio.sleep(0.05)
        assert running.role.hosts.find(far.hostname) is None


async def test_a_large_a_banned_and_an_absent_host_are_left_alone(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        fake_host(tmp_path / "away.sqlite") as away,
        lab.relay(open_to_all=False) as running,
    ):
        await away.tell_commit(lab.account("bob", away).post("one"))
        wanted = running.role.admission.wanted
        monkeypatch.setattr(crawler, "SMALL_HOST", 1)
        assert not await wanted(away.url)
        monkeypatch.undo()
        assert not await wanted("https://127.0.0.1")
        assert not await wanted("http://localhost:1")
        await running.role.moderation.ban("localhost", "a test")
        assert not await wanted(away.url)
        await running.role.moderation.unban("localhost")
        assert await wanted(away.url)
        assert not await wanted(away.url)


async def test_when_no_more_hosts_are_taken_friends_hosts_are_not_even_asked(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "NEW_HOSTS_PER_DAY", 0)
    async with (
        fake_host(tmp_path / "away.sqlite") as away,
        lab.relay(open_to_all=False) as running,
    ):
        wanted = running.role.admission.wanted
        assert not await wanted(away.url)
        monkeypatch.undo()
        assert not await wanted(away.url)
        lab.clock.ahead_us += 3_601_000_000
        assert await wanted(away.url)


def test_only_what_names_a_did_counts_as_a_follow() -> None:
    account = FakeAccount("alice", FakeClock())
    event = CommitEvent.of(follow(account, "did:web:a.com", "alice.test", 7, None), TIME)
    assert list(followed_in(event)) == ["did:web:a.com"]
    assert list(followed_in(CommitEvent.of(account.post("app.bsky.graph.follow/"), TIME))) == []
