"""Ours and the reference answer apps alike, but for differences that have a reason.

What a browser shows is not compared; the pages are each server's own.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import aiohttp
import pytest

from tests.support.appliance import Appliance
from tests.support.far_app import FarApp
from tests.support.node import ReferencePds
from tests.support.oauth_client import CALLBACK

pytestmark = pytest.mark.slow

Told: TypeAlias = tuple[int, str]
Case: TypeAlias = Callable[[FarApp], Awaitable[Told]]

PAR, TOKEN, REVOKE = "/oauth/par", "/oauth/token", "/oauth/revoke"
CODE: Final = {
    "grant_type": "authorization_code",
    "code": "cod-" + "a" * 64,
    "redirect_uri": CALLBACK,
    "code_verifier": "a" * 43,
}
REFRESH: Final = {"grant_type": "refresh_token", "refresh_token": "ref-" + "a" * 64}
REQUEST_URI: Final = "urn:ietf:params:oauth:request_uri:req-" + "a" * 32
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

# What is asked for, bent; None leaves a field out.
ASKED: Final[Mapping[str, Mapping[str, Any]]] = {
    "good": {},
    "no scope": {"scope": None},
    "no atproto": {"scope": "transition:generic"},
    "undeclared scope": {"scope": "atproto transition:email"},
    "unknown scope": {"scope": "atproto nonsense"},
    "no challenge": {"code_challenge": None},
    "no method": {"code_challenge_method": None},
    "plain": {"code_challenge_method": "plain"},
    "short challenge": {"code_challenge": "abc"},
    "no state": {"state": None},
    "no redirect_uri": {"redirect_uri": None},
    "foreign redirect_uri": {"redirect_uri": "https://evil.example/"},
    "other path": {"redirect_uri": "http://127.0.0.1/other"},
    "other port": {"redirect_uri": "http://127.0.0.1:4000/callback"},
    "by name": {"redirect_uri": "http://localhost/callback"},
    "no response_type": {"response_type": None},
    "response_type token": {"response_type": "token"},
    "odd response_mode": {"response_mode": "x"},
    "fragment": {"response_mode": "fragment"},
    "prompt none": {"prompt": "none"},
    "odd prompt": {"prompt": "x"},
    "prompt create": {"prompt": "create"},
    "two prompts": {"prompt": "login consent"},
    "key of another": {"dpop_jkt": "abc"},
    "no client": {"client_id": None},
    "client by http": {"client_id": "http://evil.example/x"},
    "client no URL": {"client_id": "x"},
    "client an address": {"client_id": "https://127.0.0.1/x"},
    "local with path": {"client_id": "http://localhost/x"},
    "local with port": {"client_id": "http://localhost:80"},
    "local with name": {"client_id": "http://localhost?client_name=x"},
    "a secret": {"client_secret": "x"},
    "an assertion": {"client_assertion": "x", "client_assertion_type": ASSERTION_TYPE},
    "a request_uri": {"request_uri": "urn:x"},
    "a request object": {"request": "eyJ"},
}
# Claims and header of the proof, bent.
PROVED: Final[Mapping[str, Mapping[str, Any]]] = {
    "no nonce": {"nonce": None},
    "odd nonce": {"nonce": "x"},
    "wrong htm": {"htm": "GET"},
    "wrong htu": {"htu": "https://x.example/"},
    "old": {"iat": 1_700_000_000},
    "early": {"iat": 4_000_000_000},
    "no jti": {"jti": None},
    "no iat": {"iat": None},
    "odd typ": {"header": {"typ": "JWT"}},
    "alg none": {"header": {"alg": "none"}},
    "for a token": {"ath": "x"},
}
SENT: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "token: unknown code": (TOKEN, CODE),
    "token: odd code": (TOKEN, {**CODE, "code": "x"}),
    "token: no code": (TOKEN, {**CODE, "code": None}),
    "token: no verifier": (TOKEN, {**CODE, "code_verifier": None}),
    "token: no grant_type": (TOKEN, {**CODE, "grant_type": None}),
    "token: password": (TOKEN, {"grant_type": "password", "username": "a", "password": "b"}),
    "token: client credentials": (TOKEN, {"grant_type": "client_credentials"}),
    "token: no client": (TOKEN, {**CODE, "client_id": None}),
    "token: unknown refresh": (TOKEN, REFRESH),
    "token: odd refresh": (TOKEN, {**REFRESH, "refresh_token": "x"}),
    "token: no refresh": (TOKEN, {**REFRESH, "refresh_token": None}),
    "revoke: unknown": (REVOKE, {"token": REFRESH["refresh_token"]}),
    "revoke: odd": (REVOKE, {"token": "x"}),
    "revoke: no token": (REVOKE, {}),
    "revoke: no client": (REVOKE, {"token": "x", "client_id": None}),
    "introspect": ("/oauth/introspect", {"token": "x"}),
}

_PROFILE = "the profile asks for it"
_NAMES = "as RFC 6749 names it"
_PROOFS = "a bad proof is a bad request at the authorization server (RFC 9449, 5)"
_CLIENT = "what names no client is no client"
# Why an answer of ours is another: by case, or by the beginning of its name.
KEPT: Final = {
    "ask: unknown scope": "new permissions should not be refused in whole",
    "ask: short challenge": _PROFILE,
    "ask: no state": _PROFILE,
    "ask: no redirect_uri": _PROFILE,
    "ask: no response_type": _NAMES,
    "ask: key of another": _NAMES,
    "ask: no client": _NAMES,
    "ask: client": _CLIENT,
    "ask: local with": _CLIENT,
    "ask: a secret": "whoever shows what the profile does not have means another server",
    "ask: an assertion": "whoever shows what the profile does not have means another server",
    "ask: a request": "a request is read as plain parameters, and otherwise refused",
    "prove: none": _PROFILE,
    "prove: w": _PROOFS,
    "prove: old": _PROOFS,
    "prove: early": _PROOFS,
    "prove: no j": _PROOFS,
    "prove: no i": _PROOFS,
    "prove: odd t": _PROOFS,
    "prove: alg": _PROOFS,
    "prove: for": _PROOFS,
    "prove: no JWT": _PROOFS,
    "prove: twice": _PROOFS,
    "token: no proof": _PROOFS,
    "token: no ": _NAMES,
    "token: password": _NAMES,
    "token: client": _NAMES,
}


async def send(app: FarApp, path: str, *, verb: str = "POST", **rest: Any) -> Told:
    """Send exactly this; tell status and error, and keep the nonce."""
    async with (
        aiohttp.ClientSession() as http,
        http.request(verb, app.origin + path, **rest) as answer,
    ):
        body = await answer.read()
        app.nonce = answer.headers.get("DPoP-Nonce", app.nonce)
        is_json = answer.content_type == "application/json"
        return answer.status, json.loads(body).get("error", "") if is_json else ""


async def push(app: FarApp, proof: str = "", **changes: Any) -> Told:
    fields = {"client_id": app.client_id, **app.request(**changes)}
    kept = {name: text for name, text in fields.items() if text is not None}
    return await send(app, PAR, data=kept, headers={"DPoP": proof} if proof else {})


def asked(changes: Mapping[str, Any]) -> Case:
    return lambda app: push(app, app.proof("POST", app.origin + PAR), **changes)


def proved(changes: Mapping[str, Any]) -> Case:
    return lambda app: push(app, app.proof("POST", app.origin + PAR, **changes))


def sent(path: str, fields: Mapping[str, Any]) -> Case:
    async def case(app: FarApp) -> Told:
        form = {"client_id": app.client_id, **fields}
        kept = {name: text for name, text in form.items() if text is not None}
        headers = {"DPoP": app.proof("POST", app.origin + path)}
        return await send(app, path, data=kept, headers=headers)

    return case


async def _twice(app: FarApp) -> Told:
    proof = app.proof("POST", app.origin + PAR)
    await push(app, proof)
    return await push(app, proof)


async def _as_json(app: FarApp) -> Told:
    headers = {"DPoP": app.proof("POST", app.origin + PAR)}
    body = {"client_id": app.client_id, **app.request()}
    return await send(app, PAR, json=body, headers=headers)


async def _call(app: FarApp, scheme: str, *, proves: bool) -> Told:
    path = "/xrpc/com.atproto.server.getSession"
    proof = {"DPoP": app.proof("GET", app.origin + path, "x")} if proves else {}
    headers = {"Authorization": f"{scheme} x", **proof}
    return await send(app, path, verb="GET", headers=headers)


CASES: Final[Mapping[str, Case]] = {
    **{f"ask: {name}": asked(changes) for name, changes in ASKED.items()},
    "ask: as JSON": _as_json,
    "ask: GET": lambda app: send(app, PAR, verb="GET"),
    **{f"prove: {name}": proved(changes) for name, changes in PROVED.items()},
    "prove: none": push,
    "prove: no JWT": lambda app: push(app, "abc"),
    "prove: twice": _twice,
    **{name: sent(path, fields) for name, (path, fields) in SENT.items()},
    "token: no proof": lambda app: send(app, TOKEN, data={"client_id": app.client_id, **CODE}),
    "call: odd token": lambda app: _call(app, "DPoP", proves=True),
    "call: no proof": lambda app: _call(app, "DPoP", proves=False),
    "call: as bearer": lambda app: _call(app, "Bearer", proves=True),
    "page: no request": lambda app: send(app, "/oauth/authorize", verb="GET"),
    "page: unknown": lambda app: send(app, app.page_of(REQUEST_URI), verb="GET"),
}


@pytest.fixture(scope="module")
def origins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Where ours is, and the reference."""
    network = Appliance()
    reference = ReferencePds(network.plc, tmp_path_factory.mktemp("reference"))
    yield network.pds, reference.pds
    reference.stop()
    network.finish()


