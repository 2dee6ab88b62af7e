import pytest

from appliance.appview import actors
from tests.support.index_lab import IndexLab


def follow_counts(lab: IndexLab, did: str) -> tuple[int, int]:
    actor = lab.actor(did)
    return actor["follows_count"], actor["followers_count"]


def searched(lab: IndexLab, words: str) -> list[str]:
    rows = lab.conn.rows(
        "SELECT did FROM actor_text JOIN actor ON actor.id = actor_text.rowid"
        " WHERE actor_text MATCH ?",
        words,
    )
    return [did for (did,) in rows]


def test_two_follows_of_one_account_count_once_on_both_sides(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    first, second = lab.follow(alice, bob), lab.follow(alice, bob)
    assert follow_counts(lab, alice) == (1, 0)
    assert follow_counts(lab, bob) == (0, 1)
    assert [reason for reason, *_ in lab.told(bob)] == ["follow"]
    lab.delete(first)
    assert follow_counts(lab, bob) == (0, 1)
    lab.delete(second)
    assert follow_counts(lab, alice) == follow_counts(lab, bob) == (0, 0)


def test_a_follow_of_an_unknown_account_makes_it_known(lab: IndexLab) -> None:
    alice = lab.account("alice")
    lab.follow(alice, "did:web:far.example.com")
    far = lab.actor("did:web:far.example.com")
    assert (far["followers_count"], far["handle"], far["handle_due_us"]) == (1, None, 1)


def test_of_two_blocks_one_is_listed(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    first = lab.block(alice, bob)
    lab.block(alice, bob)
    assert lab.conn.value("SELECT sum(counts) FROM block") == 1
    lab.delete(first)
    assert lab.conn.rows("SELECT counts FROM block") == [(1,)]


def test_nobody_adds_to_the_list_of_another(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    people = lab.make_list(alice)
    lab.add_to_list(bob, people, bob)
    assert lab.conn.value("SELECT count(*) FROM listitem") == 0
    lab.add_to_list(alice, people, bob)
    assert lab.conn.value("SELECT count(*) FROM listitem") == 1


def test_a_list_item_can_come_before_its_list(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    uri = f"at://{alice}/app.bsky.graph.list/3later"
    lab.put(alice, "app.bsky.graph.listitem", {"list": uri, "subject": bob})
    value = {"name": "late", "purpose": "app.bsky.graph.defs#modlist"}
    lab.put(alice, "app.bsky.graph.list", value, "3later")
    joined = lab.conn.rows("SELECT name, counts FROM listitem JOIN list ON list.id = list_id")
    assert joined == [("late", 1)]
    assert lab.actor(alice)["lists_count"] == 1


def test_the_second_item_for_an_account_counts_when_the_first_goes(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    people = lab.make_list(alice)
    first = lab.add_to_list(alice, people, bob)
    lab.add_to_list(alice, people, bob)
    lab.delete(first)
    assert lab.conn.rows("SELECT counts FROM listitem") == [(1,)]


def test_list_blocks_and_starter_packs_have_their_rows(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    people = lab.make_list(alice, purpose="modlist")
    block = lab.put(bob, "app.bsky.graph.listblock", {"subject": people["uri"]})
    pack = lab.put(alice, "app.bsky.graph.starterpack", {"name": "begin", "list": people["uri"]})
    assert lab.conn.value("SELECT count(*) FROM listblock WHERE counts = 1") == 1
    assert lab.actor(alice)["starter_packs_count"] == 1
    lab.delete(block)
    lab.delete(pack)
    assert lab.conn.value("SELECT count(*) FROM listblock") == 0
    assert lab.actor(alice)["starter_packs_count"] == 0


def test_joining_by_a_starter_pack_tells_its_maker(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    value = {"name": "begin", "list": lab.make_list(alice)["uri"]}
    pack = lab.put(alice, "app.bsky.graph.starterpack", value)
    lab.profile(bob, "Bob", joinedViaStarterPack=pack)
    assert [reason for reason, *_ in lab.told(alice)] == ["starterpack-joined"]


def test_an_account_is_found_by_handle_name_and_description(lab: IndexLab) -> None:
    alice = lab.account("alice")
    assert searched(lab, "ali*") == [alice]
    lab.profile(alice, "Wonderful", description="drinks tea")
    assert [searched(lab, words) for words in ("alice", "wonder*", "tea")] == [[alice]] * 3
    lab.profile(alice, "Plain")
    assert searched(lab, "wonderful") == []
    actors.set_identity(lab.conn, alice, "queen.test", None, 1)
    assert (searched(lab, "alice"), searched(lab, "queen"), searched(lab, "plain")) == (
        [],
        [alice],
        [alice],
    )


def test_a_handle_has_one_owner(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    actors.set_identity(lab.conn, bob, "alice.test", None, 1)
    assert (lab.actor(alice)["handle"], lab.actor(bob)["handle"]) == (None, "alice.test")
    assert lab.actor(alice)["handle_due_us"] == 0


def test_only_ones_own_post_can_be_pinned(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    own, foreign = lab.post(alice), lab.post(bob)
    lab.profile(alice, "Alice", pinnedPost=own)
    assert lab.conn.value("SELECT pinned_id IS NULL FROM profile") == 0
    lab.profile(alice, "Alice", pinnedPost=foreign)
    assert lab.conn.value("SELECT pinned_id IS NULL FROM profile") == 1


def test_a_deleted_profile_leaves_the_handle_searchable(lab: IndexLab) -> None:
    alice = lab.account("alice")
    profile = lab.profile(alice, "Wonderful")
    assert lab.actor(alice)["created_us"] is not None
    lab.delete(profile)
    assert (searched(lab, "wonderful"), searched(lab, "alice")) == ([], [alice])
    assert lab.actor(alice)["created_us"] is None


@pytest.mark.parametrize(
    ("collection", "value"),
    [
        ("app.bsky.actor.status", {"status": "app.bsky.actor.status#live"}),
        ("chat.bsky.actor.declaration", {"allowIncoming": "all"}),
        ("app.bsky.notification.declaration", {"allowSubscriptions": "followers"}),
    ],
)
def test_declarations_are_kept_as_they_are(
    lab: IndexLab, collection: str, value: dict[str, str]
) -> None:
    alice = lab.account("alice")
    made = lab.put(alice, collection, value, "self")
    assert lab.conn.rows("SELECT collection, cid FROM declaration") == [(collection, made["cid"])]
    lab.delete(made)
    assert lab.conn.rows("SELECT collection FROM declaration") == []


def test_generators_and_labelers_can_be_liked(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    feed = lab.put(
        alice, "app.bsky.feed.generator", {"did": "did:web:feed.test", "displayName": "Feed"}
    )
    labeler = lab.put(
        alice, "app.bsky.labeler.service", {"policies": {"labelValues": ["spam"]}}, "self"
    )
    lab.like(bob, feed)
    lab.like(bob, labeler)
    assert (lab.counts(feed)["likes"], lab.counts(labeler)["likes"]) == (1, 1)
    actor = lab.actor(alice)
    assert (actor["feedgens_count"], actor["is_labeler"]) == (1, 1)
    lab.delete(feed)
    lab.delete(labeler)
    actor = lab.actor(alice)
    assert (actor["feedgens_count"], actor["is_labeler"]) == (0, 0)


def test_a_verification_tells_the_verified(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    value = {"subject": bob, "handle": "Bob.test", "displayName": "Bob"}
    made = lab.put(alice, "app.bsky.graph.verification", value)
    assert lab.conn.rows("SELECT handle, display_name FROM verification") == [("bob.test", "Bob")]
    assert [reason for reason, *_ in lab.told(bob)] == ["verified"]
    lab.delete(made)
    assert lab.conn.rows("SELECT handle FROM verification") == []
