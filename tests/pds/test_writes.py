"""Prepared writes: types, keys, validation, sizes, blobs."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from appliance.atproto import cbor
from appliance.atproto.cid import Cid
from appliance.atproto.data import BlobRef, InvalidData
from appliance.atproto.lexicon.errors import InvalidRecord
from appliance.atproto.syntax import RecordKey
from appliance.atproto.tid import Tid
from appliance.pds.writes import (
    Expected,
    InvalidMimeType,
    InvalidWrite,
    UnknownRecordType,
    WritePreparer,
)
from tests.support.lexicon_press import own_lexicons
from tests.support.pds_stores import (
    ALICE,
    LIKE,
    NOTE,
    POST,
    PROFILE,
    blob_json,
    follow,
    like,
    note_with,
    picture,
    post,
)

PICTURE = BlobRef(Cid.for_blob(b"picture"), "image/png", 1234)
KEY = RecordKey("3aaaaaaaaaa22")


def numbered() -> Callable[[], Tid]:
    numbers = count(1)
    return lambda: Tid.from_us(next(numbers))


@pytest.fixture
def prepare() -> WritePreparer:
    return WritePreparer(own_lexicons(), numbered())


def test_a_record_becomes_dag_cbor_under_its_hash(prepare: WritePreparer) -> None:
    write = prepare.create(ALICE, POST, KEY, post("hi"), None)
    assert write.row is not None
    assert cbor.decode(write.row.block) == post("hi")
    assert write.row.cid == Cid.for_block(write.row.block)
    assert write.uri == f"at://{ALICE}/{POST}/{KEY}"


def test_a_missing_type_is_filled_in(prepare: WritePreparer) -> None:
    record = {"text": "hi", "createdAt": "2026-11-20T10:00:00.000Z"}
    write = prepare.create(ALICE, POST, None, record, None)
    assert write.row is not None
    assert cbor.decode(write.row.block)["$type"] == POST
    assert "$type" not in record


def test_a_type_that_is_null_is_not_missing(prepare: WritePreparer) -> None:
    with pytest.raises(InvalidWrite, match=r"Invalid \$type"):
        prepare.create(ALICE, NOTE, None, {"$type": None}, None)


@pytest.mark.parametrize("validate", [None, False])
def test_blobs_of_the_old_form_are_refused(prepare: WritePreparer, validate: bool | None) -> None:
    old = {"cid": str(PICTURE.cid), "mimeType": "image/png"}
    for value in (old, [old], {"deep": [{"x": old}]}):
        with pytest.raises(InvalidWrite, match="old form"):
            prepare.create(ALICE, NOTE, None, {"$type": str(NOTE), "a": value}, validate)
    more = {"$type": str(NOTE), "a": {**old, "more": 1}}
    assert prepare.create(ALICE, NOTE, None, more, validate).row


@pytest.mark.parametrize("validate", [None, True, False])
def test_another_type_than_the_collection_is_refused(
    prepare: WritePreparer, validate: bool | None
) -> None:
    with pytest.raises(InvalidWrite, match=r"Invalid \$type"):
        prepare.create(ALICE, POST, None, like(), validate)


@pytest.mark.parametrize("record", ["text", 7, None, [post()]])
def test_a_record_is_an_object(prepare: WritePreparer, record: Any) -> None:
    with pytest.raises(InvalidWrite, match="object"):
        prepare.create(ALICE, POST, None, record, None)


def test_the_validation_status_says_what_was_checked(prepare: WritePreparer) -> None:
    assert prepare.create(ALICE, POST, None, post(), None).status == "valid"
    assert prepare.create(ALICE, POST, None, post(), True).status == "valid"
    assert prepare.create(ALICE, POST, None, post(), False).status is None
    assert prepare.create(ALICE, NOTE, None, {}, None).status == "unknown"
    assert prepare.create(ALICE, NOTE, None, {}, False).status is None


def test_an_unknown_lexicon_is_refused_where_validation_is_asked_for(
    prepare: WritePreparer,
) -> None:
    with pytest.raises(UnknownRecordType, match=NOTE):
        prepare.create(ALICE, NOTE, None, {}, True)


def test_an_invalid_record_is_refused_unless_validation_is_off(prepare: WritePreparer) -> None:
    bad = {**post(), "createdAt": "yesterday"}
    with pytest.raises(InvalidRecord, match="createdAt"):
        prepare.create(ALICE, POST, None, bad, None)
    assert prepare.create(ALICE, POST, None, bad, False).row is not None


@pytest.mark.parametrize(
    "bad",
    [2**53, 1.5, {"$link": "bafy"}, {"$bytes": "*"}, {"$type": "blob", "ref": "x"}],
)
def test_values_outside_the_data_model_are_refused_even_without_validation(
    prepare: WritePreparer, bad: Any
) -> None:
    with pytest.raises(InvalidData):
        prepare.create(ALICE, NOTE, None, {"field": bad}, False)


def test_record_keys_follow_the_rule_of_the_collection(prepare: WritePreparer) -> None:
    prepare.create(ALICE, PROFILE, RecordKey("self"), {}, None)
    with pytest.raises(InvalidWrite, match="expected self"):
        prepare.create(ALICE, PROFILE, RecordKey("other"), {}, None)
    with pytest.raises(InvalidWrite, match="expected self"):
        prepare.create(ALICE, PROFILE, None, {}, None)
    with pytest.raises(InvalidWrite, match="expected a tid"):
        prepare.create(ALICE, POST, RecordKey("self"), post(), None)
    prepare.create(ALICE, NOTE, RecordKey("self"), {}, None)


def test_keys_made_here_are_tids_that_grow(prepare: WritePreparer) -> None:
    keys = [prepare.create(ALICE, NOTE, None, {}, None).path for _ in range(3)]
    assert keys == sorted(set(keys))
    assert all(Tid(key.partition("/")[2]) for key in keys)


def test_an_oversized_record_is_refused(prepare: WritePreparer) -> None:
    fits = {"text": "x" * 999_000}
    assert prepare.create(ALICE, NOTE, None, fits, None).row is not None
    with pytest.raises(InvalidWrite, match="larger"):
        prepare.create(ALICE, NOTE, None, {"text": "x" * 1_000_000}, None)


def test_blobs_of_a_record_are_claimed_with_the_limits_of_its_lexicon(
    prepare: WritePreparer,
) -> None:
    (claim,) = prepare.create(ALICE, POST, None, picture(PICTURE), None).claims
    assert claim.blob == PICTURE
    assert claim.max_size is not None
    (claim,) = prepare.create(ALICE, NOTE, None, note_with(PICTURE), None).claims
    assert (claim.blob, claim.max_size) == (PICTURE, None)


def test_a_blob_of_a_type_its_place_does_not_take_is_refused(prepare: WritePreparer) -> None:
    text = BlobRef(PICTURE.cid, "text/plain", 10)
    record = {**post(), "embed": picture(text)["embed"]}
    with pytest.raises((InvalidMimeType, InvalidRecord)):
        prepare.create(ALICE, POST, None, record, None)
    avatar = {"$type": str(PROFILE), "avatar": blob_json(BlobRef(PICTURE.cid, "image/gif", 10))}
    with pytest.raises((InvalidMimeType, InvalidRecord)):
        prepare.create(ALICE, PROFILE, RecordKey("self"), avatar, None)


def test_only_replacing_creates_of_known_kinds_replace(prepare: WritePreparer) -> None:
    assert prepare.create_replacing(ALICE, LIKE, None, like(), None).replaces_same_subject
    assert not prepare.create_replacing(ALICE, LIKE, None, like(), False).replaces_same_subject
    assert not prepare.create_replacing(ALICE, POST, None, post(), None).replaces_same_subject
    assert not prepare.create(ALICE, LIKE, None, like(), None).replaces_same_subject


def test_records_with_the_same_subject_have_the_same_subject_key(prepare: WritePreparer) -> None:
    def key(record: Any) -> int | None:
        write = prepare.create(ALICE, record["$type"], None, record, None)
        assert write.row is not None
        return write.row.subject

    assert key(like("at://did:web:a.com/x.y.z/1")) == key(like("at://did:web:a.com/x.y.z/1"))
    assert key(like("at://did:web:a.com/x.y.z/1")) != key(like("at://did:web:a.com/x.y.z/2"))
    assert key(follow()) is not None
    assert key(post()) is None


def test_a_batch_is_prepared_in_order(prepare: WritePreparer) -> None:
    kind = "com.atproto.repo.applyWrites"
    writes = prepare.batch(
        ALICE,
        [
            {"$type": f"{kind}#create", "collection": POST, "value": post("1")},
            {"$type": f"{kind}#update", "collection": POST, "rkey": KEY, "value": post("2")},
            {"$type": f"{kind}#delete", "collection": POST, "rkey": KEY},
        ],
        None,
    )
    assert [write.action for write in writes] == ["create", "update", "delete"]
    assert [write.row is None for write in writes] == [False, False, True]
    assert writes[1].path == f"{POST}/{KEY}"


def test_a_batch_has_at_most_200_writes(prepare: WritePreparer) -> None:
    delete = {"$type": "com.atproto.repo.applyWrites#delete", "collection": POST, "rkey": KEY}
    assert len(prepare.batch(ALICE, [delete] * 200, None)) == 200
    with pytest.raises(InvalidWrite, match="Too many"):
        prepare.batch(ALICE, [delete] * 201, None)


def test_a_put_carries_what_it_expects(prepare: WritePreparer) -> None:
    write = prepare.put(ALICE, (POST, KEY), post(), None, Expected(None))
    assert write.expected == Expected(None)
    assert prepare.put(ALICE, (POST, KEY), post(), None).expected is None
