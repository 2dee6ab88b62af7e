"""A repo that is fetched whole since the stream has a gap: what is new in it is told of."""

import pytest

from appliance.appview import backfill, repo_fetch
from appliance.appview.role import AppView
from appliance.base.room import Room
from tests.support.appview_network import FakeNetwork, settled
from tests.support.repo_author import RepoAuthor
from tests.support.waiting import until

POST = "app.bsky.feed.post"


def told(appview: AppView, did: str) -> list[tuple[str, str]]:
    """What somebody was told, in the order of the list: (reason, text of the record)."""
    rows = appview.index.read(
        "SELECT reason, record ->> '$.text' FROM notification"
        " JOIN actor ON actor.id = target_id WHERE did = ? ORDER BY sort_us",
        did,
    )
    return [(reason, text or "") for reason, text in rows]


def texts(appview: AppView) -> list[str]:
    """The texts of all posts, by the alphabet."""
    rows = appview.index.read("SELECT record ->> '$.text' FROM post WHERE id > 0 ORDER BY 1")
    return [text for (text,) in rows]


async def test_what_was_written_in_a_gap_is_told_and_nothing_else(
    appview: AppView, network: FakeNetwork
) -> None:
    alice, bob = network.add(RepoAuthor("alice")), network.add(RepoAuthor("bob"))
    post = alice.post("come to the lake", "3lake")
    ref = {"uri": f"at://{alice.did}/{POST}/3lake", "cid": str(post.ops[0].cid)}
    bob.create(POST, text="before you knew me", reply={"root": ref, "parent": ref})
    bob.create("app.bsky.graph.follow", subject=str(alice.did))
    await network.tell(post, bob.post("known"))
    await settled(appview, bob)
    # A repo of somebody new is no news.
    assert told(appview, alice.did) == []

    await appview.viewers.subscribe(alice.did, bob.did, post=True, reply=False)
    alice_follows = alice.create("app.bsky.graph.follow", subject=str(bob.did))
    await network.tell(alice_follows)
    await settled(appview, alice)
    bob.create(POST, text="yes", reply={"root": ref, "parent": ref})
    bob.create("app.bsky.feed.like", subject=ref)
    bob.create(POST, "3jzfcijpj2z2a", text="an old key", reply={"root": ref, "parent": ref})
    taken_back = bob.create("app.bsky.feed.repost", subject=ref)
    bob.delete(taken_back.ops[0].path)
    bob.post("news for a subscriber")
    await network.tell(bob.post("after the gap"))
    await settled(appview, bob)
    expected = [
        ("reply", "yes"),
        ("like", ""),
        ("subscribed-post", "after the gap"),
        ("subscribed-post", "news for a subscriber"),
    ]
    await until(lambda: sorted(told(appview, alice.did)) == sorted(expected))
    assert told(appview, alice.did)[:2] == expected[:2]
    assert network.served == [bob.did, bob.did]


async def test_a_gap_that_is_filled_twice_tells_once(
    appview: AppView, network: FakeNetwork
) -> None:
    alice, bob = network.add(RepoAuthor("alice")), network.add(RepoAuthor("bob"))
    post = alice.post("come to the lake", "3lake")
    ref = {"uri": f"at://{alice.did}/{POST}/3lake", "cid": str(post.ops[0].cid)}
    await network.tell(post, bob.post("hello"))
    await settled(appview, bob)
    for number in range(2):
        bob.create(POST, text=f"reply {number}", reply={"root": ref, "parent": ref})
        await network.tell(bob.sync())
        await settled(appview, bob)
    assert told(appview, alice.did) == [("reply", "reply 0"), ("reply", "reply 1")]
    assert network.served == [bob.did, bob.did]


async def test_while_the_disk_is_full_small_repos_come_and_large_ones_wait_for_room(
    appview: AppView, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "FIRST_PAUSE_US", 200_000)
    monkeypatch.setattr(backfill, "LOOK_AROUND_SECONDS", 0.1)
    bob = network.add(RepoAuthor("bob"))
    await network.tell(bob.post("hello"))
    await settled(appview, bob)
    with monkeypatch.context() as full:
        full.setattr(Room, "is_short", True)
        bob.post("missed")
        await network.tell(bob.post("after the gap"))
        await until(lambda: texts(appview) == ["after the gap", "hello", "missed"])
        full.setattr(repo_fetch, "MOST_BYTES_IN_MEMORY", 100)
        bob.post("missed again")
        await network.tell(bob.post("later"))
        await until(lambda: appview.actors.backfill_attempts(bob.did) > 0)
        [(reason,)] = appview.index.read("SELECT sync_error FROM actor WHERE did = ?", bob.did)
        assert "disk of this server is full" in reason
        assert len(texts(appview)) == 3
    await until(lambda: len(texts(appview)) == 5)
