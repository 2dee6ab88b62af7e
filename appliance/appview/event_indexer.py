"""Events of the stream, applied to the index in the writer thread.

The relay has verified what comes here; still every block must have its CID, and a commit is
applied only where it follows the one before. Where it does not, the account is marked, its events
are held, and its whole repo is fetched (see `backfill`).
"""

import logging
from collections.abc import Callable

from appliance.appview import actors
from appliance.appview.actors import PENDING, SyncState
from appliance.appview.arrivals import arrival_us
from appliance.appview.index import gates, post_text
from appliance.appview.indexer import Indexer, ref_of
from appliance.appview.records import RecordRef
from appliance.atproto.car import InvalidCar, read_car
from appliance.atproto.cid import Cid
from appliance.atproto.repo.commit import Commit, InvalidCommitObject, parse_commit
from appliance.atproto.syntax import Datetime, Did, InvalidSyntax
from appliance.base.connection import Connection
from appliance.firehose.events import (
    AccountEvent,
    CommitEvent,
    IdentityEvent,
    InfoEvent,
    InvalidEvent,
    RepoEvent,
    SyncEvent,
    parse,
)
from appliance.firehose.own_frames import OwnFrames

log = logging.getLogger(__name__)

MOST_HELD_EVENTS = 2000


class EventIndexer:
    """Applies events; owned by the writer thread.

    `on_indexed(did, rev)` and `on_due()` (an identity or a repo is to be fetched) are called on the
    event loop once the change is on the disk.
    """

    def __init__(
        self,
        indexer: Indexer,
        on_indexed: Callable[[str, str], None],
        on_due: Callable[[], None],
        own: OwnFrames | None = None,
    ) -> None:
        self.indexer = indexer
        self._own = own or OwnFrames()
        self._on_indexed = on_indexed
        self._on_due = on_due

    def apply(self, conn: Connection, event: RepoEvent, now_us: int) -> None:
        """Apply one event."""
        state = actors.sync_state(conn, event.did, now_us)
        match event:
            case CommitEvent():
                self._commit(conn, event, state, now_us)
            case SyncEvent():
                self._sync(conn, event, state, now_us)
            case AccountEvent():
                status = None if event.active else event.status or "inactive"
                if actors.set_status(conn, state.actor_id, status, now_us):
                    conn.after_commit(self._on_due)
            case IdentityEvent():
                actors.identity_is_due(conn, state.actor_id)

    def end_batch(self, conn: Connection) -> None:
        """Finish what the events since the last call began: words, identities to be looked up."""
        post_text.flush(conn)
        if actors.any_identity_is_due(conn):
            conn.after_commit(self._on_due)

    def finish_backfill(self, conn: Connection, commit: Commit, now_us: int) -> list[RecordRef]:
        """Note that the whole repo up to a commit is indexed; apply the events held meanwhile.

        Gives the posts that are new.
        """
        self.indexer.take_new_posts()
        actor_id = actors.intern(conn, commit.did, now_us)
        actors.set_synced(conn, actor_id, commit.rev, commit.data)
        self.indexer.settle_early(conn, actor_id)
        gates.judge_again(conn, actor_id)
        did, rev = commit.did, commit.rev
        conn.after_commit(lambda: self._on_indexed(did, rev))
        held = conn.rows(
            "SELECT frame FROM held_event WHERE actor_id = ? AND rev > ? ORDER BY rev",
            actor_id,
            rev,
        )
        conn.execute("DELETE FROM held_event WHERE actor_id = ?", (actor_id,))
        for (frame,) in held:
            event = parse(frame)
            if isinstance(event, CommitEvent | SyncEvent):
                self.apply(conn, event, now_us)
        post_text.flush(conn)
        return self.indexer.take_new_posts()

    def parse(self, frames: list[bytes]) -> tuple[list[RepoEvent], list[str]]:
        """Parse frames, and count the unusable; give the events and the names of #info messages."""
        events: list[RepoEvent] = []
        infos: list[str] = []
        for frame in frames:
            try:
                event = self._own.find(frame) or parse(frame)
            except InvalidEvent:
                self.indexer.counts["unusable_frames"] += 1
                continue
            if isinstance(event, InfoEvent):
                infos.append(event.name)
            else:
                events.append(event)
        return events, infos

    def _commit(self, conn: Connection, event: CommitEvent, state: SyncState, now_us: int) -> None:
        if state.rev is not None and event.rev <= state.rev:
            self.indexer.counts["old"] += 1
        elif state.sync == PENDING:
            self._hold(conn, event, state.actor_id)
        elif not _follows(event, state):
            self._desynchronized(conn, event.did, state, "a commit is missing", now_us)
            self._hold(conn, event, state.actor_id)
        else:
            self._apply_commit(conn, event, state, now_us)

    def _apply_commit(
        self, conn: Connection, event: CommitEvent, state: SyncState, now_us: int
    ) -> None:
        try:
            if event.made is not None:
                blocks, data, checked = event.made.blocks, event.made.data, event.made.checked
            else:
                blocks = read_car(event.blocks).blocks
                data, checked = parse_commit(blocks[event.commit]).data, frozenset[Cid]()
            changed = {op.cid: blocks[op.cid] for op in event.ops if op.cid is not None}
        except (InvalidCar, InvalidCommitObject, KeyError) as error:
            self._desynchronized(conn, event.did, state, f"unusable commit: {error}", now_us)
            return
        arrived_us = _arrival_us(event.time, now_us)
        for op in event.ops:
            ref = ref_of(event.did, state.actor_id, op.path)
            if op.cid is None:
                self.indexer.remove(conn, ref, arrived_us)
            else:
                is_checked = op.cid in checked
                self.indexer.put(
                    conn,
                    ref,
                    op.cid,
                    changed[op.cid],
                    arrived_us,
                    is_checked=is_checked,
                )
        self._set_synced(conn, event.did, state.actor_id, event.rev, data)

    def _sync(self, conn: Connection, event: SyncEvent, state: SyncState, now_us: int) -> None:
        """Compare where a repo stands with where we are."""
        try:
            car = read_car(event.blocks)
            commit = parse_commit(car.blocks[car.roots[0]])
        except (InvalidCar, InvalidCommitObject, LookupError):
            self.indexer.counts["unusable_sync"] += 1
            return
        if state.sync == PENDING:
            self._hold(conn, event, state.actor_id)
        elif commit.data != state.data:
            self._desynchronized(conn, event.did, state, "the repo was set anew", now_us)
        elif state.rev is None or event.rev > state.rev:
            self._set_synced(conn, event.did, state.actor_id, event.rev, commit.data)

    def _set_synced(self, conn: Connection, did: Did, actor_id: int, rev: str, data: Cid) -> None:
        actors.set_synced(conn, actor_id, rev, data)
        conn.after_commit(lambda: self._on_indexed(did, rev))

    def _desynchronized(
        self, conn: Connection, did: Did, state: SyncState, reason: str, now_us: int
    ) -> None:
        log.info("whole repo wanted did=%s rev=%s reason=%s", did, state.rev, reason)
        self.indexer.counts["desynchronized"] += 1
        actors.set_pending(conn, state.actor_id, reason, now_us)
        conn.after_commit(self._on_due)

    def _hold(self, conn: Connection, event: CommitEvent | SyncEvent, actor_id: int) -> None:
        """Keep an event until the whole repo is here; of too many the oldest go.

        A gap left by these only means that the repo is fetched once more.
        """
        conn.execute(
            "INSERT INTO held_event (actor_id, rev, frame) VALUES (?, ?, ?)",
            (actor_id, event.rev, event.frame()),
        )
        conn.execute(
            "DELETE FROM held_event WHERE id IN (SELECT id FROM held_event WHERE actor_id = ?"
            " ORDER BY rev DESC LIMIT -1 OFFSET ?)",
            (actor_id, MOST_HELD_EVENTS),
        )


def _arrival_us(time: str, now_us: int) -> int:
    try:
        return arrival_us(Datetime(time).to_us(), now_us)
    except InvalidSyntax:
        return now_us


def _follows(event: CommitEvent, state: SyncState) -> bool:
    """Tell whether a commit comes right after what is indexed; before all: nothing."""
    if event.since != state.rev:
        return False
    return event.prev_data is None or state.data is None or event.prev_data == state.data
