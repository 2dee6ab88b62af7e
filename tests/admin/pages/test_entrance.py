"""Claim the network, sign in, sign out."""

import pytest
from multidict import CIMultiDict

from appliance.admin.session import LIFETIME_SECONDS
from appliance.base.throttle import TRIES
from tests.support.panel_house import HOST, OWNER_PASSWORD, PORT, House, open_house

COOKIE = f"hearth_panel_{PORT}"


async def test_the_link_brings_the_code_along(house: House) -> None:
    url = house.panel.claim_url(f"http://{HOST}")
    assert url == f"http://{HOST}/claim?code={house.code}"
    visitor = house.visitor()
    assert (await visitor.get("/")).location == "/claim"
    seen = await visitor.get(url.removeprefix(f"http://{HOST}"))
    assert f'value="{house.code}"' in seen.text
    assert house.code not in (await visitor.get("/claim")).text


async def test_who_claims_is_signed_in_and_the_link_is_gone(house: House) -> None:
    owner = await house.claim()
    assert (await owner.get("/")).status == 200
    assert house.panel.claim_url("http://x") is None
    assert (await owner.get("/claim")).location == "/"


async def test_a_second_claim_is_told_that_there_is_an_owner(house: House) -> None:
    late, code = house.visitor(), house.code
    await late.get("/claim")
    await house.claim()
    seen = await late.post("/claim", code=code, password="x" * 12, again="x" * 12)
    assert (seen.status, "has an owner already" in seen.words) == (409, True)
    assert (await late.get("/")).location == "/sign-in"


async def test_mistakes_are_said_under_their_fields_and_the_code_is_kept(house: House) -> None:
    visitor = house.visitor()
    await visitor.get("/claim")
    typed = {"code": house.code, "password": "short", "again": "short"}
    seen = await visitor.post("/claim", **typed)
    assert seen.status == 422
    assert seen.errors == ["A password needs at least 10 characters, and no more than 512."]
    assert f'value="{house.code}"' in seen.text
    assert "short" not in seen.text.partition("<main")[2]
    assert (
        (await visitor.post("/claim", **{**typed, "again": "x"}))
        .errors[0]
        .startswith("The two are not the same")
    )
    wrong = await visitor.post("/claim", code="2222-2222", password="x" * 12, again="x" * 12)
    assert wrong.errors == [
        "This is not the code. Look at the link that Hearth printed when it started."
    ]


async def test_a_new_password_signs_out_every_other_browser(house: House) -> None:
    owner = await house.claim()
    other = await house.visitor_signed_in()
    await owner.get("/password")
    typed = {"old": OWNER_PASSWORD, "password": "a newer kettle", "again": "a newer kettle"}
    for wrong, said in (
        ({"old": "not it"}, "This is not the password."),
        ({"again": "another"}, "The two are not the same."),
        ({"password": "short", "again": "short"}, "A password needs at least 10 characters"),
    ):
        seen = await owner.post("/password", **{**typed, **wrong})
        assert (seen.status, len(seen.errors)) == (422, 1)
        assert seen.errors[0].startswith(said)
    assert (await other.get("/")).status == 200
    assert (await owner.post("/password", **typed)).location == "/password?done=changed"
    assert "The password is changed." in (await owner.get("/password?done=changed")).words
    assert (await other.get("/")).location == "/sign-in"
    assert (await other.post("/sign-in", password=OWNER_PASSWORD)).status != 303
    await other.get("/sign-in")
    assert (await other.post("/sign-in", password="a newer kettle")).location == "/"
    assert "Password of the panel changed" in (await owner.get("/log")).words


async def test_the_new_password_takes_the_old_one_and_not_many_guesses(house: House) -> None:
    owner = await house.claim()
    await owner.get("/password")
    new = {"password": "a newer kettle", "again": "a newer kettle"}
    outcomes = [await owner.post("/password", old=f"guess {n}", **new) for n in range(TRIES + 1)]
    assert outcomes[-1].errors[0].startswith("Too many tries.")
    assert (await owner.get("/")).status == 200
    assert (await house.visitor().get("/password")).location.startswith("/sign-in")


async def test_the_cookie_is_for_this_panel_alone(house: House) -> None:
    visitor = house.visitor()
    await visitor.get("/claim")
    password = OWNER_PASSWORD
    seen = await visitor.post("/claim", code=house.code, password=password, again=password)
    cookie = seen.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert f"Max-Age={LIFETIME_SECONDS}" in cookie
    assert "Domain" not in cookie


