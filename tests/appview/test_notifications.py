import pytest

from appliance.appview import labels, notifications
from appliance.appview.notifications import LIFETIME_US
from appliance.appview.role import AppView
from appliance.appview.viewer_state import Subscription
from tests.support.appview_network import (
    FakeNetwork,
)
from tests.support.index_lab import IndexLab
from tests.support.repo_author import RepoAuthor
from tests.support.waiting import until


def test_notifications_older_than_half_a_year_go(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    post = lab.post(alice)
    lab.like(bob, post)
    lab.now_us += LIFETIME_US
    kept = lab.repost(bob, post)
    assert notifications.prune(lab.conn, lab.now_us) == 1
    assert notifications.prune(lab.conn, lab.now_us) == 0
    assert lab.told(alice) == [("repost", bob, kept["uri"])]


def test_one_record_tells_one_account_once(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    post = lab.post(alice)
    embed = {"$type": "app.bsky.embed.record", "record": post}
    lab.post(bob, "both", embed=embed, reply={"root": post, "parent": post})
    assert [reason for reason, *_ in lab.told(alice)] == ["quote"]


async def test_subscribers_hear_of_the_kinds_of_posts_they_asked_for(
    appview: AppView, network: FakeNetwork
) -> None:
    alice = network.add(RepoAuthor("alice"))
    viewers = [network.add(RepoAuthor(name)) for name in ("bob", "carol", "dave")]
    for viewer in viewers:
        await network.tell(
            viewer.post(), viewer.create("app.bsky.graph.follow", subject=str(alice.did))
        )
    bob, carol, dave = (viewer.did for viewer in viewers)
    await appview.viewers.subscribe(bob, alice.did, post=True, reply=False)
    await appview.viewers.subscribe(carol, alice.did, post=True, reply=True)
    await appview.viewers.subscribe(dave, alice.did, post=True, reply=True)
    await appview.viewers.subscribe(dave, alice.did, post=False, reply=False)
    post = alice.post("new", "3new")
    ref = {"uri": f"at://{alice.did}/app.bsky.feed.post/3new", "cid": str(post.ops[0].cid)}
    reply = alice.create(
        "app.bsky.feed.post", "3reply", text="more", reply={"root": ref, "parent": ref}
    )
    await network.tell(post, reply)

    def told() -> list[tuple[str, str]]:
        return [
            (did, uri.rpartition("/")[2])
            for did, uri in appview.index.read(
                "SELECT did, uri FROM notification JOIN actor ON actor.id = target_id"
                " WHERE reason = 'subscribed-post' ORDER BY did, uri"
            )
        ]

    await until(lambda: len(told()) == 3)
    assert told() == [(bob, "3new"), (carol, "3new"), (carol, "3reply")]


async def test_for_many_posts_of_an_account_its_subscribers_are_looked_up_once(
    appview: AppView, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = network.add(RepoAuthor("alice"))
    asked: list[str] = []

    def find(did: str) -> list[Subscription]:
        asked.append(did)
        return []

    monkeypatch.setattr(appview.viewers, "subscribers", find)
    await appview.ingest.take([alice.post(f"number {number}").frame() for number in range(20)])
    assert appview.indexer.counts["indexed"] == 20
    assert asked == [alice.did]


def test_of_a_label_the_latest_word_stands(lab: IndexLab) -> None:
    label = {"src": "did:web:l.test", "uri": "did:web:a.test", "val": "spam", "sig": {"$bytes": ""}}
    first = {**label, "cts": "2026-01-01T00:00:00Z"}
    negated = {**label, "cts": "2026-01-02T00:00:00Z", "neg": True}
    assert labels.put(lab.conn, first)
    assert labels.put(lab.conn, negated)
    assert not labels.put(lab.conn, first)
    stored = lab.conn.rows("SELECT neg, label FROM label")
    assert [neg for neg, _ in stored] == [1]
    assert "sig" not in stored[0][1]
    labels.forget(lab.conn, "did:web:l.test")
    assert lab.conn.rows("SELECT 1 FROM label") == []
