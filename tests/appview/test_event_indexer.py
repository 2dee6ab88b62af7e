from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.appview import actors
from appliance.appview.event_indexer import EventIndexer
from appliance.atproto.car import read_car, write_car
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.repo.commit import parse_commit
from appliance.atproto.syntax import Datetime
from appliance.firehose.events import CommitEvent, Made, RepoEvent
from tests.support.index_lab import START_US, IndexLab, open_lab
from tests.support.repo_author import RepoAuthor


class Stream:
    """Feeds events to an index and remembers what it said."""

    def __init__(self, lab: IndexLab) -> None:
        self.lab = lab
        self.indexed: list[tuple[str, str]] = []
        self.due = 0
        self.events = EventIndexer(lab.indexer, lambda *said: self.indexed.append(said), self._due)

    def _due(self) -> None:
        self.due += 1

    def feed(self, *events: RepoEvent) -> None:
        for event in events:
            self.events.apply(self.lab.conn, event, self.lab.now_us)
        self.publish()

    def publish(self) -> None:
        for call in self.lab.conn.committed:
            call()
        self.lab.conn.committed.clear()

    def paths(self) -> set[str]:
        rows = self.lab.conn.rows(
            "SELECT nsid, rkey FROM record JOIN collection ON collection.id = collection_id"
        )
        return {f"{nsid}/{rkey}" for nsid, rkey in rows}


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Stream]:
    with open_lab(tmp_path) as lab:
        yield Stream(lab)


def test_commits_in_order_are_applied_and_announced(stream: Stream) -> None:
    alice = RepoAuthor("alice")
    first, second = alice.post("one"), alice.post("two")
    stream.feed(first, second)
    assert len(stream.paths()) == 2
    assert stream.indexed == [(alice.did, first.rev), (alice.did, second.rev)]
    actor = stream.lab.actor(alice.did)
    assert (actor["sync"], actor["rev"], actor["data"]) == (
        "synced",
        second.rev,
        alice.repo.tree.root,
    )


def test_a_commit_that_comes_twice_is_applied_once(stream: Stream) -> None:
    alice = RepoAuthor("alice")
    first, second = alice.post("one", "3one"), alice.delete("app.bsky.feed.post/3one")
    stream.feed(first, second, first)
    assert stream.paths() == set()
    assert stream.lab.indexer.counts["old"] == 1


def test_a_missing_commit_asks_for_the_whole_repo_and_holds_what_follows(stream: Stream) -> None:
    alice = RepoAuthor("alice")
    first, _, third, fourth = (alice.post(rkey, f"3{rkey}") for rkey in ("a", "b", "c", "d"))
    stream.feed(first, third, fourth)
    assert stream.paths() == {"app.bsky.feed.post/3a"}
    assert stream.lab.actor(alice.did)["sync"] == "pending"
    assert stream.due == 1
    assert stream.lab.conn.value("SELECT count(*) FROM held_event") == 2


def test_held_events_newer_than_the_repo_are_applied_after_it(stream: Stream) -> None:
    alice = RepoAuthor("alice")
    alice.post("unseen", "3a")
    second = alice.post("two", "3b")
    snapshot = alice.repo.head
    third = alice.post("three", "3c")
    stream.feed(second, third)
    assert stream.paths() == set()
    assert snapshot is not None
    stream.events.finish_backfill(stream.lab.conn, snapshot, 1)
    assert stream.paths() == {"app.bsky.feed.post/3c"}
    actor = stream.lab.actor(alice.did)
    assert (actor["sync"], actor["rev"]) == ("synced", third.rev)
    assert stream.lab.conn.value("SELECT count(*) FROM held_event") == 0


def test_a_sync_with_the_same_data_changes_nothing(stream: Stream) -> None:
    alice = RepoAuthor("alice")
    stream.feed(alice.post(), alice.sync())
    assert stream.lab.actor(alice.did)["sync"] == "synced"


def test_a_sync_with_other_data_asks_for_the_whole_repo(stream: Stream) -> None:
    alice = RepoAuthor("alice")
    stream.feed(alice.post())
    alice.post("unseen")
    stream.feed(alice.sync())
    assert stream.lab.actor(alice.did)["sync"] == "pending"
    assert stream.due == 1


def test_a_sync_during_the_fetch_is_looked_at_after_it(stream: Stream) -> None:
    alice = RepoAuthor("alice")
    alice.post("unseen")
    snapshot = alice.repo.head
    stream.feed(alice.post("second"))
    alice.post("third, unseen")
    stream.feed(alice.sync())
    assert snapshot is not None
    stream.events.finish_backfill(stream.lab.conn, snapshot, 1)
    assert stream.lab.actor(alice.did)["sync"] == "pending"


def test_a_commit_whose_blocks_are_not_what_they_say_is_not_applied(stream: Stream) -> None:
    alice = RepoAuthor("alice")
    stream.feed(alice.post("one", "3a"))
    event = alice.post("honest", "3b")
    forged = event.blocks.replace(b"honest", b"forged")
    stream.feed(_with_blocks(event, forged))
    assert stream.paths() == {"app.bsky.feed.post/3a"}
    assert stream.lab.actor(alice.did)["sync"] == "pending"