async def test_under_tls_the_browser_binds_the_cookie_to_the_host(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tls")
    async with open_house(folder, network_trusted_proxies=1) as behind:
        seen = await behind.visitor().get("/claim", X_Forwarded_Proto="https")
        assert seen.headers["Set-Cookie"].startswith("__Host-hearth_form=")
        assert "Secure" in seen.headers["Set-Cookie"]
    seen = await house.visitor().get("/claim", X_Forwarded_Proto="https")
    assert "Secure" not in seen.headers["Set-Cookie"]


async def test_signing_in_changes_the_cookie_and_goes_on(house: House) -> None:
    await house.claim()
    owner = house.visitor()
    assert (await owner.get("/people?q=ann")).location == "/sign-in?next=%2Fpeople%3Fq%3Dann"
    await owner.get("/sign-in?next=%2Fpeople%3Fq%3Dann")
    wrong = await owner.post("/sign-in", password="not this one", next="/people?q=ann")
    assert (wrong.status, wrong.errors) == (422, ["This is not the password."])
    assert 'value="/people?q=ann"' in wrong.text
    seen = await owner.post("/sign-in", password=OWNER_PASSWORD, next="/people?q=ann")
    assert seen.location == "/people?q=ann"
    assert (await owner.get("/sign-in")).location == "/"


@pytest.mark.parametrize("following", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_signing_in_leads_nowhere_else(following: str, house: House) -> None:
    await house.claim()
    owner = house.visitor()
    await owner.get("/sign-in")
    seen = await owner.post("/sign-in", password=OWNER_PASSWORD, next=following)
    assert seen.location == "/"


async def test_a_cookie_set_by_somebody_else_is_worth_nothing(house: House) -> None:
    await house.claim()
    owner = house.visitor()
    owner.cookies[COOKIE] = "planted"
    await owner.get("/sign-in")
    assert (await owner.post("/sign-in", password=OWNER_PASSWORD)).location == "/"
    thief = house.visitor()
    thief.cookies[COOKIE] = "planted"
    assert (await owner.get("/")).status == 200
    assert (await thief.get("/")).location == "/sign-in"


async def test_signing_out_ends_the_session(house: House) -> None:
    owner = await house.claim()
    before = dict(owner.cookies)
    assert (await owner.post("/sign-out")).location == "/sign-in"
    assert COOKIE not in owner.cookies
    owner.cookies = before
    assert (await owner.get("/")).location == "/sign-in"


async def test_guessing_is_stopped_even_for_the_right_password(house: House) -> None:
    await house.claim()
    guesser = house.visitor()
    await guesser.get("/sign-in")
    for number in range(TRIES):
        await guesser.post("/sign-in", password=f"guess number {number}")
    seen = await guesser.post("/sign-in", password=OWNER_PASSWORD)
    assert seen.errors == ["Too many tries. Wait 10 minutes, then try again."]
    house.clock.advance(600)
    assert (await guesser.post("/sign-in", password=OWNER_PASSWORD)).location == "/"


async def test_nobody_guesses_on_by_naming_other_addresses_to_a_proxy(house: House) -> None:
    await house.claim()
    async with house.with_settings({"network.trusted_proxies": 1}) as proxied:
        errors, guesser = [], proxied.visitor()
        await guesser.get("/sign-in")
        for number in range(TRIES + 1):
            guess = {"form_token": guesser.token, "password": f"guess number {number}"}
            said = [("X-Forwarded-For", f"10.0.0.{number}"), ("X-Forwarded-For", "10.1.1.1")]
            lines = CIMultiDict([("Origin", f"http://{HOST}"), *said])
            seen = await guesser.ask("POST", "/sign-in", headers=lines, data=guess)
            errors.append(seen.errors[0])
        assert errors[-1].startswith("Too many tries.")


async def test_a_session_ends_after_two_weeks(house: House) -> None:
    owner = await house.claim()
    house.clock.advance(LIFETIME_SECONDS)
    assert (await owner.get("/")).location == "/sign-in"


async def test_a_link_from_another_site_does_not_cost_the_session(house: House) -> None:
    owner = await house.claim()
    kept = dict(owner.cookies)
    # SameSite=Strict: the browser follows the link without our cookies.
    owner.cookies = {}
    assert (await owner.get("/people")).location == "/sign-in?next=%2Fpeople"
    assert (await owner.get("/sign-in")).status == 200
    owner.cookies = {**kept, **owner.cookies}
    assert (await owner.get("/people")).status == 200


async def test_each_sign_in_has_a_token_of_its_own(house: House) -> None:
    owner = await house.claim()
    first = owner.cookies[COOKIE]
    await owner.post("/sign-out")
    await owner.get("/sign-in")
    await owner.post("/sign-in", password=OWNER_PASSWORD)
    assert owner.cookies[COOKIE] != first
