"""Backups of every format there ever was are restored, with all that was in them."""

import asyncio
import tarfile
from pathlib import Path

import aiohttp
import pytest

from appliance.backup.contents import FORMAT
from tests.backup.test_backup import hearth
from tests.support.appliance import Appliance
from tests.support.client import sign_in
from tests.support.make_backup_sample import KEY, PASSWORD, PICTURE

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parent / "samples"


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_a_backup_of_this_format_is_restored(number: int, tmp_path: Path) -> None:
    with tarfile.open(SAMPLES / f"format-{number}.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    card = tmp_path / "card"
    status, words = hearth("restore", str(tmp_path / "place"), data=card, said=KEY)
    assert status == 0, words
    assert "1 accounts" in words
    ours = Appliance(data=card)

    async def look() -> None:
        async with aiohttp.ClientSession() as http:
            ann = await sign_in(http, ours.pds, "ann.test", PASSWORD)
            (picture,) = (await ann.get("com.atproto.sync.listBlobs", did=ann.did))["cids"]
            where = f"{ours.pds}/xrpc/com.atproto.sync.getBlob?did={ann.did}&cid={picture}"
            async with http.get(where) as answer:
                assert await answer.read() == PICTURE
            await ann.write_post("and on it goes")

    asyncio.run(look())
    ours.finish()
