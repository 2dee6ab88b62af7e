"""The way of an honest app: asking, agreeing, tokens, calls, the end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.members_house import MembersHouse, open_members_house
from tests.support.oauth_client import App, agree, returned, sign_in_for


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path) as opened:
        yield opened


async def test_an_app_comes_in_where_the_member_is_signed_in(house: MembersHouse) -> None:
    app, browser = App.local(house), await house.at_home()
    tokens = await app.come_in(browser)
    assert tokens["sub"] == house.alice.did
    assert tokens["token_type"] == "DPoP"
    assert tokens["scope"] == app.scope
    assert tokens["expires_in"] == 900
    session = await app.get_session()
    assert session.json["did"] == house.alice.did


async def test_a_member_signs_in_on_the_way(house: MembersHouse) -> None:
    app, browser = App.local(house), house.browser()
    seen = await browser.ask("GET", await app.ask())
    seen = await sign_in_for(browser, seen, house.alice)
    assert "localhost" in seen.text
    code = returned(await agree(browser, seen))["code"]
    assert (await app.exchange(code)).json["sub"] == house.alice.did
