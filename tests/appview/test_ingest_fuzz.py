"""Whatever bytes the relay sends, indexing goes on."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.appview.event_indexer import EventIndexer
from appliance.firehose.events import RepoEvent
from tests.support.index_lab import open_lab
from tests.support.repo_author import RepoAuthor


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    alice, bob = RepoAuthor("alice"), RepoAuthor("bob")
    post = alice.post("hello", "3post")
    ref = {"uri": f"at://{alice.did}/app.bsky.feed.post/3post", "cid": str(post.ops[0].cid)}
    events: list[RepoEvent] = [
        alice.identity(),
        alice.account(True),
        post,
        alice.sync(),
        bob.create("app.bsky.feed.like", subject=ref),
        bob.create("app.bsky.feed.post", text="re", reply={"root": ref, "parent": ref}),
        bob.create("app.bsky.actor.profile", "self", displayName="Bob"),
        bob.delete(next(iter(bob.blocks))),
        bob.sync(),
        bob.account(False, "deactivated"),
    ]
    return [event.frame() for event in events]


change = st.tuples(
    st.integers(0, 9), st.floats(0, 1, exclude_max=True), st.integers(0, 255), st.booleans()
)


@settings(max_examples=60, deadline=None)
@given(st.lists(change, min_size=1, max_size=6))
def test_damaged_frames_never_stop_the_index(
    frames: list[bytes], changes: list[tuple[int, float, int, bool]]
) -> None:
    damaged = [bytearray(frame) for frame in frames]
    for which, place, byte, cut in changes:
        at = int(place * len(damaged[which]))
        if cut:
            del damaged[which][at:]
        elif at < len(damaged[which]):
            damaged[which][at] = byte
    with tempfile.TemporaryDirectory() as folder, open_lab(Path(folder)) as lab:
        index = EventIndexer(lab.indexer, lambda did, rev: None, lambda: None)
        events, _ = index.parse([bytes(frame) for frame in damaged])
        assert len(events) + lab.indexer.counts["unusable_frames"] == len(frames)
        for event in events:
            index.apply(lab.conn, event, lab.now_us)
        assert lab.indexer.counts["failed"] == 0
