"""Attacks on pushed requests: what is asked for, by whom, and how often."""

import pytest

from tests.pds.oauth_negative.conftest import Field
from tests.support.oauth_client import CALLBACK, base64url

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHALLENGE = base64url(b"c" * 32)

REFUSED = {
    "implicit flow": ({"response_type": "token"}, "unsupported_response_type"),
    "hybrid flow": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "no response type": ({"response_type": None}, "unsupported_response_type"),
    "no PKCE": ({"code_challenge": None}, "invalid_request"),
    "PKCE plain": ({"code_challenge_method": "plain"}, "invalid_request"),
    "PKCE method left out": ({"code_challenge_method": None}, "invalid_request"),
    "PKCE method in small letters": ({"code_challenge_method": "s256"}, "invalid_request"),
    "short challenge": ({"code_challenge": "abc"}, "invalid_request"),
    "padded challenge": ({"code_challenge": CHALLENGE + "="}, "invalid_request"),
    "challenge of two lines": ({"code_challenge": CHALLENGE + "\n"}, "invalid_request"),
    "no state": ({"state": None}, "invalid_request"),
    "endless state": ({"state": "s" * 5000}, "invalid_request"),
    "no redirect_uri": ({"redirect_uri": None}, "invalid_request"),
    "redirect to a stranger": ({"redirect_uri": "https://evil.example/cb"}, "invalid_request"),
    "redirect with more path": ({"redirect_uri": CALLBACK + "/more"}, "invalid_request"),
    "redirect up the path": ({"redirect_uri": CALLBACK + "/../evil"}, "invalid_request"),
    "redirect up by escapes": ({"redirect_uri": CALLBACK + "%2f..%2fevil"}, "invalid_request"),
    "redirect with a query": ({"redirect_uri": CALLBACK + "?next=evil"}, "invalid_request"),
    "redirect with a fragment": ({"redirect_uri": CALLBACK + "#evil"}, "invalid_request"),
    "redirect with a user": (
        {"redirect_uri": "http://127.0.0.1@evil.example/callback"},
        "invalid_request",
    ),
    "redirect by backslash": (
        {"redirect_uri": "http://127.0.0.1\\@evil.example/callback"},
        "invalid_request",
    ),
    "redirect to a longer host": (
        {"redirect_uri": "http://127.0.0.1.evil.example/callback"},
        "invalid_request",
    ),
    "redirect to a script": ({"redirect_uri": "javascript:alert(1)//"}, "invalid_request"),
    "redirect to data": ({"redirect_uri": "data:text/html,x"}, "invalid_request"),
    "redirect in another scheme": (
        {"redirect_uri": "https://127.0.0.1/callback"},
        "invalid_request",
    ),
    "redirect to localhost by name": (
        {"redirect_uri": "http://localhost/callback"},
        "invalid_request",
    ),
    "no scope": ({"scope": None}, "invalid_scope"),
    "scope without atproto": ({"scope": "transition:generic"}, "invalid_scope"),
    "scope that was not declared": ({"scope": "atproto identity:*"}, "invalid_scope"),
    "scope widened by a wildcard": ({"scope": "atproto repo:*"}, "invalid_scope"),
    "OpenID Connect": ({"scope": "atproto openid"}, "invalid_scope"),
    "scope of two lines": ({"scope": "atproto\ntransition:generic"}, "invalid_scope"),
    "endless scope": ({"scope": "atproto " + "x" * 9000}, "invalid_scope"),
    "a request inside the request": (
        {"request": "eyJhbGciOiJub25lIn0.e30."},
        "request_not_supported",
    ),
    "a request_uri inside the request": (
        {"request_uri": "https://evil.example/request.jwt"},
        "request_not_supported",
    ),
    "silence for a public client": ({"prompt": "none"}, "invalid_request"),
    "unknown prompt": ({"prompt": "whatever"}, "invalid_request"),
    "unknown response_mode": ({"response_mode": "web_message"}, "invalid_request"),
    "a hint that breaks lines": ({"login_hint": "alice\r\nSet-Cookie: x=y"}, "invalid_request"),
    "another key than the proved one": ({"dpop_jkt": base64url(b"k" * 32)}, "invalid_request"),
    "no client": ({"client_id": None}, "invalid_request"),
    "a client secret": ({"client_secret": "secret"}, "invalid_client"),
    "an assertion by a public client": (
        {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": "a.b.c",
        },
        "invalid_client",
    ),
}


@pytest.mark.parametrize(("changes", "error"), REFUSED.values(), ids=REFUSED)
async def test_a_request_with_this_in_it_is_refused(
    ground: Field, changes: dict[str, str | None], error: str
) -> None:
    answer = await ground.app().push(**changes)
    assert (answer.status, answer.error) == (400, error)
    assert "request_uri" not in answer.json


async def test_a_field_twice_is_refused(ground: Field) -> None:
    app = ground.app()
    form = [*{"client_id": app.client_id, **app.request()}.items()]
    form.append(("redirect_uri", "https://evil.example/callback"))
    await app.push()
    headers = {"DPoP": app.proof("POST", "http://localhost:2583/oauth/par")}
    answer = await ground.house.box.ask("POST", "/oauth/par", data=form, headers=headers)
    assert (answer.status, answer.error) == (400, "invalid_request")


async def test_a_challenge_counts_once(ground: Field) -> None:
    app = ground.app()
    challenge = (request := app.request())["code_challenge"]
    seen = await ground.browser.ask("GET", await app.ask(**request))
    assert seen.status == 200
    code = await app.code(ground.browser, code_challenge=challenge)
    assert code
    answer = await app.push(code_challenge=challenge)
    assert (answer.status, answer.error) == (400, "invalid_request")


async def test_one_address_fills_no_memory(ground: Field) -> None:
    app = ground.app()
    answers = [await app.push() for _ in range(310)]
    assert answers[-1].status in (429, 503)
    assert answers[-1].error == "temporarily_unavailable"
    ground.wait(600)
    assert (await app.push()).status == 201


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE"])
async def test_requests_are_not_pushed_in_the_address(ground: Field, verb: str) -> None:
    answer = await ground.house.box.ask(verb, "/oauth/par")
    assert answer.status == 405


async def test_what_is_no_form_is_refused(ground: Field) -> None:
    app = ground.app()
    await app.push()
    for kind, body in (
        ("text/plain", b"client_id=x"),
        ("application/xml", b"<x/>"),
        ("application/json", b"[1]"),
        ("application/json", b"{"),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 70_000),
    ):
        headers = {
            "DPoP": app.proof("POST", "http://localhost:2583/oauth/par"),
            "Content-Type": kind,
        }
        answer = await ground.house.box.ask("POST", "/oauth/par", data=body, headers=headers)
        assert (answer.status, answer.error) == (400, "invalid_request"), kind
