"""The profile, written on a member's own page."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.syntax import Nsid, RecordKey
from tests.support.members_house import MembersHouse, open_members_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path) as opened:
        yield opened


async def test_what_an_app_changes_meanwhile_stays(
    house: MembersHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    pds, did = house.box.pds, house.alice.did
    browser = await house.at_home()
    await browser.get("/profile")
    write, changed = pds.repos.write, [{"pronouns": "she"}, {"pronouns": "she/her"}]

    async def write_after_an_app(*args: Any) -> Any:
        if changed:
            place = (Nsid("app.bsky.actor.profile"), RecordKey("self"))
            await write(did, [pds.writes.put(did, place, changed.pop(0), False)])
        return await write(*args)

    monkeypatch.setattr(pds.repos, "write", write_after_an_app)
    assert (await browser.post("/profile", name="Ann")).location == "/account?done=profile"
    got = {"repo": did, "collection": "app.bsky.actor.profile", "rkey": "self"}
    record = (await house.box.get("com.atproto.repo.getRecord", **got)).json["value"]
    assert (record["pronouns"], record["displayName"]) == ("she/her", "Ann")
