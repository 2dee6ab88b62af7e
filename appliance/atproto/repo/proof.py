"""Check a commit slice by undoing its operations (Sync 1.1).

Undoing every operation on the partial tree of a slice must give the root of the tree before it.
https://atproto.com/specs/sync#commit-validation
"""

from collections.abc import Mapping, Sequence

from appliance.atproto import cbor
from appliance.atproto.cid import Cid
from appliance.atproto.repo.commit import Commit, InvalidCommitObject, parse_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.mst_node import MAX_KEY_BYTES, InvalidMst
from appliance.atproto.repo.repo import RecordOp
from appliance.atproto.syntax import InvalidSyntax, Nsid, RecordKey

MAX_OPS = 200
MAX_RECORD_BYTES = 1_000_000


class InvalidCommit(ValueError):
    """A commit slice fails a check; the message names the check."""

    xrpc_name = "InvalidRequest"


def invert(tree: Mst, ops: Sequence[RecordOp]) -> Cid:
    """Undo operations and give the root of the tree before them.

    Deletions are undone first, then the others by path. Raises InvalidCommit when the tree
    contradicts an operation, or lacks a node that undoing needs.
    """
    try:
        for op in sorted(ops, key=_inversion_order):
            tree = _undo(tree, op)
        return tree.root
    except InvalidMst as error:
        raise InvalidCommit(f"the operations cannot be undone: {error}") from error


def verify_slice(
    blocks: Mapping[Cid, bytes],
    commit_cid: Cid,
    ops: Sequence[RecordOp],
    prev_data: Cid | None,
) -> Commit:
    """Check a commit, its partial tree, its operations and their inversion; give the commit.

    `blocks` are those of the slice, each already checked against its CID. Without `prev_data`
    everything but the comparison with it is checked.
    Does not check: the signature, the account, whether `prev_data` is what was there before.
    Raises InvalidCommit.
    """
    block = blocks.get(commit_cid)
    if block is None:
        raise InvalidCommit("the commit is not among the blocks")
    check_ops(ops)
    try:
        commit = parse_commit(block)
        tree = Mst.load(commit.data, blocks) if ops else Mst.unseen(commit.data)
        for op in ops:
            _check_record(tree, op, blocks)
    except (InvalidCommitObject, InvalidMst) as error:
        raise InvalidCommit(str(error)) from error
    before = invert(tree, ops)
    if prev_data is not None and before != prev_data:
        raise InvalidCommit(f"undoing the operations gives {before}, not prevData {prev_data}")
    return commit


def check_ops(ops: Sequence[RecordOp]) -> None:
    """Check number, form and paths of operations. Raises InvalidCommit."""
    if len(ops) > MAX_OPS:
        raise InvalidCommit(f"the commit has {len(ops)} operations, more than {MAX_OPS}")
    if len({op.path for op in ops}) != len(ops):
        raise InvalidCommit("the commit has two operations on one path")
    for op in ops:
        check_path(op.path)
        if (op.cid is None) != (op.action == "delete"):
            raise InvalidCommit(f"the {op.action} of {op.path} does not fit its cid")
        if (op.prev is None) != (op.action == "create"):
            raise InvalidCommit(f"the {op.action} of {op.path} does not fit its prev")


def check_path(path: str) -> None:
    """Check that a text is "collection/rkey". Raises InvalidCommit."""
    if len(path) > MAX_KEY_BYTES:
        raise InvalidCommit("a record path is longer than 1024 bytes")
    collection, _, rkey = path.partition("/")
    try:
        Nsid(collection)
        RecordKey(rkey)
    except InvalidSyntax as error:
        raise InvalidCommit(f"{path[:100]!r} is not a record path: {error}") from error


def _inversion_order(op: RecordOp) -> tuple[bool, str]:
    return op.action != "delete", op.path


def _undo(tree: Mst, op: RecordOp) -> Mst:
    if tree.get(op.path) != op.cid:
        raise InvalidCommit(f"the tree contradicts the {op.action} of {op.path}")
    return tree.delete(op.path) if op.prev is None else tree.put(op.path, op.prev)


def _check_record(tree: Mst, op: RecordOp, blocks: Mapping[Cid, bytes]) -> None:
    if op.cid is None:
        return
    if tree.get(op.path) != op.cid:
        raise InvalidCommit(f"the tree does not hold {op.path} as its operation says")
    block = blocks.get(op.cid)
    if block is None:
        raise InvalidCommit(f"the record of {op.path} is not among the blocks")
    if len(block) > MAX_RECORD_BYTES:
        raise InvalidCommit(f"the record of {op.path} is larger than 1 MB")
    try:
        cbor.decode(block)
    except ValueError as error:
        raise InvalidCommit(f"the record of {op.path} is not DAG-CBOR: {error}") from error
