"""Attacks on the pages where members decide: from other sites, other browsers, other accounts."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.pds.oauth_negative.conftest import Field
from tests.support.members_house import ORIGIN, Browser
from tests.support.oauth_client import (
    App,
    agree,
    post,
    request_in,
    returned,
    sign_in_for,
)
from tests.support.panel_house import Seen

pytestmark = pytest.mark.asyncio(loop_scope="module")

AUTHORIZE = "/oauth/authorize"


def way(seen: Seen) -> str:
    """Where a browser is sent, if anywhere."""
    return str(seen.headers.get("Location", ""))


def stays_here(seen: Seen) -> bool:
    """Whether a browser is shown a refusal of ours and sent nowhere."""
    return seen.status in (400, 403, 404, 405, 415, 421) and not way(seen)


def leads_to_the_app(seen: Seen) -> bool:
    return "code=" in way(seen)


async def opened(ground: Field, app: App, **changes: Any) -> Seen:
    return await ground.browser.ask("GET", await app.ask(**changes))


def yes(ground: Field, seen: Seen) -> dict[str, str]:
    return {"request_uri": request_in(seen), "did": ground.house.alice.did, "answer": "yes"}


async def test_a_request_that_was_not_pushed_is_not_shown(ground: Field) -> None:
    app = ground.app()
    query = urlencode({"client_id": app.client_id, **app.request()})
    assert stays_here(await ground.browser.ask("GET", f"{AUTHORIZE}?{query}"))


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "x",
        "urn:ietf:params:oauth:request_uri:req-guessed",
        "https://evil.example/request.jwt",
        "http://127.0.0.1/inside",
    ],
)
async def test_a_request_uri_that_is_not_ours_leads_nowhere(ground: Field, uri: str) -> None:
    asked = len(ground.documents.asked)
    query = urlencode({"client_id": ground.app().client_id, "request_uri": uri})
    assert stays_here(await ground.browser.ask("GET", f"{AUTHORIZE}?{query}"))
    assert len(ground.documents.asked) == asked


async def test_a_redirect_in_the_address_is_not_followed(ground: Field) -> None:
    more = urlencode({"redirect_uri": "https://evil.example/cb", "state": "evil"})
    for address in (f"{AUTHORIZE}?{more}", f"{AUTHORIZE}?request_uri=x&client_id=y&{more}"):
        seen = await ground.browser.ask("GET", address)
        assert stays_here(seen)
        assert "evil.example" not in seen.text
    app = ground.app()
    seen = await ground.browser.ask("GET", f"{await app.ask()}&{more}&scope=atproto")
    answered = returned(await agree(ground.browser, seen))
    assert answered["state"] == app.state


async def test_a_request_is_the_client_s_that_pushed_it(ground: Field) -> None:
    app, other = ground.app(), ground.published()
    uri = parse_qs(urlsplit(await app.ask()).query)["request_uri"][0]
    assert stays_here(await ground.browser.ask("GET", other.page_of(uri)))


async def test_a_request_is_good_for_five_minutes(ground: Field) -> None:
    address = await ground.app().ask()
    ground.wait(301)
    assert stays_here(await ground.browser.ask("GET", address))


async def test_a_request_does_not_wait_for_ever_for_an_answer(ground: Field) -> None:
    seen = await opened(ground, ground.app())
    ground.wait(3601)
    assert not leads_to_the_app(await agree(ground.browser, seen))


@pytest.mark.parametrize("answer", ["yes", "no"])
async def test_a_request_is_decided_once(ground: Field, answer: str) -> None:
    app = ground.app()
    address = await app.ask()
    seen = await ground.browser.ask("GET", address)
    form = {**yes(ground, seen), "answer": answer}
    assert (await post(ground.browser, AUTHORIZE, **form)).status == 303
    again = await post(ground.browser, AUTHORIZE, **{**form, "answer": "yes"})
    assert stays_here(again)
    assert stays_here(await ground.browser.ask("GET", address))


async def test_a_request_opened_in_one_browser_is_nothing_in_another(ground: Field) -> None:
    """A link with somebody else's request in it makes no code for them."""
    address = await ground.app().ask()
    thief = ground.house.browser()
    await thief.ask("GET", address)
    assert stays_here(await ground.browser.ask("GET", address))


async def test_a_form_is_nothing_in_another_browser(ground: Field) -> None:
    seen = await opened(ground, ground.app())
    other = await ground.house.at_home()
    assert stays_here(await post(other, AUTHORIZE, **yes(ground, seen)))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost:2583.evil.example"},
        {"Origin": "http://alice.localhost:2583", "Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", [AUTHORIZE, "/oauth/choose", "/account/sign-in"])
