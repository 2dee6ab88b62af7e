import asyncio
from dataclasses import replace

import apsw
import pytest

from appliance.appview import identities, ingest
from appliance.appview.role import AppView
from appliance.atproto.syntax import Datetime
from appliance.base.database import WriteFailed
from appliance.settings import Settings
from tests.support.appview_house import AppViewHouse
from tests.support.appview_network import (
    FakeNetwork,
    open_role,
)
from tests.support.repo_author import RepoAuthor
from tests.support.waiting import until


def posts(appview: AppView) -> int:
    row = appview.index.read_one("SELECT count(*) FROM post WHERE id > 0")
    return int(row[0]) if row else 0


def handle(appview: AppView, did: str) -> str | None:
    row = appview.index.read_one("SELECT handle FROM actor WHERE did = ?", did)
    return row[0] if row else None


async def test_a_post_in_the_stream_is_indexed_and_waited_for(
    appview: AppView, network: FakeNetwork
) -> None:
    alice = network.add(RepoAuthor("alice"))
    event = alice.post()
    assert not await appview.revs.wait(alice.did, event.rev, timeout=0.01)
    await network.tell(alice.identity(), alice.account(True), event)
    assert await appview.revs.wait(alice.did, event.rev, timeout=60)
    assert await appview.revs.wait(alice.did, event.rev, timeout=0)
    assert posts(appview) == 1
    await until(lambda: handle(appview, alice.did) == "alice.test")


async def test_a_new_account_is_waited_for_until_its_name_is_known(
    appview: AppView, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities, "LONGEST_WAIT", 60)
    alice = network.add(RepoAuthor("alice"))
    event = alice.post()
    await network.tell(alice.identity(), alice.account(True), event)
    assert await appview.revs.wait(alice.did, event.rev, timeout=60)
    await appview.identities.settled(alice.did)
    assert handle(appview, alice.did) == "alice.test"
    nobody = network.add(RepoAuthor("nobody"))
    del network.authors[nobody.did]
    event = nobody.post()
    await network.tell(event)
    assert await appview.revs.wait(nobody.did, event.rev, timeout=60)
    monkeypatch.setattr(identities, "LONGEST_WAIT", 0.01)
    async with asyncio.timeout(60):
        await appview.identities.settled(nobody.did)
    assert handle(appview, nobody.did) is None


async def test_the_stream_goes_on_where_it_was_left(
    settings: Settings, network: FakeNetwork
) -> None:
    alice = network.add(RepoAuthor("alice"))
    first = alice.post()
    await network.tell(first)
    async with open_role(settings) as appview:
        assert await appview.revs.wait(alice.did, first.rev, timeout=60)
        cursor = appview.ingest.cursor()
    second = alice.post()
    await network.tell(second)
    async with open_role(settings) as appview:
        assert await appview.revs.wait(alice.did, second.rev, timeout=60)
        assert (cursor, appview.ingest.cursor(), posts(appview)) == (1, 2, 2)


async def test_an_account_met_in_the_middle_is_fetched_whole(
    appview: AppView, network: FakeNetwork
) -> None:
    alice = network.add(RepoAuthor("alice"))
    alice.post("before the stream began")
    alice.create("app.bsky.actor.profile", "self", displayName="Alice")
    event = alice.post("now")
    await network.tell(event)
    assert await appview.revs.wait(alice.did, event.rev, timeout=60)
    assert posts(appview) == 2
    assert network.served == [alice.did]
    later = alice.post("later")
    await network.tell(later)
    assert await appview.revs.wait(alice.did, later.rev, timeout=60)
    assert (posts(appview), network.served) == (3, [alice.did])


async def test_of_a_repo_that_comes_whole_the_newest_comes_first(
    appview: AppView, network: FakeNetwork
) -> None:
    alice = network.add(RepoAuthor("alice"))
    for number in range(3):
        alice.post(f"post {number}", f"3kk{number}")
    alice.create("app.bsky.actor.profile", "self", displayName="Alice")
    alice.create("app.bsky.graph.follow", "3kk9", subject="did:plc:bob")
    await network.tell(alice.post("the last", "3kk5"))
    await until(lambda: posts(appview) == 4)
    rows = appview.index.read("SELECT record ->> '$.text' FROM post WHERE id > 0 ORDER BY id")
    # Ids are given in the order of indexing.
    assert [text for (text,) in rows] == ["the last", "post 2", "post 1", "post 0"]


async def test_a_fetched_repo_takes_away_what_it_no_longer_has(
    appview: AppView, network: FakeNetwork
) -> None:
    alice = network.add(RepoAuthor("alice"))
    await network.tell(alice.post("one", "3a"), alice.post("two", "3b"))
    await until(lambda: posts(appview) == 2)
    alice.delete("app.bsky.feed.post/3a")
    await network.tell(alice.sync())
    await until(lambda: network.served)

    def is_synced() -> bool:
        row = appview.index.read_one("SELECT sync FROM actor WHERE did = ?", alice.did)
        return row == ("synced",)

    await until(is_synced)
    assert posts(appview) == 1


