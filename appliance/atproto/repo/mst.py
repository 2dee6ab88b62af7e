"""The Merkle search tree: record path -> CID, with one canonical shape for each content.

Nodes refer to their children directly and are never changed: `put` and `delete` copy the path to
the top and share the rest, so Python frees what no tree uses any more. Hashing waits until the
root is asked for. https://atproto.com/specs/repository#mst-structure
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

from appliance.atproto.cid import Cid
from appliance.atproto.repo import mst_build
from appliance.atproto.repo.mst_build import BEFORE_ALL, BEHIND_ALL, STUBS_BELOW, Builder, Leaves
from appliance.atproto.repo.mst_node import (
    InvalidMst,
    Kid,
    MissingBlock,
    Node,
    decode,
    key_height,
)


class Mst:
    """An immutable tree, whole or partial; entering a missing part raises MissingBlock.

    Paths are "collection/rkey" in ASCII. Their syntax is not checked here.
    """

    __slots__ = ("_height", "_top")

    def __init__(self, top: Node | Cid, height: int) -> None:
        self._top = top
        self._height = height

    @classmethod
    def empty(cls) -> "Mst":
        return cls(Node([], [], [None]), 0)

    @classmethod
    def unseen(cls, root: Cid) -> "Mst":
        """A tree of which nothing but the root's CID is at hand."""
        return cls(root, 0)

    @classmethod
    def build(cls, items: Iterable[tuple[str | bytes, Cid]], *, slim: bool = False) -> "Mst":
        """Make a tree of (path, CID) in rising order of path, in one pass. Raises InvalidMst.

        A slim one has its lower layers as stubs.
        """
        builder = Builder(STUBS_BELOW if slim else 0)
        for path, cid in items:
            builder.add(path.encode("ascii") if isinstance(path, str) else path, cid)
        return cls(*builder.finish())

    @classmethod
    def load(cls, root: Cid, blocks: Mapping[Cid, bytes]) -> "Mst":
        """Load what `blocks` holds of a tree; absent subtrees become stubs.

        The caller has checked that each block has its CID. Everything else is checked: canonical
        nodes, the layer of every key, bounds, no needless nodes. Raises InvalidMst, and
        MissingBlock if the root itself is absent.
        """
        block = blocks.get(root)
        if block is None:
            raise MissingBlock(f"the tree's root {root} is missing")
        top = decode(root, block)
        if not top.keys and top.kids[0] is not None:
            raise InvalidMst(f"the tree's root {root} has no keys")
        height = key_height(top.keys[0]) if top.keys else 0
        _load_kids(top, height, b"", b"\xff", blocks)
        return cls(top, height)

    @property
    def root(self) -> Cid:
        """The CID of the top node; hashes what is not hashed yet."""
        return self._top.seal() if isinstance(self._top, Node) else self._top

    @property
    def is_empty(self) -> bool:
        return isinstance(self._top, Node) and self._top.is_empty

    def seal(self) -> dict[Cid, bytes]:
        """Hash what is not hashed yet; give those blocks, parents before children."""
        fresh: dict[Cid, bytes] = {}
        if isinstance(self._top, Node):
            self._top.seal(fresh)
        return dict(reversed(fresh.items()))

    def get(self, path: str) -> Cid | None:
        key = path.encode("ascii")
        kid: Kid = self._top
        while kid is not None:
            node = _enter(kid)
            at = bisect_left(node.keys, key)
            if at < len(node.keys) and node.keys[at] == key:
                return node.values[at]
            kid = node.kids[at]
        return None

    def put(self, path: str, cid: Cid) -> "Mst":
        """Give the tree in which `path` has the value `cid`, whatever it had before."""
        key = path.encode("ascii")
        layer = key_height(key)
        top = _enter(self._top)
        if top.is_empty:
            return Mst(Node([key], [cid], [None, None]), layer)
        if layer > self._height:
            left, right = _split(top, key)
            for _ in range(self._height + 1, layer):
                left = None if left is None else Node([], [], [left])
                right = None if right is None else Node([], [], [right])
            return Mst(Node([key], [cid], [left, right]), layer)
        return Mst(_put(top, self._height, key, cid, layer), self._height)

    def delete(self, path: str) -> "Mst":
        """Give the tree without `path`. Raises KeyError if it was not there."""
        key = path.encode("ascii")
        kid: Kid = _delete(_enter(self._top), self._height, key, key_height(key))
        height = self._height
        while isinstance(kid, Node) and not kid.keys and kid.kids[0] is not None:
            kid = kid.kids[0]
            height -= 1
        return Mst.empty() if kid is None else Mst(kid, height)

    def items(self, after: str = "") -> Iterator[tuple[str, Cid]]:
        """Yield (path, CID) in rising order of path, beginning behind `after`."""
        for key, cid in _items(_enter(self._top), after.encode("ascii")):
            yield key.decode("ascii"), cid

    def items_at_hand(self) -> Iterator[tuple[str, Cid]]:
        """Yield (path, CID) in rising order of path, without what is in missing parts."""
        if isinstance(self._top, Node):
            for key, cid in _items_at_hand(self._top):
                yield key.decode("ascii"), cid

    def walk(self) -> Iterator[tuple[Cid, bytes]]:
        """Yield every node's CID and block, parents before children, left to right."""
        return _walk(_enter(self._top))

    def walk_all(self, leaves: Leaves) -> Iterator[tuple[Cid, bytes]]:
        """Walk a tree whose stubs are made again on the way. Raises RootMismatch."""
        return mst_build.walk(self._top, self._height, BEFORE_ALL, BEHIND_ALL, leaves)

    def slim(self, stubs_below: int = STUBS_BELOW) -> "Mst":
        """Give this tree with stubs below a layer; to be hashed before."""
        top = mst_build.without_layers(self._top, self._height, stubs_below)
        return self if top is None else Mst(top, self._height)

    def with_ways(self, paths: Iterable[str], leaves: Leaves) -> "Mst":
        """Give this tree with all at hand that operations on these paths enter.

        `leaves` are the records of this very tree. Raises RootMismatch.
        """
        ends, height = (BEFORE_ALL, BEHIND_ALL), self._height
        top: Kid = self._top
        if isinstance(self._top, Cid):
            top = mst_build.made_again(self._top, height, *ends, leaves)
        for path in paths:
            key = path.encode("ascii")
            if not mst_build.is_open(top, key):
                top = mst_build.with_way(top, height, *ends, key, leaves)
        return self if top is None or top is self._top else Mst(top, height)

    def path_proof(self, path: str) -> dict[Cid, bytes]:
        """Give the nodes from the top down to where `path` is, or would be."""
        key = path.encode("ascii")
        into: dict[Cid, bytes] = {}
        kid: Kid = self._top
        while kid is not None:
            node = _enter(kid)
            _note(node, into)
            at = bisect_left(node.keys, key)
            if at < len(node.keys) and node.keys[at] == key:
                break
            kid = node.kids[at]
        return into

    def proof(self, path: str, into: dict[Cid, bytes]) -> None:
        """Add the nodes without which an operation on `path` cannot be undone.

        That is the way down to it and, if it is there, the nodes which grow together again when
        it is taken out: the right edge of what is left of it, the left edge of what is right.
        """
        key = path.encode("ascii")
        kid: Kid = self._top
        while kid is not None:
            node = _enter(kid)
            _note(node, into)
            at = bisect_left(node.keys, key)
            if at < len(node.keys) and node.keys[at] == key:
                _edge(node.kids[at], -1, into)
                _edge(node.kids[at + 1], 0, into)
                return
            kid = node.kids[at]


