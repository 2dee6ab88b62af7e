from appliance.atproto.cid import Cid
from tests.support.index_lab import IndexLab, StrongRef

IMAGE = Cid.for_blob(b"a picture")


def images(alt: str) -> dict[str, object]:
    blob = {"$type": "blob", "ref": {"$link": str(IMAGE)}, "mimeType": "image/png", "size": 9}
    return {"$type": "app.bsky.embed.images", "images": [{"image": blob, "alt": alt}]}


def found(lab: IndexLab, words: str) -> list[str]:
    rows = lab.conn.rows(
        "SELECT uri FROM post_text JOIN post ON sort_us = post_text.rowid / 4096"
        " JOIN subject USING (id)"
        " WHERE post_text MATCH ? ORDER BY post_text.rowid",
        words,
    )
    return [uri for (uri,) in rows]


def facet(**feature: str) -> dict[str, object]:
    kind = feature.pop("kind")
    typed = {"$type": f"app.bsky.richtext.facet#{kind}", **feature}
    return {"index": {"byteStart": 0, "byteEnd": 2}, "features": [typed]}


def test_a_post_is_found_by_its_words_without_accents_or_case(lab: IndexLab) -> None:
    alice = lab.account("alice")
    post = lab.post(alice, "Crème BRÛLÉE for everyone")
    assert found(lab, "creme brulee") == [post["uri"]]
    lab.delete(post)
    assert found(lab, "creme") == []


def test_an_updated_post_is_found_by_its_new_words_only(lab: IndexLab) -> None:
    alice = lab.account("alice")
    lab.put(alice, "app.bsky.feed.post", {"text": "apples"}, "3same")
    post = lab.put(alice, "app.bsky.feed.post", {"text": "pears"}, "3same")
    assert found(lab, "apples") == []
    assert found(lab, "pears") == [post["uri"]]


def test_alt_texts_and_link_titles_are_found(lab: IndexLab) -> None:
    alice = lab.account("alice")
    picture = lab.post(alice, "", embed=images("a walrus"))
    external = {"uri": "https://www.Example.com/a", "title": "Gardening", "description": "roses"}
    link = lab.post(alice, "", embed={"$type": "app.bsky.embed.external", "external": external})
    assert found(lab, "walrus") == [picture["uri"]]
    assert found(lab, "gardening roses") == [link["uri"]]
    assert lab.conn.rows("SELECT domain, uri FROM post_link") == [
        ("example.com", "https://www.Example.com/a")
    ]


def test_embeds_are_told_apart(lab: IndexLab) -> None:
    alice = lab.account("alice")
    quoted = lab.post(alice)
    both = {
        "$type": "app.bsky.embed.recordWithMedia",
        "record": {"record": quoted},
        "media": images("x"),
    }
    rows = [
        lab.post_row(lab.post(alice)),
        lab.post_row(lab.post(alice, embed=images("x"))),
        lab.post_row(lab.quote(alice, quoted)),
        lab.post_row(lab.post(alice, embed=both)),
    ]
    assert [row and (row["embed"], row["has_media"], row["has_video"]) for row in rows] == [
        (None, 0, 0),
        ("images", 1, 0),
        ("record", 0, 0),
        ("images+record", 1, 0),
    ]
    assert lab.counts(quoted)["quotes"] == 2


def test_tags_come_from_facets_and_from_the_record(lab: IndexLab) -> None:
    alice = lab.account("alice")
    lab.post(alice, "#Cats", facets=[facet(kind="tag", tag="Cats")], tags=["CATS", "dogs"])
    assert lab.conn.rows("SELECT tag FROM post_tag ORDER BY tag") == [("cats",), ("dogs",)]


def test_languages_can_be_looked_for_with_spaces_around(lab: IndexLab) -> None:
    row = lab.post_row(lab.post(lab.account("alice"), langs=["en", "pt-BR"]))
    assert row is not None
    assert row["langs"] == " en pt-BR "


def test_unknown_facets_and_embeds_do_no_harm(lab: IndexLab) -> None:
    alice = lab.account("alice")
    odd = {"$type": "com.example.facet#other", "did": 3, "tag": [], "uri": None}
    facets = [{"index": {"byteStart": 0, "byteEnd": 1}, "features": [odd]}]
    post = lab.post(alice, "odd", facets=facets, embed={"$type": "com.example.embed", "images": 1})
    row = lab.post_row(post)
    assert row is not None
    assert (row["embed"], row["has_media"]) == (None, 0)


