"""A network with its copies at another Hearth is lost, and is the same again on a new card."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from appliance.upkeep.backup_journal import Journal
from appliance.upkeep.backup_key import KEY_FILE, key_of
from appliance.upkeep.lodging.lodgers import Lodgers
from tests.backup.test_backup import hearth
from tests.support.appliance import Appliance
from tests.support.whole_network import Known, Size, fill, first_number_after, last_number, look

pytestmark = pytest.mark.slow


def test_everything_is_as_it_was(tmp_path: Path) -> None:
    lose_and_restore(tmp_path, Size(members=4, records=480, blobs=12))


def lose_and_restore(folder: Path, size: Size) -> None:
    """Fill a network, keep it at another, lose it, restore it, and compare all there was."""
    data, card = folder / "data", folder / "card"
    host = Appliance()
    token = Lodgers(host.data).let_in("home", 10**10)
    target = f"rest:{host.pds}/-/copies/home/"
    ours = Appliance(data=data)

    async def live() -> tuple[dict[str, str], Known]:
        async with aiohttp.ClientSession() as http:
            apps = await fill(http, ours.pds, ours.operator_token, size)
            login = data / "secrets" / "backup-rest-login"
            login.write_text(f"home:{token}\n")
            key_of(data / "secrets" / KEY_FILE)
            known = await look(http, ours.pds, ours.plc, ours.operator_token, apps, data)
            return apps, known

    apps, before = asyncio.run(live())
    status, words = hearth("backup", "now", data=data, place=target)
    assert status == 0, words
    # What does not change is not sent again.
    whole = Journal.read(data).added
    status, words = hearth("backup", "now", data=data, place=target)
    assert status == 0, words
    assert Journal.read(data).added < whole / 10
    ours.finish()
    number = last_number(data)
    key = key_of(data / "secrets" / KEY_FILE)
    data.rename(folder / "lost")

    named = target.replace("://", f"://home:{token}@")
    status, words = hearth("restore", named.replace(token, "a-guess"), data=card, said=key)
    assert status == 1
    assert "may not be written to or read" in words
    assert "a-guess" not in words
    status, words = hearth("restore", named, data=card, said=key)
    assert status == 0, words
    assert token not in words
    ours = Appliance(data=card)

    async def live_on() -> Known:
        async with aiohttp.ClientSession() as http:
            return await look(http, ours.pds, ours.plc, ours.operator_token, apps, card)

    after = asyncio.run(live_on())
    ours.finish()
    host.finish()
    for handle, known in before.members.items():
        assert len(known["records"]) == size.records // size.members
        assert len(known["blobs"]) == size.blobs // size.members
        assert after.members[handle] == known, handle
    assert len(before.invites) >= 2
    assert before == after
    assert first_number_after(card, number) > number + 1
