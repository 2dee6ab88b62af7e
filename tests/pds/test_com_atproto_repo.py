"""com.atproto.repo.* over HTTP: what clients send and get."""

import json
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Did
from appliance.pds import records
from tests.support.pds_box import Answer
from tests.support.pds_house import House, Member, open_house
from tests.support.pds_stores import FOLLOW, LIKE, NOTE, PNG, POST, PROFILE, follow, like, post

LIMIT = 200_000
ELSEWHERE = Did("did:plc:elsewhereelsewhereelsew")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, pds_blob_limit=LIMIT) as opened:
        yield opened


@pytest.fixture
async def alice(house: House) -> Member:
    return await house.member("alice")


async def test_a_created_record_can_be_read_back(house: House, alice: Member) -> None:
    made = await house.create(alice, POST, post("hello"))
    assert made.status == 200
    assert made.json["validationStatus"] == "valid"
    head = house.pds.repos.head(alice.did)
    assert made.json["commit"] == {"cid": str(head.commit_cid), "rev": head.rev}
    rkey = made.json["uri"].rpartition("/")[2]
    for repo in (alice.did, alice.handle, alice.handle.upper()):
        read = await house.get("repo.getRecord", repo=repo, collection=POST, rkey=rkey)
        assert read.json == {
            "uri": made.json["uri"],
            "cid": made.json["cid"],
            "value": post("hello"),
        }


async def test_a_record_of_another_version_is_not_found(house: House, alice: Member) -> None:
    made = await house.create(alice, NOTE, {}, rkey="a")
    place: dict[str, Any] = {"repo": alice.did, "collection": NOTE, "rkey": "a"}
    assert (await house.get("repo.getRecord", **place, cid=made.json["cid"])).status == 200
    other = await house.get("repo.getRecord", **place, cid=str(Cid.for_block(b"x")))
    assert (other.status, other.error) == (400, "RecordNotFound")
    bad = await house.get("repo.getRecord", **place, cid="not a cid")
    assert (bad.status, bad.error) == (400, "InvalidRequest")


async def test_the_status_of_validation_is_told(house: House, alice: Member) -> None:
    assert (await house.create(alice, NOTE, {})).json["validationStatus"] == "unknown"
    assert "validationStatus" not in (await house.create(alice, NOTE, {}, validate=False)).json
    asked = await house.create(alice, NOTE, {}, validate=True)
    assert (asked.status, asked.error) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    ("collection", "record", "more"),
    [
        (POST, {"text": "no date"}, {}),
        (POST, {**post(), "createdAt": "2026-11-20 10:00"}, {}),
        (POST, {**post(), "createdAt": "2026-02-30T10:00:00Z"}, {}),
        (POST, post("x" * 301), {}),
        (POST, like(), {"validate": False}),
        (POST, post(), {"rkey": "not-a-tid"}),
        (PROFILE, {}, {"rkey": "other"}),
        (NOTE, {}, {"rkey": ".."}),
        (NOTE, {}, {"rkey": "x" * 513}),
        (NOTE, {"n": 1.5}, {}),
        (NOTE, {"n": 2**53}, {"validate": False}),
        (NOTE, {"n": 10**30}, {"validate": False}),
        (NOTE, {"n": {"$link": "bafy"}}, {"validate": False}),
        (NOTE, {"n": {"$bytes": "?"}}, {"validate": False}),
        (NOTE, {"n": {"$type": "blob", "ref": {"$link": "x"}}}, {"validate": False}),
        (NOTE, {"n": {"$type": "blob"}}, {"validate": False}),
        (NOTE, [1], {}),
        ("not-an-nsid", {}, {}),
    ],
)
async def test_a_bad_record_is_refused_and_nothing_is_written(
    house: House, alice: Member, collection: str, record: Any, more: Any
) -> None:
    head = house.pds.repos.head(alice.did)
    answer = await house.create(alice, collection, record, **more)
    assert (answer.status, answer.error) == (400, "InvalidRequest")
    assert house.pds.repos.head(alice.did) == head


