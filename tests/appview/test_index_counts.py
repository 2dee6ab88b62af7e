"""Whatever comes in whatever order, every count equals what there is to count."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.index_lab import IndexLab, StrongRef, open_lab

NAMES = ("alice", "bob", "carol")
CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"

# What a step does: kind, who, key, and which other accounts and keys it points to.
who = st.sampled_from(NAMES)
key = st.sampled_from(("3aaa", "3bbb", "3ccc"))
step = st.tuples(
    st.sampled_from(
        ("post", "reply", "quote", "like", "repost", "follow", "gate", "list", "item", "delete")
    ),
    who,
    key,
    who,
    key,
    who,
    key,
)

COLLECTIONS = {
    "post": "app.bsky.feed.post",
    "reply": "app.bsky.feed.post",
    "quote": "app.bsky.feed.post",
    "like": "app.bsky.feed.like",
    "repost": "app.bsky.feed.repost",
    "follow": "app.bsky.graph.follow",
    "gate": "app.bsky.feed.threadgate",
    "list": "app.bsky.graph.list",
    "item": "app.bsky.graph.listitem",
}


def post_ref(did: str, rkey: str) -> StrongRef:
    return {"uri": f"at://{did}/app.bsky.feed.post/{rkey}", "cid": CID}


def record(kind: str, did: str, rkey: str, first: StrongRef, second: StrongRef) -> dict[str, Any]:
    other = second["uri"].split("/")[2]
    values: dict[str, dict[str, Any]] = {
        "post": {"text": "post"},
        "reply": {"text": "reply", "reply": {"root": second, "parent": first}},
        "quote": {
            "text": "quote",
            "embed": {"$type": "app.bsky.embed.record", "record": first},
        },
        "like": {"subject": first},
        "repost": {"subject": first},
        "follow": {"subject": other},
        "gate": {"post": post_ref(did, rkey)["uri"], "allow": []},
        "list": {"name": "list", "purpose": "app.bsky.graph.defs#curatelist"},
        "item": {"list": f"at://{did}/app.bsky.graph.list/{rkey}", "subject": other},
    }
    return values[kind]


def play(lab: IndexLab, steps: list[tuple[str, str, str, str, str, str, str]]) -> None:
    dids = {name: lab.account(name) for name in NAMES}
    made: dict[tuple[str, str], list[StrongRef]] = {}
    for kind, name, rkey, first_name, first_key, second_name, second_key in steps:
        did = dids[name]
        if kind == "delete":
            for each in made.pop((did, rkey), []):
                lab.delete(each)
            continue
        first = post_ref(dids[first_name], first_key)
        second = post_ref(dids[second_name], second_key)
        value = record(kind, did, rkey, first, second)
        done = lab.put(did, COLLECTIONS[kind], value, rkey)
        made.setdefault((did, rkey), []).append(done)


# Each pair: what is stored, and the same from the rows themselves.
SUBJECT_COUNTS = """
SELECT uri, like_count, repost_count, reply_count, quote_count,
    (SELECT count(DISTINCT actor_id) FROM "like" WHERE subject_id = subject.id),
    (SELECT count(DISTINCT actor_id) FROM repost WHERE subject_id = subject.id),
    (SELECT count(*) FROM post WHERE parent_id = subject.id
        AND invalid_root = 0 AND violates_threadgate = 0),
    (SELECT count(*) FROM post WHERE quote_id = subject.id AND violates_postgate = 0)
FROM subject
"""
ACTOR_COUNTS = """
SELECT did, follows_count, followers_count, posts_count, lists_count,
    (SELECT count(DISTINCT target_id) FROM follow WHERE actor_id = actor.id),
    (SELECT count(DISTINCT actor_id) FROM follow WHERE target_id = actor.id),
    (SELECT count(*) FROM post WHERE actor_id = actor.id),
    (SELECT count(*) FROM list WHERE actor_id = actor.id)
FROM actor
"""
# Posts whose root differs from that of a parent we hold, and that are not marked, or the reverse.
MISJUDGED = """
SELECT post.id FROM post JOIN post AS parent ON parent.id = post.parent_id
WHERE post.invalid_root <>
    (parent.invalid_root OR coalesce(parent.root_id, parent.id) <> post.root_id)
"""


@settings(max_examples=60, deadline=None)
@given(st.lists(step, max_size=40))
def test_every_count_equals_what_there_is_to_count(
    steps: list[tuple[str, str, str, str, str, str, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, open_lab(Path(folder)) as lab:
        play(lab, steps)
        for _, *counts in lab.conn.rows(SUBJECT_COUNTS) + lab.conn.rows(ACTOR_COUNTS):
            assert counts[:4] == counts[4:]
        assert lab.indexer.counts["failed"] == 0
        for table in ('"like"', "repost", "follow"):
            doubled = lab.conn.value(f"SELECT count(*) FROM {table} WHERE counts = 1")  # noqa: S608
            pairs = "target_id" if table == "follow" else "subject_id"
            distinct = lab.conn.value(
                f"SELECT count(*) FROM (SELECT DISTINCT actor_id, {pairs} FROM {table})"  # noqa: S608
            )
            assert doubled == distinct


@settings(max_examples=40, deadline=None)
@given(st.lists(step, max_size=30))
def test_replies_are_judged_by_the_parents_that_are_there(
    steps: list[tuple[str, str, str, str, str, str, str]],
) -> None:
    kept = [each for each in steps if each[0] in ("post", "reply")]
    with tempfile.TemporaryDirectory() as folder, open_lab(Path(folder)) as lab:
        play(lab, kept)
        circles = lab.conn.value(
            "WITH RECURSIVE above (start, id, depth) AS (SELECT id, parent_id, 1 FROM post"
            " WHERE parent_id IS NOT NULL UNION SELECT start, parent_id, depth + 1 FROM above"
            " JOIN post USING (id) WHERE parent_id IS NOT NULL AND depth < 20)"
            " SELECT count(*) FROM above WHERE start = id"
        )
        if not circles:
            assert lab.conn.rows(MISJUDGED) == []
