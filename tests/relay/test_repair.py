"""What was missed is found out from the account's host, and told as a #sync."""

from dataclasses import replace

import pytest

from appliance.atproto.crypto import PrivateKey
from appliance.firehose.events import AccountEvent, CommitEvent, IdentityEvent, SyncEvent
from appliance.relay import lookups, repair, repairs
from tests.relay.checks.scene import HOME, Scene
from tests.relay.conftest import Lab
from tests.support.hosts import TIME, FakeAccount


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(repair, "LOOK_SECONDS", 0.02)


async def test_a_missed_commit_is_told_as_a_sync_and_the_next_one_chains(lab: Lab) -> None:
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        missed = scene.alice.post("missed")
        async with running.stream(1) as stream:
            assert await running.role.repairer.repair(scene.alice.did) == (
                "its newest commit was passed on"
            )
            event = await stream.event()
        assert isinstance(event, SyncEvent)
        assert event.rev == missed.commit.rev
        await scene.passes(scene.commit(scene.alice.post("next")))
        assert await running.role.repairer.repair(scene.alice.did) == "nothing was missed"


async def test_three_faults_within_ten_minutes_make_the_relay_look(lab: Lab) -> None:
    async with lab.relay() as running, running.stream() as stream:
        scene = await Scene.open(lab, running)
        await stream.frame()
        news = scene.alice.post("a")
        lie = scene.commit(news, prev_data=news.commit.cid)
        for _ in range(3):
            assert running.role.repairs.due(1 << 60, 9) == []
            await scene.fails(lie, "invalid")
        assert running.role.repairs.due(1 << 60, 9)[0].reason == "its events fail the checks"
        lab.clock.ahead_us += 6_000_000
        assert (await stream.event()).kind == "sync"


async def test_a_host_that_went_back_is_believed_when_it_says_so_itself(lab: Lab) -> None:
    async with lab.relay() as running, running.stream() as stream:
        scene = await Scene.open(lab, running)
        before = scene.alice.repo
        await scene.passes(scene.commit(scene.alice.post("lost in a restore")))
        await stream.kinds(2)
        assert before.head is not None
        rolled_back = SyncEvent.of(before.head, TIME).frame()
        # Somebody plays an old #sync again: the host answers otherwise, so nothing is told.
        await scene.fails(rolled_back, "rolled_back")
        assert await running.role.repairer.repair(scene.alice.did) == "nothing was missed"
        scene.alice.repo = before
        lab.clock.ahead_us += 6_000_000
        event = await stream.event()
        assert isinstance(event, SyncEvent)
        assert event.rev == before.head.rev
        await scene.passes(scene.commit(scene.alice.post("on from there")))


async def test_a_sync_that_the_relays_own_question_was_quicker_than_is_late_and_no_more(
    lab: Lab,
) -> None:
    """Yet the host is asked, as it might have gone back to just there."""
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        repairer, did = running.role.repairer, scene.alice.did
        known = scene.alice.repo
        slow = scene.alice.post("on its way")
        between = scene.alice.repo
        for text in ("the newest", "another"):
            scene.alice.post(text)
            assert await repairer.repair(did) == "its newest commit was passed on"
        assert known.head is not None
        assert between.head is not None
        # What the stream had told of before is old, whoever repeats it.
        await scene.fails(SyncEvent.of(known.head, TIME).frame(), "rolled_back")
        late = SyncEvent.of(between.head, TIME).frame()
        await scene.fails(scene.commit(slow), "stale_rev")
        await scene.fails(late, "stale_rev")
        assert running.role.repairs.due(1 << 60, 9)[0].reason == "its host went back"
        # The stream has come to where the host was asked: from now on it does not go back.
        await scene.passes(scene.commit(scene.alice.post("beyond")))
        await scene.fails(late, "rolled_back")
        scene.alice.repo = between
        assert await repairer.repair(did) == "its newest commit was passed on"
        await scene.fails(SyncEvent.of(known.head, TIME).frame(), "rolled_back")
        await scene.passes(late)


async def test_an_account_that_moves_twice_in_a_minute_is_found_where_it_is(lab: Lab) -> None:
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        did, alice = scene.alice.did, scene.alice
        other = running.role.hosts.by_id(scene.other)
        lab.directory.put(alice, other.url)
        assert (await scene.send(scene.numbered(here(alice), other.id), host_id=other.id)) == {
            "published": 1
        }
        lab.directory.put(alice, lab.home.url)
        # This was just asked, so nobody believes it now; but it is not forgotten.
        await scene.fails(here(alice), "wrong_host")
        await scene.fails(IdentityEvent(did, TIME, alice.handle).frame(), "unchanged")
        [waits] = [one for one in running.role.repairs.due(1 << 60, 9) if "spoke" in one.reason]
        assert waits.did == did
        async with running.stream(running.role.log.head()) as stream:
            lab.clock.ahead_us += repairs.MINUTE_US + 1
            told = await stream.event()
        assert isinstance(told, IdentityEvent)
        assert (told.did, told.handle) == (did, None)
        assert running.role.accounts.find(did).host_id == HOME


def here(account: FakeAccount) -> bytes:
    return AccountEvent(account.did, TIME, True).frame()


