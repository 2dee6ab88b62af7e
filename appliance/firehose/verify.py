"""The checks a consumer owes an event. https://atproto.com/specs/sync."""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.atproto.car import InvalidCar, read_car
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PublicKey
from appliance.atproto.repo.commit import Commit, InvalidCommitObject, parse_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.proof import InvalidCommit, verify_slice
from appliance.atproto.tid import Tid
from appliance.firehose.events import MAX_BLOCKS_BYTES, CommitEvent, InvalidEvent, SyncEvent

FUTURE_US = 5 * 60 * 1_000_000


class StaleRev(InvalidEvent):
    """The event is not newer than what was seen already."""


class RolledBack(StaleRev):
    """A #sync tells of an older state than the known one; only the account's host can confirm."""


class BadSignature(InvalidEvent):
    """The commit is not signed by this key; perhaps the key we know is out of date."""


@dataclass(frozen=True, slots=True)
class RepoState:
    """Where a repo stands: its newest revision and the root of its tree."""

    rev: Tid
    data: Cid


def verify_commit(
    event: CommitEvent, before: RepoState | None, key: PublicKey, now_us: int | None = None
) -> RepoState:
    """Check a #commit by itself; return the repo state after it.

    Checks: sizes, rev newer than before.rev and at most 5 minutes ahead of now_us, CAR and every
    hash, commit object, operations, records, operations undo to prevData, signature.
    Does not check: whether it follows on `before` (see `chains`), which host sent it, whether the
    account is active. The schema of records is nobody's business here. Of a commit that this
    process made and signed with this very key, all but the rev is known (see `own_frames`).

    Raises InvalidEvent, naming the first check that failed: StaleRev, BadSignature.
    """
    _check_rev(event.rev, before, now_us)
    if event.made is not None and event.made.key == key:
        return RepoState(event.rev, event.made.data)
    blocks = _read_blocks(event.blocks, event.commit)
    try:
        commit = verify_slice(blocks, event.commit, event.ops, event.prev_data)
    except InvalidCommit as error:
        raise InvalidEvent(str(error)) from error
    _check_commit(event, commit, key)
    return RepoState(commit.rev, commit.data)


def verify_sync(
    event: SyncEvent, before: RepoState | None, key: PublicKey, now_us: int | None = None
) -> RepoState:
    """Check a #sync; return the repo state it tells of.

    Checks and raises as `verify_commit`, as far as there is something to check; but one that only
    repeats what is known, as after the creation or activation of an account, is good, and one
    that is sound in all but its age is RolledBack.
    """
    repeats = before is not None and event.rev == before.rev
    _check_rev(event.rev, None, now_us)
    blocks = _read_blocks(event.blocks, None)
    try:
        commit = parse_commit(next(iter(blocks.values())))
    except InvalidCommitObject as error:
        raise InvalidEvent(str(error)) from error
    _check_commit(event, commit, key)
    state = RepoState(commit.rev, commit.data)
    if repeats and state != before:
        raise InvalidEvent(f"rev {event.rev} stands for two different trees")
    if before is not None and event.rev < before.rev:
        raise RolledBack(f"rev {event.rev} is older than {before.rev}")
    return state


def root_of(event: SyncEvent) -> Cid:
    """Give the CID of the commit a verified #sync tells of."""
    return read_car(event.blocks).roots[0]


def chains(event: CommitEvent, before: RepoState | None) -> bool:
    """Tell whether a verified #commit follows directly on a known state.

    Where none is known, it has to name the tree before it, or be the first of its repo.
    """
    if before is not None:
        return event.since == before.rev and event.prev_data == before.data
    return event.prev_data is not None or _begins(event)


def _begins(event: CommitEvent) -> bool:
    """Tell whether undoing a commit leaves an empty repo."""
    try:
        verify_slice(read_car(event.blocks).blocks, event.commit, event.ops, Mst.empty().root)
    except InvalidCommit:
        return False
    return True


def _check_rev(rev: Tid, before: RepoState | None, now_us: int | None) -> None:
    if before is not None and rev <= before.rev:
        raise StaleRev(f"rev {rev} is not newer than {before.rev}")
    if now_us is not None and rev.to_us() > now_us + FUTURE_US:
        raise InvalidEvent(f"rev {rev} lies in the future")


def _read_blocks(blocks: bytes, root: Cid | None) -> Mapping[Cid, bytes]:
    """Read the CAR; its first root, which must be `root` if that is known, comes first."""
    if not 0 < len(blocks) <= MAX_BLOCKS_BYTES:
        raise InvalidEvent("blocks is empty or larger than 2 MB")
    try:
        car = read_car(blocks)
    except InvalidCar as error:
        raise InvalidEvent(f"blocks is not a CAR: {error}") from error
    if not car.roots:
        raise InvalidEvent("the CAR has no root")
    if root is not None and car.roots[0] != root:
        raise InvalidEvent("the CAR's root is not the commit")
    block = car.blocks.get(car.roots[0])
    if block is None:
        raise InvalidEvent("the CAR lacks its root")
    return {car.roots[0]: block, **car.blocks}


def _check_commit(event: CommitEvent | SyncEvent, commit: Commit, key: PublicKey) -> None:
    if commit.did != event.did:
        raise InvalidEvent(f"the commit is of {commit.did}, the event of {event.did}")
    if commit.rev != event.rev:
        raise InvalidEvent(f"the commit has rev {commit.rev}, the event {event.rev}")
    if not commit.verify(key):
        raise BadSignature("the signature does not match the account's key")