async def test_forms_of_other_sites_are_refused(
    ground: Field, headers: dict[str, str], path: str
) -> None:
    seen = await opened(ground, ground.app())
    data = {"form_token": ground.browser.token, **yes(ground, seen)}
    refused = await ground.browser.ask("POST", path, headers=headers, data=data)
    assert refused.status == 403
    assert not way(refused)
    assert leads_to_the_app(await agree(ground.browser, seen))


@pytest.mark.parametrize("token", ["", "x", "A" * 43])
async def test_a_form_without_its_token_is_refused(ground: Field, token: str) -> None:
    seen = await opened(ground, ground.app())
    headers = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    data = {**yes(ground, seen), "form_token": token}
    assert stays_here(await ground.browser.ask("POST", AUTHORIZE, headers=headers, data=data))


async def test_an_answer_in_the_address_is_none(ground: Field) -> None:
    seen = await opened(ground, ground.app())
    query = urlencode({**yes(ground, seen), "form_token": ground.browser.token})
    again = await ground.browser.ask("GET", f"{AUTHORIZE}?{query}")
    assert not leads_to_the_app(again)


async def test_an_answer_as_json_is_none(ground: Field) -> None:
    seen = await opened(ground, ground.app())
    headers = {"Origin": ORIGIN, "Content-Type": "application/json"}
    refused = await ground.browser.ask("POST", AUTHORIZE, headers=headers, data=b"{}")
    assert stays_here(refused)
    assert leads_to_the_app(await agree(ground.browser, seen))


async def test_no_page_on_the_way_can_be_framed_or_kept(ground: Field) -> None:
    stranger = ground.house.browser()
    app = ground.app()
    pages = [
        await opened(ground, app),
        await opened(ground, app, prompt="select_account"),
        await stranger.ask("GET", await app.ask()),
        await stranger.ask("GET", AUTHORIZE),
        await opened(ground, app, response_mode="form_post"),
    ]
    if way(pages[2]):
        pages.append(await stranger.ask("GET", way(pages[2])))
    for seen in pages:
        if seen.status == 303:
            continue
        policy = seen.headers["Content-Security-Policy"]
        assert seen.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy
        assert "no-store" in seen.headers["Cache-Control"]
        assert seen.headers["Referrer-Policy"] in ("no-referrer", "same-origin")
        assert seen.headers["X-Content-Type-Options"] == "nosniff"
        assert "<script>" not in seen.text


async def test_a_cookie_that_was_there_before_is_worth_nothing_after(ground: Field) -> None:
    """Session fixation: who planted a cookie does not share in the session that follows."""
    victim = ground.house.browser()
    seen = await victim.ask("GET", await ground.app().ask())
    planted = dict(victim.cookies)
    await sign_in_for(victim, seen, ground.house.alice)
    thief = ground.house.browser()
    thief.cookies = planted
    page = await thief.ask("GET", "/account")
    assert page.status == 303
    made_up = ground.house.browser()
    made_up.cookies = dict.fromkeys(victim.cookies, "A" * 43)
    assert (await made_up.ask("GET", "/account")).status == 303


async def test_an_account_that_is_not_signed_in_here_does_not_agree(ground: Field) -> None:
    bob = await ground.house.box.sign_up("bob")
    seen = await opened(ground, ground.app())
    form = {**yes(ground, seen), "did": bob.did}
    assert not leads_to_the_app(await post(ground.browser, AUTHORIZE, **form))
    chosen = {"request_uri": request_in(seen), "did": bob.did}
    after = await post(ground.browser, "/oauth/choose", **chosen)
    assert not leads_to_the_app(after)
    assert leads_to_the_app(await agree(ground.browser, seen))


def request_behind(seen: Seen) -> str:
    """The request that waits behind the page to sign in on."""
    assert way(seen).startswith("/account/sign-in")
    [after] = parse_qs(urlsplit(way(seen)).query)["next"]
    [uri] = parse_qs(urlsplit(after).query)["request_uri"]
    return uri


async def test_another_account_than_the_app_named_does_not_agree(ground: Field) -> None:
    carol = await ground.house.box.sign_up("carol")
    browser = await ground.house.at_home()
    seen = await browser.ask("GET", await ground.app().ask(login_hint=carol.handle))
    await browser.get("")
    form = {"request_uri": request_behind(seen), "did": ground.house.alice.did, "answer": "yes"}
    assert not leads_to_the_app(await post(browser, AUTHORIZE, **form))
    seen = await sign_in_for(browser, seen, carol)
    assert leads_to_the_app(await agree(browser, seen))


async def test_who_has_to_prove_it_anew_does_not_agree_before(ground: Field) -> None:
    ground.wait(60)
    browser = await ground.house.at_home()
    ground.wait(60)
    seen = await browser.ask("GET", await ground.app().ask(prompt="login"))
    await browser.get("")
    form = {"request_uri": request_behind(seen), "did": ground.house.alice.did, "answer": "yes"}
    assert not leads_to_the_app(await post(browser, AUTHORIZE, **form))
    seen = await sign_in_for(browser, seen, ground.house.alice)
    assert leads_to_the_app(await agree(browser, seen))


