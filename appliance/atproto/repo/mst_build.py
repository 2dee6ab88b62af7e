"""Trees made from sorted records: whole, without their lower layers, or a part of one again.

A tree that is kept need not hold what can be made again: below a layer its subtrees may be their
CIDs alone (stubs), until something goes that way. Records between two keys make one
subtree, so a stub is made again from the records between its neighbours, and has to have its CID.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from appliance.atproto.cid import Cid
from appliance.atproto.repo.mst_node import InvalidMst, Kid, Node, RootMismatch, key_height

# A stub then stands for 16 records in the middle, which takes 0.2 ms to make again.
STUBS_BELOW: Final = 2

# Gives (path, CID) of the records behind one path and before another, in rising order.
Leaves: TypeAlias = Callable[[str, str], Iterable[tuple[str, Cid]]]
BEFORE_ALL, BEHIND_ALL = b"", b"\x7f"


class Builder:
    """Builds a tree from rising keys; keeps one open node per layer."""

    def __init__(self, stubs_below: int = 0) -> None:
        """Make stubs of the subtrees below a layer, if it is given."""
        self._stubs_below = stubs_below
        self._open: list[Node | None] = []
        self._last = b""

    def add(self, key: bytes, cid: Cid) -> None:
        if key <= self._last:
            raise InvalidMst("paths are not in rising order")
        self._last = key
        layer = key_height(key)
        while len(self._open) <= layer:
            self._open.append(None)
        below = self._close(layer)
        node = self._open[layer]
        if node is None:
            self._open[layer] = Node([key], [cid], [below, None])
            return
        node.kids[-1] = below
        node.keys.append(key)
        node.values.append(cid)
        node.kids.append(None)

    def finish(self) -> tuple[Node | Cid, int]:
        """Give the top and its layer."""
        # The highest layer is never bridged over, so what closes last is the top.
        top = self._close(len(self._open))
        return (Node([], [], [None]), 0) if top is None else (top, len(self._open) - 1)

    def _close(self, layer: int) -> Kid:
        """Finish the open nodes below a layer; give what hangs there."""
        below: Kid = None
        for height in range(layer):
            node = self._open[height]
            self._open[height] = None
            if node is not None:
                node.kids[-1] = below
                below = node
            elif below is not None:
                below = Node([], [], [below])
            if height + 1 == self._stubs_below and isinstance(below, Node):
                below = below.seal()
        return below


def without_layers(kid: Kid, layer: int, stubs_below: int) -> Kid:
    """Give a sealed subtree whose top is in this layer, with stubs below another."""
    if not isinstance(kid, Node):
        return kid
    if layer < stubs_below:
        return kid.seal()
    return kid.standing_on([without_layers(each, layer - 1, stubs_below) for each in kid.kids])


def is_open(kid: Kid, key: bytes) -> bool:
    """Tell quickly that all is at hand for a key that is not there; False where it may not be."""
    while isinstance(kid, Node):
        keys = kid.keys
        at = bisect_left(keys, key)
        if at < len(keys) and keys[at] == key:
            return False
        kid = kid.kids[at]
    return kid is None


def with_way(kid: Kid, layer: int, low: bytes, high: bytes, key: bytes, leaves: Leaves) -> Kid:
    """Give a subtree with all at hand that an operation on a key enters.

    That is the way down to it and, if it is there, both edges next to it. Raises RootMismatch.
    """
    if kid is None:
        return None
    if not isinstance(kid, Node):
        return made_again(kid, layer, low, high, leaves)
    if layer == 0:
        return kid
    at = bisect_left(kid.keys, key)
    is_there = at < len(kid.keys) and kid.keys[at] == key
    kids = kid.kids
    for place in (at, at + 1) if is_there else (at,):
        before = kid.kids[place]
        ends = bounds(kid, place, low, high)
        after = with_way(before, layer - 1, *ends, key, leaves)
        if after is not before:
            kids = kids.copy() if kids is kid.kids else kids
            kids[place] = after
    return kid if kids is kid.kids else kid.standing_on(kids)


def walk(
    kid: Kid, layer: int, low: bytes, high: bytes, leaves: Leaves
) -> Iterator[tuple[Cid, bytes]]:
    """Yield every node's CID and block, parents first; stubs are made again, one at a time."""
    if kid is None:
        return
    node = kid if isinstance(kid, Node) else made_again(kid, layer, low, high, leaves)
    yield node.sealed()
    for place, each in enumerate(node.kids):
        if each is not None:
            yield from walk(each, layer - 1, *bounds(node, place, low, high), leaves)


def made_again(cid: Cid, layer: int, low: bytes, high: bytes, leaves: Leaves) -> Node:
    """Make the subtree of a stub in this layer, between two keys. Raises RootMismatch."""
    builder = Builder()
    for path, value in leaves(low.decode("ascii"), high.decode("ascii")):
        builder.add(path.encode("ascii"), value)
    top, height = builder.finish()
    for _ in range(height, layer):
        top = Node([], [], [top])
    if not isinstance(top, Node) or top.seal() != cid:
        raise RootMismatch(f"the records behind {low!r} do not make the tree node {cid}")
    return top


def bounds(node: Node, place: int, low: bytes, high: bytes) -> tuple[bytes, bytes]:
    """Tell between which keys one kid of a node lies."""
    keys = node.keys
    return keys[place - 1] if place else low, keys[place] if place < len(keys) else high
