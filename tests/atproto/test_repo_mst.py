"""The tree: one canonical shape, strict loading, proofs that suffice."""

import random
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.atproto import cbor
from appliance.atproto.cid import Cid
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.mst_node import InvalidMst, MissingBlock, common_prefix, key_height
from tests.support import interop

LEAF = Cid.parse("bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454")
EMPTY_ROOT = "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm"


def cid_of(text: str) -> Cid:
    return Cid.for_block(text.encode())


def many_paths(count: int, seed: int = 7) -> list[str]:
    rng = random.Random(seed)  # noqa: S311
    kinds = ["app.bsky.feed.like", "app.bsky.feed.post", "app.bsky.graph.follow"]
    return [f"{rng.choice(kinds)}/{rng.randrange(32**8):013x}" for _ in range(count)]


def grown(paths: list[str]) -> Mst:
    tree = Mst.empty()
    for path in paths:
        tree = tree.put(path, cid_of(path))
    return tree


def built(paths: list[str]) -> Mst:
    return Mst.build((path, cid_of(path)) for path in sorted(set(paths)))


KEY_HEIGHTS = [
    {"key": "", "height": 0},
    {"key": "blue", "height": 1},
    {"key": "88bfafc7", "height": 2},
    {"key": "app.bsky.feed.post/9adeb165882c", "height": 8},
    *interop.cases("mst/key_heights.json"),
]


@pytest.mark.parametrize("case", KEY_HEIGHTS, ids=lambda case: repr(case["key"]))
def test_a_key_has_the_height_of_the_vectors(case: dict[str, Any]) -> None:
    assert key_height(case["key"].encode()) == case["height"]


COMMON_PREFIXES = [
    {"left": "abc", "right": "abd", "len": 2},
    {"left": "", "right": "", "len": 0},
    *interop.cases("mst/common_prefix.json"),
]


@pytest.mark.parametrize("case", COMMON_PREFIXES)
def test_the_common_prefix_is_that_of_the_vectors(case: dict[str, Any]) -> None:
    assert common_prefix(case["left"].encode(), case["right"].encode()) == case["len"]


def test_known_trees_have_their_known_roots() -> None:
    assert str(Mst.empty().root) == EMPTY_ROOT
    one = Mst.empty().put("com.example.record/3jqfcqzm3fo2j", LEAF)
    assert str(one.root) == "bafyreibj4lsc3aqnrvphp5xmrnfoorvru4wynt6lwidqbm2623a6tatzdu"
    two = Mst.empty().put("com.example.record/3jqfcqzm3fx2j", LEAF)
    assert str(two.root) == "bafyreih7wfei65pxzhauoibu3ls7jgmkju4bspy4t2ha2qdjnzqvoy33ai"


def test_the_example_keys_build_the_tree_they_grow() -> None:
    keys = interop.lines("mst/example_keys.txt") or many_paths(156)
    assert built(keys).root == grown(random.Random(1).sample(keys, len(keys))).root  # noqa: S311