def test_a_commit_without_its_record_is_not_applied(stream: Stream) -> None:
    alice = RepoAuthor("alice")
    event = alice.post("one", "3a")
    assert alice.repo.head is not None
    bare = write_car(event.commit, [(event.commit, alice.repo.head.block)])
    stream.feed(_with_blocks(event, bare))
    assert stream.paths() == set()
    assert stream.lab.actor(alice.did)["sync_error"].startswith("unusable commit")


def test_account_events_hide_and_show(stream: Stream) -> None:
    alice = RepoAuthor("alice")
    stream.feed(alice.account(False, "deactivated"))
    assert stream.lab.actor(alice.did)["status"] == "deactivated"
    stream.feed(alice.account(False))
    assert stream.lab.actor(alice.did)["status"] == "inactive"
    stream.feed(alice.account(True))
    assert stream.lab.actor(alice.did)["status"] is None


def test_a_repo_asked_for_in_vain_while_it_was_closed_is_asked_for_when_it_opens(
    stream: Stream,
) -> None:
    alice = RepoAuthor("alice")
    first, _, third = (alice.post(text) for text in ("first", "unseen", "third"))
    stream.feed(first, third)
    conn, lab = stream.lab.conn, stream.lab
    for _ in range(5):
        actors.put_off_backfill(conn, alice.did, "closed", lab.now_us + 3_600_000_000)
    stream.feed(alice.account(False, "deactivated"))
    asked = stream.due
    stream.feed(alice.account(True))
    actor = lab.actor(alice.did)
    assert (actor["sync"], actor["sync_attempts"], actor["sync_due_us"]) == (
        "pending",
        0,
        lab.now_us,
    )
    assert stream.due == asked + 1
    # Only what changes its standing: else a host could have it asked for without end.
    actors.put_off_backfill(conn, alice.did, "closed", lab.now_us + 3_600_000_000)
    stream.feed(alice.account(True))
    assert lab.actor(alice.did)["sync_attempts"] == 1
    assert stream.due == asked + 1


def test_an_identity_event_makes_the_handle_due(stream: Stream) -> None:
    alice = RepoAuthor("alice")
    stream.lab.account("alice")
    stream.lab.conn.execute("UPDATE actor SET handle_due_us = 5")
    stream.events.end_batch(stream.lab.conn)
    stream.publish()
    assert stream.due == 0
    stream.feed(alice.identity())
    stream.events.end_batch(stream.lab.conn)
    stream.publish()
    assert stream.lab.actor(alice.did)["handle_due_us"] == 0
    assert stream.due == 1


def test_whoever_is_open_again_is_looked_up_anew(stream: Stream) -> None:
    """While it was closed, its PDS confirmed no handle."""
    alice = RepoAuthor("alice")
    stream.lab.account("alice")
    conn = stream.lab.conn
    for active, due in ((False, 600), (False, 600), (True, 0), (True, 600)):
        actors.set_identity(conn, alice.did, None, None, 600)
        conn.execute("UPDATE actor SET handle_due_us = 600")
        stream.feed(alice.account(active, None if active else "takendown"))
        assert stream.lab.actor(alice.did)["handle_due_us"] == due


def test_a_record_no_index_can_take_does_not_stop_the_others(
    stream: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    alice = RepoAuthor("alice")
    stream.lab.conn.execute("DROP TABLE block")
    stream.feed(
        alice.create("app.bsky.graph.block", subject="did:web:b.test"), alice.post("fine", "3a")
    )
    assert "app.bsky.feed.post/3a" in stream.paths()
    assert stream.lab.indexer.counts["failed"] == 1
    assert "record not indexed" in caplog.text


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2026-01-01T00:00:00.000Z", Datetime("2026-01-01T00:00:00.000Z").to_us()),
        (str(Datetime.from_us(START_US - 10_000_000)), START_US),
        ("2099-01-01T00:00:00.000Z", START_US),
        ("some time ago", START_US),
    ],
)
def test_an_old_commit_read_again_keeps_its_time(stream: Stream, told: str, expected: int) -> None:
    alice = RepoAuthor("alice")
    stream.feed(replace(alice.create("app.bsky.feed.post", text="x"), time=told))
    assert stream.lab.conn.value("SELECT indexed_us FROM post") == expected


def test_frames_that_are_no_events_are_counted_and_passed_over(stream: Stream) -> None:
    alice = RepoAuthor("alice")
    good = alice.post().frame()
    events, infos = stream.events.parse([b"\xff", good, good[:-5], b""])
    assert ([event.did for event in events], infos) == ([alice.did], [])
    assert stream.lab.indexer.counts["unusable_frames"] == 3


def _with_blocks(event: CommitEvent, blocks: bytes) -> CommitEvent:
    return replace(event, blocks=blocks)


@pytest.mark.parametrize("is_checked", [True, False])
def test_of_a_commit_made_here_only_what_no_lexicon_took_is_measured(
    stream: Stream, is_checked: bool
) -> None:
    alice = RepoAuthor("alice")
    odd = alice.create("app.bsky.feed.post", text="x" * 4000)  # longer than the lexicon allows
    blocks = read_car(odd.blocks).blocks
    checked = frozenset(op.cid for op in odd.ops if op.cid is not None and is_checked)
    root = parse_commit(blocks[odd.commit]).data
    key = PrivateKey.generate().public
    made = Made(key, root, blocks, odd.unnumbered(), checked)
    stream.feed(replace(odd, blocks=b"is not read", made=made))
    assert stream.lab.conn.value("SELECT count(*) FROM post") == int(is_checked)