def _enter(kid: Node | Cid) -> Node:
    if isinstance(kid, Node):
        return kid
    raise MissingBlock(f"tree node {kid} is missing")


def _note(node: Node, into: dict[Cid, bytes]) -> None:
    cid, block = node.sealed()
    into[cid] = block


def _edge(kid: Kid, side: int, into: dict[Cid, bytes]) -> None:
    while kid is not None:
        node = _enter(kid)
        _note(node, into)
        kid = node.kids[side]


def _put(node: Node, height: int, key: bytes, cid: Cid, layer: int) -> Node:
    at = bisect_left(node.keys, key)
    if height > layer:
        return node.with_kid(at, _put_below(node.kids[at], height - 1, key, cid, layer))
    kids = node.kids.copy()
    values = node.values.copy()
    if at < len(node.keys) and node.keys[at] == key:
        values[at] = cid
        return Node(node.keys, values, kids)
    kids[at : at + 1] = _split(node.kids[at], key)
    keys = node.keys.copy()
    keys.insert(at, key)
    values.insert(at, cid)
    return Node(keys, values, kids)


def _put_below(kid: Kid, height: int, key: bytes, cid: Cid, layer: int) -> Node:
    if kid is not None:
        return _put(_enter(kid), height, key, cid, layer)
    node = Node([key], [cid], [None, None])
    for _ in range(layer, height):
        node = Node([], [], [node])
    return node


