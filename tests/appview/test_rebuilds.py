"""Everything indexed anew from the repos, and what is kept of which nothing is known."""

from typing import Any

from appliance.appview import actors
from appliance.appview.role import AppView
from appliance.base.connection import Connection
from tests.support.appview_network import FakeNetwork
from tests.support.repo_author import RepoAuthor
from tests.support.waiting import until


def rows(appview: AppView, sql: str) -> list[tuple[Any, ...]]:
    return appview.index.read(f"{sql} LIMIT 1000")


def texts(appview: AppView) -> list[str]:
    found = rows(appview, "SELECT record ->> '$.text' FROM post ORDER BY sort_us, id")
    return [text for (text,) in found]


async def ready(appview: AppView, network: FakeNetwork) -> tuple[RepoAuthor, RepoAuthor]:
    alice, bob = network.add(RepoAuthor("alice")), network.add(RepoAuthor("bob"))
    post = alice.post("one", "3one")
    ref = {"uri": f"at://{alice.did}/app.bsky.feed.post/3one", "cid": str(post.ops[0].cid)}
    await network.tell(post, alice.post("two"))
    like = bob.create("app.bsky.feed.like", subject=ref)
    await network.tell(like)
    assert await appview.revs.wait(bob.did, like.rev, timeout=60)
    return alice, bob


async def test_a_rebuild_mends_what_was_lost_and_tells_nobody(
    appview: AppView, network: FakeNetwork
) -> None:
    await ready(appview, network)
    before = rows(appview, "SELECT uri, like_count, reply_count FROM subject ORDER BY uri")

    def damage(conn: Connection) -> None:
        conn.execute("UPDATE post SET record = '{}' WHERE id > 0")
        conn.execute("DELETE FROM notification")

    await appview.index.write(damage)
    assert await appview.rebuilds.start() == 2
    await until(lambda: texts(appview) == ["one", "two"])

    async def left() -> int:
        return int((await appview.counts())["rebuild"]["left"])

    await until(lambda: rows(appview, "SELECT id FROM actor WHERE anew = 1") == [])
    assert await left() == 0
    assert (await appview.counts())["rebuild"]["accounts"] == 2
    assert rows(appview, "SELECT uri, like_count, reply_count FROM subject ORDER BY uri") == before
    assert rows(appview, "SELECT id FROM notification") == []


async def test_while_a_rebuild_runs_all_goes_on_being_shown_and_new_posts_come(
    appview: AppView, network: FakeNetwork
) -> None:
    alice, _ = await ready(appview, network)
    network.refuse_repos = True
    await appview.rebuilds.start()
    assert texts(appview) == ["one", "two"]
    await until(lambda: appview.actors.backfill_attempts(alice.did) == 1)
    network.refuse_repos = False
    late = alice.post("three")
    await network.tell(late)
    await appview.index.write(actors.set_pending, 1, "now", 0)
    await appview.rebuilds.start()
    assert await appview.revs.wait(alice.did, late.rev, timeout=60)
    assert texts(appview) == ["one", "two", "three"]


async def test_records_of_unknown_collections_are_kept_of_accounts_hosted_here(
    appview: AppView, network: FakeNetwork
) -> None:
    alice = network.add(RepoAuthor("alice"))
    made = alice.create("com.example.recipe", "3soup", title="Soup", steps=[1, {"b": 2}])
    await network.tell(made)
    assert await appview.revs.wait(alice.did, made.rev, timeout=60)
    assert rows(appview, "SELECT collection, rkey FROM opaque_record") == [
        ("com.example.recipe", "3soup")
    ]
    assert (await appview.counts())["opaque"] == 1
    await until(lambda: appview.actors.pds(alice.did))
    await appview.maintenance.tidy()
    assert len(rows(appview, "SELECT rkey FROM opaque_record")) == 1
    gone = alice.delete("com.example.recipe/3soup")
    await network.tell(gone)
    assert await appview.revs.wait(alice.did, gone.rev, timeout=60)
    assert rows(appview, "SELECT rkey FROM opaque_record") == []


async def test_of_accounts_hosted_elsewhere_they_are_not_kept(
    appview: AppView, network: FakeNetwork
) -> None:
    alice = network.add(RepoAuthor("alice"))
    made = alice.create("com.example.recipe", "3soup", title="Soup")
    await network.tell(made)
    assert await appview.revs.wait(alice.did, made.rev, timeout=60)
    await until(lambda: appview.actors.pds(alice.did))
    await appview.actors.set_identity(alice.did, "alice.test", "https://pds.elsewhere", 2**60)
    await appview.maintenance.tidy()
    assert rows(appview, "SELECT rkey FROM opaque_record") == []
    again = alice.create("com.example.recipe", "3cake", title="Cake")
    await network.tell(again)
    assert await appview.revs.wait(alice.did, again.rev, timeout=60)
    assert rows(appview, "SELECT rkey FROM opaque_record") == []


async def test_a_fetched_repo_brings_them_too(appview: AppView, network: FakeNetwork) -> None:
    alice = network.add(RepoAuthor("alice"))
    alice.create("com.example.recipe", "3soup", title="Soup")
    later = alice.post()
    await network.tell(later)
    assert await appview.revs.wait(alice.did, later.rev, timeout=60)
    assert rows(appview, "SELECT rkey FROM opaque_record") == [("3soup",)]
