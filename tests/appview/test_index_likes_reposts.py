import pytest

from tests.support.index_lab import IndexLab


def test_a_second_like_of_the_same_post_does_not_count(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    post = lab.post(alice)
    lab.like(bob, post)
    lab.like(bob, post)
    assert lab.counts(post)["likes"] == 1
    assert [reason for reason, *_ in lab.told(alice)] == ["like"]


@pytest.mark.parametrize("deleted", [0, 1])
def test_deleting_one_of_two_likes_leaves_the_other_standing(lab: IndexLab, deleted: int) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    post = lab.post(alice)
    likes = [lab.like(bob, post), lab.like(bob, post)]
    lab.delete(likes[deleted])
    assert lab.counts(post)["likes"] == 1
    assert lab.conn.value('SELECT sum(counts) FROM "like"') == 1
    lab.delete(likes[1 - deleted])
    assert lab.counts(post)["likes"] == 0


@pytest.mark.parametrize("deleted", [0, 1])
def test_deleting_one_of_two_reposts_leaves_the_other_standing(lab: IndexLab, deleted: int) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    post = lab.post(alice)
    reposts = [lab.repost(bob, post), lab.repost(bob, post)]
    lab.delete(reposts[deleted])
    assert lab.counts(post)["reposts"] == 1
    assert lab.conn.value("SELECT sum(counts) FROM repost") == 1
    lab.delete(reposts[1 - deleted])
    assert lab.counts(post)["reposts"] == 0


def test_a_like_can_come_before_its_post(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    early = {"uri": f"at://{alice}/app.bsky.feed.post/3later", "cid": lab.post(bob)["cid"]}
    lab.like(bob, early)
    post = lab.put(alice, "app.bsky.feed.post", {"text": "here"}, "3later")
    assert lab.counts(post)["likes"] == 1


def test_an_updated_post_keeps_its_likes_and_replies(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    post = lab.put(alice, "app.bsky.feed.post", {"text": "first"}, "3same")
    lab.like(bob, post)
    lab.reply(bob, post)
    lab.quote(bob, post)
    lab.put(alice, "app.bsky.feed.post", {"text": "second"}, "3same")
    assert lab.counts(post) == {"likes": 1, "reposts": 0, "replies": 1, "quotes": 1}
    assert lab.actor(alice)["posts_count"] == 1


def test_a_deleted_like_takes_its_notification_back(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    like = lab.like(bob, lab.post(alice))
    assert len(lab.told(alice)) == 1
    lab.delete(like)
    assert lab.told(alice) == []


def test_nobody_is_told_of_their_own_like(lab: IndexLab) -> None:
    alice = lab.account("alice")
    lab.like(alice, lab.post(alice))
    assert lab.told(alice) == []


def test_a_like_through_a_repost_tells_the_reposter_too(lab: IndexLab) -> None:
    alice, bob, carol = (lab.account(name) for name in ("alice", "bob", "carol"))
    post = lab.post(alice)
    repost = lab.repost(bob, post)
    like = lab.like(carol, post, via=repost)
    again = lab.repost(carol, post, via=repost)
    assert ("like", carol, like["uri"]) in lab.told(alice)
    assert lab.told(bob) == [
        ("like-via-repost", carol, like["uri"]),
        ("repost-via-repost", carol, again["uri"]),
    ]


def test_a_like_through_a_repost_of_something_else_tells_no_reposter(lab: IndexLab) -> None:
    alice, bob, carol = (lab.account(name) for name in ("alice", "bob", "carol"))
    other = lab.repost(bob, lab.post(alice))
    lab.like(carol, lab.post(alice), via=other)
    lab.like(carol, lab.post(alice), via={**other, "uri": other["uri"] + "x"})
    assert lab.told(bob) == []


def test_a_repost_has_its_own_time_in_the_feed(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    post = lab.post(alice)
    lab.post(alice, "in between")
    repost = lab.repost(bob, post)
    newest = lab.conn.row(
        "SELECT did, post.uri, item.uri FROM feed_item JOIN actor ON actor.id = feed_item.actor_id"
        " JOIN subject AS post ON post.id = post_id JOIN subject AS item ON item.id = feed_item.id"
        " ORDER BY sort_us DESC LIMIT 1"
    )
    assert newest == (bob, post["uri"], repost["uri"])
    lab.delete(repost)
    assert lab.conn.value("SELECT count(*) FROM feed_item") == 2


def test_likes_of_things_named_by_handle_are_left_out(lab: IndexLab) -> None:
    bob = lab.account("bob")
    cid = lab.post(bob)["cid"]
    lab.like(bob, {"uri": "at://alice.test/app.bsky.feed.post/3abc", "cid": cid})
    assert lab.conn.value('SELECT count(*) FROM "like"') == 0


def test_a_future_date_sorts_by_arrival_and_an_old_one_by_itself(lab: IndexLab) -> None:
    alice = lab.account("alice")
    future = lab.post(alice, createdAt="2099-01-01T00:00:00.000Z")
    past = lab.post(alice, createdAt="1965-01-01T00:00:00.000Z")
    first, second = lab.post_row(future), lab.post_row(past)
    assert first is not None
    assert second is not None
    assert first["sort_us"] == first["indexed_us"]
    assert (second["created_us"], second["sort_us"]) == (0, 0)
