"""How long an app stays: renewed tokens, races, stolen ones, and every way to an end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.pds.oauth.grants import GRACE_US
from appliance.pds.oauth.tokens import ACCESS_SECONDS
from tests.support.members_house import MembersHouse, open_members_house
from tests.support.oauth_client import (
    App,
    Documents,
    Key,
    agree,
    choose,
    claims_of,
    confidential,
    metadata,
    returned,
)
from tests.support.pds_box import PASSWORD, Answer

DAY = 86_400
GRACE = GRACE_US // 1_000_000


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def app(house: MembersHouse) -> App:
    """An app that a member has let in."""
    found = App.local(house)
    await found.come_in(await house.at_home())
    return found


def refused(answer: Answer) -> str:
    assert answer.status == 400, answer
    return answer.error


async def test_an_access_token_lasts_a_quarter_of_an_hour(house: MembersHouse, app: App) -> None:
    house.box.clock.advance(ACCESS_SECONDS - 1)
    assert (await app.get_session()).status == 200
    house.box.clock.advance(1)
    answer = await app.get_session()
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    await app.refresh()
    assert (await app.get_session()).status == 200


async def test_tokens_are_renewed_for_a_day(house: MembersHouse, app: App) -> None:
    seen = {app.tokens["refresh_token"]}
    for _ in range(24):
        house.box.clock.advance(3600)
        assert (await app.refresh()).status == 200
        assert (await app.get_session()).status == 200
        seen.add(app.tokens["refresh_token"])
    assert len(seen) == 25


async def test_a_public_client_is_out_after_two_weeks(house: MembersHouse, app: App) -> None:
    for _ in range(13):
        house.box.clock.advance(DAY)
        assert (await app.refresh()).status == 200
    house.box.clock.advance(DAY - 60)
    assert (await app.refresh()).json["expires_in"] == 60
    house.box.clock.advance(60)
    assert refused(await app.refresh()) == "invalid_grant"
    assert (await app.get_session()).status == 401


async def test_a_confidential_client_stays_as_long_as_it_comes(house: MembersHouse) -> None:
    documents, key = Documents(house.box.pds), Key()
    app = App.web(house, client_key=key)
    documents.put(app.client_id, confidential(key))
    await app.come_in(await house.at_home())
    for _ in range(4):
        house.box.clock.advance(179 * DAY)
        assert (await app.refresh()).status == 200
    house.box.clock.advance(180 * DAY)
    assert refused(await app.refresh()) == "invalid_grant"


async def test_an_app_that_renews_twice_at_once_gets_the_same_token(app: App) -> None:
    old = app.tokens["refresh_token"]
    answers = await asyncio.gather(*(app.refresh(refresh_token=old) for _ in range(4)))
    assert [each.status for each in answers] == [200] * 4
    assert len({each.json["refresh_token"] for each in answers}) == 1
    assert (await app.refresh()).status == 200


async def test_an_app_that_lost_the_answer_asks_again(house: MembersHouse, app: App) -> None:
    lost = dict(app.tokens)
    await app.refresh()
    house.box.clock.advance(GRACE - 1)
    app.tokens = lost
    assert (await app.get_session()).status == 200
    assert (await app.refresh()).status == 200


async def test_an_answer_that_was_lost_can_be_had_hours_later(
    house: MembersHouse, app: App
) -> None:
    old = app.tokens["refresh_token"]
    lost = (await app.refresh()).json["refresh_token"]
    house.box.clock.advance(5 * 3600)
    assert (await app.refresh(refresh_token=old)).json["refresh_token"] == lost
    assert (await app.get_session()).status == 200
    assert (await app.refresh()).status == 200


async def test_a_used_token_that_comes_late_ends_the_session(house: MembersHouse, app: App) -> None:
    stolen = app.tokens["refresh_token"]
    await app.refresh()
    assert (await app.get_session()).status == 200
    owner = dict(app.tokens)
    house.box.clock.advance(GRACE)
    assert refused(await app.refresh(refresh_token=stolen)) == "invalid_grant"
    app.tokens = owner
    assert refused(await app.refresh()) == "invalid_grant"
    assert (await app.get_session()).status == 401


async def test_a_token_used_twice_ago_ends_the_session_at_once(app: App) -> None:
    first = app.tokens["refresh_token"]
    await app.refresh()
    await app.refresh()
    assert refused(await app.refresh(refresh_token=first)) == "invalid_grant"
    assert refused(await app.refresh()) == "invalid_grant"


async def test_the_old_access_token_is_void_after_the_grace_time(
    house: MembersHouse, app: App
) -> None:
    old = app.tokens["access_token"]
    await app.refresh()
    assert (await app.get_session()).status == 200
    assert (await app.call("GET", "com.atproto.server.getSession", token=old)).status == 200
    house.box.clock.advance(GRACE)
    answer = await app.call("GET", "com.atproto.server.getSession", token=old)
    assert answer.status == 401
    assert (await app.get_session()).status == 200


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_giving_a_token_back_ends_the_session(app: App, kind: str) -> None:
    assert (await app.revoke(app.tokens[kind])).status == 200
    assert (await app.get_session()).status == 401
    assert refused(await app.refresh()) == "invalid_grant"
    assert (await app.revoke(app.tokens[kind])).status == 200


async def test_a_code_that_comes_twice_ends_what_it_began(house: MembersHouse) -> None:
    app, browser = App.local(house), await house.at_home()
    code = await app.code(browser)
    assert (await app.exchange(code)).status == 200
    assert refused(await app.exchange(code)) == "invalid_grant"
    assert (await app.get_session()).status == 401


async def test_a_member_shuts_an_app_out(house: MembersHouse) -> None:
    app, browser = App.local(house), await house.at_home()
    await app.come_in(browser)
    seen = await browser.get("/apps")
    assert "Apps you let in" in seen.text
    assert "A program on your own computer" in seen.text
    [grant] = house.box.pds.oauth.grants.of_account(house.alice.did)
    assert grant.id in seen.text
    await browser.post("/apps/grant", grant=grant.id)
    assert (await app.get_session()).status == 401
    assert "Apps you let in" not in (await browser.get("/apps")).text


async def test_nobody_shuts_out_the_app_of_another(house: MembersHouse, app: App) -> None:
    bob = await house.box.sign_up("bob")
    browser = await house.at_home(bob)
    [grant] = house.box.pds.oauth.grants.of_account(house.alice.did)
    await browser.get("/apps")
    await browser.post("/apps/grant", grant=grant.id)
    assert (await app.get_session()).status == 200


async def test_a_new_password_shuts_every_app_out(house: MembersHouse, app: App) -> None:
    await house.box.pds.credentials.set_password(house.alice.did, "another horse")
    assert (await app.get_session()).status == 401
    assert refused(await app.refresh()) == "invalid_grant"


async def test_a_deleted_account_has_no_apps(house: MembersHouse, app: App) -> None:
    await house.box.pds.lifecycle.delete(house.alice.did)
    assert (await app.get_session()).status == 401
    assert refused(await app.refresh()) == "invalid_grant"


async def test_an_account_taken_down_lets_no_app_go_on(house: MembersHouse, app: App) -> None:
    await house.box.pds.lifecycle.set_takedown(house.alice.did, "reason")
    assert (await app.call("GET", "app.bsky.feed.getTimeline")).status == 401
    assert refused(await app.refresh()) == "invalid_grant"


async def test_sessions_outlive_a_restart(tmp_path: Path) -> None:
    async with open_members_house(tmp_path) as house:
        app = App.local(house)
        await app.come_in(await house.at_home())
        alice = house.alice
    async with open_members_house(tmp_path, member="bob") as house:
        app.house = house
        assert (await app.get_session()).json["did"] == alice.did
        assert (await app.refresh()).status == 200


async def test_tokens_given_after_the_backup_count_when_it_is_restored(
    house: MembersHouse, app: App
) -> None:
    for _ in range(3):
        await app.refresh()
    # As the row was before these three.
    await house.box.pds.accounts._db.write(
        lambda conn: conn.execute("UPDATE oauth_grant SET generation = 1")
    )
    house.box.clock.advance(GRACE)
    assert (await app.get_session()).status == 200
    newest = app.tokens["refresh_token"]
    assert (await app.refresh()).status == 200
    assert (await app.refresh()).status == 200
    house.box.clock.advance(GRACE)
    assert refused(await app.refresh(refresh_token=newest)) == "invalid_grant"


async def test_a_session_dies_with_the_clients_key(house: MembersHouse) -> None:
    documents, old, new = Documents(house.box.pds), Key(), Key()
    app = App.web(house, client_key=old)
    documents.put(app.client_id, confidential(old, jwks={"keys": [old.published, new.published]}))
    await app.come_in(await house.at_home())
    app.client_key = new
    assert refused(await app.refresh()) == "invalid_grant"
    app.client_key = old
    assert (await app.refresh()).status == 200
    documents.put(app.client_id, confidential(new))
    house.box.clock.advance(700)
    assert refused(await app.refresh()) == "invalid_client"
    documents.put(app.client_id, confidential(old))
    house.box.clock.advance(700)
    assert refused(await app.refresh()) == "invalid_grant"


async def test_a_public_client_may_be_down_while_it_renews(house: MembersHouse) -> None:
    documents = Documents(house.box.pds)
    app = App.web(house)
    documents.put(app.client_id, metadata())
    await app.come_in(await house.at_home())
    documents.found.clear()
    house.box.clock.advance(2 * 3600)
    assert (await app.refresh()).status == 200


async def test_two_accounts_live_in_one_browser(house: MembersHouse) -> None:
    bob = await house.box.sign_up("bob")
    browser = await house.at_home()
    await browser.sign_in(bob.handle, PASSWORD)
    apps = [App.local(house), App.local(house)]
    for member, app in zip((house.alice, bob), apps, strict=True):
        house.box.clock.advance(1)
        seen = await browser.ask("GET", await app.ask())
        assert "@alice.test" in seen.text
        assert "@bob.test" in seen.text
        seen = await choose(browser, seen, member.did)
        await app.exchange(returned(await agree(browser, seen))["code"])
        assert claims_of(app.tokens["access_token"])["sub"] == member.did
    assert [(await app.get_session()).json["handle"] for app in apps] == ["alice.test", "bob.test"]
