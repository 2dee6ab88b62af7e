"""Trees read along their keys, without being held in memory."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.atproto import cbor
from appliance.atproto.cid import Cid
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.mst_node import InvalidMst, MissingBlock
from appliance.atproto.repo.mst_stream import checked_items, count_nodes

KEYS = st.lists(st.from_regex(r"[a-z]{1,6}/[a-z0-9]{1,6}", fullmatch=True), unique=True)


def built(paths: list[str]) -> Mst:
    return Mst.build((path, Cid.for_block(path.encode())) for path in sorted(paths))


@given(KEYS)
@settings(max_examples=200, deadline=None)
def test_a_tree_is_read_as_it_was_built_and_has_as_many_nodes(paths: list[str]) -> None:
    tree = built(paths)
    nodes = dict(tree.walk())
    assert list(checked_items(tree.root, nodes)) == list(tree.items())
    assert count_nodes(sorted(paths)) == len(nodes)


def test_a_large_tree_has_as_many_nodes_as_are_counted() -> None:
    rng = random.Random(5)  # noqa: S311
    paths = sorted({f"app.bsky.feed.post/{rng.randrange(32**8):013x}" for _ in range(5000)})
    assert count_nodes(paths) == len(dict(built(paths).walk()))


def test_a_tree_without_one_of_its_nodes_is_not_read_to_its_end() -> None:
    tree = built([f"a/{number}" for number in range(200)])
    nodes = dict(tree.walk())
    for cid in nodes:
        rest = {other: block for other, block in nodes.items() if other != cid}
        with pytest.raises(MissingBlock):
            list(checked_items(tree.root, rest))


# Keys of layers 0, 1 and 2; "aa" and "ab" are of layer 0.
LOW, LOW_TOO, MIDDLE, HIGH = b"aa", b"ab", b"blue", b"88bfafc7"
LEAF = Cid.for_block(b"leaf")


def node(left: Cid | None, *entries: tuple[int, bytes, Cid | None]) -> tuple[Cid, bytes]:
    listed = [{"p": shared, "k": key, "v": LEAF, "t": kid} for shared, key, kid in entries]
    block = cbor.encode({"l": left, "e": listed})
    return Cid.for_block(block), block


def test_every_shape_but_the_canonical_one_is_refused() -> None:
    low, low_block = node(None, (0, LOW, None))
    empty, empty_block = node(None)
    twice, twice_block = node(low, (0, MIDDLE, low))
    bad = {
        "an empty node under a key": node(empty, (0, MIDDLE, None)),
        "a root without keys": node(low),
        "a subtree two layers down": node(low, (0, b"zz88bfafc7", None)),
        "a subtree below the lowest layer": node(low, (0, LOW_TOO, None)),
        "one subtree at two places": (twice, twice_block),
        "keys of two layers in one node": node(None, (0, HIGH, None), (0, MIDDLE, None)),
        "keys out of order": node(None, (0, LOW_TOO, None), (1, b"a", None)),
        "a prefix that is not used": node(None, (0, LOW, None), (0, LOW_TOO, None)),
    }
    for what, (root, block) in bad.items():
        blocks = {low: low_block, empty: empty_block, root: block}
        with pytest.raises(InvalidMst):
            pytest.fail(f"{what}: {list(checked_items(root, blocks))}")
        with pytest.raises(InvalidMst):
            Mst.load(root, blocks)
    good, good_block = node(low, (0, MIDDLE, None))
    assert len(list(checked_items(good, {low: low_block, good: good_block}))) == 2
