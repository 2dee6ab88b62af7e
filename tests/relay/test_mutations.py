"""Frames that were damaged: nothing but what was signed is passed on, and nothing breaks."""

import asyncio
import random
import resource
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.atproto import cbor
from appliance.atproto.repo.repo import RecordWrite
from appliance.atproto.xrpc.frames import decode_frame, encode_frame, with_seq
from appliance.base.connection import Connection
from appliance.firehose.events import AccountEvent, CommitEvent, IdentityEvent, SyncEvent, parse
from appliance.firehose.follow import StreamBroken
from appliance.firehose.verify import RepoState, chains, verify_commit
from tests.relay.checks.scene import Scene, write
from tests.relay.conftest import Lab, Running
from tests.support.clock import FakeClock
from tests.support.hosts import TIME, FakeAccount

# What the signature and the tree vouch for.
VOUCHED = ("repo", "commit", "rev", "blocks", "ops", "prevData")
ROUNDS = 3000
MOST_SECONDS = 2.0  # of this process's own time, for one batch
PATIENCE_SECONDS = 60.0
MOST_GROWTH = 40_000_000


def way_back(running: Running) -> Callable[[], Awaitable[None]]:
    """Note where alice and her host stand; give what puts them back there."""
    db = running.role.hosts._db
    row = db.read_one("SELECT active, status, rev, head, data FROM account WHERE id = 1")

    def put_back(conn: Connection) -> None:
        conn.execute(
            "UPDATE account SET active = ?, status = ?, rev = ?, head = ?, data = ? WHERE id = 1",
            row,
        )
        conn.execute("UPDATE host SET cursor = 0 WHERE id = 1")

    return lambda: db.write(put_back)


async def test_one_flipped_bit_never_changes_what_is_passed_on(lab: Lab) -> None:
    chance = random.Random(7)  # noqa: S311
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        back = way_back(running)
        frame = with_seq(scene.commit(scene.alice.post("the truth")), 1)
        whole = decode_frame(frame).body
        passed = 0
        for at in range(len(frame)):
            damaged = bytearray(frame)
            damaged[at] ^= 1 << chance.randrange(8)
            head = running.role.log.head()
            await back()
            try:
                await running.role.ingest.take(scene.host(), [bytes(damaged)])
            except StreamBroken:
                continue
            for _, told in running.role.log.after(head):
                if isinstance(parse(told), SyncEvent | IdentityEvent):
                    continue  # what its host was asked for meanwhile
                body = decode_frame(told).body
                # Without its name, prevData is missing; then the commit passes as one with a gap.
                names = [name for name in VOUCHED if name != "prevData" or name in body]
                assert [body[name] for name in names] == [whole[name] for name in names]
                passed += 1
        # Some fields are vouched for by nobody: the time, the flags, `since`, the number.
        assert passed < 120
        await back()
        assert await scene.send(frame) == {"published": 1}
        counts = running.role.ingest.counts
        assert counts["invalid"] + counts["bad_signature"] + counts["malformed"] > len(frame) * 0.8


def mutate(frame: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Damage a frame in one of several ways."""
    data = bytearray(frame)
    at = chance.randrange(len(data))
    match chance.randrange(8):
        case 0:
            data[at] = chance.randrange(256)
        case 1:
            del data[at : at + chance.randrange(1, 40)]
        case 2:
            data[at:at] = chance.randbytes(chance.randrange(1, 40))
        case 3:
            other = chance.choice(others)
            data[at:] = other[chance.randrange(len(other)) :]
        case 4:
            return _with_odd_field(frame, chance)
        case 5:
            # A length that promises more than there is.
            data[at : at + 9] = b"\x9b\x7f" + b"\xff" * 7
        case 6:
            data[at:at] = b"\x81" * chance.randrange(1, 3000)
        case _:
            return chance.randbytes(chance.randrange(1, 300))
    return bytes(data)


def _with_odd_field(frame: bytes, chance: random.Random) -> bytes:
    decoded = decode_frame(frame)
    body = dict(decoded.body)
    odd: tuple[Any, ...] = (
        None,
        -1,
        1 << 52,
        "",
        "x" * 5000,
        b"",
        [],
        {},
        [{"cid": 1}],
        True,
        "did:plc:" + "a" * 24,
    )
    body[chance.choice(sorted(body))] = chance.choice(odd)
    return encode_frame(decoded.t or "", body)


def resident() -> int:
    """Tell how many bytes of memory this process holds."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


async def flood(lab: Lab, rounds: int, seed: int) -> tuple[float, int]:
    """Hand damaged frames to a relay; give the longest time one batch took, and the growth."""
    chance = random.Random(seed)  # noqa: S311
    async with lab.relay() as running:
        scene = await Scene.open(lab, running)
        back = way_back(running)
        good = [
            scene.commit(scene.alice.post("a")),
            scene.commit(write(scene.alice, "one", cbor.encode({"a": [1, {"b": None}]}))),
            scene.commit(write(scene.alice, "one", None, "delete")),
            SyncEvent.of(scene.alice.post("b").commit, TIME).frame(),
            IdentityEvent(scene.alice.did, TIME, scene.alice.handle).frame(),
            AccountEvent(scene.alice.did, TIME, True).frame(),
        ]
        good = [with_seq(frame, 1) for frame in good]
        longest, begun = 0.0, 0
        for number in range(rounds):
            frame = mutate(chance.choice(good), good, chance)
            started = time.process_time()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await running.role.ingest.take(scene.host(), [frame])
            except StreamBroken:
                pass
            longest = max(longest, time.process_time() - started)
            if number == rounds // 5:
                begun = resident()
            await back()
        grown = resident() - begun
        assert running.role.ingest.counts["invalid"] > rounds * 0.1
        await back()
        bob = lab.account("bob")
        counted = await scene.send(with_seq(scene.commit(bob.post("still here")), 1))
        assert counted["published"] == 1
        return longest, grown


async def test_thousands_of_damaged_frames_break_and_slow_nothing(lab: Lab) -> None:
    longest, grown = await flood(lab, ROUNDS, seed=1)
    assert longest < MOST_SECONDS
    assert grown < MOST_GROWTH


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    changes=st.lists(
        st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=8), max_size=6
    )
)
def test_random_writes_pass_one_after_the_other_and_chain(
    changes: list[list[tuple[int, bool]]],
) -> None:
    account = FakeAccount("alice", FakeClock())
    state: RepoState | None = None
    for batch in [[], *changes]:
        writes = []
        held = dict(account.repo.tree.items())
        for number, keep in dict(batch).items():
            path = f"app.bsky.feed.like/k{number}"
            there = path in held
            if there and not keep:
                writes.append(RecordWrite("delete", path, None))
            elif keep:
                block = cbor.encode({"n": number, "at": len(held)})
                writes.append(RecordWrite("update" if there else "create", path, block))
        event = parse(CommitEvent.of(account.commit(*writes), TIME).frame())
        assert isinstance(event, CommitEvent)
        assert chains(event, state)
        state = verify_commit(event, state, account.key.public)
