"""What members see on their own pages whose account is suspended or taken down."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.atproto.syntax import Json
from tests.support.members_house import MembersHouse, open_members_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"days": 2, "reason": "Spam."}, "has suspended your account"),
        ({}, "has taken your account down"),
    ],
    ids=["suspended", "taken down"],
)
async def test_whose_account_is_hidden_is_told_so_and_until_when(
    house: MembersHouse, fields: dict[str, Json], said: str
) -> None:
    browser = await house.at_home()
    did = str(house.alice.did)
    if fields:
        done = await house.box.operate(
            "POST", "internal.hearth.pds.suspendAccount", did=did, **fields
        )
    else:
        subject = {"$type": "com.atproto.admin.defs#repoRef", "did": did}
        done = await house.box.operate(
            "POST",
            "com.atproto.admin.updateSubjectStatus",
            subject=subject,
            takedown={"applied": True},
        )
    assert done.status == 200, done
    seen = await browser.get("")
    assert said in seen.words
    until = house.box.pds.accounts.require(house.alice.did).suspended_until
    assert (until is not None) == bool(fields)
    assert ("It lasts until: <time datetime=" in seen.text) == bool(fields)
    assert "Spam." not in seen.words
