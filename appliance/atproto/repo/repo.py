"""A repo as a value: the tree of its records and its signed head.

Applying writes gives the next repo and what the world must be told of it; the old one stays whole,
so a transaction that fails has nothing to undo. https://atproto.com/specs/repository
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.repo.commit import Commit, sign_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.mst_build import STUBS_BELOW, Leaves
from appliance.atproto.repo.mst_node import RootMismatch
from appliance.atproto.syntax import Did
from appliance.atproto.tid import Tid

Action: TypeAlias = Literal["create", "update", "delete"]


class RecordExists(ValueError):
    """A record is to be created where one is."""

    xrpc_name = "InvalidRequest"


class RecordMissing(ValueError):
    """A record is to be changed or deleted where none is."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True, slots=True)
class RecordOp:
    """One change between two commits. `cid` is None for a delete, `prev` for a create."""

    action: Action
    path: str
    cid: Cid | None
    prev: Cid | None


@dataclass(frozen=True, slots=True)
class RecordWrite:
    """A change asked for; `block` is the record in DAG-CBOR, None for a delete."""

    action: Action
    path: str
    block: bytes | None


@dataclass(frozen=True, slots=True)
class CommitSlice:
    """A commit and the blocks from which its operations can be checked and undone.

    `blocks` holds the commit first, then the new nodes from the top down, then the nodes that
    undoing needs, then the new records. `since` and `prev_data` are None for a first commit.
    """

    commit: Commit
    since: Tid | None
    prev_data: Cid | None
    ops: tuple[RecordOp, ...]
    blocks: dict[Cid, bytes]


class Repo:
    """The records of an account as a tree, with its head; None before the first commit."""

    __slots__ = ("did", "head", "tree")

    def __init__(self, did: Did, tree: Mst, head: Commit | None) -> None:
        self.did = did
        self.tree = tree
        self.head = head

    @classmethod
    def build(
        cls,
        did: Did,
        items: Iterable[tuple[str | bytes, Cid]],
        head: Commit | None,
        *,
        slim: bool = False,
    ) -> "Repo":
        """Make the tree of (path, CID) in rising order of path. Raises RootMismatch."""
        tree = Mst.build(items, slim=slim)
        if head is not None and tree.root != head.data:
            raise RootMismatch(f"the records of {did} have root {tree.root}, not {head.data}")
        return cls(did, tree, head)

    def slim(self, stubs_below: int = STUBS_BELOW) -> "Repo":
        """Give this repo with stubs below a layer of its tree."""
        return Repo(self.did, self.tree.slim(stubs_below), self.head)

    def with_ways(self, paths: Iterable[str], leaves: Leaves) -> "Repo":
        """Give this repo with all of its tree at hand that writes to these paths need.

        `leaves` are the records of this very repo. Raises RootMismatch.
        """
        tree = self.tree.with_ways(paths, leaves)
        return self if tree is self.tree else Repo(self.did, tree, self.head)

    def apply(
        self, writes: Sequence[RecordWrite], rev: Tid, key: PrivateKey
    ) -> tuple["Repo", CommitSlice]:
        """Make the next repo and its commit. Without writes, the same content is signed anew.

        Several writes of one path become one operation, or none if nothing remains of them.
        Does not check: that `rev` is newer than the head's, sizes, what the records say.
        Raises RecordExists, RecordMissing.
        """
        tree, before, records = self._write(writes)
        nodes = tree.seal()
        ops = tuple(_net_ops(before, tree))
        for op in ops:
            tree.proof(op.path, nodes)
        if not nodes:
            nodes = dict([next(tree.walk())])
        commit = sign_commit(self.did, rev, tree.root, key)
        blocks = {commit.cid: commit.block, **nodes}
        for op in ops:
            if op.cid is not None:
                blocks[op.cid] = records[op.cid]
        head = self.head
        since, prev_data = (None, None) if head is None else (head.rev, head.data)
        news = CommitSlice(commit, since, prev_data, ops, blocks)
        return Repo(self.did, tree, commit), news

    def _write(
        self, writes: Sequence[RecordWrite]
    ) -> tuple[Mst, dict[str, Cid | None], dict[Cid, bytes]]:
        """Give the new tree, what was under each touched path before, and the new records."""
        tree = self.tree
        before: dict[str, Cid | None] = {}
        records: dict[Cid, bytes] = {}
        for write in writes:
            present = tree.get(write.path)
            before.setdefault(write.path, present)
            if write.action == "create" and present is not None:
                raise RecordExists(f"there is already a record at {write.path}")
            if write.action != "create" and present is None:
                raise RecordMissing(f"there is no record at {write.path}")
            if write.block is None:
                tree = tree.delete(write.path)
            else:
                cid = Cid.for_block(write.block)
                records[cid] = write.block
                tree = tree.put(write.path, cid)
        return tree, before, records


def _net_ops(before: dict[str, Cid | None], tree: Mst) -> Iterable[RecordOp]:
    for path, prev in before.items():
        cid = tree.get(path)
        if prev is None and cid is None:
            continue
        action: Action = "create" if prev is None else "delete" if cid is None else "update"
        yield RecordOp(action, path, cid, prev)
