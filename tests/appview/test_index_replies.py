from typing import Any

from tests.support.index_lab import IndexLab, StrongRef

RULE = "app.bsky.feed.threadgate#"


def row(lab: IndexLab, post: StrongRef) -> dict[str, Any]:
    found = lab.post_row(post)
    assert found is not None
    return found


def reply_at(lab: IndexLab, did: str, rkey: str, parent: StrongRef, root: StrongRef) -> StrongRef:
    value = {"text": rkey, "reply": {"root": root, "parent": parent}}
    return lab.put(did, "app.bsky.feed.post", value, rkey)


def reasons(lab: IndexLab, did: str) -> list[tuple[str, str]]:
    return [(reason, uri) for reason, _, uri in lab.told(did)]


def test_replies_count_on_the_parent_only(lab: IndexLab) -> None:
    alice, bob, carol = (lab.account(name) for name in ("alice", "bob", "carol"))
    root = lab.post(alice)
    first = lab.reply(bob, root)
    second = lab.reply(carol, first, root)
    counts = [lab.counts(post)["replies"] for post in (root, first, second)]
    assert counts == [1, 1, 0]
    lab.delete(second)
    assert lab.counts(first)["replies"] == 0


def test_a_reply_that_names_another_root_is_invalid_and_does_not_count(lab: IndexLab) -> None:
    alice, bob, carol = (lab.account(name) for name in ("alice", "bob", "carol"))
    root, other = lab.post(alice), lab.post(bob)
    wrong = lab.reply(carol, root, other)
    below = lab.reply(bob, wrong, other)
    assert (row(lab, wrong)["invalid_root"], row(lab, below)["invalid_root"]) == (1, 1)
    assert lab.counts(root)["replies"] == lab.counts(wrong)["replies"] == 0
    assert lab.told(alice) == []
    assert lab.told(carol) == []