def test_invalid_records_are_left_out_and_counted(lab: IndexLab) -> None:
    alice = lab.account("alice")
    post = lab.put(alice, "app.bsky.feed.post", {"text": 7})
    assert lab.post_row(post) is None
    assert lab.indexer.counts["invalid"] == 1
    lab.put(alice, "app.bsky.actor.profile", {"displayName": "not self"}, "other")
    assert lab.indexer.counts["wrong_key"] == 1
    for rkey in ("a/b", "", "..", "a b"):
        lab.put(alice, "app.bsky.feed.post", {"text": "odd key"}, rkey or " ")
    assert lab.conn.value("SELECT count(*) FROM record") == 0


def test_an_update_that_makes_a_post_invalid_takes_it_away(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    mention = facet(kind="mention", did=bob)
    post = lab.put(alice, "app.bsky.feed.post", {"text": "@bob", "facets": [mention]}, "3same")
    assert len(lab.told(bob)) == 1
    lab.put(alice, "app.bsky.feed.post", {"text": None}, "3same")
    assert lab.post_row(post) is None
    assert lab.told(bob) == []
    assert lab.actor(alice)["posts_count"] == 0


def test_the_same_record_twice_changes_nothing(lab: IndexLab) -> None:
    alice = lab.account("alice")
    value = {"text": "once", "createdAt": "2026-01-01T00:00:00.000Z"}
    lab.put(alice, "app.bsky.feed.post", value, "3same")
    before = lab.rows()
    lab.put(alice, "app.bsky.feed.post", value, "3same")
    assert lab.rows() == before
    assert lab.actor(alice)["posts_count"] == 1


def test_mention_comes_before_quote_and_quote_before_reply(lab: IndexLab) -> None:
    alice, bob, carol, dave = (lab.account(name) for name in ("alice", "bob", "carol", "dave"))
    root, quoted = lab.post(alice), lab.post(bob)
    lab.post(
        carol,
        "@dave look",
        facets=[facet(kind="mention", did=dave), facet(kind="mention", did=alice)],
        embed={"$type": "app.bsky.embed.record", "record": quoted},
        reply={"root": root, "parent": root},
    )
    reasons = [[reason for reason, *_ in lab.told(did)] for did in (alice, bob, dave)]
    assert reasons == [["mention"], ["quote"], ["mention"]]


def test_nobody_is_told_of_records_from_a_whole_repo(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    post = lab.post(alice)
    lab.is_live = False
    lab.reply(bob, post)
    lab.like(bob, post)
    lab.quote(bob, post)
    lab.follow(bob, alice)
    assert lab.told(alice) == []
    assert lab.counts(post) == {"likes": 1, "reposts": 0, "replies": 1, "quotes": 1}


def test_blobs_of_records_are_noted_until_the_record_goes(lab: IndexLab) -> None:
    alice = lab.account("alice")
    post = lab.post(alice, embed=images("x"))
    assert lab.conn.rows("SELECT cid FROM blob_ref") == [(str(IMAGE),)]
    lab.delete(post)
    assert lab.conn.rows("SELECT cid FROM blob_ref") == []


def test_a_repo_that_comes_and_goes_leaves_nothing(lab: IndexLab) -> None:
    alice, bob = lab.account("alice"), lab.account("bob")
    before = lab.rows()
    made: list[StrongRef] = []
    post = lab.post(alice, "#a", facets=[facet(kind="tag", tag="a")], embed=images("x"))
    people = lab.make_list(alice)
    made += [post, people, lab.reply(bob, post), lab.quote(bob, post), lab.like(bob, post)]
    made += [lab.repost(bob, post), lab.follow(bob, alice), lab.block(bob, alice)]
    made += [lab.profile(alice, "Alice"), lab.add_to_list(alice, people, bob)]
    made += [lab.threadgate(alice, post, allow=[], hiddenReplies=[made[2]["uri"]])]
    made += [lab.postgate(alice, post, detachedEmbeddingUris=[made[3]["uri"]])]
    for record in made:
        lab.delete(record)
    assert lab.rows() == before
    for did in (alice, bob):
        counts = {k: v for k, v in lab.actor(did).items() if k.endswith("_count")}
        assert set(counts.values()) == {0}
    assert set(lab.counts(post).values()) == {0}
