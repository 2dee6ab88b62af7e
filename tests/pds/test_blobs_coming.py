"""Blobs that are coming in, while others are deleted or the caller is ended."""

import asyncio
import threading
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.cid import RAW, Cid
from appliance.pds import blobs
from appliance.pds.blob_files import ReceivedBlob
from tests.support.pds_stores import ALICE, PNG, Stores, open_stores
from tests.support.waiting import until


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with open_stores(tmp_path) as opened:
        await opened.open_repo()
        yield opened


async def test_a_file_stays_while_an_equal_one_is_arriving(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, kept, go_on = stores.files.keep, threading.Event(), threading.Event()

    def slow_keep(received: ReceivedBlob) -> None:
        keep(received)
        kept.set()
        assert go_on.wait(60)

    monkeypatch.setattr(stores.files, "keep", slow_keep)
    uploading = asyncio.create_task(stores.upload())
    await until(kept.is_set)
    stores.blobs.discard_files([Cid.from_digest(RAW, sha256(PNG).digest())])
    go_on.set()
    assert stores.has_file((await uploading).cid)


async def test_who_is_ended_while_the_row_is_written_leaves_no_row_without_a_file(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    register, begun, go_on = blobs._register, threading.Event(), threading.Event()

    def slow_register(*args: Any) -> str:
        begun.set()
        assert go_on.wait(60)
        return register(*args)

    monkeypatch.setattr(blobs, "_register", slow_register)
    uploading = asyncio.create_task(stores.upload())
    await until(begun.is_set)
    uploading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await uploading
    go_on.set()
    cid = Cid.from_digest(RAW, sha256(PNG).digest())
    await until(lambda: stores.blobs.state(ALICE, cid))
    assert stores.has_file(cid)
    await stores.blobs.collect()
    assert stores.has_file(cid)
