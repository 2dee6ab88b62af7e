"""A backup put back: no number is given twice, and everybody sees what there is now."""

import asyncio
import shutil
from pathlib import Path

import aiohttp
import pytest

from appliance.firehose.events import CommitEvent, SyncEvent
from appliance.pds.restore_safety import MARGIN
from tests.support.appliance import Appliance
from tests.support.client import join, soon
from tests.support.stream import events_after, head

pytestmark = pytest.mark.slow


async def test_after_a_restore_of_the_pds_numbers_jump_and_posts_are_seen_again(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    data, backup = tmp_path / "data", tmp_path / "pds.sqlite"
    ours = await asyncio.to_thread(Appliance, data=data)
    ann = await join(http, ours.pds, "ann")
    kept = await ann.write_post("in the backup")
    await ann.sees(kept)
    await asyncio.to_thread(ours.finish)
    shutil.copy(data / "pds.sqlite", backup)
    ours = await asyncio.to_thread(Appliance, data=data)
    lost = [await ann.write_post(f"lost {number}") for number in range(5)]
    await ann.sees(lost[-1])
    furthest, told = await head(http, ours.pds), await head(http, ours.relay)
    await asyncio.to_thread(ours.finish)
    shutil.copy(backup, data / "pds.sqlite")

    ours = await asyncio.to_thread(Appliance, data=data)
    await soon(lambda: head(http, ours.pds), lambda seen: seen > furthest)
    anew = await events_after(http, ours.pds, furthest)
    assert min(event.seq for event in anew) == furthest + MARGIN + 1
    new = await ann.write_post("after the restore")
    await ann.sees(new)

    async def relayed() -> list[object]:
        return await events_after(http, ours.relay, told)

    seen = await soon(relayed, lambda found: any(isinstance(e, CommitEvent) for e in found))
    assert any(isinstance(event, SyncEvent) for event in seen)
    timeline = await soon(ann.timeline, lambda uris: not {e.uri for e in lost} & {*uris})
    assert {kept.uri, new.uri} <= {*timeline}
    ours.finish()
