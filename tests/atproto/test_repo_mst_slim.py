"""Trees with stubs: what is made again from records is what was there."""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.mst_build import STUBS_BELOW, Leaves
from appliance.atproto.repo.mst_node import MissingBlock, RootMismatch, key_height
from appliance.atproto.repo.repo import Action, RecordWrite, Repo
from appliance.atproto.syntax import Did
from appliance.atproto.tid import TidClock

ALICE = Did("did:plc:44ybard66vv44zksje25o7dz")
KEY = PrivateKey.generate()


def cid_of(text: str) -> Cid:
    return Cid.for_block(text.encode())


def path_of(number: int) -> str:
    return f"com.example.thing/{number:04d}"


def items_of(numbers: Iterable[int]) -> dict[str, Cid]:
    return {path: cid_of(path) for path in map(path_of, sorted(set(numbers)))}


def leaves_of(items: dict[str, Cid]) -> Leaves:
    """Give the records between two paths, as the rows do."""
    paths = sorted(items)

    def leaves(after: str, before: str) -> list[tuple[str, Cid]]:
        between = paths[bisect_right(paths, after) : bisect_left(paths, before)]
        return [(path, items[path]) for path in between]

    return leaves


# Paths by the layer that their keys belong to: small trees of them have many layers.
HIGH = [number for number in range(3000) if key_height(path_of(number).encode()) >= STUBS_BELOW]
NUMBERS = st.one_of(st.integers(0, 2999), st.sampled_from(HIGH))


@given(
    st.sets(NUMBERS, max_size=120),
    st.lists(st.sets(st.tuples(NUMBERS, st.booleans()), max_size=12), max_size=4),
    st.randoms(use_true_random=False),
)
@settings(deadline=None, max_examples=150)
def test_a_repo_that_is_made_slim_between_commits_makes_the_same_commits(
    numbers: set[int], batches: list[set[tuple[int, bool]]], rng: random.Random
) -> None:
    items = items_of(numbers)
    whole = Repo.build(ALICE, items.items(), None)
    slim = Repo.build(ALICE, items.items(), None, slim=True)
    assert slim.tree.root == whole.tree.root
    clock = TidClock(lambda: 1_700_000_000_000_000)
    for batch in batches:
        writes: dict[str, RecordWrite] = {}
        for number, changes in sorted(batch):
            path = path_of(number)
            present = path in items
            block = None if present and not changes else f"{path} {rng.random()}".encode()
            action: Action = "create" if not present else "delete" if block is None else "update"
            writes[path] = RecordWrite(action, path, block)
        order = rng.sample(list(writes.values()), len(writes))
        slim = slim.with_ways(writes, leaves_of(items))
        rev = clock.next()
        whole, expected = whole.apply(order, rev, KEY)
        slim, found = slim.apply(order, rev, KEY)
        assert (found.commit.data, found.ops) == (expected.commit.data, expected.ops)
        assert list(found.blocks) == list(expected.blocks)
        for write in writes.values():
            items.pop(write.path, None)
            if write.block is not None:
                items[write.path] = Cid.for_block(write.block)
        items = dict(sorted(items.items()))
        if rng.random() < 0.7:
            slim = slim.slim(rng.randint(1, 4))
        assert list(slim.tree.walk_all(leaves_of(items))) == list(whole.tree.walk())


@given(st.sets(NUMBERS, max_size=150), st.lists(NUMBERS, min_size=1, max_size=6), st.integers(1, 5))
@settings(deadline=None, max_examples=100)
def test_a_slim_tree_proves_what_a_whole_one_does(
    numbers: set[int], asked: list[int], height: int
) -> None:
    items = items_of(numbers)
    whole = Mst.build(items.items())
    whole.seal()
    paths = [path_of(number) for number in asked]
    found = whole.slim(height).with_ways(paths, leaves_of(items))
    assert found.root == whole.root
    for path in paths:
        assert found.get(path) == whole.get(path)
        assert found.path_proof(path) == whole.path_proof(path)
        theirs: dict[Cid, bytes] = {}
        ours: dict[Cid, bytes] = {}
        whole.proof(path, theirs)
        found.proof(path, ours)
        assert ours == theirs


def test_a_slim_tree_holds_a_small_part_and_says_where_it_ends() -> None:
    items = items_of(range(3000))
    for slim in (Mst.build(items.items(), slim=True), Mst.build(items.items())):
        slim.seal()
        at_hand = list(slim.slim().items_at_hand())
        assert [path for path, _ in at_hand] == [path_of(number) for number in HIGH]
        low = next(number for number in range(3000) if number not in HIGH)
        with pytest.raises(MissingBlock):
            slim.slim().get(path_of(low))
    assert 100 < len(HIGH) < 300


def test_a_way_that_is_at_hand_asks_for_nothing() -> None:
    items = items_of(range(500))
    tree = Mst.build(items.items(), slim=True).with_ways([path_of(7)], leaves_of(items))

    def no_leaves(after: str, before: str) -> list[tuple[str, Cid]]:
        raise AssertionError(after, before)

    assert tree.with_ways([path_of(7)], no_leaves) is tree


def test_records_that_are_not_those_of_a_stub_are_noticed() -> None:
    items = items_of(range(500))
    tree = Mst.build(items.items(), slim=True)
    low = next(path for path in items if key_height(path.encode()) == 0)
    for damaged in ({**items, low: cid_of("another")}, {**items, f"{low}x": cid_of("one more")}):
        with pytest.raises(RootMismatch):
            tree.with_ways([low], leaves_of(damaged))
        with pytest.raises(RootMismatch):
            list(tree.walk_all(leaves_of(damaged)))
    fewer = {path: cid for path, cid in items.items() if path != low}
    with pytest.raises(RootMismatch):
        tree.with_ways([low], leaves_of(fewer))