def _split(kid: Kid, key: bytes) -> tuple[Kid, Kid]:
    if kid is None:
        return None, None
    node = _enter(kid)
    at = bisect_left(node.keys, key)
    below_left, below_right = _split(node.kids[at], key)
    left: Kid = None
    right: Kid = None
    if at or below_left is not None:
        left = Node(node.keys[:at], node.values[:at], [*node.kids[:at], below_left])
    if at < len(node.keys) or below_right is not None:
        right = Node(node.keys[at:], node.values[at:], [below_right, *node.kids[at + 1 :]])
    return left, right


def _delete(node: Node, height: int, key: bytes, layer: int) -> Node | None:
    at = bisect_left(node.keys, key)
    if height > layer:
        kid = node.kids[at]
        if kid is None:
            raise KeyError(key.decode("ascii"))
        rest = _delete(_enter(kid), height - 1, key, layer)
        if rest is None and not node.keys:
            return None
        return node.with_kid(at, rest)
    if height < layer or at == len(node.keys) or node.keys[at] != key:
        raise KeyError(key.decode("ascii"))
    joined = _merge(node.kids[at], node.kids[at + 1])
    if len(node.keys) == 1 and joined is None:
        return None
    return Node(
        node.keys[:at] + node.keys[at + 1 :],
        node.values[:at] + node.values[at + 1 :],
        [*node.kids[:at], joined, *node.kids[at + 2 :]],
    )


def _merge(left: Kid, right: Kid) -> Kid:
    if left is None:
        return right
    if right is None:
        return left
    first, second = _enter(left), _enter(right)
    return Node(
        first.keys + second.keys,
        first.values + second.values,
        [*first.kids[:-1], _merge(first.kids[-1], second.kids[0]), *second.kids[1:]],
    )


def _items(node: Node, after: bytes) -> Iterator[tuple[bytes, Cid]]:
    start = bisect_left(node.keys, after)
    for at in range(start, len(node.kids)):
        kid = node.kids[at]
        if kid is not None:
            yield from _items(_enter(kid), after)
        if at < len(node.keys) and node.keys[at] > after:
            yield node.keys[at], node.values[at]


def _items_at_hand(node: Node) -> Iterator[tuple[bytes, Cid]]:
    for at, kid in enumerate(node.kids):
        if isinstance(kid, Node):
            yield from _items_at_hand(kid)
        if at < len(node.keys):
            yield node.keys[at], node.values[at]


def _walk(node: Node) -> Iterator[tuple[Cid, bytes]]:
    yield node.sealed()
    for kid in node.kids:
        if kid is not None:
            yield from _walk(_enter(kid))


def _load_kids(
    node: Node, height: int, low: bytes, high: bytes, blocks: Mapping[Cid, bytes]
) -> None:
    bounds = [low, *node.keys, high]
    for at, cid in enumerate(node.kids):
        if cid is None:
            continue
        if height == 0:
            raise InvalidMst(f"tree node {node.seal()} of the lowest layer has a subtree")
        block = blocks.get(cid) if isinstance(cid, Cid) else None
        if block is None or not isinstance(cid, Cid):
            continue
        kid = decode(cid, block)
        check_place(kid, height - 1, bounds[at], bounds[at + 1])
        _load_kids(kid, height - 1, bounds[at], bounds[at + 1], blocks)
        node.kids[at] = kid


def check_place(node: Node, height: int, low: bytes, high: bytes) -> None:
    """See that a node belongs into a layer, between two keys. Raises InvalidMst."""
    if node.is_empty:
        raise InvalidMst(f"tree node {node.seal()} is needless: it holds nothing")
    if not node.keys:
        return
    if not low < node.keys[0] or not node.keys[-1] < high:
        raise InvalidMst(f"tree node {node.seal()} has keys outside its place")
    if key_height(node.keys[0]) != height:
        raise InvalidMst(f"tree node {node.seal()} has keys that belong to another layer")
