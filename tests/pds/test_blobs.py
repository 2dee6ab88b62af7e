"""Blobs: received in one pass, claimed by records, served, collected."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from appliance.atproto.cid import RAW, Cid
from appliance.atproto.data import BlobRef
from appliance.atproto.lexicon.errors import InvalidRecord
from appliance.atproto.syntax import RecordKey
from appliance.base.room import NoRoom, Room
from appliance.pds import blobs, repos
from appliance.pds.blob_files import (
    BlobFiles,
    BlobTooLarge,
    DamagedBlob,
    FileChunks,
    sniff,
)
from appliance.pds.blobs import TEMPORARY_US, BlobNotFound, BlobTakendown
from appliance.pds.writes import InvalidMimeType, InvalidSize
from tests.support.pds_stores import (
    ALICE,
    BLOB_LIMIT,
    BOB,
    NOTE,
    PNG,
    PROFILE,
    Stores,
    blob_json,
    note_with,
    open_stores,
    pieces,
    post,
)
from tests.support.waiting import until


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with open_stores(tmp_path) as opened:
        await opened.open_repo()
        yield opened


async def content_of(stores: Stores, blob: BlobRef) -> bytes:
    return b"".join([chunk async for chunk in FileChunks(stores.blobs.open(blob.cid))])


async def test_an_upload_is_named_by_its_hash_and_type(stores: Stores) -> None:
    blob = await stores.upload(PNG, "text/plain")
    assert blob == BlobRef(Cid.from_digest(RAW, sha256(PNG).digest()), "image/png", len(PNG))


async def test_an_upload_ends_where_it_would_take_the_room_that_others_need(
    stores: Stores, tmp_path: Path
) -> None:
    now, left = iter(range(100)), iter([10**9] * 20)
    stores.files._room = Room(tmp_path, lambda _: (next(left, 0), 10**9), lambda: next(now))
    coming = iter([bytes([number]) * 1000 for number in range(50)])

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in coming:
            yield chunk

    with pytest.raises(NoRoom):
        await stores.blobs.upload(ALICE, chunks(), "text/plain")
    assert next(coming)[0] == 20
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []


async def test_an_upload_is_temporary_until_a_record_refers_to_it(stores: Stores) -> None:
    blob = await stores.upload()
    with pytest.raises(BlobNotFound):
        stores.blobs.find(ALICE, blob.cid)
    assert await stores.blobs.page(ALICE, 10) == []
    await stores.create(NOTE, note_with(blob))
    assert stores.blobs.find(ALICE, blob.cid) == blob
    assert await stores.blobs.page(ALICE, 10) == [blob.cid]
    assert await content_of(stores, blob) == PNG


async def test_the_limit_holds_to_the_byte(stores: Stores) -> None:
    assert (await stores.upload(b"x" * BLOB_LIMIT)).size == BLOB_LIMIT
    with pytest.raises(BlobTooLarge):
        await stores.upload(b"x" * (BLOB_LIMIT + 1))
    assert list((stores.files.path(Cid.for_blob(b"")).parents[2] / "incoming").iterdir()) == []


async def test_a_broken_upload_leaves_no_file(stores: Stores) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"beginning"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await stores.blobs.upload(ALICE, broken(), "text/plain")
    assert list(stores.files.names()) == []
    assert list((stores.files.path(Cid.for_blob(b"")).parents[2] / "incoming").iterdir()) == []


async def test_a_record_may_only_refer_to_what_is_here(stores: Stores) -> None:
    nowhere = BlobRef(Cid.for_blob(b"nowhere"), "image/png", 7)
    with pytest.raises(BlobNotFound):
        await stores.create(NOTE, note_with(nowhere))
    await stores.open_repo(BOB)
    of_bob = await stores.upload(did=BOB)
    with pytest.raises(BlobNotFound):
        await stores.create(NOTE, note_with(of_bob))


async def test_a_record_may_not_give_a_blob_another_type(stores: Stores) -> None:
    blob = await stores.upload()
    with pytest.raises(InvalidMimeType):
        await stores.create(NOTE, note_with(BlobRef(blob.cid, "image/jpeg", blob.size)))


async def test_a_blob_is_measured_by_its_bytes_not_by_what_the_record_says(
    tmp_path: Path,
) -> None:
    async with open_stores(tmp_path, blob_limit=2_000_000) as stores:
        await stores.open_repo()
        blob = await stores.upload(PNG + b"\0" * 1_000_001)
        for size, refused in ((1, InvalidSize), (blob.size, BlobTooLarge)):
            avatar = blob_json(BlobRef(blob.cid, "image/png", size))
            with pytest.raises((refused, InvalidRecord)):
                await stores.create(PROFILE, {"$type": str(PROFILE), "avatar": avatar}, "self")
        with pytest.raises(InvalidSize):
            await stores.create(NOTE, note_with(BlobRef(blob.cid, "image/png", 1)))


async def test_a_blob_goes_with_the_last_record_that_needs_it(stores: Stores) -> None:
    blob = await stores.upload()
    await stores.create(NOTE, note_with(blob), "a")
    await stores.create(NOTE, note_with(blob), "b")
    await stores.delete(NOTE, "a")
    assert stores.blobs.find(ALICE, blob.cid)
    await stores.delete(NOTE, "b")
    with pytest.raises(BlobNotFound):
        stores.blobs.find(ALICE, blob.cid)
    assert not stores.has_file(blob.cid)


async def test_updating_a_record_releases_what_it_no_longer_needs(stores: Stores) -> None:
    old, new = await stores.upload(b"old"), await stores.upload(b"new")
    await stores.put(NOTE, "a", note_with(old))
    await stores.put(NOTE, "a", note_with(new))
    assert await stores.blobs.page(ALICE, 10) == [new.cid]
    assert not stores.has_file(old.cid)
    await stores.put(NOTE, "a", {**note_with(new), "more": "text"})
    assert stores.has_file(new.cid)


async def test_a_blob_that_moves_to_another_record_in_one_commit_stays(stores: Stores) -> None:
    blob = await stores.upload()
    await stores.create(NOTE, note_with(blob), "a")
    await stores.repos.write(
        ALICE,
        [
            stores.prepare.delete(ALICE, NOTE, RecordKey("a")),
            stores.prepare.create(ALICE, NOTE, RecordKey("b"), note_with(blob), None),
        ],
    )
    assert stores.blobs.find(ALICE, blob.cid) == blob
    assert await content_of(stores, blob) == PNG


async def test_accounts_with_equal_blobs_share_a_file(stores: Stores) -> None:
    await stores.open_repo(BOB)
    blob = await stores.upload()
    assert await stores.upload(did=BOB) == blob
    await stores.create(NOTE, note_with(blob), "a")
    await stores.create(NOTE, note_with(blob), "b", BOB)
    await stores.delete(NOTE, "a")
    assert stores.has_file(blob.cid)
    dropped = await stores.db.write(repos.delete_account_rows, BOB)
    stores.blobs.discard_files(dropped)
    assert not stores.has_file(blob.cid)


async def test_uploads_and_deletions_of_the_same_bytes_never_cross(stores: Stores) -> None:
    await stores.open_repo(BOB)
    for round_ in range(15):
        blob = await stores.upload()
        await stores.create(NOTE, note_with(blob), f"a{round_}")
        await asyncio.gather(stores.delete(NOTE, f"a{round_}"), stores.upload(did=BOB))
        assert stores.has_file(blob.cid)


async def test_very_many_files_go_between_other_work(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "DISCARDED_TOGETHER", 2)
    files = [await stores.upload(b"%d" % number) for number in range(7)]
    await stores.db.write(lambda conn: blobs.delete_all(conn, 1))
    stores.blobs.discard_files([blob.cid for blob in files])
    assert sum(map(stores.has_file, (blob.cid for blob in files))) == 5
    await until(lambda: not any(stores.has_file(blob.cid) for blob in files))


async def test_temporary_blobs_are_collected_after_hours(stores: Stores) -> None:
    kept, left = await stores.upload(b"kept"), await stores.upload(b"left")
    await stores.create(NOTE, note_with(kept))
    await stores.blobs.collect()
    assert stores.has_file(left.cid)
    stores.clock.us += TEMPORARY_US
    young = await stores.upload(b"young")
    await stores.blobs.collect()
    assert [stores.has_file(blob.cid) for blob in (kept, left, young)] == [True, False, True]
    with pytest.raises(BlobNotFound):
        await stores.create(NOTE, note_with(left))


async def test_files_without_a_row_are_collected(stores: Stores) -> None:
    orphan = await stores.files.receive(pieces(b"orphan"), 100, "text/plain")
    stores.files.keep(orphan)
    assert stores.has_file(orphan.cid)
    stranger = stores.files.path(orphan.cid).with_name("bad name.txt")
    stranger.touch()
    await stores.blobs.collect()
    assert not stores.has_file(orphan.cid)
    assert stranger.exists()


async def test_nothing_is_collected_in_a_folder_that_was_put_into_the_place_of_ours(
    stores: Stores,
) -> None:
    theirs = await stores.files.receive(pieces(b"theirs"), 100, "text/plain")
    stores.files.keep(theirs)
    stores.db.path.rename(stores.db.path.with_name("ours"))
    stores.db.path.touch()
    await stores.blobs.collect()
    assert stores.has_file(theirs.cid)
    stores.db.path.unlink()
    await stores.blobs.collect()
    assert stores.has_file(theirs.cid)


async def test_what_was_coming_in_when_the_power_went_is_removed(tmp_path: Path) -> None:
    files = BlobFiles(tmp_path)
    left = await files.receive(pieces(b"half"), 100, "text/plain")
    BlobFiles(tmp_path)
    assert not left.temporary.exists()


async def test_a_blob_taken_down_is_withheld_and_may_not_come_back(stores: Stores) -> None:
    blob = await stores.upload()
    await stores.create(NOTE, note_with(blob), "a")
    assert await stores.db.write(blobs.set_takedown, ALICE, blob.cid, "case 1")
    assert stores.blobs.state(ALICE, blob.cid) == ("case 1",)
    with pytest.raises(BlobNotFound):
        stores.blobs.find(ALICE, blob.cid)
    with pytest.raises(BlobTakendown):
        await stores.upload()
    with pytest.raises(BlobNotFound):
        await stores.create(NOTE, note_with(blob), "b")
    await stores.db.write(blobs.set_takedown, ALICE, blob.cid, None)
    assert stores.blobs.find(ALICE, blob.cid) == blob
    assert await content_of(stores, blob) == PNG


async def test_a_takedown_outlives_the_last_reference(stores: Stores) -> None:
    blob = await stores.upload()
    await stores.create(NOTE, note_with(blob), "a")
    await stores.db.write(blobs.set_takedown, ALICE, blob.cid, "case 1")
    await stores.delete(NOTE, "a")
    with pytest.raises(BlobTakendown):
        await stores.upload()


async def test_a_takedown_of_an_unknown_blob_says_so(stores: Stores) -> None:
    assert not await stores.db.write(blobs.set_takedown, ALICE, Cid.for_blob(b"x"), "case 1")
    assert stores.blobs.state(ALICE, Cid.for_blob(b"x")) is None


async def test_a_lost_file_is_a_blob_not_found(stores: Stores) -> None:
    blob = await stores.upload()
    stores.files.discard(blob.cid)
    with pytest.raises(BlobNotFound):
        stores.blobs.open(blob.cid)


async def test_uploading_again_renews_the_type_only_while_no_record_refers_to_it(
    stores: Stores,
) -> None:
    blob = await stores.upload(b"words", "text/plain")
    assert (await stores.upload(b"words", "text/x-poem")).mime_type == "text/x-poem"
    await stores.upload(b"words", "text/plain")
    await stores.create(NOTE, note_with(blob))
    assert (await stores.upload(b"words", "text/x-poem")).mime_type == "text/plain"


async def test_blobs_are_listed_by_cid_in_pages_and_since_a_rev(stores: Stores) -> None:
    found = [await stores.upload(bytes([n])) for n in range(5)]
    revs = []
    for number, blob in enumerate(found):
        await stores.create(NOTE, note_with(blob), f"k{number}")
        revs.append(stores.repos.head(ALICE).rev)
    everything = sorted(blob.cid for blob in found)
    assert await stores.blobs.page(ALICE, 10) == everything
    assert await stores.blobs.page(ALICE, 2, everything[1]) == everything[2:4]
    late = sorted(blob.cid for blob in found[3:])
    assert await stores.blobs.page(ALICE, 10, since=revs[2]) == late
    assert (await stores.blobs.counts(ALICE)) == blobs.BlobCounts(5, 5)


async def test_a_record_without_blobs_claims_nothing(stores: Stores) -> None:
    await stores.create(NOTE, post() | {"$type": str(NOTE)})
    assert await stores.blobs.counts(ALICE) == blobs.BlobCounts(0, 0)


async def test_a_file_is_closed_when_it_was_read_and_when_nobody_wants_it(
    stores: Stores,
) -> None:
    blob = await stores.upload(b"x" * 600_000 if BLOB_LIMIT > 600_000 else PNG)
    read, unread = stores.blobs.open(blob.cid), stores.blobs.open(blob.cid)
    assert len(b"".join([chunk async for chunk in FileChunks(read)])) == blob.size
    await FileChunks(unread).aclose()
    assert read.closed
    assert unread.closed


@pytest.mark.parametrize(
    ("head", "mime_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"\0\0\0\x20ftypheic", "image/heic"),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x82\x84webm", "video/webm"),
        (b"<svg xmlns=", None),
        (b"<html>", None),
        (b"<?xml version=", "application/xml"),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0", "image/bmp"),
        (b"BMW is a brand", None),
        (b"II*\0\x08\0\0\0", "image/tiff"),
        (b"MM\0*\0\0\0\x08", "image/tiff"),
        (b"", None),
    ],
)
def test_types_are_told_by_the_first_bytes(head: bytes, mime_type: str | None) -> None:
    assert sniff(head) == mime_type


async def test_a_file_is_given_to_its_end_only_if_it_is_what_its_cid_says(stores: Stores) -> None:
    large = PNG + bytes(2 * 256 * 1024 - len(PNG))
    path = stores.files.path(Cid.from_digest(RAW, sha256(large).digest()))
    cid = Cid.parse(path.name)
    path.parent.mkdir(parents=True)
    path.write_bytes(large)
    whole = [chunk async for chunk in FileChunks(stores.blobs.open(cid), cid)]
    assert b"".join(whole) == large
    path.write_bytes(large[:-1] + b"x")
    damaged = FileChunks(stores.blobs.open(cid), cid)
    assert await anext(damaged) == whole[0]
    with pytest.raises(DamagedBlob):
        await anext(damaged)
    await damaged.aclose()
