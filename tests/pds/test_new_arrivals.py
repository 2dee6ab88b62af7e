"""Members hear of browsers and apps that were not there before."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.members_house import Browser, MembersHouse, open_members_house
from tests.support.oauth_client import App

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    """A house whose mail leaves, for a server that is not there."""
    async with open_members_house(tmp_path, smtp_url="smtp://127.0.0.1:1") as opened:
        yield opened


async def subjects(house: MembersHouse) -> list[str]:
    return [mail.subject for mail in await house.box.pds.mailer.page(None, 20)]


async def sign_in_with(house: MembersHouse, agent: str) -> Browser:
    browser = house.browser()
    page = {"identifier": house.alice.handle, "password": "correct horse"}
    await browser.get("/sign-in")
    seen = await browser.ask(
        "POST",
        "/account/sign-in",
        headers={"Origin": browser.origin, "User-Agent": agent},
        data={"form_token": browser.token, **page},
    )
    assert seen.location == "/account"
    return browser


async def test_a_browser_that_was_not_signed_in_before_is_told_of(house: MembersHouse) -> None:
    first = await house.at_home()
    await first.get("/prove")
    await first.post("/prove", password="correct horse")
    # The first one is no news, nor is the same one again.
    await house.at_home()
    assert await subjects(house) == []
    await sign_in_with(house, FIREFOX)
    [letter] = await house.box.pds.mailer.page(None, 20)
    assert letter.recipient == house.alice.email
    assert "signed in with Firefox on Linux" in letter.body
    await sign_in_with(house, FIREFOX)
    assert len(await subjects(house)) == 1


async def test_an_app_is_told_of_once(house: MembersHouse) -> None:
    browser = await house.at_home()
    app = App.local(house)
    await app.come_in(browser)
    [letter] = await house.box.pds.mailer.page(None, 20)
    assert letter.subject == "An app was let in"
    assert "An app was let in" not in letter.body
    await app.come_in(browser)
    assert len(await subjects(house)) == 1
    await App.local(house, "atproto transition:email").come_in(browser)
    assert len(await subjects(house)) == 2


async def test_where_no_mail_leaves_the_operator_reads_of_nobodys_comings_and_goings(
    tmp_path: Path,
) -> None:
    async with open_members_house(tmp_path) as house:
        await App.local(house).come_in(await house.at_home())
        await sign_in_with(house, FIREFOX)
        assert await subjects(house) == []