async def test_a_commit_that_is_not_the_accounts_own_is_not_passed_on(lab: Lab) -> None:
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        head = running.role.log.head()
        scene.alice.key = PrivateKey.generate()
        scene.alice.post("by a stranger")
        with pytest.raises(repair.TryLater, match="not signed by its key"):
            await running.role.repairer.repair(scene.alice.did)
        assert running.role.log.head() == head


async def test_a_status_that_was_missed_is_told(lab: Lab) -> None:
    async with lab.relay() as running, running.stream() as stream:
        scene = await Scene.open(lab, running)
        await stream.frame()
        lab.home.status[scene.alice.did] |= {"active": False, "status": "suspended"}
        assert await running.role.repairer.repair(scene.alice.did) == "it is not active"
        event = await stream.event()
        assert isinstance(event, AccountEvent)
        assert (event.active, event.status) == (False, "suspended")
        assert await running.role.repairer.repair(scene.alice.did) == "it is not active"
        assert running.role.log.head() == 2


async def test_an_account_first_seen_in_mid_life_is_looked_at_whole(lab: Lab) -> None:
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        bob = lab.account("bob")
        bob.post("before")
        told = bob.post("told")
        bob.post("not told")
        await scene.passes(scene.commit(told))
        await running.role.repairer.repair(bob.did)
        state = running.role.accounts.find(bob.did).state
        assert bob.repo.head is not None
        assert state is not None
        assert state.rev == bob.repo.head.rev
        answer = await running.get(
            "com.atproto.sync.listReposByCollection", collection="app.bsky.feed.post"
        )
        assert answer == (200, {"repos": [{"did": scene.alice.did}, {"did": bob.did}]})


async def test_a_host_that_does_not_answer_is_asked_later_and_later(lab: Lab) -> None:
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        lab.home.status.clear()
        store, did, minute = running.role.repairs, scene.alice.did, repairs.MINUTE_US
        with pytest.raises(repair.TryLater):
            await running.role.repairer.repair(did)
        start = lab.clock.now_us() + 10**12  # nothing is due by itself
        await store.want(did, "a test", start)
        waits = []
        for _ in range(repairs.MAX_ATTEMPTS):
            [entry] = store.due(1 << 62, 9)
            await store.put_off(entry, start)
            due = [wait for wait in range(1, 62) if store.due(start + wait * minute, 1)]
            waits.append(due[0] if due else 0)
        assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
        assert waits[-1] == 0
        assert store.due(1 << 62, 9) == []


async def test_what_no_followed_host_has_is_left_alone(lab: Lab) -> None:
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        repairer = running.role.repairer
        bob = lab.account("bob")
        lab.directory.put(bob, "https://pds.elsewhere.com")
        assert await repairer.repair(bob.did) == "it lives on no host that is followed here"
        del lab.directory.documents[scene.alice.did]
        assert await repairer.repair(scene.alice.did) == "its DID does not resolve"
        lab.directory.down = True
        with pytest.raises(repair.TryLater):
            await repairer.repair(lab.account("carol").did)


async def test_a_frame_kept_apart_is_passed_on_when_it_is_right_after_all(lab: Lab) -> None:
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        own, scene.alice.key = scene.alice.key, PrivateKey.generate()
        news = scene.alice.post("with a new key")
        await scene.fails(scene.commit(news), "bad_signature")
        status, page = await running.ask("listQuarantine", did=scene.alice.did)
        [kept] = page["frames"]
        assert (status, kept["verdict"], kept["did"], kept["seq"]) == (
            200,
            "bad_signature",
            scene.alice.did,
            2,
        )
        status, raw = await running.ask("getQuarantined", number=str(kept["number"]))
        assert raw == replace(CommitEvent.of(news, TIME), seq=2).frame()
        head = running.role.log.head()
        status, answer = await running.order("releaseQuarantined", number=kept["number"])
        assert (status, answer["verdict"]) == (200, "bad_signature")
        assert running.role.log.head() == head
        lab.directory.put(scene.alice, lab.home.url)
        status, answer = await running.order("releaseQuarantined", number=kept["number"])
        assert (status, answer["verdict"]) == (200, "published")
        assert running.role.log.head() == head + 1
        status, answer = await running.order("releaseQuarantined", number=kept["number"])
        assert (status, answer["error"]) == (400, "QuarantineNotFound")
        assert own != scene.alice.key


async def test_an_account_that_nobody_could_look_up_is_taken_in_when_somebody_can(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "FIRST_HOLD_PAUSE", 0.01)
    monkeypatch.setattr(lookups, "HOLD_SECONDS", 0.02)
    monkeypatch.setattr(repairs, "MAX_QUEUED_OF_STRANGERS", 1)
    async with lab.relay() as running, running.stream() as stream:
        scene = await Scene.open(lab, running)
        await stream.frame()
        bob = lab.account("bob")
        lab.directory.down = True
        await scene.fails(scene.commit(bob.post("who is this")), "unresolved")
        await scene.fails(scene.commit(lab.account("carol").post("and this")), "unresolved")
        assert [each.did for each in running.role.repairs.due(1 << 60, 9)] == [bob.did]
        lab.directory.down = False
        lab.clock.ahead_us += 121_000_000
        event = await stream.event()
        assert isinstance(event, SyncEvent)
        assert event.did == bob.did