async def test_deep_nesting_is_refused_before_it_is_read(house: House, alice: Member) -> None:
    nested = b"[" * 100_000
    body = b'{"repo":"x","collection":"a.b.c","record":' + nested
    answer = await house.send(
        "repo.createRecord", alice, body, {"Content-Type": "application/json"}
    )
    assert (answer.status, answer.error) == (400, "InvalidRequest")


async def test_a_taken_key_is_refused(house: House, alice: Member) -> None:
    await house.create(alice, NOTE, {"n": 1}, rkey="a")
    again = await house.create(alice, NOTE, {"n": 2}, rkey="a")
    assert (again.status, again.error) == (400, "InvalidRequest")


async def test_a_second_follow_takes_the_place_of_the_first(house: House, alice: Member) -> None:
    for collection, record in ((FOLLOW, follow()), (LIKE, like())):
        first = await house.create(alice, collection, record)
        second = await house.create(alice, collection, record)
        listed = await house.get("repo.listRecords", repo=alice.did, collection=collection)
        assert [each["uri"] for each in listed.json["records"]] == [second.json["uri"]]
        assert first.json["uri"] != second.json["uri"]
    unchecked = await house.create(alice, FOLLOW, follow(), validate=False)
    listed = await house.get("repo.listRecords", repo=alice.did, collection=FOLLOW)
    assert unchecked.status == 200
    assert len(listed.json["records"]) == 2


async def test_who_may_write_where(house: House, alice: Member) -> None:
    bob = await house.member("bob")
    record = {"collection": NOTE, "record": {}}
    nobody = await house.post("repo.createRecord", None, {"repo": alice.did, **record})
    assert (nobody.status, nobody.error) == (401, "AuthMissing")
    other = await house.post("repo.createRecord", bob, {"repo": alice.did, **record})
    assert (other.status, other.error) == (401, "AuthenticationRequired")
    unknown = await house.post("repo.createRecord", bob, {"repo": ELSEWHERE, **record})
    assert (unknown.status, unknown.error) == (403, "AccountNotFound")
    by_handle = await house.post("repo.createRecord", bob, {"repo": bob.handle, **record})
    assert by_handle.status == 200


async def test_a_closed_account_takes_no_writes(house: House, alice: Member) -> None:
    await house.create(alice, NOTE, {}, rkey="a")
    await house.pds.lifecycle.deactivate(alice.did, None)
    refused = await house.create(alice, NOTE, {})
    assert (refused.status, refused.error) == (401, "AccountDeactivated")
    listed = await house.get("repo.listRecords", repo=alice.did, collection=NOTE)
    assert (listed.status, listed.error) == (400, "InvalidRequest")
    described = await house.get("repo.describeRepo", repo=alice.did)
    assert (described.status, described.error) == (400, "RepoDeactivated")
    assert (await house.get("repo.describeRepo", alice, repo=alice.did)).status == 200
    read = await house.get("repo.getRecord", repo=alice.did, collection=NOTE, rkey="a")
    assert (read.status, read.error) == (400, "RecordNotFound")
    assert await house.upload(alice)
    await house.pds.lifecycle.activate(alice.did)
    await house.pds.lifecycle.set_takedown(alice.did, "case 1")
    refused = await house.create(alice, NOTE, {})
    assert (refused.status, refused.error) == (401, "AccountTakedown")
    sent = await house.send("repo.uploadBlob", alice, PNG, {"Content-Type": "image/png"})
    assert (sent.status, sent.error) == (401, "AccountTakedown")


