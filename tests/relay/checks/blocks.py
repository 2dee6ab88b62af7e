"""Checks 13 to 23: what carries a commit, and the commit itself."""

from typing import Any

from appliance.atproto import cbor
from appliance.atproto.car import write_car
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.curves import ORDERS
from appliance.atproto.repo.repo import RecordWrite
from appliance.atproto.tid import Tid
from appliance.firehose.events import MAX_BLOCKS_BYTES, CommitEvent, SyncEvent
from tests.relay.checks.scene import Scene, check, edited, forged, record
from tests.support.hosts import TIME


@check(13)
async def blocks_are_there_and_not_too_many(scene: Scene) -> None:
    news = scene.alice.post("a")
    frame = scene.commit(news)

    def padded(room: int) -> bytes:
        filler = cbor.encode(b"x" * room)
        return write_car(news.commit.cid, [*news.blocks.items(), (Cid.for_block(filler), filler)])

    room = 1_000_000 + MAX_BLOCKS_BYTES - len(padded(1_000_000))
    assert len(padded(room)) == MAX_BLOCKS_BYTES
    for blocks in (b"", padded(room + 1)):
        await scene.fails(edited(frame, blocks=blocks), "invalid")
    await scene.passes(edited(frame, blocks=padded(room)))


@check(14)
async def the_car_is_whole_and_its_root_is_the_commit(scene: Scene) -> None:
    news = scene.alice.post("a")
    frame = scene.commit(news)
    blocks = CommitEvent.of(news, TIME).blocks
    flipped = bytearray(blocks)
    flipped[-1] ^= 1
    version_two = blocks.replace(b"gversion\x01", b"gversion\x02")
    other_root = write_car(news.commit.data, news.blocks.items())
    rootless = write_car(None, news.blocks.items())
    lacking = write_car(news.commit.cid, list(news.blocks.items())[1:])
    for bad in (bytes(flipped), version_two, other_root, rootless, lacking, blocks[:-1]):
        await scene.fails(edited(frame, blocks=bad), "invalid")
    sync = SyncEvent.of(news.commit, TIME).frame()
    await scene.fails(edited(sync, blocks=blocks[:-1]), "invalid")
    await scene.passes(frame)


@check(15)
async def the_commit_has_the_form_of_one(scene: Scene) -> None:
    news = scene.alice.post("a")
    changes: list[dict[str, Any]] = [
        {"version": 2},
        {"prev": "no link"},
        {"rev": "not a tid"},
        {"data": "no link"},
        {"did": 1},
        {"sig": "text"},
    ]
    for change in changes:
        await scene.fails(forged(scene.alice, news, change), "invalid")
    # `prev` may name a commit, as it once had to.
    await scene.passes(forged(scene.alice, news, {"prev": news.commit.cid}))


@check(16)
async def a_rev_is_not_of_the_future(scene: Scene) -> None:
    minute = 60 * 1_000_000
    now_us = scene.lab.clock.now_us()
    before = scene.alice.repo
    far = Tid.from_us(now_us + 6 * minute)
    near = Tid.from_us(now_us + 4 * minute)
    news = scene.alice.post("a")
    reason = await scene.fails(forged(scene.alice, news, {"rev": str(far)}, rev=far), "invalid")
    assert "future" in reason
    scene.alice.repo = before
    news = scene.alice.post("a")
    await scene.passes(forged(scene.alice, news, {"rev": str(near)}, rev=near))


@check(17)
async def the_signature_is_that_of_the_current_key(scene: Scene) -> None:
    news = scene.alice.post("a")
    fields = cbor.decode(news.commit.block)
    sig = fields["sig"]
    high = ORDERS[scene.alice.key.curve] - int.from_bytes(sig[32:])
    high_s = {"sig": sig[:32] + high.to_bytes(32)}
    reason = await scene.fails(forged(scene.alice, news, high_s), "bad_signature")
    assert "key in the account's DID document" in reason
    own, scene.alice.key = scene.alice.key, PrivateKey.generate("p256")
    await scene.fails(forged(scene.alice, news, {"prev": None}), "bad_signature")
    # The document is asked for anew, once a minute.
    scene.lab.clock.ahead_us += 61_000_000
    scene.lab.directory.put(scene.alice, scene.lab.home.url)
    await scene.passes(forged(scene.alice, news, {"prev": None}))
    scene.alice.key = own
    await scene.fails(scene.commit(scene.alice.post("old key")), "bad_signature")


@check(18)
async def event_and_commit_tell_the_same(scene: Scene) -> None:
    bob = scene.lab.account("bob")
    news = scene.alice.post("a")
    await scene.fails(scene.commit(news, rev=Tid.from_us(news.commit.rev.to_us() + 1)), "invalid")
    await scene.fails(scene.commit(news, did=bob.did), "invalid")
    await scene.passes(scene.commit(news))


@check(19)
async def the_commit_named_is_the_root(scene: Scene) -> None:
    news = scene.alice.post("a")
    await scene.fails(scene.commit(news, commit=news.commit.data), "invalid")
    await scene.passes(scene.commit(news))


@check(20)
async def a_rev_only_rises(scene: Scene) -> None:
    first = scene.alice.repo.head
    assert first is not None
    old = scene.alice.post("a")
    newer = scene.alice.post("b")
    await scene.passes(scene.commit(old))
    await scene.fails(scene.commit(old), "stale_rev")
    await scene.passes(scene.commit(newer))
    await scene.passes(SyncEvent.of(newer.commit, TIME).frame())
    reason = await scene.fails(SyncEvent.of(first, TIME).frame(), "rolled_back")
    assert "older" in reason
    assert scene.running.role.repairs.due(1 << 60, 1)[0].did == scene.alice.did


@check(21)
async def a_time_that_is_none_is_noted_only(scene: Scene) -> None:
    await scene.passes(scene.commit(scene.alice.post("a")))
    assert scene.running.role.ingest.counts["odd_time"] == 0
    await scene.passes(scene.commit(scene.alice.post("b"), time="yesterday"))
    assert scene.running.role.ingest.counts["odd_time"] == 1


@check(22)
async def a_commit_has_at_most_200_operations(scene: Scene) -> None:
    def writes(prefix: str, count: int) -> list[RecordWrite]:
        return [
            RecordWrite("create", f"app.bsky.feed.like/{prefix}{n}", record(str(n)))
            for n in range(count)
        ]

    before = scene.alice.repo
    await scene.fails(scene.commit(scene.alice.commit(*writes("a", 201))), "invalid")
    scene.alice.repo = before
    await scene.passes(scene.commit(scene.alice.commit(*writes("b", 200))))


@check(23)
async def flags_of_an_older_protocol_mean_nothing(scene: Scene) -> None:
    for name in ("tooBig", "rebase"):
        news = scene.alice.post(name)
        await scene.passes(edited(scene.commit(news), **{name: True}))
    assert scene.running.role.ingest.counts["legacy_flag"] == 2
    # What such a commit once left out is missed by the checks that follow.
    news = scene.alice.post("left out")
    empty = write_car(news.commit.cid, [(news.commit.cid, news.commit.block)])
    await scene.fails(edited(scene.commit(news), blocks=empty), "invalid")