@given(st.lists(st.integers(0, 400), max_size=80), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_any_order_of_writes_gives_the_same_root(numbers: list[int], rng: random.Random) -> None:
    paths = [f"com.example.thing/{number:03d}" for number in numbers]
    doomed = [f"com.example.other/{number:03d}" for number in numbers[::2]]
    mixed = paths + doomed
    rng.shuffle(mixed)
    tree = grown(mixed)
    for path in set(doomed):
        tree = tree.delete(path)
    assert tree.root == built(paths).root
    assert [path for path, _ in tree.items()] == sorted(set(paths))


def test_a_big_tree_survives_random_changes() -> None:
    rng = random.Random(3)  # noqa: S311
    paths = many_paths(3000)
    tree = built(paths)
    rng.shuffle(paths)
    for path in paths[:1500]:
        tree = tree.delete(path)
    assert tree.root == built(paths[1500:]).root
    for path in paths[1500:]:
        tree = tree.delete(path)
    assert tree.is_empty
    assert str(tree.root) == EMPTY_ROOT


def test_a_tree_that_is_hashed_at_every_step_is_the_one_built_at_once() -> None:
    rng = random.Random(5)  # noqa: S311
    tree, kept = Mst.empty(), dict[str, Cid]()
    for step, path in enumerate(rng.choices(many_paths(150), k=500)):
        if path in kept and step % 2:
            del kept[path]
            tree = tree.delete(path)
        else:
            kept[path] = cid_of(f"{path} {step}")
            tree = tree.put(path, kept[path])
        assert tree.root == Mst.build(sorted(kept.items())).root


def test_a_record_with_the_bytes_of_a_node_is_not_taken_for_it() -> None:
    paths = many_paths(80)
    plain = {path: cid_of(path) for path in paths}
    nodes = [cid for cid, _ in built(paths).walk()]
    highest = max(paths, key=lambda path: key_height(path.encode()))
    for node in nodes:
        items = plain | {highest: node}
        tree = Mst.build(sorted(items.items()))
        assert tree.root
        for path in paths:
            changed = Mst.build(sorted((items | {path: LEAF}).items()))
            assert tree.put(path, LEAF).root == changed.root


def test_an_older_tree_stays_what_it_was() -> None:
    older = built(many_paths(200))
    root, items = older.root, list(older.items())
    older.put("com.example.thing/new", LEAF).delete(items[50][0]).put(items[3][0], LEAF)
    assert older.root == root
    assert list(older.items()) == items


def test_get_finds_what_was_put_and_nothing_else() -> None:
    paths = many_paths(300)
    tree = built(paths)
    assert all(tree.get(path) == cid_of(path) for path in paths)
    assert tree.get("app.bsky.feed.post/nothing") is None
    assert tree.put(paths[5], LEAF).get(paths[5]) == LEAF


def test_deleting_what_is_not_there_is_an_error() -> None:
    tree = built(many_paths(50))
    with pytest.raises(KeyError):
        tree.delete("app.bsky.feed.post/nothing")
    with pytest.raises(KeyError):
        Mst.empty().delete("app.bsky.feed.post/nothing")


def test_items_can_begin_behind_a_path() -> None:
    paths = sorted(set(many_paths(300)))
    tree = built(paths)
    assert [path for path, _ in tree.items(after=paths[120])] == paths[121:]
    assert [path for path, _ in tree.items(after=paths[120] + "!")] == paths[121:]


def test_a_tree_loads_from_its_own_blocks() -> None:
    tree = built(many_paths(500))
    blocks = dict(tree.walk())
    assert all(Cid.for_block(block) == cid for cid, block in blocks.items())
    assert next(iter(blocks)) == tree.root
    assert list(Mst.load(tree.root, blocks).items()) == list(tree.items())


def test_building_refuses_paths_out_of_order() -> None:
    with pytest.raises(InvalidMst, match="order"):
        Mst.build([("com.example.a/2", LEAF), ("com.example.a/1", LEAF)])


def test_a_missing_block_is_only_felt_where_it_is_needed() -> None:
    tree = built(many_paths(500))
    path = next(path for path, _ in tree.items())
    partial = Mst.load(tree.root, tree.path_proof(path))
    assert partial.root == tree.root
    assert partial.get(path) == cid_of(path)
    with pytest.raises(MissingBlock):
        list(partial.items())
    with pytest.raises(MissingBlock):
        Mst.load(tree.root, {})


def test_a_proof_shows_absence_too() -> None:
    tree = built(many_paths(500))
    absent = "app.bsky.feed.post/nothing"
    assert Mst.load(tree.root, tree.path_proof(absent)).get(absent) is None


def node(entries: list[dict[str, Any]], left: Cid | None = None) -> tuple[Cid, bytes]:
    block = cbor.encode({"e": entries, "l": left})
    return Cid.for_block(block), block


def entry(key: str, shared: int = 0, below: Cid | None = None) -> dict[str, Any]:
    return {"k": key.encode(), "p": shared, "t": below, "v": LEAF}


def at_height(height: int, after: str = "") -> str:
    """Find a path of some layer that sorts behind another."""
    for number in range(100_000):
        path = f"com.example.a/{number:06d}"
        if path > after and key_height(path.encode()) == height:
            return path
    raise AssertionError(height)


LOW, HIGH = at_height(0), at_height(1)
BELOW = at_height(0, after=HIGH)

MALFORMED = {
    "keys out of order": [node([entry("b"), entry("a")])],
    "a key twice": [node([entry("a"), entry("", 1)])],
    "a prefix not compressed": [node([entry("com/aa"), entry("com/ab")])],
    "a prefix longer than the key before": [node([entry("a"), entry("b", 2)])],
    "a negative prefix": [node([entry("a"), entry("b", -1)])],
    "an empty key": [node([entry("")])],
    "a key that is not ASCII": [node([entry("é")])],
    "a key of 1025 bytes": [node([entry("a" * 1025)])],
    "keys of two layers": [
        node(
            [
                entry(LOW),
                entry(
                    HIGH[common_prefix(LOW.encode(), HIGH.encode()) :],
                    common_prefix(LOW.encode(), HIGH.encode()),
                ),
            ]
        )
    ],
    "an unknown field": [node([{**entry("a"), "x": 1}])],
    "a missing field": [node([{"k": b"a", "p": 0, "v": LEAF}])],
    "a key that is text": [node([{**entry("a"), "k": "a"}])],
    "a prefix that is true": [node([entry("a"), {**entry("b"), "p": False}])],
    "a value that is no link": [node([{**entry("a"), "v": b"x"}])],
    "a subtree that is no link": [node([{**entry("a"), "t": 1}])],
    "a left side that is no link": [node([entry("a")], left=b"x")],  # type: ignore[arg-type]
    "an entry that is no map": [node([1])],  # type: ignore[list-item]
    "a top without keys": [node([], left=LEAF)],
    "a subtree below the lowest layer": [node([entry(LOW)], left=LEAF)],
    "an empty subtree": [node([entry(HIGH)], left=node([])[0]), node([])],
    "a subtree outside its place": [
        node([entry(HIGH)], left=node([entry(BELOW)])[0]),
        node([entry(BELOW)]),
    ],
    "a subtree of the wrong layer": [
        node([entry(at_height(2))], left=node([entry(LOW)])[0]),
        node([entry(LOW)]),
    ],
}


@pytest.mark.parametrize("blocks", MALFORMED.values(), ids=MALFORMED.keys())
def test_loading_refuses(blocks: list[tuple[Cid, bytes]]) -> None:
    with pytest.raises(InvalidMst):
        Mst.load(blocks[0][0], dict(blocks))


@pytest.mark.parametrize(
    "block", [b"", b"\xa0", b"\x80", b"\xff", cbor.encode({"e": {}, "l": None})]
)
def test_loading_refuses_a_block_that_is_no_node(block: bytes) -> None:
    cid = Cid.for_block(block)
    with pytest.raises(InvalidMst):
        Mst.load(cid, {cid: block})


def test_a_hand_made_tree_of_two_layers_loads() -> None:
    below, top = node([entry(LOW)]), node([entry(HIGH)], left=node([entry(LOW)])[0])
    assert LOW < HIGH
    tree = Mst.load(top[0], dict([below, top]))
    assert [path for path, _ in tree.items()] == [LOW, HIGH]
    assert tree.root == Mst.build([(LOW, LEAF), (HIGH, LEAF)]).root


def test_sealing_gives_new_blocks_only_and_parents_first() -> None:
    tree = built(many_paths(400))
    assert tree.seal().keys() == dict(tree.walk()).keys()
    fresh = tree.put("app.bsky.feed.post/zzz", LEAF).seal()
    old = dict(tree.walk())
    assert 0 < len(fresh) < 12
    assert not fresh.keys() & old.keys()
    assert next(iter(fresh)) == tree.put("app.bsky.feed.post/zzz", LEAF).root
    assert all(sha256(block).digest() == cid[4:] for cid, block in fresh.items())
