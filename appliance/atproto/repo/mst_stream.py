"""Trees that are not to be held in memory: read along their keys, and measured.

https://atproto.com/specs/repository#mst-structure
"""

from collections.abc import Iterable, Iterator, Mapping

from appliance.atproto.cid import Cid
from appliance.atproto.repo.mst import check_place
from appliance.atproto.repo.mst_node import InvalidMst, MissingBlock, Node, decode, key_height


def checked_items(root: Cid, blocks: Mapping[Cid, bytes]) -> Iterator[tuple[str, Cid]]:
    """Yield (path, CID) of a whole tree, holding no more than one node of each layer.

    Checks what `Mst.load` checks, so that a tree read to its end has its canonical form. `blocks`
    may give nothing under a CID but what has it. Raises InvalidMst, MissingBlock.
    """
    top = decode(root, _block_of(root, blocks))
    if not top.keys and top.kids[0] is not None:
        raise InvalidMst(f"the tree's root {root} has no keys")
    height = key_height(top.keys[0]) if top.keys else 0
    for key, cid in _checked_items(top, height, b"", b"\xff", blocks):
        yield key.decode("ascii"), cid


def _checked_items(
    node: Node, height: int, low: bytes, high: bytes, blocks: Mapping[Cid, bytes]
) -> Iterator[tuple[bytes, Cid]]:
    bounds = [low, *node.keys, high]
    for at, cid in enumerate(node.kids):
        if isinstance(cid, Cid):
            if height == 0:
                raise InvalidMst(f"tree node {node.seal()} of the lowest layer has a subtree")
            kid = decode(cid, _block_of(cid, blocks))
            check_place(kid, height - 1, bounds[at], bounds[at + 1])
            yield from _checked_items(kid, height - 1, bounds[at], bounds[at + 1], blocks)
        if at < len(node.keys):
            yield node.keys[at], node.values[at]


def _block_of(cid: Cid, blocks: Mapping[Cid, bytes]) -> bytes:
    block = blocks.get(cid)
    if block is None:
        raise MissingBlock(f"the tree node {cid} is missing")
    return block


def count_nodes(paths: Iterable[str]) -> int:
    """Tell how many nodes the tree of these paths has; they come in rising order."""
    open_layers: list[bool] = []
    count = 0
    for path in paths:
        layer = key_height(path.encode("ascii"))
        open_layers += [False] * (layer + 1 - len(open_layers))
        count += _close(open_layers, layer)
        open_layers[layer] = True
    return max(1, count + _close(open_layers, len(open_layers)))


def _close(open_layers: list[bool], layer: int) -> int:
    """Count the nodes that end below a layer, those included that only bridge to one below."""
    count = 0
    for height in range(layer):
        if open_layers[height] or count:
            count += 1
        open_layers[height] = False
    return count