async def test_an_account_that_closes_while_a_write_is_prepared_takes_it_no_more(
    house: House, alice: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def learn(_collections: object) -> None:
        await house.pds.lifecycle.deactivate(alice.did, None)

    monkeypatch.setattr(house.pds.lexicons, "learn", learn)
    refused = await house.create(alice, NOTE, {}, rkey="a")
    assert (refused.status, refused.error) == (401, "AccountDeactivated")
    assert await house.pds.records.count(alice.did) == 0


async def test_put_creates_updates_and_leaves_alone(house: House, alice: Member) -> None:
    body = {"repo": alice.did, "collection": PROFILE, "rkey": "self"}
    first = await house.post("repo.putRecord", alice, {**body, "record": {"displayName": "A"}})
    assert "commit" in first.json
    same = await house.post("repo.putRecord", alice, {**body, "record": {"displayName": "A"}})
    assert same.status == 200
    assert "commit" not in same.json
    assert same.json["cid"] == first.json["cid"]
    second = await house.post("repo.putRecord", alice, {**body, "record": {"displayName": "B"}})
    assert second.json["commit"]["rev"] > first.json["commit"]["rev"]


async def test_put_swaps_only_what_it_expects(house: House, alice: Member) -> None:
    body = {"repo": alice.did, "collection": NOTE, "rkey": "a"}

    async def put(number: int, **more: Any) -> Answer:
        return await house.post("repo.putRecord", alice, {**body, "record": {"n": number}, **more})

    wrong = str(Cid.for_block(b"wrong"))
    assert (await put(1, swapRecord=wrong)).error == "InvalidSwap"
    first = await put(1, swapRecord=None)
    assert first.status == 200
    assert (await put(2, swapRecord=None)).error == "InvalidSwap"
    assert (await put(2, swapRecord=wrong)).error == "InvalidSwap"
    assert (await put(2, swapCommit=wrong)).error == "InvalidSwap"
    second = await put(2, swapRecord=first.json["cid"], swapCommit=first.json["commit"]["cid"])
    assert second.status == 200
    assert (await put(3)).status == 200


async def test_deleting_is_quiet_about_what_is_not_there(house: House, alice: Member) -> None:
    body = {"repo": alice.did, "collection": NOTE, "rkey": "a"}
    wrong = str(Cid.for_block(b"wrong"))
    nothing = await house.post("repo.deleteRecord", alice, {**body, "swapRecord": wrong})
    assert (nothing.status, nothing.json) == (200, {})
    await house.create(alice, NOTE, {}, rkey="a")
    swap = await house.post("repo.deleteRecord", alice, {**body, "swapRecord": wrong})
    assert (swap.status, swap.error) == (400, "InvalidSwap")
    gone = await house.post("repo.deleteRecord", alice, body)
    assert gone.json["commit"]["rev"] == house.pds.repos.head(alice.did).rev
    read = await house.get("repo.getRecord", repo=alice.did, collection=NOTE, rkey="a")
    assert read.error == "RecordNotFound"


async def test_a_batch_gives_its_results_in_order(house: House, alice: Member) -> None:
    await house.create(alice, NOTE, {"n": 1}, rkey="old")
    kind = "com.atproto.repo.applyWrites"
    writes = [
        {"$type": f"{kind}#create", "collection": NOTE, "rkey": "new", "value": {"n": 2}},
        {"$type": f"{kind}#update", "collection": NOTE, "rkey": "new", "value": {"n": 3}},
        {"$type": f"{kind}#delete", "collection": NOTE, "rkey": "old"},
        {"$type": f"{kind}#create", "collection": POST, "value": post()},
    ]
    done = await house.post("repo.applyWrites", alice, {"repo": alice.did, "writes": writes})
    assert done.status == 200, done.json
    names = [result["$type"].partition("#")[2] for result in done.json["results"]]
    assert names == ["createResult", "updateResult", "deleteResult", "createResult"]
    assert done.json["results"][3]["validationStatus"] == "valid"
    assert done.json["commit"]["rev"] == house.pds.repos.head(alice.did).rev
    bad = [writes[3], writes[2]]
    failed = await house.post("repo.applyWrites", alice, {"repo": alice.did, "writes": bad})
    assert failed.status == 400
    listed = await house.get("repo.listRecords", repo=alice.did, collection=POST)
    assert len(listed.json["records"]) == 1
    many = [writes[3]] * 201
    refused = await house.post("repo.applyWrites", alice, {"repo": alice.did, "writes": many})
    assert (refused.status, refused.error) == (400, "InvalidRequest")


async def test_a_batch_of_200_writes_is_one_commit(house: House, alice: Member) -> None:
    kind = "com.atproto.repo.applyWrites#create"
    writes = [{"$type": kind, "collection": NOTE, "value": {"n": n}} for n in range(200)]
    done = await house.post("repo.applyWrites", alice, {"repo": alice.did, "writes": writes})
    assert len({result["uri"] for result in done.json["results"]}) == 200


async def test_records_are_listed_in_pages(house: House, alice: Member) -> None:
    for number in range(5):
        await house.create(alice, NOTE, {"n": number}, rkey=f"k{number}")
    seen: list[int] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await house.get(
            "repo.listRecords", repo=alice.handle, collection=NOTE, limit=2, **cursor
        )
        if not page.json["records"]:
            assert "cursor" not in page.json
            break
        seen += [record["value"]["n"] for record in page.json["records"]]
        cursor = {"cursor": page.json["cursor"]}
    assert seen == [4, 3, 2, 1, 0]
    oldest = await house.get(
        "repo.listRecords", repo=alice.did, collection=NOTE, reverse="true", limit=1
    )
    assert oldest.json["records"][0]["value"]["n"] == 0
    for limit in (0, 101, "x"):
        bad = await house.get("repo.listRecords", repo=alice.did, collection=NOTE, limit=limit)
        assert bad.status == 400


async def test_a_hidden_record_is_hidden_from_everybody(house: House, alice: Member) -> None:
    await house.create(alice, NOTE, {}, rkey="a")
    await house.pds.takedowns.set_record(alice.did, f"{NOTE}/a", "case 1")
    place: dict[str, Any] = {"repo": alice.did, "collection": NOTE, "rkey": "a"}
    for who in (None, alice):
        assert (await house.get("repo.getRecord", who, **place)).error == "RecordNotFound"
    listed = await house.get("repo.listRecords", repo=alice.did, collection=NOTE)
    assert listed.json == {"records": []}
    assert records.collection_range(NOTE)[0] == f"{NOTE}/"


async def test_a_repo_is_described(house: House, alice: Member) -> None:
    await house.create(alice, POST, post())
    await house.create(alice, NOTE, {})
    told = await house.get("repo.describeRepo", repo=alice.handle)
    assert told.json["did"] == alice.did
    assert told.json["handle"] == alice.handle
    assert told.json["handleIsCorrect"] is True
    assert told.json["collections"] == sorted([POST, NOTE])
    assert told.json["didDoc"]["id"] == alice.did
    unknown = await house.get("repo.describeRepo", repo=ELSEWHERE)
    assert (unknown.status, unknown.error) == (400, "RepoNotFound")


async def test_large_writes_are_taken_and_larger_ones_refused(house: House, alice: Member) -> None:
    fits = await house.create(alice, NOTE, {"text": "x" * 900_000})
    assert fits.status == 200
    body = BytesIO(b'{"text":"%s"}' % (b"x" * 1_100_000))
    kind = {"Content-Type": "application/json"}
    assert (await house.send("repo.createRecord", alice, body, kind)).status == 413


async def test_a_record_keeps_the_json_it_came_with(house: House, alice: Member) -> None:
    value = {"a": {"$bytes": "AQID"}, "l": {"$link": str(Cid.for_block(b"x"))}, "n": None, "i": -1}
    await house.create(alice, NOTE, json.loads(json.dumps(value)), rkey="a")
    read = await house.get("repo.getRecord", repo=alice.did, collection=NOTE, rkey="a")
    assert read.json["value"] == {**value, "$type": NOTE}
