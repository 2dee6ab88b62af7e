"""Permission sets from the first question to the last refresh."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.lexicon_press import Press
from tests.support.members_house import MembersHouse, open_members_house
from tests.support.oauth_client import WEB_CALLBACK, App, Documents, agree, metadata, returned
from tests.support.pds_box import APPVIEW_DID

pytestmark = pytest.mark.asyncio(loop_scope="module")

VIEW = "include:app.bsky.authViewAll"
CREATE = "include:app.bsky.authCreatePosts"
FULL = f"include:app.bsky.authFullApp?aud={APPVIEW_DID}%23bsky_appview"
OWN = "com.example.feed.authAll"
POST = {"$type": "app.bsky.feed.post", "text": "x", "createdAt": "2026-11-21T00:00:00Z"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MembersHouse]:
    folder = tmp_path_factory.mktemp("house")
    async with open_members_house(folder, pds_resolve_lexicons=False) as opened:
        yield opened


async def create(app: App, house: MembersHouse, collection: str = "app.bsky.feed.post") -> int:
    record = {**POST, "$type": collection}
    given = {"repo": house.alice.did, "collection": collection, "record": record}
    answer = await app.call("POST", "com.atproto.repo.createRecord", json=given)
    return answer.status


async def test_a_member_sees_the_author_s_words_and_what_is_in_the_set(
    house: MembersHouse,
) -> None:
    app = App.local(house, f"atproto {CREATE}")
    seen = await (await house.at_home()).ask("GET", await app.ask())
    assert "Create Bluesky Posts (as bsky.app puts it)" in seen.text
    assert "Can not update or delete posts." in seen.text
    assert "Create posts, who may quote, who may reply" in seen.text
    assert "app.bsky.feed.threadgate" in seen.text


async def test_an_app_may_do_what_its_set_says_and_no_more(house: MembersHouse) -> None:
    app = App.local(house, f"atproto {CREATE}")
    await app.come_in(await house.at_home())
    assert app.tokens["scope"] == f"atproto {CREATE}"
    assert await create(app, house) == 200
    assert await create(app, house, "app.bsky.feed.like") == 403
    assert (await app.call("GET", "app.bsky.feed.getTimeline")).status == 403
    await app.refresh()
    assert await create(app, house) == 200
    assert await create(app, house, "app.bsky.feed.like") == 403


async def test_a_set_s_calls_go_to_the_service_that_was_named(house: MembersHouse) -> None:
    browser = await house.at_home()
    with_service, without = App.local(house, f"atproto {FULL}"), App.local(house, f"atproto {VIEW}")
    for app in (with_service, without):
        await app.come_in(browser)
    assert (await with_service.call("GET", "app.bsky.feed.getTimeline")).status == 200
    assert (await with_service.call("GET", "chat.bsky.convo.listConvos")).status == 403
    assert (await without.call("GET", "app.bsky.feed.getTimeline")).status == 403


async def test_a_set_can_be_left_out(house: MembersHouse) -> None:
    app, browser = App.local(house, f"atproto {CREATE} {FULL}"), await house.at_home()
    seen = await browser.ask("GET", await app.ask())
    await app.exchange(returned(await agree(browser, seen, FULL))["code"])
    assert app.tokens["scope"] == f"atproto {CREATE}"
    assert await create(app, house, "app.bsky.feed.like") == 403


async def test_a_long_scope_makes_no_long_token(house: MembersHouse) -> None:
    parts = [f"repo:org.example.collection{number}" for number in range(200)]
    app = App(
        house, "https://app.example.com/long.json", WEB_CALLBACK, " ".join(["atproto", *parts])
    )
    Documents(house.box.pds).put(app.client_id, metadata(app.client_id, scope=app.scope))
    await app.come_in(await house.at_home())
    assert len(app.tokens["access_token"]) < 1000
    assert await create(app, house, "org.example.collection199") == 200
    assert await create(app, house, "org.example.collection200") == 403


async def test_a_set_that_nobody_knows_leads_back_to_the_app(house: MembersHouse) -> None:
    app = App.local(house, f"atproto include:{OWN}")
    answered = returned(await (await house.at_home()).ask("GET", await app.ask()))
    assert answered["error"] == "invalid_scope"
    assert OWN in answered["error_description"]


async def test_a_session_follows_its_set_at_the_next_refresh(
    house: MembersHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    press, sets = Press(), house.box.pds.permission_sets
    monkeypatch.setattr(sets, "_resolver", press.resolver)
    monkeypatch.setattr(sets, "_asking", True)
    permission = {"type": "permission", "resource": "repo"}
    note, page = "com.example.feed.note", "com.example.feed.page"
    main = {"type": "permission-set", "permissions": [{**permission, "collection": [note]}]}
    press.publish(OWN, {"main": main})
    app = App.local(house, f"atproto include:{OWN}")
    await app.come_in(await house.at_home())
    assert (await create(app, house, note), await create(app, house, page)) == (200, 403)

    main["permissions"] = [{**permission, "collection": [page]}]
    press.publish(OWN, {"main": main})
    press.clock.advance(86_401)
    assert (await create(app, house, note), await create(app, house, page)) == (200, 403)
    await app.refresh()
    assert (await create(app, house, note), await create(app, house, page)) == (403, 200)

    press.dns.clear()
    press.clock.advance(86_401)
    await app.refresh()
    assert await create(app, house, page) == 200