async def test_silence_is_for_what_was_agreed_to_before(ground: Field) -> None:
    app = ground.signing()
    answered = returned(await opened(ground, app, prompt="none"))
    assert answered["error"] == "consent_required"
    app.scope = "atproto"
    await app.come_in(ground.browser)
    again = returned(await opened(ground, app, prompt="none"))
    assert again["code"]
    app.scope = "atproto transition:generic"
    wider = returned(await opened(ground, app, prompt="none"))
    assert wider["error"] == "consent_required"


async def test_silence_is_not_for_nobody(ground: Field) -> None:
    app, stranger = ground.signing(), ground.house.browser()
    answered = returned(await stranger.ask("GET", await app.ask(prompt="none")))
    assert answered["error"] == "login_required"
    assert "code" not in answered


async def test_silence_ends_when_the_app_is_shut_out(ground: Field) -> None:
    app = ground.signing()
    app.scope = "atproto"
    await app.come_in(ground.browser)
    await app.revoke(app.tokens["refresh_token"])
    answered = returned(await opened(ground, app, prompt="none"))
    assert answered["error"] == "consent_required"


@pytest.mark.parametrize("mode", ["query", "fragment"])
@pytest.mark.parametrize("answer", ["yes", "no"])
async def test_every_answer_names_its_issuer(ground: Field, mode: str, answer: str) -> None:
    """Against mix-up: an app sees which server an answer is from."""
    app = ground.app()
    seen = await opened(ground, app, response_mode=mode)
    answered = returned(await agree(ground.browser, seen, answer=answer))
    assert answered["iss"] == ORIGIN
    assert answered["state"] == app.state
    assert ("code" in answered) == (answer == "yes")


@pytest.mark.parametrize(
    "state", ["a\r\nSet-Cookie: x=y", "&code=evil&iss=https://evil", "é ☺", "#x"]
)
async def test_a_state_comes_back_as_it_went_and_breaks_nothing(ground: Field, state: str) -> None:
    app = ground.app()
    seen = await opened(ground, app, state=state)
    answered = await agree(ground.browser, seen)
    query = parse_qs(urlsplit(way(answered)).query)
    assert query["state"] == [state]
    assert query["iss"] == [ORIGIN]
    assert len(query["code"]) == 1
    assert query["code"] != ["evil"]


async def test_what_an_app_sends_is_never_markup(ground: Field) -> None:
    evil = '"><script>alert(1)</script>'
    app = ground.app()
    for changes in ({"login_hint": evil}, {"state": evil, "response_mode": "form_post"}):
        stranger = await ground.house.at_home()
        seen = await stranger.ask("GET", await app.ask(**changes))
        if way(seen):
            seen = await stranger.ask("GET", way(seen))
        assert "<script>alert" not in seen.text
        if "login_hint" not in changes:
            assert "<script>alert" not in (await agree(stranger, seen)).text


async def test_another_host_is_not_this_server(ground: Field) -> None:
    address = await ground.app().ask()
    seen = await ground.browser.ask("GET", address, headers={"Host": "evil.example"})
    assert stays_here(seen)
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    answer = await ground.house.box.ask(
        "GET", "/.well-known/oauth-authorization-server", headers=headers
    )
    assert answer.status == 200
    assert answer.json["issuer"] == ORIGIN
    assert "evil" not in answer.body.decode()


async def test_an_account_that_was_taken_down_lets_nobody_in(ground: Field) -> None:
    pds = ground.house.box.pds
    mallory = await ground.house.box.sign_up("mallory")
    browser: Browser = await ground.house.at_home(mallory)
    seen = await browser.ask("GET", await ground.app().ask())
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": mallory.did}
    await ground.house.box.operate(
        "POST",
        "com.atproto.admin.updateSubjectStatus",
        subject=subject,
        takedown={"applied": True, "ref": "x"},
    )
    assert pds.accounts.require(mallory.did).takedown_ref
    assert not leads_to_the_app(await agree(browser, seen))


async def test_a_grant_of_one_member_is_ended_by_nobody_else(ground: Field) -> None:
    app = await ground.settled()
    grants = ground.house.box.pds.oauth.grants
    mine = [one.id for one in grants.of_account(ground.house.alice.did)]
    eve = await ground.house.at_home(await ground.house.box.sign_up("eve"))
    await eve.get("/apps")
    for grant in mine:
        await eve.post("/apps/grant", grant=grant)
    assert (await app.get_session()).status == 200
    await ground.browser.get("/apps")
    for grant in mine:
        await ground.browser.post("/apps/grant", grant=grant)
    assert (await app.get_session()).status == 401
