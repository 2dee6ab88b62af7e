"""Attacks on codes and refresh tokens: stolen, used twice, brought by somebody else."""

import asyncio
import secrets
from typing import Any

import pytest

from appliance.pds.oauth.grants import GRACE_US
from tests.pds.oauth_negative.conftest import Field
from tests.support.oauth_client import App, Key, agree, request_in
from tests.support.oauth_client import post as send
from tests.support.pds_box import Answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRACE_SECONDS = GRACE_US / 1_000_000
DAY = 86_400.0


def refused(answer: Answer, error: str = "invalid_grant") -> bool:
    return (answer.status, answer.error) == (400, error)


async def is_dead(app: App) -> bool:
    """Whether neither of an app's tokens is good for anything."""
    called, refreshed = await app.get_session(), await app.refresh()
    return called.status == 401 and refreshed.status == 400


BENT: dict[str, tuple[dict[str, Any], str]] = {
    "no code": ({"code": None}, "invalid_request"),
    "a guessed code": ({"code": "cod-" + secrets.token_urlsafe(32)}, "invalid_grant"),
    "no verifier": ({"code_verifier": None}, "invalid_request"),
    "a guessed verifier": ({"code_verifier": "v" * 43}, "invalid_grant"),
    "no redirect_uri": ({"redirect_uri": None}, "invalid_request"),
    "another redirect_uri": ({"redirect_uri": "http://127.0.0.1/other"}, "invalid_grant"),
    "another port": ({"redirect_uri": "http://127.0.0.1:81/callback"}, "invalid_grant"),
    "no client": ({"client_id": None}, "invalid_request"),
    "another client": ({"client_id": "http://localhost"}, "invalid_grant"),
    "a client secret": ({"client_secret": "x"}, "invalid_client"),
    "no grant_type": ({"grant_type": None}, "invalid_request"),
    "the password grant": (
        {"grant_type": "password", "username": "alice.test", "password": "correct horse"},
        "unsupported_grant_type",
    ),
    "client credentials": ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
    "a token exchange": (
        {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"},
        "unsupported_grant_type",
    ),
    "a bearer assertion": (
        {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b.c"},
        "unsupported_grant_type",
    ),
    "the code as refresh token": (
        {"grant_type": "refresh_token", "refresh_token": "cod-x"},
        "invalid_grant",
    ),
}


@pytest.mark.parametrize(("changes", "error"), BENT.values(), ids=BENT)
async def test_a_code_comes_as_it_was_asked_for(
    ground: Field, changes: dict[str, Any], error: str
) -> None:
    app = ground.app()
    code = await app.code(ground.browser)
    given = {"code": code, **changes}
    answer = await app.exchange(given.pop("code"), **given)
    assert refused(answer, error), answer
    assert "access_token" not in answer.json


async def test_the_challenge_itself_is_no_verifier(ground: Field) -> None:
    app = ground.app()
    request = app.request()
    code = await app.code(ground.browser, code_challenge=request["code_challenge"])
    assert refused(await app.exchange(code, code_verifier=request["code_challenge"]))


async def test_a_wrong_verifier_burns_the_code(ground: Field) -> None:
    app = ground.app()
    code = await app.code(ground.browser)
    assert refused(await app.exchange(code, code_verifier="v" * 43))
    assert refused(await app.exchange(code))


async def test_a_code_used_twice_ends_what_it_gave(ground: Field) -> None:
    app = ground.app()
    code = await app.code(ground.browser)
    assert (await app.exchange(code)).status == 200
    assert (await app.get_session()).status == 200
    thief = ground.app()
    thief.verifier = app.verifier
    assert refused(await thief.exchange(code))
    assert await is_dead(app)


async def test_a_code_used_twice_at_once_gives_one_session_at_most(ground: Field) -> None:
    app = ground.app()
    code = await app.code(ground.browser)
    answers = await asyncio.gather(*(app.exchange(code) for _ in range(5)))
    assert sum(answer.status == 200 for answer in answers) <= 1
    assert await is_dead(app)


async def test_a_code_is_for_a_minute(ground: Field) -> None:
    app = ground.app()
    code = await app.code(ground.browser)
    ground.wait(61)
    assert refused(await app.exchange(code))


async def test_a_code_of_one_app_is_nothing_to_another(ground: Field) -> None:
    app, other = ground.app(), ground.published()
    code = await app.code(ground.browser)
    other.verifier = app.verifier
    assert refused(await other.exchange(code, redirect_uri=app.redirect_uri))


async def test_a_scope_is_not_widened_at_the_token_endpoint(ground: Field) -> None:
    app = ground.app("atproto")
    code = await app.code(ground.browser)
    answer = await app.exchange(code, scope="atproto transition:generic")
    assert answer.json["scope"] == "atproto"
    assert refused(await app.refresh(scope="atproto transition:generic"), "invalid_scope")
    assert (await app.refresh(scope="atproto")).json["scope"] == "atproto"


async def test_a_member_s_no_to_a_part_lasts(ground: Field) -> None:
    app = ground.app("atproto transition:generic transition:email")
    seen = await ground.browser.ask("GET", await app.ask())
    seen = await agree(ground.browser, seen, "transition:email")
    code = seen.location.partition("code=")[2].partition("&")[0]
    assert (await app.exchange(code)).json["scope"] == "atproto transition:generic"
    assert (await app.refresh()).json["scope"] == "atproto transition:generic"


async def test_what_was_not_asked_for_cannot_be_ticked(ground: Field) -> None:
    app = ground.app("atproto")
    seen = await ground.browser.ask("GET", await app.ask())
    fields = {
        "request_uri": request_in(seen),
        "did": ground.house.alice.did,
        "answer": "yes",
        "scope": "atproto transition:generic",
        "allow transition:generic": "yes",
        "allow identity:*": "yes",
    }
    seen = await send(ground.browser, "/oauth/authorize", **fields)
    code = seen.location.partition("code=")[2].partition("&")[0]
    assert (await app.exchange(code)).json["scope"] == "atproto"


REFRESHES: dict[str, tuple[dict[str, Any], str]] = {
    "no token": ({"refresh_token": None}, "invalid_request"),
    "a guessed token": (
        {"refresh_token": f"ref-{'A' * 22}.1.{'A' * 43}"},
        "invalid_grant",
    ),
    "what is no token": ({"refresh_token": "x"}, "invalid_grant"),
    "an endless token": ({"refresh_token": "ref-" + "A" * 20_000}, "invalid_grant"),
    "another client": ({"client_id": "http://localhost"}, "invalid_grant"),
    "no client": ({"client_id": None}, "invalid_request"),
    "a wider scope": ({"scope": "atproto transition:generic identity:*"}, "invalid_scope"),
}


@pytest.mark.parametrize(("changes", "error"), REFRESHES.values(), ids=REFRESHES)
async def test_a_refresh_with_this_in_it_is_refused(
    ground: Field, changes: dict[str, Any], error: str
) -> None:
    app = await ground.settled()
    assert refused(await app.refresh(**changes), error)
    assert (await app.refresh()).status == 200


async def test_an_access_token_refreshes_nothing(ground: Field) -> None:
    app = await ground.settled()
    assert refused(await app.refresh(refresh_token=app.tokens["access_token"]))


async def test_a_refresh_token_opens_no_method(ground: Field) -> None:
    app = await ground.settled()
    answer = await app.call(
        "GET", "com.atproto.server.getSession", token=app.tokens["refresh_token"]
    )
    assert answer.status == 401


@pytest.mark.parametrize("place", range(3))
async def test_a_refresh_token_is_sealed(ground: Field, place: int) -> None:
    app = await ground.settled()
    parts = app.tokens["refresh_token"].split(".")
    parts[place] = parts[place][:-2] + ("AB" if parts[place][-2:] != "AB" else "BA")
    assert refused(await app.refresh(refresh_token=".".join(parts)))


async def test_a_number_is_not_raised_by_hand(ground: Field) -> None:
    app = await ground.settled()
    name, number, seal = app.tokens["refresh_token"].split(".")
    assert refused(await app.refresh(refresh_token=f"{name}.{int(number) + 1}.{seal}"))


async def test_an_old_refresh_token_ends_the_session_of_the_thief_and_of_the_owner(
    ground: Field,
) -> None:
    app = await ground.settled()
    stolen = app.tokens["refresh_token"]
    await app.refresh()
    assert (await app.get_session()).status == 200
    ground.wait(GRACE_SECONDS + 1)
    assert refused(await app.refresh(refresh_token=stolen))
    assert await is_dead(app)


async def test_a_token_two_turns_old_is_stolen_even_within_the_grace(ground: Field) -> None:
    app = await ground.settled()
    stolen = app.tokens["refresh_token"]
    await app.refresh()
    await app.refresh()
    assert refused(await app.refresh(refresh_token=stolen))
    assert await is_dead(app)


async def test_honest_races_are_forgiven(ground: Field) -> None:
    app = await ground.settled()
    first = app.tokens["refresh_token"]
    answers = await asyncio.gather(*(app.refresh(refresh_token=first) for _ in range(4)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1
    assert (await app.get_session()).status == 200


async def test_a_refresh_with_another_key_does_the_owner_no_harm(ground: Field) -> None:
    app, own = await ground.settled(), None
    own, app.key = app.key, Key()
    assert refused(await app.refresh())
    app.key = own
    assert (await app.refresh()).status == 200


async def test_a_public_app_s_session_ends_after_two_weeks_whatever_it_does(ground: Field) -> None:
    app = await ground.settled()
    for _ in range(13):
        ground.wait(DAY)
        assert (await app.refresh()).status == 200
    ground.wait(DAY + 1)
    assert refused(await app.refresh())


async def test_an_access_token_is_for_a_quarter_of_an_hour(ground: Field) -> None:
    app = await ground.settled()
    assert app.tokens["expires_in"] <= 900
    ground.wait(901)
    answer = await app.get_session()
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_either_token_revokes_both(ground: Field, which: str) -> None:
    app = await ground.settled()
    assert (await app.revoke(app.tokens[which])).status == 200
    assert await is_dead(app)


async def test_revoking_tells_nothing_of_what_is_unknown(ground: Field) -> None:
    app = await ground.settled()
    for token in ("x", f"ref-{'A' * 22}.1.{'A' * 43}", "a.b.c"):
        answer = await app.revoke(token)
        assert (answer.status, answer.json) == (200, {})
    assert (await app.get_session()).status == 200


async def test_an_app_revokes_no_other_s_tokens(ground: Field) -> None:
    app, other = await ground.settled(), ground.published()
    assert refused(await other.revoke(app.tokens["refresh_token"]))
    assert (await app.get_session()).status == 200


@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/register", "/oauth/userinfo"])
async def test_what_the_profile_has_no_use_for_is_not_there(ground: Field, path: str) -> None:
    app = await ground.settled()
    token = app.tokens["access_token"]
    answer = await ground.house.box.ask("POST", path, data={"token": token})
    assert answer.status == 404
