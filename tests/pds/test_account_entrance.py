"""Members' pages: who gets in, by what, and what every page carries."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from multidict import CIMultiDict

from appliance.base.throttle import TRIES
from appliance.pds.account_pages.door import FRESH, MEMBERS
from appliance.pds.devices import FRESH_US, KEPT_US
from tests.pds.test_factors import set_up_app
from tests.support.members_house import Browser, MembersHouse, open_members_house
from tests.support.pds_box import PASSWORD
from tests.support.soft_key import SoftKey

_OPTIONS = re.compile(r'data-options="([^"]*)"')
_TICKET = re.compile(r'name="ticket" value="([^"]*)"')
FRESH_SECONDS = FRESH_US // 1_000_000


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path) as opened:
        yield opened


def options_in(text: str) -> str:
    found = _OPTIONS.search(text)
    assert found is not None
    return found[1].replace("&#34;", '"')


def ticket_in(text: str) -> str:
    found = _TICKET.search(text)
    assert found is not None
    return found[1]


async def test_a_member_signs_in_and_out(house: MembersHouse) -> None:
    browser = house.browser()
    assert (await browser.get("")).location == "/account/sign-in?next=%2Faccount"
    wrong = await browser.sign_in("alice.test", "not it")
    assert (wrong.status, wrong.errors) == (422, ["Name and password do not belong together."])
    assert (await browser.sign_in("@Alice.test")).location == "/account"
    assert "@alice.test" in (await browser.get("")).words
    out = await browser.post("/sign-out")
    assert out.location == "/account/sign-in?done=out"
    assert "You are signed out in this browser." in (await browser.ask("GET", out.location)).words
    assert "done" not in (await browser.get("/sign-in?done=<b>")).words
    assert (await browser.get("")).status == 303


async def test_who_types_the_name_alone_is_the_member_of_this_network(house: MembersHouse) -> None:
    for typed in ("alice", "@Alice"):
        assert (await house.browser().sign_in(typed)).location == "/account"
    wrong = "Name and password do not belong together."
    for typed in ("alic", "", "@", "alice.", "alice test"):
        assert (await house.browser().sign_in(typed)).errors == [wrong]


async def test_a_code_for_who_has_no_mail_waits_with_whoever_runs_the_network(
    house: MembersHouse,
) -> None:
    browser = house.browser()
    asked = (await browser.get("/forgotten")).words
    assert "you ask for it" in asked
    assert "Ask for a code" in asked
    seen = await browser.post("/forgotten", name="alice")
    assert "a code waits with whoever runs this network" in seen.words
    [letter] = await house.box.pds.mailer.page(None, 5)
    assert letter.did == house.alice.did
    assert "a code waits" in (await browser.post("/forgotten", name="nobody")).words
    assert len(await house.box.pds.mailer.page(None, 5)) == 1


async def test_an_app_password_opens_no_page(house: MembersHouse) -> None:
    _, secret = await house.box.pds.app_passwords.create(house.alice.did, "app", True)
    assert (await house.browser().sign_in("alice.test", secret)).status == 422


async def test_a_second_step_is_asked_for_here_too(house: MembersHouse) -> None:
    app = await set_up_app(house.box, house.alice)
    browser = house.browser()
    seen = await browser.sign_in("alice.test", after="/account/data")
    assert (seen.status, "device_2583" in browser.cookies) == (200, False)
    ticket = ticket_in(seen.text)
    wrong = await browser.post("/second-step", ticket=ticket, factor_code="000000")
    assert wrong.errors == ["This code is not right, was used before, or is too old."]
    code = app.at(int(house.box.clock.now()))
    stranger = house.browser()
    await stranger.get("/sign-in")
    taken = await stranger.post("/second-step", ticket=ticket, factor_code=code)
    assert taken.errors == ["The password was given too long ago. Begin anew."]
    right = await browser.post(
        "/second-step", ticket=ticket, factor_code=code, next="/account/data"
    )
    assert right.location == "/account/data"
    assert (await browser.get("/data")).status == 200


async def test_a_ticket_is_good_for_five_minutes(house: MembersHouse) -> None:
    app = await set_up_app(house.box, house.alice)
    browser = house.browser()
    ticket = ticket_in((await browser.sign_in("alice.test")).text)
    house.box.clock.advance(300)
    code = app.at(int(house.box.clock.now()))
    assert (await browser.post("/second-step", ticket=ticket, factor_code=code)).status == 422
    forged = ticket.replace(house.alice.did, "did:plc:abcdefghijklmnopqrstuvwx")
    for bad in (forged, "", "a b c", "did:plc:x 99999999999999999999 00"):
        seen = await browser.post("/second-step", ticket=bad, factor_code=code)
        assert seen.errors == ["The password was given too long ago. Begin anew."]


async def test_a_passkey_signs_in_while_guessing_is_held_up(house: MembersHouse) -> None:
    browser = await house.at_home()
    key = SoftKey()
    options = options_in((await browser.get("/second-steps")).text)
    made = await browser.post("/second-steps/passkey", factor_code=key.create(options))
    assert made.location == "/account/second-steps"
    guesser = house.browser()
    outcomes = [(await guesser.sign_in("alice.test", f"guess {n}")).errors[0] for n in range(10)]
    assert outcomes[-1].startswith("Too many tries.")
    held = await guesser.sign_in("alice.test")
    assert held.status == 422
    page = await guesser.get("/sign-in")
    entered = await guesser.post("/passkey", factor_code=key.get(options_in(page.text)))
    assert entered.location == "/account"


async def test_nobody_guesses_on_by_naming_other_addresses_to_a_proxy(tmp_path: Path) -> None:
    async with open_members_house(tmp_path, network_trusted_proxies=1) as house:
        errors, guesser = [], house.browser()
        for number in range(TRIES + 1):
            await guesser.get("/sign-in")
            guess = {"form_token": guesser.token, "identifier": "alice.test", "password": "guess"}
            said = [("X-Forwarded-For", f"10.0.0.{number}"), ("X-Forwarded-For", "10.1.1.1")]
            lines = CIMultiDict([("Origin", guesser.origin), *said])
            seen = await guesser.ask("POST", "/account/sign-in", headers=lines, data=guess)
            errors.append(seen.errors[0])
        assert errors[-1].startswith("Too many tries.")


async def test_a_stranger_who_tries_all_names_keeps_no_member_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.pds.account_pages.door.MOST_TRIES_TOGETHER", 70)

    async def try_in(browser: Browser, at: str, name: str, password: str) -> int:
        headers = {"Origin": browser.origin, "X-Forwarded-For": at}
        data = {"identifier": name, "password": password, "form_token": browser.token}
        seen = await browser.ask("POST", "/account/sign-in", headers=headers, data=data)
        return seen.status

    async with open_members_house(tmp_path, network_trusted_proxies=1) as house:
        stranger, member = house.browser(), house.browser()
        for browser in (stranger, member):
            await browser.get("/sign-in")
        for number in range(75):
            assert await try_in(stranger, "6.6.6.6", f"name{number}.test", "a guess") == 422
        assert await try_in(stranger, "6.6.6.6", "alice.test", PASSWORD) == 422
        assert await try_in(member, "1.1.1.1", "alice.test", PASSWORD) == 303


async def test_what_touches_the_account_is_shown_to_who_proved_it_anew(
    house: MembersHouse,
) -> None:
    browser = await house.at_home()
    house.box.clock.advance(FRESH_SECONDS)
    assert (await browser.get("/profile")).status == 200
    for verb, path in FRESH:
        seen = await (browser.get(path) if verb == "GET" else browser.post(path))
        assert seen.location.startswith("/account/prove?next=%2Faccount"), path
    assert house.box.pds.accounts.find(house.alice.did) is not None
    page = await browser.get("/prove?next=%2Faccount%2Fpassword")
    assert "Is it you?" in page.words
    wrong = await browser.post("/sign-in", proving="yes", password="not it")
    assert wrong.errors == ["This is not your password."]
    right = await browser.post(
        "/sign-in", proving="yes", password=PASSWORD, next="/account/password"
    )
    assert right.location == "/account/password"
    assert (await browser.get("/password")).status == 200


async def test_a_passkey_of_another_member_proves_nothing(house: MembersHouse) -> None:
    bob = await house.box.sign_up("bob")
    browser, key = await house.at_home(bob), SoftKey()
    options = options_in((await browser.get("/second-steps")).text)
    await browser.post("/second-steps/passkey", factor_code=key.create(options))
    alice = await house.at_home()
    page = await alice.get("/prove")
    seen = await alice.post("/passkey", proving="yes", factor_code=key.get(options_in(page.text)))
    assert seen.errors == ["This passkey belongs to another account, not to @alice.test."]


async def test_members_pages_are_closed_to_strangers(house: MembersHouse) -> None:
    browser = house.browser()
    await browser.get("/sign-in")
    for verb, pattern in {**MEMBERS, **FRESH}:
        path = pattern.replace("{did}", house.alice.did)
        seen = await (browser.get(path) if verb == "GET" else browser.post(path))
        assert seen.location.startswith("/account/sign-in?next="), path


async def test_a_form_counts_only_from_a_page_of_ours(house: MembersHouse) -> None:
    browser = await house.at_home()
    token = {"form_token": browser.token, "name": "Eve"}
    sites: tuple[dict[str, str], ...] = (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    )
    for headers in sites:
        seen = await browser.ask("POST", "/account/profile", headers=headers, data=token)
        assert seen.status == 403
    for bad in ({**token, "form_token": "0" * 64}, {"name": "Eve"}):
        assert (await browser.ask("POST", "/account/profile", data=bad)).status == 403
    plain = await browser.ask("POST", "/account/profile", data=b"{}")
    assert plain.status == 415
    assert "Eve" not in (await browser.get("")).words


async def test_pages_answer_to_their_own_name_only(house: MembersHouse) -> None:
    browser = await house.at_home()
    for host in ("evil.example", "localhost", "localhost:2584", "alice.test"):
        seen = await browser.ask("GET", "/account", headers={"Host": host})
        assert seen.status in (404, 421), host


async def test_every_page_says_what_it_may_do(house: MembersHouse) -> None:
    browser = await house.at_home()
    for path in ("", "/sign-in", "/second-steps", "/nothing"):
        seen = await browser.get(path)
        policy = seen.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert seen.headers["X-Frame-Options"] == "DENY"
        assert seen.headers["X-Content-Type-Options"] == "nosniff"
        assert seen.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in seen.headers
        assert not re.search(r"<script>|\son\w+=|\sstyle=", seen.text)


async def test_a_cookie_is_new_after_every_sign_in(house: MembersHouse) -> None:
    planted = "planted-by-somebody-else"
    browser = house.browser()
    browser.cookies["device_2583"] = planted
    assert (await browser.sign_in("alice.test")).location == "/account"
    first = browser.cookies["device_2583"]
    assert first != planted
    await browser.get("/prove")
    await browser.post("/sign-in", proving="yes", password=PASSWORD)
    assert browser.cookies["device_2583"] != first
    for old in (planted, first):
        thief = house.browser()
        thief.cookies["device_2583"] = old
        assert (await thief.get("")).status == 303


async def test_a_session_ends_after_thirty_days_away(house: MembersHouse) -> None:
    browser = await house.at_home()
    for _ in range(3):
        house.box.clock.advance(20 * 86_400)
        assert (await browser.get("")).status == 200
    house.box.clock.advance(KEPT_US // 1_000_000)
    assert (await browser.get("")).status == 303


async def test_two_accounts_share_a_browser(house: MembersHouse) -> None:
    bob = await house.box.sign_up("bob")
    browser = await house.at_home()
    await browser.sign_in("bob.test")
    home = await browser.get("")
    assert "Go on as @alice.test" in home.words
    await browser.post("/switch", did=house.alice.did)
    assert "Go on as @bob.test" in (await browser.get("")).words
    assert (await browser.post("/switch", did="did:plc:abcdefghijklmnopqrstuvwx")).status == 404
    await browser.get("")
    await browser.post("/sign-out")
    assert "@bob.test" in (await browser.get("")).words
    assert house.box.pds.devices.devices_of(house.alice.did) == []
    assert len(house.box.pds.devices.devices_of(bob.did)) == 1


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_after_signing_in_one_stays_here(house: MembersHouse, path: str) -> None:
    assert (await house.browser().sign_in("alice.test", after=path)).location == "/account"


async def test_a_forgotten_password_is_set_anew_by_mail(house: MembersHouse) -> None:
    browser: Browser = house.browser()
    await browser.get("/forgotten")
    known = await browser.post("/forgotten", name="Alice@example.com")
    unknown = await browser.post("/forgotten", name="nobody@example.com")
    assert known.words == unknown.words
    code = await house.box.mailed_code()
    await browser.get("/forgotten")
    bad = await browser.post("/forgotten/new", code="AAAAA-BBBBB", password="a new one")
    assert bad.status == 422
    done = await browser.post("/forgotten/new", code=code, password="a new one")
    assert done.location == "/account/sign-in?done=password&next=%2Faccount"
    told = await browser.ask("GET", done.location)
    assert "Your new password is set. Sign in with it." in told.words
    assert (await browser.sign_in("alice.test", "a new one")).location == "/account"


async def test_under_tls_cookies_are_bound_to_the_host(tmp_path: Path) -> None:
    url = {"pds_public_url": "https://localhost:2583"}
    async with open_members_house(tmp_path, **url) as house:
        browser = house.browser()
        seen = await browser.get("/sign-in")
        line = seen.headers["Set-Cookie"]
        assert line.startswith("__Host-form=")
        for word in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/"):
            assert word in line
        assert "Domain" not in line


async def test_the_owners_colour_and_logo_are_shown(tmp_path: Path) -> None:
    wishes = {
        "look_primary_color": "#0085ff",
        "look_logo_url": "https://cdn.example/logo.png",
        "look_support_url": "https://help.example/",
        "network_name": "The Smiths",
    }
    async with open_members_house(tmp_path, **wishes) as house:
        browser = house.browser()
        seen = await browser.get("/sign-in")
        assert "img-src 'self' https://cdn.example data:" in seen.headers["Content-Security-Policy"]
        assert '<img class="logo" src="https://cdn.example/logo.png"' in seen.text
        assert '<a href="https://help.example/">Help</a>' in seen.text
        assert "The Smiths" in seen.words
        sheet = re.search(r'href="(/static/look\.[^"]+)"', seen.text)
        assert sheet is not None
        style = await browser.ask("GET", sheet[1])
        assert "--accent:" in style.text
        assert (await browser.ask("GET", "/static/none.css")).status == 404


async def test_who_is_taken_down_can_look_and_leave(house: MembersHouse) -> None:
    browser = await house.at_home()
    await house.box.pds.lifecycle.set_takedown(house.alice.did, "case 7")
    assert "Taken down" in (await browser.get("")).words
    for path in ("/data", "/leave", "/move"):
        assert (await browser.get(path)).status == 200, path
    for path in ("/profile", "/handle", "/email", "/apps", "/password", "/recovery"):
        seen = await browser.get(path)
        assert (seen.status, "This is closed to you" in seen.words) == (403, True), path
    assert (await browser.post("/leave/activate")).status == 403
    assert (await browser.post("/data")).status == 200


async def test_nobody_is_sent_resets_without_end_by_strangers(tmp_path: Path) -> None:
    async with open_members_house(tmp_path, limits_enabled=True) as house:
        seen = []
        for _ in range(7):
            stranger = house.browser()
            await stranger.get("/forgotten")
            seen.append(await stranger.post("/forgotten", name=house.alice.email))
        # The page does not tell.
        assert {(each.status, each.words) for each in seen} == {(200, seen[0].words)}
        assert len(await house.box.pds.mailer.page(None, 100)) == 5


async def test_nobody_is_flooded_with_mail(house: MembersHouse) -> None:
    browser = await house.at_home()
    await browser.get("/email")
    answers = [(await browser.post("/email/send")).status for _ in range(20)]
    assert answers[-1] == 429
    assert len(await house.box.pds.mailer.page(None, 100)) == answers.count(200) < 10