def test_a_reply_that_came_before_its_parent_is_judged_when_that_comes(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    root, other = lab.post(alice), lab.post(alice)
    parent = {"uri": f"at://{alice}/app.bsky.feed.post/3late", "cid": root["cid"]}
    good = lab.reply(bob, parent, root)
    wrong = lab.reply(bob, parent, other)
    below = lab.reply(bob, wrong, other)
    assert lab.counts(parent)["replies"] == 2
    reply_at(lab, alice, "3late", root, root)
    flags = [row(lab, post)["invalid_root"] for post in (good, wrong, below)]
    assert flags == [0, 1, 1]
    assert lab.counts(parent)["replies"] == 1
    assert lab.counts(wrong)["replies"] == 0


def test_only_an_unbroken_chain_by_the_author_is_a_thread_of_their_own(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    root = lab.post(alice)
    second = lab.reply(alice, root)
    third = lab.reply(alice, second, root)
    between = lab.reply(bob, root)
    broken = lab.reply(alice, between, root)
    flags = [row(lab, post)["self_thread"] for post in (root, second, third, between, broken)]
    assert flags == [1, 1, 1, 0, 0]


def test_a_thread_of_ones_own_is_recognised_when_its_middle_comes_last(lab: IndexLab) -> None:
    alice = lab.account("alice")
    root = lab.post(alice)
    middle = {"uri": f"at://{alice}/app.bsky.feed.post/3mid", "cid": root["cid"]}
    last = lab.reply(alice, middle, root)
    assert row(lab, last)["self_thread"] == 0
    reply_at(lab, alice, "3mid", root, root)
    assert row(lab, last)["self_thread"] == 1


def test_a_reply_tells_the_five_authors_above_it_and_no_more(lab: IndexLab) -> None:
    authors = [lab.account(f"author{letter}") for letter in "abcdefg"]
    root = lab.post(authors[0])
    post = root
    for author in authors[1:]:
        post = lab.reply(author, post, root)
    told = [post["uri"] in {uri for _, uri in reasons(lab, author)} for author in authors]
    assert told == [False, True, True, True, True, True, False]


def test_late_parents_make_the_replies_below_them_known(lab: IndexLab) -> None:
    alice, bob, carol = (lab.account(name) for name in ("alice", "bob", "carol"))
    root = lab.post(alice)
    parent = {"uri": f"at://{bob}/app.bsky.feed.post/3late", "cid": root["cid"]}
    early = lab.reply(carol, parent, root)
    assert lab.told(alice) == []
    late = reply_at(lab, bob, "3late", root, root)
    assert reasons(lab, alice) == [("reply", late["uri"]), ("reply", early["uri"])]
    assert reasons(lab, bob) == [("reply", early["uri"])]


def test_an_empty_gate_lets_in_nobody_but_the_author(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    root = lab.post(alice)
    lab.threadgate(alice, root, allow=[])
    own, stranger = lab.reply(alice, root), lab.reply(bob, root)
    assert (row(lab, own)["violates_threadgate"], row(lab, stranger)["violates_threadgate"]) == (
        0,
        1,
    )
    assert lab.counts(root)["replies"] == 1
    assert lab.told(alice) == []
    lab.delete(stranger)
    assert lab.counts(root)["replies"] == 1


def test_a_gate_without_rules_lets_in_anybody(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    root = lab.post(alice)
    lab.threadgate(alice, root)
    assert row(lab, lab.reply(bob, root))["violates_threadgate"] == 0


def test_a_mention_in_a_forbidden_reply_still_tells(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    root = lab.post(alice)
    lab.threadgate(alice, root, allow=[])
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": alice}
    facets = [{"index": {"byteStart": 0, "byteEnd": 6}, "features": [feature]}]
    lab.post(bob, "@alice", reply={"root": root, "parent": root}, facets=facets)
    assert [reason for reason, _ in reasons(lab, alice)] == ["mention"]


def test_gate_rules_let_in_whom_they_name(lab: IndexLab) -> None:
    names = ("alice", "follower", "followed", "mentioned", "listed", "stranger")
    alice, follower, followed, mentioned, listed, stranger = (lab.account(name) for name in names)
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": mentioned}
    facets = [{"index": {"byteStart": 0, "byteEnd": 6}, "features": [feature]}]
    root = lab.post(alice, "@them", facets=facets)
    people = lab.make_list(alice)
    lab.add_to_list(alice, people, listed)
    lab.follow(follower, alice)
    lab.follow(alice, followed)
    rules: dict[str, dict[str, str]] = {
        follower: {"$type": f"{RULE}followerRule"},
        followed: {"$type": f"{RULE}followingRule"},
        mentioned: {"$type": f"{RULE}mentionRule"},
        listed: {"$type": f"{RULE}listRule", "list": people["uri"]},
    }
    for let_in, rule in rules.items():
        lab.threadgate(alice, root, allow=[rule])
        for did in (follower, followed, mentioned, listed, stranger):
            violates = row(lab, lab.reply(did, root))["violates_threadgate"]
            assert violates == (did != let_in), (rule, did)


def test_a_gate_by_another_author_or_for_another_post_rules_nothing(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    root, other = lab.post(alice), lab.post(alice)
    lab.threadgate(bob, root, allow=[])
    rkey = root["uri"].rpartition("/")[2]
    lab.put(alice, "app.bsky.feed.threadgate", {"post": other["uri"], "allow": []}, rkey)
    assert row(lab, lab.reply(bob, root))["violates_threadgate"] == 0
    assert row(lab, lab.reply(bob, other))["violates_threadgate"] == 0
    assert lab.conn.value("SELECT count(*) FROM threadgate") == 0


def test_an_answer_to_a_hidden_reply_tells_its_author_but_nobody_above(lab: IndexLab) -> None:
    alice, bob, carol = (lab.account(name) for name in ("alice", "bob", "carol"))
    root = lab.post(alice)
    hidden = lab.reply(bob, root)
    lab.threadgate(alice, root, hiddenReplies=[hidden["uri"]])
    answer = lab.reply(carol, hidden, root)
    assert reasons(lab, bob) == [("reply", answer["uri"])]
    assert answer["uri"] not in {uri for _, uri in reasons(lab, alice)}


def test_a_replaced_gate_forgets_what_the_old_one_hid(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    root = lab.post(alice)
    lab.threadgate(alice, root, hiddenReplies=[lab.reply(bob, root)["uri"]])
    assert lab.conn.value("SELECT count(*) FROM hidden_reply") == 1
    gate = lab.threadgate(alice, root)
    assert lab.conn.value("SELECT count(*) FROM hidden_reply") == 0
    lab.delete(gate)
    assert lab.conn.value("SELECT count(*) FROM threadgate") == 0


def test_a_forbidden_quote_is_marked_and_neither_counts_nor_tells(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    post = lab.post(alice)
    rule = {"$type": "app.bsky.feed.postgate#disableRule"}
    lab.postgate(alice, post, embeddingRules=[rule])
    forbidden, own = lab.quote(bob, post), lab.quote(alice, post)
    flags = (row(lab, forbidden)["violates_postgate"], row(lab, own)["violates_postgate"])
    assert flags == (1, 0)
    assert lab.counts(post)["quotes"] == 1
    assert lab.told(alice) == []
    lab.delete(forbidden)
    assert lab.counts(post)["quotes"] == 1


def test_detached_quotes_are_noted(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    post = lab.post(alice)
    quote = lab.quote(bob, post)
    lab.postgate(alice, post, detachedEmbeddingUris=[quote["uri"]])
    detached = lab.conn.rows(
        "SELECT uri FROM detached_quote JOIN subject ON subject.id = quoting_id"
    )
    assert detached == [(quote["uri"],)]


def test_a_thread_that_answers_itself_in_a_circle_does_no_harm(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    cid = lab.post(alice)["cid"]
    one = {"uri": f"at://{alice}/app.bsky.feed.post/3one", "cid": cid}
    two = {"uri": f"at://{bob}/app.bsky.feed.post/3two", "cid": cid}
    reply_at(lab, alice, "3one", two, two)
    reply_at(lab, bob, "3two", one, one)
    reply_at(lab, alice, "3one", two, two)
    assert lab.indexer.counts["failed"] == 0
