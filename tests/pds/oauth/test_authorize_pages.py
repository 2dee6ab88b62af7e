"""The pages where a member decides: who is asked for, what is shown, who else gets in."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.support.members_house import Browser, MembersHouse, open_members_house
from tests.support.oauth_client import (
    WEB_ID,
    App,
    Documents,
    Key,
    agree,
    choose,
    confidential,
    metadata,
    post,
    request_in,
    returned,
    sign_in_for,
)
from tests.support.pds_box import Member

ELSEWHERE = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path) as opened:
        yield opened


async def with_two(house: MembersHouse) -> tuple[Browser, Member]:
    """A browser in which alice, then bob has signed in, some minutes ago."""
    bob = await house.box.sign_up("bob")
    browser = await house.at_home()
    house.box.clock.advance(1)
    await browser.sign_in(bob.handle)
    house.box.clock.advance(300)
    return browser, bob


async def test_the_page_says_who_asks_by_address_and_not_by_name(house: MembersHouse) -> None:
    documents, app = Documents(house.box.pds), App.web(house)
    documents.put(app.client_id, metadata(client_name="Your Bank"))
    browser = await house.at_home()
    seen = await browser.ask("GET", await app.ask())
    assert "app.example.com" in seen.text
    assert app.client_id in seen.text
    assert "Your Bank" not in seen.text
    assert "@alice.test" in seen.text


async def test_an_app_that_the_operator_trusts_is_named_and_may_stay(tmp_path: Path) -> None:
    async with open_members_house(tmp_path, pds_trusted_apps=(WEB_ID,)) as house:
        documents, app = Documents(house.box.pds), App.web(house)
        documents.put(app.client_id, metadata(client_name="House <b>client</b>"))
        browser = await house.at_home()
        seen = await browser.ask("GET", await app.ask())
        assert "House &lt;b&gt;client&lt;/b&gt;. Whoever runs this network" in seen.text
        await app.exchange(returned(await agree(browser, seen))["code"])
        for _ in range(2):
            house.box.clock.advance(179 * 86_400)
            assert (await app.refresh()).status == 200


async def test_the_page_says_where_the_way_leads_if_that_is_elsewhere(house: MembersHouse) -> None:
    documents = Documents(house.box.pds)
    app = App.web(house)
    app.redirect_uri = "https://other.example.org/in"
    documents.put(app.client_id, metadata(redirect_uris=[app.redirect_uri]))
    browser = await house.at_home()
    seen = await browser.ask("GET", await app.ask())
    assert "goes on to other.example.org" in seen.text


async def test_a_named_account_is_the_one_that_is_asked(house: MembersHouse) -> None:
    browser, bob = await with_two(house)
    for hint in (house.alice.handle, f"@{house.alice.handle}", house.alice.did):
        seen = await browser.ask("GET", await App.local(house).ask(login_hint=hint))
        assert "You are @alice.test" in seen.text
    seen = await browser.ask("GET", await App.local(house).ask(login_hint=bob.handle))
    assert "You are @bob.test" in seen.text


async def test_a_named_account_that_is_not_here_signs_in_first(house: MembersHouse) -> None:
    bob = await house.box.sign_up("bob")
    browser, app = await house.at_home(), App.local(house)
    seen = await browser.ask("GET", await app.ask(login_hint=bob.handle))
    page = await browser.ask("GET", seen.location or "")
    assert 'value="bob.test"' in page.text
    assert "The app asks for the account bob.test." in page.text
    seen = await sign_in_for(browser, seen, bob)
    assert "You are @bob.test" in seen.text


async def test_an_app_that_asks_for_somebody_who_is_not_here_is_told_apart(
    house: MembersHouse,
) -> None:
    browser, app = await house.at_home(), App.local(house)
    seen = await browser.ask("GET", await app.ask(login_hint="nobody.test"))
    assert "The app asks for the account nobody.test. You are @alice.test." in seen.words
    seen = await browser.ask("GET", await app.ask(login_hint=house.alice.handle))
    assert "The app asks for" not in seen.words


async def test_what_can_be_left_out_is_said_where_something_can(house: MembersHouse) -> None:
    browser = await house.at_home()
    untick = "Take the tick away from what it should not."
    mail = App.local(house, scope="atproto transition:email")
    assert untick in (await browser.ask("GET", await mail.ask())).words
    bare = App.local(house, scope="atproto")
    assert untick not in (await browser.ask("GET", await bare.ask())).words


async def test_a_form_cannot_answer_for_another_than_was_asked_for(house: MembersHouse) -> None:
    browser, bob = await with_two(house)
    app = App.local(house)
    seen = await browser.ask("GET", await app.ask(login_hint=house.alice.did))
    fields = {"request_uri": request_in(seen), "answer": "yes", "did": bob.did}
    answer = await post(browser, "/oauth/authorize", **fields)
    assert urlsplit(answer.location or "").path == "/oauth/authorize"
    assert not house.box.pds.oauth.grants.of_account(bob.did)


async def test_whoever_just_signed_in_is_not_asked_again_who_they_are(house: MembersHouse) -> None:
    browser, bob = await with_two(house)
    seen = await browser.ask("GET", await App.local(house).ask())
    assert "As whom?" in seen.text
    seen = await sign_in_for(browser, _to_sign_in(seen.text), bob)
    assert "You are @bob.test" in seen.text


@dataclass
class _Link:
    """A link on a page."""

    location: str | None


def _to_sign_in(text: str) -> _Link:
    start = text.index('href="/account/sign-in?next=') + 6
    return _Link(text[start : text.index('"', start)].replace("&amp;", "&"))


async def test_a_member_changes_their_mind_about_who_answers(house: MembersHouse) -> None:
    browser, bob = await with_two(house)
    app = App.local(house)
    path = await app.ask()
    seen = await choose(browser, await browser.ask("GET", path), house.alice.did)
    assert "You are @alice.test" in seen.text
    assert f"{path}&choose=yes".replace("&", "&amp;") in seen.text
    house.box.clock.advance(60)
    page = await browser.ask("GET", f"{path}&choose=yes")
    seen = await sign_in_for(browser, _to_sign_in(page.text), bob)
    assert "You are @bob.test" in seen.text
    house.box.clock.advance(60)
    page = await browser.ask("GET", f"{path}&choose=yes")
    seen = await choose(browser, page, house.alice.did)
    assert "You are @alice.test" in seen.text
    await app.exchange(returned(await agree(browser, seen))["code"])
    assert app.tokens["sub"] == house.alice.did


async def test_an_app_may_ask_that_an_account_be_chosen(house: MembersHouse) -> None:
    browser, app = await house.at_home(), App.local(house)
    house.box.clock.advance(300)
    seen = await browser.ask("GET", await app.ask(prompt="select_account"))
    assert "As whom?" in seen.text
    seen = await choose(browser, seen, house.alice.did)
    assert "You are @alice.test" in seen.text


async def test_an_app_may_ask_for_the_password_anew(house: MembersHouse) -> None:
    browser, app = await house.at_home(), App.local(house)
    house.box.clock.advance(60)
    path = await app.ask(prompt="login")
    seen = await browser.ask("GET", path)
    assert (seen.location or "").startswith("/account/sign-in?")
    seen = await sign_in_for(browser, seen, house.alice)
    assert returned(await agree(browser, seen))["code"]


async def test_the_password_that_was_asked_for_cannot_be_passed_by(house: MembersHouse) -> None:
    browser, app = await house.at_home(), App.local(house)
    house.box.clock.advance(60)
    pushed = await app.push(prompt="login")
    uri = pushed.json["request_uri"]
    await browser.ask("GET", app.page_of(uri))
    await browser.get("")
    fields = {"request_uri": uri, "answer": "yes", "did": house.alice.did}
    answer = await post(browser, "/oauth/authorize", **fields)
    assert urlsplit(answer.location or "").path == "/oauth/authorize"
    assert not house.box.pds.oauth.grants.of_account(house.alice.did)


async def test_a_service_that_was_let_in_before_need_not_ask_again(house: MembersHouse) -> None:
    documents, key = Documents(house.box.pds), Key()
    app = App.web(house, client_key=key)
    documents.put(app.client_id, confidential(key))
    stranger = house.browser()
    answered = returned(await stranger.ask("GET", await app.ask(prompt="none")))
    assert answered["error"] == "login_required"
    browser = await house.at_home()
    answered = returned(await browser.ask("GET", await app.ask(prompt="none")))
    assert answered["error"] == "consent_required"
    await app.come_in(browser)
    answered = returned(await browser.ask("GET", await app.ask(prompt="none")))
    assert (await app.exchange(answered["code"])).status == 200
    wider = f"{app.scope} transition:email"
    answered = returned(await browser.ask("GET", await app.ask(prompt="none", scope=wider)))
    assert answered["error"] == "consent_required"
    bob = await house.box.sign_up("bob")
    await browser.sign_in(bob.handle)
    answered = returned(await browser.ask("GET", await app.ask(prompt="none")))
    assert answered["error"] == "account_selection_required"


async def test_a_request_belongs_to_the_browser_that_opened_it(house: MembersHouse) -> None:
    app, first, second = App.local(house), await house.at_home(), await house.at_home()
    path = await app.ask()
    seen = await first.ask("GET", path)
    assert (await second.ask("GET", path)).status == 400
    fields = {"request_uri": request_in(seen), "answer": "yes", "did": house.alice.did}
    assert (await post(second, "/oauth/authorize", **fields)).status == 400
    assert (await first.ask("GET", path)).status == 200


async def test_a_request_is_answered_once(house: MembersHouse) -> None:
    app, browser = App.local(house), await house.at_home()
    path = await app.ask()
    seen = await browser.ask("GET", path)
    assert returned(await agree(browser, seen))["code"]
    assert (await agree(browser, seen)).status == 400
    again = await browser.ask("GET", path)
    assert again.status == 400
    assert "This is over" in again.text
    assert "Location" not in again.headers


@pytest.mark.parametrize(("opened", "seconds"), [(False, 300), (True, 3600)])
async def test_a_request_does_not_wait_for_ever(
    house: MembersHouse, opened: bool, seconds: int
) -> None:
    app, browser = App.local(house), await house.at_home()
    path = await app.ask()
    if opened:
        await browser.ask("GET", path)
    house.box.clock.advance(seconds - 1)
    if opened:
        assert (await browser.ask("GET", path)).status == 200
    house.box.clock.advance(1)
    assert (await browser.ask("GET", path)).status == 400


async def test_another_client_cannot_show_the_request_as_its_own(house: MembersHouse) -> None:
    app, browser = App.local(house), await house.at_home()
    pushed = await app.push()
    other = App.local(house, "atproto")
    seen = await browser.ask("GET", other.page_of(pushed.json["request_uri"]))
    assert seen.status == 400


async def test_the_hosts_of_handles_say_nothing_of_oauth(house: MembersHouse) -> None:
    for path in (
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource",
        "/oauth/authorize",
    ):
        for host, status in (("localhost:2583", {200, 400}), ("alice.test", {404})):
            answer = await house.box.ask("GET", path, headers={"Host": host})
            assert answer.status in status


async def test_requests_that_were_not_pushed_are_refused(house: MembersHouse) -> None:
    browser = await house.at_home()
    seen = await browser.ask(
        "GET", "/oauth/authorize?response_type=code&client_id=http://localhost"
    )
    assert seen.status == 400
    assert "asks in the wrong way" in seen.text


async def test_no_other_site_can_answer_for_the_member(house: MembersHouse) -> None:
    app, browser = App.local(house), await house.at_home()
    seen = await browser.ask("GET", await app.ask())
    fields = {
        "request_uri": request_in(seen),
        "answer": "yes",
        "did": house.alice.did,
        "form_token": browser.token,
    }
    answer = await browser.ask("POST", "/oauth/authorize", headers=ELSEWHERE, data=fields)
    assert answer.status == 403
    fields["form_token"] = "0" * 64
    assert (await post(browser, "/oauth/authorize", **fields)).status == 403


async def test_the_pages_lead_out_and_are_shown_in_no_frame(house: MembersHouse) -> None:
    app, browser = App.local(house), await house.at_home()
    seen = await browser.ask("GET", await app.ask())
    policy = seen.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action" not in policy
    assert "'unsafe-inline'" not in policy
    assert seen.headers["X-Frame-Options"] == "DENY"
    assert seen.headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in seen.headers


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
async def test_the_answer_comes_in_the_way_that_was_asked_for(
    house: MembersHouse, mode: str
) -> None:
    app, browser = App.local(house), await house.at_home()
    seen = await browser.ask("GET", await app.ask(response_mode=mode))
    answer = await agree(browser, seen)
    if mode == "form_post":
        assert answer.status == 200
        assert f'action="{app.redirect_uri}"' in answer.text
        assert f'name="state" value="{app.state}"' in answer.text
        assert 'name="code" value="cod-' in answer.text
        return
    parts = urlsplit(answer.location or "")
    assert bool(parts.query) == (mode == "query")
    assert bool(parts.fragment) == (mode == "fragment")
    assert (await app.exchange(returned(answer)["code"])).status == 200


async def test_a_query_of_the_apps_own_stays_in_its_address(house: MembersHouse) -> None:
    documents, app = Documents(house.box.pds), App.web(house)
    app.redirect_uri = "https://app.example.com/in?shop=1"
    documents.put(app.client_id, metadata(redirect_uris=[app.redirect_uri]))
    browser = await house.at_home()
    seen = await browser.ask("GET", await app.ask())
    answered = returned(await agree(browser, seen))
    assert answered["shop"] == "1"
    assert (await app.exchange(answered["code"])).status == 200


async def test_an_account_taken_down_lets_nobody_in(house: MembersHouse) -> None:
    app, browser = App.local(house), await house.at_home()
    seen = await browser.ask("GET", await app.ask())
    await house.box.pds.lifecycle.set_takedown(house.alice.did, "reason")
    assert (await agree(browser, seen)).status == 400
    assert "taken your account down" in (await browser.ask("GET", await app.ask())).text


async def test_a_permission_set_nobody_can_find_sends_the_browser_back(house: MembersHouse) -> None:
    app, browser = App.local(house, "atproto include:com.example.nowhere"), await house.at_home()
    answered = returned(await browser.ask("GET", await app.ask()))
    assert answered["error"] == "invalid_scope"
    assert answered["state"] == app.state


async def test_requests_that_wait_are_bounded(house: MembersHouse) -> None:
    app = App.local(house)
    for _ in range(300):
        assert (await app.push()).status == 201
    answer = await app.push()
    assert answer.status == 503
    assert answer.error == "temporarily_unavailable"
    house.box.clock.advance(301)
    app.nonce = ""
    assert (await app.push()).status == 201


async def test_a_forgotten_password_leads_back_to_the_app(house: MembersHouse) -> None:
    app, browser = App.local(house), house.browser()
    seen = await browser.ask("GET", await app.ask())
    after = parse_qs(urlsplit(seen.location).query)["next"][0]
    await browser.ask("GET", f"/account/forgotten?next={quote(after, safe='')}")
    await browser.post("/forgotten", name=house.alice.email, next=after)
    code = await house.box.mailed_code()
    done = await browser.post("/forgotten/new", code=code, password="a new horse", next=after)
    page = await browser.ask("GET", done.location)
    assert "A program on your own computer" in page.text
    fields = {"identifier": "alice.test", "password": "a new horse", "next": after}
    assert (await browser.post("/sign-in", **fields)).location == after