async def told_by(origin: str, case: Case) -> Told:
    app = FarApp.at(origin, CALLBACK)
    await push(app, app.proof("POST", origin + PAR))
    return await case(app)


async def test_apps_are_answered_as_the_reference_answers(origins: tuple[str, str]) -> None:
    different: dict[str, tuple[Told, Told]] = {}
    for name, case in CASES.items():
        ours, theirs = [await told_by(origin, case) for origin in origins]
        assert ours[0] < 500, name
        if ours != theirs:
            different[name] = (ours, theirs)
    unexplained = {name: told for name, told in different.items() if not reason(name)}
    assert unexplained == {}
    unused = [kept for kept in KEPT if not any(name.startswith(kept) for name in different)]
    assert unused == [], "no such difference any more"


async def test_both_say_the_same_of_themselves(origins: tuple[str, str]) -> None:
    """What ours says more is its own; what the reference says more it could do, and ours cannot."""
    path = "/.well-known/oauth-authorization-server"
    said = []
    async with aiohttp.ClientSession() as http:
        for origin in origins:
            async with http.get(origin + path) as answer:
                found: dict[str, Any] = await answer.json()
            said.append({name: _plain(value, origin) for name, value in found.items()})
    ours, theirs = said
    both = {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]}
    assert both == {
        "dpop_signing_alg_values_supported",
        "token_endpoint_auth_signing_alg_values_supported",
        "request_parameter_supported",
        "ui_locales_supported",
    }
    assert {name.partition("_")[0] for name in theirs.keys() - ours.keys()} == {"jwks", "request"}


def _plain(value: Any, origin: str) -> str:
    value = sorted(value) if isinstance(value, list) else value
    return json.dumps(value).replace(origin, "ORIGIN")


def reason(name: str) -> str:
    return next((why for kept, why in KEPT.items() if name.startswith(kept)), "")