async def test_a_repo_signed_by_another_key_is_not_believed(
    appview: AppView, network: FakeNetwork
) -> None:
    alice, mallory = network.add(RepoAuthor("alice")), RepoAuthor("mallory")
    alice.post()
    event = alice.post()
    alice.key = mallory.key
    await network.tell(event)
    await until(lambda: network.served)
    await until(lambda: appview.actors.backfill_attempts(alice.did) == 1)
    assert posts(appview) == 0
    row = appview.index.read_one("SELECT sync_error FROM actor WHERE did = ?", alice.did)
    assert row is not None
    assert "not signed" in row[0]


async def test_a_repo_that_cannot_be_had_is_put_off(appview: AppView, network: FakeNetwork) -> None:
    alice = network.add(RepoAuthor("alice"))
    network.refuse_repos = True
    alice.post()
    await network.tell(alice.post())
    await until(lambda: appview.actors.backfill_attempts(alice.did) == 1)
    assert appview.actors.due_for_backfill(appview.clock.now_us(), 10) == []


async def test_a_relay_that_lost_its_log_is_read_from_its_start(
    settings: Settings, network: FakeNetwork
) -> None:
    async with open_role(settings) as appview:
        await appview.index.write(
            lambda conn: conn.execute("INSERT INTO stream VALUES ('relay', 1000)") and None
        )
    alice = network.add(RepoAuthor("alice"))
    event = alice.post()
    await network.tell(event)
    async with open_role(settings) as appview:
        assert await appview.revs.wait(alice.did, event.rev, timeout=60)
        assert appview.ingest.cursor() == 1


async def test_what_the_relay_knows_and_the_index_does_not_is_fetched(
    appview: AppView, network: FakeNetwork
) -> None:
    authors = [network.add(RepoAuthor(name)) for name in ("alice", "bob")]
    for author in authors:
        author.post("long ago")
    assert await appview.reconciler.compare() == 2
    await until(lambda: posts(appview) == 2)
    assert await appview.reconciler.compare() == 0


async def test_what_is_under_way_in_the_stream_is_waited_for_not_fetched(
    appview: AppView, network: FakeNetwork
) -> None:
    alice = network.add(RepoAuthor("alice"))
    event = alice.post("on its way")

    async def caught_up(_since_us: int) -> None:
        await network.tell(event)
        assert await appview.revs.wait(alice.did, event.rev, timeout=60)

    assert await appview.reconciler.compare(caught_up) == 0
    assert alice.did not in network.served


async def test_the_stream_has_caught_up_by_the_times_of_events_or_when_it_is_silent(
    appview: AppView, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = network.add(RepoAuthor("alice"))
    begun_us = appview.clock.now_us()
    monkeypatch.setattr(ingest, "LOOK_SECONDS", 0.01)
    waiting = asyncio.ensure_future(appview.ingest.caught_up(begun_us))
    event = alice.post()
    await network.tell(replace(event, time=str(Datetime.from_us(begun_us + 1))))
    async with asyncio.timeout(60):
        await waiting
    assert await appview.revs.wait(alice.did, event.rev, timeout=60)
    monkeypatch.setattr(ingest, "SILENT_SECONDS", 0.05)
    async with asyncio.timeout(60):
        await appview.ingest.caught_up(appview.clock.now_us() + 3600 * 1_000_000)


async def test_a_handle_that_does_not_lead_back_is_not_shown(
    appview: AppView, network: FakeNetwork
) -> None:
    alice = network.add(RepoAuthor("alice"))
    await network.tell(alice.post())
    await until(lambda: handle(appview, alice.did) == "alice.test")
    network.handles["alice.test"] = "did:plc:mallory"
    await network.tell(alice.identity())
    await until(lambda: handle(appview, alice.did) is None)
    alice.handle = "queen.test"
    await network.tell(alice.identity())
    await until(lambda: handle(appview, alice.did) == "queen.test")


async def test_a_reader_waits_no_longer_than_half_a_second(appview: AppView) -> None:
    assert not await appview.revs.wait("did:plc:nobody", "3zzzzzzzzzzzz")


async def test_counts_tell_the_operator_what_there_is(
    appview: AppView, network: FakeNetwork
) -> None:
    alice = network.add(RepoAuthor("alice"))
    await network.tell(alice.post(), alice.create("app.bsky.feed.post", text=7))
    await until(lambda: appview.ingest.cursor() == 2)
    counts = await appview.counts()
    assert (counts["accounts"], counts["records"]) == (1, {"app.bsky.feed.post": 1})
    assert counts["indexer"]["invalid"] == 1


async def test_the_cursor_stays_before_what_could_not_be_stored(
    house: AppViewHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest = house.role.ingest
    frame = replace(RepoAuthor("alice").post("hello"), seq=7).frame()

    def full(*_: object) -> None:
        raise apsw.FullError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(ingest._events, "apply", full)
        with pytest.raises(WriteFailed):
            await ingest.take([frame])
    assert ingest.cursor() == 0
    await ingest.take([frame])
    assert ingest.cursor() == 7
