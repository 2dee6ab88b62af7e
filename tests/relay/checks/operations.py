"""Checks 24 to 34: what a commit changes."""

from dataclasses import replace
from typing import Any

from appliance.atproto import cbor
from appliance.atproto.cid import Cid
from appliance.atproto.repo.repo import RecordOp
from appliance.atproto.tid import Tid
from appliance.firehose.events import CommitEvent
from tests.relay.checks.scene import Scene, check, edited, record, write
from tests.support.hosts import TIME

NOWHERE = Cid.for_block(b"\xa0")


def wrong(**fields: Cid | None) -> list[dict[str, Any]]:
    """Give changes of one field each."""
    return [{name: value} for name, value in fields.items()]


@check(24)
async def the_tree_before_is_named(scene: Scene) -> None:
    bob = scene.lab.account("bob")
    first = bob.commit()
    assert first.prev_data is None
    await scene.passes(scene.commit(first))
    news = scene.alice.post("a")
    await scene.passes(scene.commit(news, prev_data=None), gap=True)
    # Not the first of its repo, whatever it says.
    carol = scene.lab.account("carol")
    carol.post("lost")
    await scene.passes(scene.commit(carol.post("a"), prev_data=None, since=None), gap=True)


@check(25)
async def the_tree_before_is_the_known_one(scene: Scene) -> None:
    known = scene.alice.repo.head
    assert known is not None
    scene.alice.post("lost")
    await scene.passes(scene.commit(scene.alice.post("a"), since=known.rev), gap=True)
    await scene.passes(scene.commit(scene.alice.post("b")))


@check(26)
async def the_rev_before_is_the_known_one(scene: Scene) -> None:
    news = scene.alice.post("a")
    other = Tid.from_us(news.commit.rev.to_us() - 1)
    await scene.passes(scene.commit(news, since=other), gap=True)
    await scene.passes(scene.commit(scene.alice.post("b")))


@check(27)
async def operations_have_their_form(scene: Scene) -> None:
    created = write(scene.alice, "one", record("one"))
    op = created.ops[0]
    for change in wrong(prev=NOWHERE, cid=None):
        await scene.fails(scene.commit(created, ops=(replace(op, **change),)), "invalid")
    await scene.passes(scene.commit(created))
    updated = write(scene.alice, "one", record("two"), "update")
    op = updated.ops[0]
    for change in wrong(prev=None, cid=None):
        await scene.fails(scene.commit(updated, ops=(replace(op, **change),)), "invalid")
    await scene.passes(scene.commit(updated))
    deleted = write(scene.alice, "one", None, "delete")
    op = deleted.ops[0]
    for change in wrong(prev=None, cid=NOWHERE):
        await scene.fails(scene.commit(deleted, ops=(replace(op, **change),)), "invalid")
    await scene.passes(scene.commit(deleted))


@check(28)
async def no_path_is_changed_twice(scene: Scene) -> None:
    news = write(scene.alice, "one", record("one"))
    await scene.fails(scene.commit(news, ops=news.ops * 2), "invalid")
    await scene.passes(scene.commit(news))


@check(29)
async def a_path_is_a_collection_and_a_key(scene: Scene) -> None:
    before = scene.alice.repo
    for rkey in ("..", "a/b", "ü", "x" * 513, ""):
        news = write(scene.alice, "one", record("one"))
        op = replace(news.ops[0], path=f"app.bsky.feed.post/{rkey}")
        await scene.fails(scene.commit(news, ops=(op,)), "invalid")
        scene.alice.repo = before
    await scene.passes(scene.commit(write(scene.alice, "x" * 512, record("one"))))


@check(30)
async def each_record_is_there_and_in_the_tree(scene: Scene) -> None:
    news = write(scene.alice, "one", record("one"))
    (op,) = news.ops
    blocks = {cid: block for cid, block in news.blocks.items() if cid != op.cid}
    await scene.fails(scene.commit(replace(news, blocks=blocks)), "invalid")
    other = record("other")
    swapped = {**news.blocks, Cid.for_block(other): other}
    lying = replace(news, blocks=swapped, ops=(replace(op, cid=Cid.for_block(other)),))
    await scene.fails(scene.commit(lying), "invalid")
    await scene.passes(scene.commit(news))


@check(31)
async def operations_undo_to_the_tree_before(scene: Scene) -> None:
    await scene.passes(scene.commit(write(scene.alice, "one", record("one"))))
    news = write(scene.alice, "two", record("two"))
    gone = RecordOp("delete", "app.bsky.feed.post/gone", None, NOWHERE)
    for ops in ((), (*news.ops, gone)):
        reason = await scene.fails(scene.commit(news, ops=ops), "invalid")
        assert "undo" in reason or "undoing" in reason
    # Without the nodes that undoing enters, nothing is believed either.
    bare = {news.commit.cid: news.commit.block}
    await scene.fails(scene.commit(replace(news, blocks=bare)), "invalid")
    await scene.passes(scene.commit(news))


@check(32)
async def an_account_first_seen_is_checked_as_well(scene: Scene) -> None:
    bob = scene.lab.account("bob")
    bob.post("before us")
    news = bob.post("a")
    await scene.fails(scene.commit(news, prev_data=NOWHERE), "invalid")
    await scene.passes(scene.commit(news))
    assert [each.did for each in scene.running.role.repairs.due(1 << 60, 9)] == [bob.did]


@check(33)
async def a_record_is_valid_and_not_too_large(scene: Scene) -> None:
    before = scene.alice.repo
    large = record("x" * 1_000_000)
    await scene.fails(scene.commit(write(scene.alice, "one", large)), "invalid")
    scene.alice.repo = before
    for block in (b"\xff", b"\xa2\x61b\x01\x61a\x02", record("a")[:-1]):
        await scene.fails(scene.commit(write(scene.alice, "one", block)), "invalid")
        scene.alice.repo = before
    room = 1_000_000 - len(record("x" * 70_000)) + 70_000
    largest = record("x" * room)
    assert len(largest) == 1_000_000
    await scene.passes(scene.commit(write(scene.alice, "one", largest)))


@check(34)
async def what_a_record_says_is_nobodys_business(scene: Scene) -> None:
    odd = cbor.encode({"$type": "app.bsky.feed.post", "text": 7, "createdAt": []})
    await scene.passes(scene.commit(write(scene.alice, "odd", odd)))
    bare = cbor.encode({"no": "type"})
    await scene.passes(scene.commit(write(scene.alice, "bare", bare)))
    event = CommitEvent.of(scene.alice.post("a"), TIME)
    await scene.passes(edited(event.frame(), fromTheFuture=[1, 2, {"x": b"y"}]))
