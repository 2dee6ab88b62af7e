"""com.atproto.repo.uploadBlob, importRepo and listMissingBlobs over HTTP."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Did
from appliance.pds import blobs
from tests.support.pds_box import Answer
from tests.support.pds_house import House, Member, open_house
from tests.support.pds_stores import NOTE, PNG

LIMIT = 200_000


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, pds_blob_limit=LIMIT) as opened:
        yield opened


@pytest.fixture
async def alice(house: House) -> Member:
    return await house.member("alice")


async def test_an_uploaded_blob_is_what_its_bytes_say(house: House, alice: Member) -> None:
    blob = await house.upload(alice, PNG, "text/plain")
    assert blob == {
        "$type": "blob",
        "ref": {"$link": str(Cid.for_blob(PNG))},
        "mimeType": "image/png",
        "size": len(PNG),
    }
    words = await house.upload(alice, b"words", "Text/Plain; charset=utf-8")
    assert words["mimeType"] == "text/plain"


async def test_a_compressed_upload_is_unpacked_before_it_is_hashed(
    house: House, alice: Member
) -> None:
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    packed = await house.send("repo.uploadBlob", alice, gzip.compress(b"words"), headers)
    assert packed.json["blob"]["ref"]["$link"] == str(Cid.for_blob(b"words"))
    bomb = await house.send("repo.uploadBlob", alice, gzip.compress(b"\0" * 5_000_000), headers)
    assert bomb.status == 413
    broken = await house.send("repo.uploadBlob", alice, b"not gzip", headers)
    assert broken.status == 400


@pytest.mark.parametrize("chunked", [False, True])
async def test_the_limit_of_uploads_holds_to_the_byte(
    house: House, alice: Member, chunked: bool
) -> None:
    async def pieces(size: int) -> AsyncIterator[bytes]:
        yield b"x" * size

    def body(size: int) -> Any:
        return pieces(size) if chunked else b"x" * size

    kind = {"Content-Type": "text/plain"}
    fits = await house.send("repo.uploadBlob", alice, body(LIMIT), kind)
    assert fits.json["blob"]["size"] == LIMIT
    large = await house.send("repo.uploadBlob", alice, body(LIMIT + 1), kind)
    assert large.status == 413


async def test_records_refer_to_blobs_by_the_rules(house: House, alice: Member) -> None:
    blob = await house.upload(alice)
    unknown = {**blob, "ref": {"$link": str(Cid.for_blob(b"nowhere"))}}
    assert (await house.create(alice, NOTE, {"b": unknown})).error == "BlobNotFound"
    renamed = {**blob, "mimeType": "image/jpeg"}
    assert (await house.create(alice, NOTE, {"b": renamed})).error == "InvalidMimeType"
    resized = {**blob, "size": blob["size"] + 1}
    assert (await house.create(alice, NOTE, {"b": resized})).error == "InvalidSize"
    assert (await house.create(alice, NOTE, {"b": blob}, rkey="a")).status == 200
    await house.pds.takedowns.set_blob(alice.did, Cid.for_blob(PNG), "case 1")
    assert (await house.create(alice, NOTE, {"b": blob})).error == "BlobNotFound"
    again = await house.send("repo.uploadBlob", alice, PNG, {"Content-Type": "image/png"})
    assert again.status == 400


async def test_an_upload_needs_somebody(house: House) -> None:
    answer = await house.send("repo.uploadBlob", None, PNG, {"Content-Type": "image/png"})
    assert (answer.status, answer.error) == (401, "AuthMissing")


async def test_an_account_moves_in_with_its_records_and_blobs(house: House, alice: Member) -> None:
    blob = await house.upload(alice)
    await house.create(alice, NOTE, {"b": blob}, rkey="a")
    archive = (await house.get("sync.getRepo", did=alice.did)).body
    head = house.pds.repos.head(alice.did)
    await house.post(
        "repo.deleteRecord", alice, {"repo": alice.did, "collection": NOTE, "rkey": "a"}
    )
    await house.pds.lifecycle.deactivate(alice.did, None)
    car = {"Content-Type": "application/vnd.ipld.car"}
    refused = await house.send("repo.importRepo", house.as_kind(alice, "app_pass"), archive, car)
    assert (refused.status, refused.error) == (400, "InvalidToken")
    broken = await house.send("repo.importRepo", alice, archive[:-9], car)
    assert (broken.status, broken.error) == (400, "InvalidRequest")
    taken = await house.send("repo.importRepo", alice, archive, car)
    assert (taken.status, taken.body) == (200, b"")
    assert house.pds.repos.head(alice.did).rev == head.rev
    missing = await house.get("repo.listMissingBlobs", alice)
    assert missing.json["blobs"] == [
        {"cid": blob["ref"]["$link"], "recordUri": f"at://{alice.did}/{NOTE}/a"}
    ]
    rest = await house.get("repo.listMissingBlobs", alice, cursor=missing.json["cursor"])
    assert rest.json == {"blobs": []}
    await house.upload(alice)
    assert (await house.get("repo.listMissingBlobs", alice)).json == {"blobs": []}
    assert await house.pds.blobs.counts(alice.did) == blobs.BlobCounts(1, 1)


async def test_a_service_uploads_for_a_member_with_a_token_for_just_that(
    house: House, alice: Member
) -> None:
    async def sent(audience: str, method: str) -> Answer:
        token = house.pds.proxy.service_token(alice.did, Did(audience), method)
        service = Member(alice.did, alice.handle, token)
        kind = {"Content-Type": "image/png"}
        return await house.send("repo.uploadBlob", service, PNG, kind)

    done = await sent(house.pds.did, "com.atproto.repo.uploadBlob")
    assert done.json["blob"]["size"] == len(PNG)
    assert (await house.create(alice, NOTE, {"b": done.json["blob"]})).status == 200
    assert (await sent(house.pds.did, "com.atproto.repo.importRepo")).status == 401
    assert (await sent("did:web:elsewhere.example", "com.atproto.repo.uploadBlob")).status == 401


async def test_an_account_keeps_as_much_as_its_quota_and_no_more(tmp_path: Path) -> None:
    async with open_house(tmp_path, pds_blob_quota=1000) as house:
        alice, bob = await house.member("alice"), await house.member("bob")
        files = house.pds.blobs._files
        first = await house.upload(alice, b"a" * 600, "text/plain")
        kind = {"Content-Type": "text/plain"}
        more = await house.send("repo.uploadBlob", alice, b"b" * 401, kind)
        assert (more.status, more.error) == (400, "QuotaExceeded")
        assert list(files.names()) == [Cid.parse(first["ref"]["$link"])]
        await house.upload(alice, b"c" * 400, "text/plain")
        again = await house.upload(alice, b"a" * 600, "text/plain")
        assert again == first
        await house.upload(bob, b"b" * 401, "text/plain")
        nsid = "internal.hearth.pds.getStorage"
        answer = await house._box.operate("GET", nsid, did=alice.did)
        kept = {"records": 0, "blobs": 2, "bytes": 1000, "quota": 1000}
        assert {name: answer.json[name] for name in kept} == kept


async def test_uploads_at_once_do_not_go_over_the_quota_together(tmp_path: Path) -> None:
    async with open_house(tmp_path, pds_blob_quota=1000) as house:
        alice = await house.member("alice")
        kind = {"Content-Type": "text/plain"}
        answers = await asyncio.gather(
            *(
                house.send("repo.uploadBlob", alice, bytes([number]) * 300, kind)
                for number in range(10)
            )
        )
        assert sorted(answer.status for answer in answers) == [200] * 3 + [400] * 7
        assert len(list(house.pds.blobs._files.names())) == 3


async def test_a_blob_that_is_refused_leaves_no_file_behind(house: House, alice: Member) -> None:
    blob = await house.upload(alice)
    cid = Cid.parse(blob["ref"]["$link"])
    await house.pds.takedowns.set_blob(alice.did, cid, "1")
    refused = await house.send("repo.uploadBlob", alice, PNG, {"Content-Type": "image/png"})
    assert refused.status == 400
    assert list(house.pds.blobs._files.names()) == [cid]
