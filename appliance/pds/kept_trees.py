"""The trees of hosted repos that stay in memory between two writes: a few MB for all of them.

What stays of a tree is what was entered of late; the rest is stubs, made again from the record
rows where a write goes that way. So a repo of 10,000 records costs 15 to 250 kB, and its ways.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from appliance.atproto.cid import Cid
from appliance.atproto.repo.commit import parse_commit
from appliance.atproto.repo.mst_build import STUBS_BELOW, Leaves
from appliance.atproto.repo.repo import RecordOp, Repo
from appliance.atproto.syntax import Did
from appliance.atproto.tid import Tid
from appliance.base.database import Connection
from appliance.pds import records

KEPT_BYTES: Final = 2_000_000
# A record in a tree, beside its path, which stands there once by itself and once in a block.
_RECORD_BYTES: Final = 300
# Once it is too much, so much is left: not every write has to look for something to let go.
_LEFT: Final = 0.75
# Stubs of 256 records in the middle: a repo of 10,000 then takes some 14 kB.
_SLIMMEST: Final = 4
_ASKED: Final = 8


@dataclass(frozen=True, slots=True)
class Head:
    """The newest commit of a hosted repo; `id` is the repo's row."""

    id: int
    did: Did
    commit_cid: Cid
    commit_block: bytes
    rev: Tid
    data: Cid


class KeptTrees:
    """The trees of the repos written to last, changed by the writer thread.

    Bounded by bytes, beyond which what the last write needed may go.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[Did, tuple[Repo, int]] = OrderedDict()
        self.bytes = 0

    def find(self, head: Head) -> Repo | None:
        """Give the repo if its commit is the head; its tree may have stubs. Safe in any thread."""
        kept = self._kept.get(head.did)
        if kept is None or kept[0].head is None or kept[0].head.cid != head.commit_cid:
            return None
        return kept[0]

    def for_writing(self, conn: Connection, head: Head, paths: Collection[str]) -> Repo:
        """Give the repo of a head, with all at hand that writes to these paths need.

        The rows are to be those of the head. Raises RootMismatch.
        """
        if self.bytes > self._capacity:
            self._let_go()
        repo = self.find(head)
        if repo is None:
            self._drop(head.did)
            repo = build(head, records.leaves(conn, head.id), slim=True)
            self._keep(repo, weight(path for path, _ in repo.tree.items_at_hand()))
        read = _CountedLeaves(leaves_of(conn, head))
        whole = repo.with_ways(paths, read)
        if whole is not repo:
            self._keep(whole, read.bytes)
        return whole

    def keep(self, repo: Repo, ops: Iterable[RecordOp] = ()) -> None:
        """Keep the next state of a repo, to which these operations led."""
        growth = 0
        for op in ops:
            if op.prev is None:
                growth += _RECORD_BYTES + 2 * len(op.path)
            elif op.cid is None:
                growth -= _RECORD_BYTES + 2 * len(op.path)
        self._keep(repo, growth)

    def forget(self) -> None:
        self._kept.clear()
        self.bytes = 0

    def _keep(self, repo: Repo, growth: int) -> None:
        _, size = self._kept.pop(repo.did, (repo, 0))
        self._kept[repo.did] = repo, size + growth
        self.bytes += growth

    def _let_go(self) -> None:
        """Make the trees used longest ago slim, then slimmer; where that is not enough, drop some.

        The newest stays, however large it is.
        """
        order = list(self._kept)
        for stubs_below in range(STUBS_BELOW, _SLIMMEST + 1):
            for did in order:
                if self.bytes <= self._capacity * _LEFT:
                    return
                self._make_slim(did, stubs_below)
        for did in order[:-1]:
            if self.bytes <= self._capacity * _LEFT:
                return
            self._drop(did)

    def _make_slim(self, did: Did, stubs_below: int) -> None:
        repo, size = self._kept[did]
        slim = repo.slim(stubs_below)
        rest = weight(path for path, _ in slim.tree.items_at_hand())
        self._kept[did] = slim, rest
        self.bytes += rest - size

    def _drop(self, did: Did) -> None:
        self.bytes -= self._kept.pop(did, (None, 0))[1]


class AskedTrees:
    """The few trees that readers asked for last and no writer has at hand, as slim as can be.

    A proof from a repo that nobody writes to would else make the whole tree, each time.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Did, Repo] = OrderedDict()

    def give(self, conn: Connection, head: Head) -> Repo:
        """Give the repo of a head, in any thread; those who want it meanwhile wait for it.

        Raises RootMismatch.
        """
        with self._lock:
            repo = self._kept.pop(head.did, None)
            if repo is None or repo.head is None or repo.head.cid != head.commit_cid:
                repo = build(head, records.leaves(conn, head.id), slim=True).slim(_SLIMMEST)
            self._kept[head.did] = repo
            if len(self._kept) > _ASKED:
                self._kept.popitem(last=False)
        return repo

    def forget(self) -> None:
        """Forget all, without waiting for whoever makes one."""
        self._kept = OrderedDict()


class _CountedLeaves:
    """Leaves that know what they weigh in a tree."""

    def __init__(self, leaves: Leaves) -> None:
        self._leaves = leaves
        self.bytes = 0

    def __call__(self, after: str, before: str) -> Iterable[tuple[str, Cid]]:
        found = list(self._leaves(after, before))
        self.bytes += weight(path for path, _ in found)
        return found


def weight(paths: Iterable[str]) -> int:
    """Estimate the bytes that records at these paths take in a tree."""
    return sum(_RECORD_BYTES + 2 * len(path) for path in paths)


def leaves_of(conn: Connection, head: Head) -> Leaves:
    """Give what stubs of this head's tree are made again from."""

    def leaves(after: str, before: str) -> Iterable[tuple[str, Cid]]:
        return records.leaves_between(conn, head.id, after, before)

    return leaves


def rebuild(conn: Connection, head: Head) -> Repo:
    """Make the whole repo of a head from its record rows. Raises RootMismatch."""
    return build(head, records.leaves(conn, head.id))


def build(head: Head, leaves: Iterable[tuple[str, Cid]], *, slim: bool = False) -> Repo:
    """Make the repo of a head from these records. Raises RootMismatch."""
    return Repo.build(head.did, leaves, parse_commit(head.commit_block), slim=slim)
