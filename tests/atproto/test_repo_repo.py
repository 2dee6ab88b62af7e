"""Applying writes: the next repo, its commit, and a slice that can be undone by anybody."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.atproto import cbor
from appliance.atproto.cid import Cid
from appliance.atproto.crypto import PrivateKey
from appliance.atproto.repo.commit import InvalidCommitObject, parse_commit, sign_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.mst_node import RootMismatch
from appliance.atproto.repo.proof import InvalidCommit, check_path, invert, verify_slice
from appliance.atproto.repo.repo import (
    CommitSlice,
    RecordExists,
    RecordMissing,
    RecordOp,
    RecordWrite,
    Repo,
)
from appliance.atproto.syntax import Did
from appliance.atproto.tid import Tid, TidClock
from tests.support import interop

ALICE = Did("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")
KEY = PrivateKey.from_bytes("k256", bytes(range(1, 33)))
LEAF = Cid.parse("bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454")


def record(text: str) -> bytes:
    return cbor.encode({"text": text})


def create(path: str, text: str = "hello") -> RecordWrite:
    return RecordWrite("create", path, record(text))


def update(path: str, text: str) -> RecordWrite:
    return RecordWrite("update", path, record(text))


def delete(path: str) -> RecordWrite:
    return RecordWrite("delete", path, None)


def path(number: int) -> str:
    return f"com.example.thing/{number:05d}"


class Account:
    """A repo that takes one commit after another."""

    def __init__(self, paths: list[str] | None = None) -> None:
        self._clock = TidClock(lambda: 1_700_000_000_000_000, 1)
        items = [(each, Cid.for_block(record("hello"))) for each in sorted(paths or [])]
        self.repo = Repo.build(ALICE, items, None)
        self.commit()

    def commit(self, *writes: RecordWrite) -> CommitSlice:
        head = self.repo.head
        rev = self._clock.next(None if head is None else head.rev)
        self.repo, news = self.repo.apply(writes, rev, KEY)
        return news


def verify(news: CommitSlice) -> None:
    verify_slice(news.blocks, news.commit.cid, news.ops, news.prev_data)


def test_the_first_commit_of_an_account_is_empty_and_has_no_past() -> None:
    repo, news = Repo(ALICE, Mst.empty(), None).apply([], Tid.from_us(1), KEY)
    assert (news.since, news.prev_data, news.ops) == (None, None, ())
    assert list(news.blocks) == [news.commit.cid, Mst.empty().root]
    assert repo.head == news.commit
    assert news.commit.verify(KEY.public)


def test_a_commit_names_its_past_its_operations_and_its_records() -> None:
    account = Account()
    first = account.commit(create(path(1)), create(path(2)))
    assert first.ops == (
        RecordOp("create", path(1), Cid.for_block(record("hello")), None),
        RecordOp("create", path(2), Cid.for_block(record("hello")), None),
    )
    second = account.commit(update(path(1), "bye"), delete(path(2)))
    assert (second.since, second.prev_data) == (first.commit.rev, first.commit.data)
    hello, bye = Cid.for_block(record("hello")), Cid.for_block(record("bye"))
    assert second.ops == (
        RecordOp("update", path(1), bye, hello),
        RecordOp("delete", path(2), None, hello),
    )
    assert next(iter(second.blocks)) == second.commit.cid
    assert second.blocks[bye] == record("bye")
    assert hello not in second.blocks
    assert all(Cid.for_block(block) == cid for cid, block in second.blocks.items())


def test_writes_that_contradict_the_repo_are_refused_and_change_nothing() -> None:
    account = Account([path(1)])
    before = account.repo
    with pytest.raises(RecordExists):
        account.commit(create(path(2)), create(path(1)))
    with pytest.raises(RecordMissing):
        account.commit(update(path(3), "x"))
    with pytest.raises(RecordMissing):
        account.commit(delete(path(1)), delete(path(1)))
    assert account.repo is before
    assert [each for each, _ in before.tree.items()] == [path(1)]


def test_several_writes_of_one_path_become_one_operation() -> None:
    account = Account([path(1), path(2)])
    news = account.commit(
        update(path(1), "a"),
        update(path(1), "b"),
        delete(path(2)),
        create(path(2), "c"),
        create(path(3), "d"),
        delete(path(3)),
    )
    assert [(op.action, op.path) for op in news.ops] == [("update", path(1)), ("update", path(2))]
    assert record("a") not in news.blocks.values()
    assert record("d") not in news.blocks.values()
    verify(news)


def test_a_record_that_two_paths_share_keeps_its_block() -> None:
    account = Account([path(1)])
    news = account.commit(delete(path(1)), create(path(2)))
    assert record("hello") in news.blocks.values()
    verify(news)


def test_building_compares_with_the_head() -> None:
    account = Account([path(1), path(2)])
    items = list(account.repo.tree.items())
    assert Repo.build(ALICE, items, account.repo.head).tree.root == account.repo.tree.root
    with pytest.raises(RootMismatch):
        Repo.build(ALICE, items[:1], account.repo.head)


@given(st.data())
@settings(deadline=None, max_examples=80)
def test_every_commit_inverts_from_its_own_blocks_only(data: st.DataObject) -> None:
    numbers = st.integers(0, 600)
    present = data.draw(st.sets(numbers, max_size=150))
    account = Account([path(number) for number in present])
    for _ in range(3):
        touched = data.draw(st.lists(numbers, max_size=40, unique=True))
        writes = []
        for number in touched:
            if number not in present:
                writes.append(create(path(number), str(number)))
                present.add(number)
            elif data.draw(st.booleans()):
                writes.append(delete(path(number)))
                present.remove(number)
            else:
                writes.append(update(path(number), data.draw(st.text(max_size=3)) + "!"))
        verify(account.commit(*writes))


def test_commits_of_two_hundred_operations_invert() -> None:
    rng = random.Random(5)  # noqa: S311
    account = Account([path(number) for number in range(0, 6000, 2)])
    for _ in range(15):
        chosen = rng.sample(range(6000), 200)
        verify(
            account.commit(
                *(
                    create(path(number), "new")
                    if account.repo.tree.get(path(number)) is None
                    else rng.choice([delete(path(number)), update(path(number), str(number))])
                    for number in chosen
                )
            )
        )


def test_emptying_and_filling_a_repo_inverts() -> None:
    account = Account([path(number) for number in range(150)])
    verify(account.commit(*(delete(path(number)) for number in range(150))))
    assert account.repo.tree.is_empty
    verify(account.commit(*(create(path(number)) for number in range(150))))


FIXTURES: list[dict[str, Any]] = [
    {
        "comment": "one key in an empty tree",
        "leafValue": str(LEAF),
        "keys": [],
        "adds": ["com.example.record/3jqfcqzm3fo2j"],
        "dels": [],
        "rootBeforeCommit": str(Mst.empty().root),
        "rootAfterCommit": "bafyreibj4lsc3aqnrvphp5xmrnfoorvru4wynt6lwidqbm2623a6tatzdu",
        "blocksInProof": ["bafyreibj4lsc3aqnrvphp5xmrnfoorvru4wynt6lwidqbm2623a6tatzdu"],
    },
    *interop.cases("firehose/commit-proof-fixtures.json"),
]


@pytest.mark.parametrize("case", FIXTURES, ids=lambda case: case["comment"])
def test_the_proof_holds_what_the_vectors_demand_and_inverts(case: dict[str, Any]) -> None:
    leaf = Cid.parse(case["leafValue"])
    before = Mst.build((key, leaf) for key in sorted(case["keys"]))
    after = before
    ops = [RecordOp("create", key, leaf, None) for key in case["adds"]]
    ops += [RecordOp("delete", key, None, leaf) for key in case["dels"]]
    for op in ops:
        after = after.delete(op.path) if op.cid is None else after.put(op.path, op.cid)
    assert str(before.root) == case["rootBeforeCommit"]
    assert str(after.root) == case["rootAfterCommit"]
    proof: dict[Cid, bytes] = {}
    for op in ops:
        after.proof(op.path, proof)
    assert {str(cid) for cid in proof} >= set(case["blocksInProof"])
    assert invert(Mst.load(after.root, proof), ops) == before.root


def tampered(news: CommitSlice, **changes: Any) -> dict[str, Any]:
    return {
        "blocks": news.blocks,
        "commit_cid": news.commit.cid,
        "ops": news.ops,
        "prev_data": news.prev_data,
        **changes,
    }


def test_a_slice_that_lies_is_refused_with_the_reason() -> None:
    account = Account([path(number) for number in range(100)])
    news = account.commit(create(path(200)), update(path(5), "x"), delete(path(7)))
    made, changed, gone = news.ops
    other = Cid.for_block(b"other")
    without_record = {cid: block for cid, block in news.blocks.items() if cid != made.cid}
    without_nodes = {cid: news.blocks[cid] for cid in list(news.blocks)[:2]}
    lies: list[tuple[str, dict[str, Any]]] = [
        ("not among the blocks", {"commit_cid": other}),
        ("not prevData", {"prev_data": other}),
        ("not prevData", {"ops": (changed, gone)}),
        ("not prevData", {"ops": (made, changed)}),
        ("record of", {"blocks": without_record}),
        ("missing", {"blocks": without_nodes | {made.cid: record("hello")}}),
        ("two operations on one path", {"ops": (made, made, changed, gone)}),
        ("does not fit its prev", {"ops": (RecordOp("create", path(200), made.cid, other),)}),
        ("does not fit its prev", {"ops": (RecordOp("update", path(200), made.cid, None),)}),
        ("does not fit its cid", {"ops": (RecordOp("delete", path(7), other, other),)}),
        ("does not fit its cid", {"ops": (RecordOp("create", path(8), None, None),)}),
        ("does not hold", {"ops": (RecordOp("create", path(200), other, None),)}),
        ("contradicts", {"ops": (RecordOp("delete", path(8), None, other),)}),
        ("record path", {"ops": (RecordOp("delete", "nonsense", None, other),)}),
        ("more than 200", {"ops": (made,) * 201}),
    ]
    for reason, change in lies:
        with pytest.raises(InvalidCommit, match=reason):
            verify_slice(**tampered(news, **change))
    verify_slice(**tampered(news))
    verify_slice(**tampered(news, prev_data=None))


def test_a_record_too_large_or_no_cbor_is_refused() -> None:
    for block in [b"\x5a" + (1_000_001).to_bytes(4, "big") + bytes(1_000_001), b"\xff"]:
        account = Account()
        news = account.commit(RecordWrite("create", path(1), block))
        with pytest.raises(InvalidCommit, match="record of"):
            verify(news)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "com.example.a",
        "com.example.a/",
        "/x",
        "com.example.a/x/y",
        "a/b",
        "com.example.a/.",
    ],
)
def test_a_path_must_be_collection_and_key(text: str) -> None:
    with pytest.raises(InvalidCommit):
        check_path(text)


def test_a_commit_object_is_read_as_it_was_signed() -> None:
    commit = sign_commit(ALICE, Tid.from_us(5), LEAF, KEY)
    assert parse_commit(commit.block) == commit
    assert commit.verify(KEY.public)
    assert not commit.verify(PrivateKey.generate().public)
    assert cbor.decode(commit.block) == {
        "did": str(ALICE),
        "version": 3,
        "data": LEAF,
        "rev": str(commit.rev),
        "prev": None,
        "sig": commit.sig,
    }


def test_a_signature_covers_fields_we_do_not_know() -> None:
    fields = {"did": str(ALICE), "version": 3, "data": LEAF, "rev": "3jqfcqzm3fo2j", "prev": None}
    fields["later"] = 1
    signed = {**fields, "sig": KEY.sign(cbor.encode(fields))}
    assert parse_commit(cbor.encode(signed)).verify(KEY.public)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": True},
        {"did": "nobody"},
        {"did": 1},
        {"rev": "x"},
        {"rev": None},
        {"data": b"x"},
        {"sig": "x"},
        {"prev": 1},
        {"data": None},
    ],
)
def test_a_malformed_commit_object_is_refused(change: dict[str, Any]) -> None:
    fields = cbor.decode(sign_commit(ALICE, Tid.from_us(5), LEAF, KEY).block)
    with pytest.raises(InvalidCommitObject):
        parse_commit(cbor.encode({**fields, **change}))


@pytest.mark.parametrize("block", [b"", b"\xff", b"\x80", b"\xa0"])
def test_what_is_no_commit_object_is_refused(block: bytes) -> None:
    with pytest.raises(InvalidCommitObject):
        parse_commit(block)
