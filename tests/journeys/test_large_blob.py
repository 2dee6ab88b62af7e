"""The largest blob there may be goes in and out through little memory."""

import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.appliance import Appliance
from tests.support.client import Client, Member

PIECE = bytes(range(256)) * 4096
# What the process may need besides, for pieces on their way and for what else it does.
MOST_GROWTH_KB = 48_000


def peak_kb(process: int, *, reset: bool = False) -> int:
    """Read the most memory a process has had, since it was last reset."""
    if reset:
        Path(f"/proc/{process}/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1])


@pytest.mark.slow
async def test_the_largest_blob_goes_through_little_memory(
    network: Appliance, http: aiohttp.ClientSession, ann: Member
) -> None:
    described = await Client(http, network.pds).get("com.atproto.server.describeServer")
    limit = described["blobUploadLimit"]
    assert limit == 300_000_000
    digest = hashlib.sha256()

    async def pieces(left: int = limit) -> AsyncIterator[bytes]:
        while left > 0:
            piece = PIECE[: min(left, len(PIECE))]
            digest.update(piece)
            left -= len(piece)
            yield piece

    url = f"{network.pds}/xrpc/com.atproto.repo.uploadBlob"
    headers = {"Authorization": f"Bearer {ann.token}", "Content-Type": "video/mp4"}
    before = peak_kb(network.popen.pid, reset=True)
    async with http.post(url, data=pieces(), headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        blob = (await answer.json())["blob"]
    assert blob["size"] == limit
    film = await ann.create("test.hearth.film", film=blob)
    sent, received = digest.hexdigest(), hashlib.sha256()
    place = {"did": ann.did, "cid": blob["ref"]["$link"]}
    async with http.get(f"{network.pds}/xrpc/com.atproto.sync.getBlob", params=place) as answer:
        assert answer.headers["Content-Length"] == str(limit)
        async for piece in answer.content.iter_any():
            received.update(piece)
    assert received.hexdigest() == sent
    async with http.post(url, data=pieces(limit + 1), headers=headers) as answer:
        assert answer.status == 413
    assert peak_kb(network.popen.pid) - before < MOST_GROWTH_KB
    await ann.delete(film)
