"""Attacks by and on clients: what they publish, where that leads us, how they prove themselves."""

import hmac
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.pds.oauth.client_registry import ClientRegistry
from appliance.pds.oauth.errors import ClientUnreachable
from tests.pds.oauth_negative.conftest import Field
from tests.support.oauth_client import (
    WEB_CALLBACK,
    App,
    Key,
    base64url,
    confidential,
    metadata,
)
from tests.support.pds_box import Answer

pytestmark = pytest.mark.asyncio(loop_scope="module")


def refused(answer: Answer, *errors: str) -> None:
    assert answer.status in (400, 401), answer
    assert answer.error in errors, answer


NAMES = [
    "",
    "app.example.com",
    "http://app.example.com/client.json",
    "ftp://app.example.com/client.json",
    "file:///etc/passwd",
    "data:application/json,{}",
    "javascript:alert(1)",
    "https://app.example.com",
    "https://app.example.com/",
    "https://app.example.com:8443/client.json",
    "https://app.example.com:443/client.json",
    "https://user@app.example.com/client.json",
    "https://user:word@app.example.com/client.json",
    "https://app.example.com/client.json#part",
    "https://app.example.com/../client.json",
    "https://app.example.com/./client.json",
    "https://APP.example.com/client.json",
    "https://app.example.com\\@evil.example/client.json",
    "https://app.example.com/client.json\n",
    "https://app.example.com/cliënt.json",
    "https://appexample/client.json",
    "https://localhost/client.json",
    "https://127.0.0.1/client.json",
    "https://[::1]/client.json",
    "https://169.254.169.254/latest/meta-data",
    "https://2130706433/client.json",
    "https://0x7f000001/client.json",
    "https://127.1/client.json",
    "https://" + "a" * 3000 + ".example/client.json",
    "http://localhost:8080",
    "http://localhost/path",
    "http://localhost.evil.example/",
    "http://localhost?redirect_uri=https://evil.example/cb",
    "http://localhost?redirect_uri=http://evil.example/cb",
    "http://localhost?redirect_uri=http://localhost/cb",
    "http://localhost?scope=atproto&scope=atproto",
    "http://localhost?client_name=Bank",
    "http://localhost#x",
    "http://127.0.0.1/",
    "https://unpublished.example.com/client.json",
]


@pytest.mark.parametrize("name", NAMES)
async def test_what_names_no_client_is_refused_unasked(ground: Field, name: str) -> None:
    asked = len(ground.documents.asked)
    app = App(ground.house, name, WEB_CALLBACK)
    refused(await app.push(), "invalid_client", "invalid_client_metadata", "invalid_request")
    assert all("unpublished" in url for url in ground.documents.asked[asked:])


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/client.json",
        "https://[::1]/client.json",
        "https://[::ffff:127.0.0.1]/client.json",
        "https://10.0.0.1/client.json",
        "https://192.168.1.1/client.json",
        "https://100.64.0.1/client.json",
        "https://169.254.169.254/client.json",
        "https://[fd00::1]/client.json",
        "https://[64:ff9b::7f00:1]/client.json",
        "https://localhost/client.json",
        "unix:/run/pds.sock",
    ],
)
async def test_the_way_inside_is_closed_to_keys_as_well(url: str) -> None:
    """The guarded client looks at the address it dials, whatever named it."""
    async with HttpClient.open(OutboundPolicy()) as http:
        registry = ClientRegistry(http, lambda: 0.0)
        with pytest.raises(ClientUnreachable):
            await registry._document(url)


DOCUMENTS: dict[str, dict[str, Any]] = {
    "about another client": {"client_id": "https://evil.example/client.json"},
    "without a name": {"client_id": None},
    "without DPoP": {"dpop_bound_access_tokens": None},
    "with DPoP as a word": {"dpop_bound_access_tokens": "true"},
    "with DPoP off": {"dpop_bound_access_tokens": False},
    "without grant types": {"grant_types": None},
    "for the implicit grant": {"grant_types": ["implicit"]},
    "without response types": {"response_types": None},
    "for tokens in the address": {"response_types": ["token"]},
    "without redirects": {"redirect_uris": None},
    "with no redirect": {"redirect_uris": []},
    "with a redirect that is no text": {"redirect_uris": [7]},
    "with a redirect by http": {"redirect_uris": ["http://app.example.com/cb"]},
    "with a redirect to loopback": {"redirect_uris": ["http://127.0.0.1/cb"]},
    "with a redirect to localhost": {"redirect_uris": ["https://localhost/cb"]},
    "with a redirect with a user": {"redirect_uris": ["https://a@app.example.com/cb"]},
    "with a redirect with a fragment": {"redirect_uris": ["https://app.example.com/cb#x"]},
    "with a script for redirect": {"redirect_uris": ["javascript:alert(1)"]},
    "with data for redirect": {"redirect_uris": ["data:text/html,x"]},
    "with a foreign scheme": {
        "application_type": "native",
        "redirect_uris": ["com.evil.app:/callback"],
    },
    "with a scheme of one word": {"application_type": "native", "redirect_uris": ["myapp:/cb"]},
    "with slashes behind its scheme": {
        "application_type": "native",
        "redirect_uris": ["com.example.app://callback"],
    },
    "of an unknown type": {"application_type": "toaster"},
    "without a scope": {"scope": None},
    "with a scope without atproto": {"scope": "transition:generic"},
    "with a scope that is a list": {"scope": ["atproto"]},
    "with a secret": {"token_endpoint_auth_method": "client_secret_basic"},
    "with a home elsewhere": {"client_uri": "https://bank.example/"},
    "with terms by script": {"tos_uri": "javascript:alert(1)"},
    "with a policy by http": {"policy_uri": "http://app.example.com/policy"},
    "with a name that is no text": {"client_name": {"en": "x"}},
    "with an endless name": {"client_name": "x" * 10_000},
}


@pytest.mark.parametrize("changes", DOCUMENTS.values(), ids=DOCUMENTS)
async def test_a_document_like_this_makes_no_client(ground: Field, changes: dict[str, Any]) -> None:
    refused(await ground.published(**changes).push(), "invalid_client_metadata")


KEYS: dict[str, dict[str, Any]] = {
    "no keys": {"jwks": None},
    "keys here and elsewhere": {"jwks_uri": "https://app.example.com/keys"},
    "an empty list": {"jwks": {"keys": []}},
    "keys that are no list": {"jwks": {"keys": {}}},
    "a private key": {"jwks": {"keys": [{**Key().published, "d": base64url(b"d" * 32)}]}},
    "a symmetric key": {"jwks": {"keys": [{"kty": "oct", "k": base64url(b"k" * 32)}]}},
    "an algorithm of its own": {"token_endpoint_auth_signing_alg": "RS256"},
    "no algorithm": {"token_endpoint_auth_signing_alg": "none"},
    "keys by http": {"jwks": None, "jwks_uri": "http://app.example.com/keys"},
    "keys in a file": {"jwks": None, "jwks_uri": "file:///etc/keys"},
    "keys that are not there": {"jwks": None, "jwks_uri": "https://nowhere.example.com/keys"},
}


@pytest.mark.parametrize("changes", KEYS.values(), ids=KEYS)
async def test_keys_like_these_make_no_client(ground: Field, changes: dict[str, Any]) -> None:
    refused(await ground.signing(**changes).push(), "invalid_client_metadata")


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (201, "application/json", None),
        (204, "application/json", None),
        (302, "application/json", None),
        (404, "application/json", None),
        (500, "application/json", None),
        (200, "text/html", None),
        (200, "text/plain", None),
        (200, "application/json", b"[]"),
        (200, "application/json", b"{"),
        (200, "application/json", b""),
        (200, "application/json", b"[" * 60_000),
    ],
)
async def test_what_is_not_published_as_it_should_be_is_none(
    ground: Field, status: int, kind: str, body: bytes | None
) -> None:
    app = ground.published()
    document = metadata(app.client_id) if body is None else body
    ground.documents.put(app.client_id, document, status=status, kind=kind)
    refused(await app.push(), "invalid_client_metadata")


async def test_how_much_is_read_of_a_document_is_bounded(ground: Field) -> None:
    registry = ground.house.box.pds.oauth.auth.registry
    asked: dict[str, Any] = {}

    class Noting:
        async def request(self, _method: str, _url: str, **how: Any) -> Any:
            asked.update(how)
            raise AssertionError

    registry.http, kept = Noting(), registry.http  # type: ignore[assignment]
    try:
        with pytest.raises(AssertionError):
            await registry._document("https://app.example.com/large.json")
    finally:
        registry.http = kept
    assert asked["max_bytes"] <= 256 * 1024
    assert asked["redirects"] == 0


Assert = Callable[[App], str]


def _claims(**changes: Any) -> Assert:
    return lambda app: app.assertion(**changes)


def _old(app: App) -> str:
    return app.assertion(iat=app.now - 3600, exp=app.now - 3540)


def _unsigned(app: App) -> str:
    head, body, _ = app.assertion(header={"alg": "none"}).split(".")
    return f"{head}.{body}."


def _sealed_with_public_key(app: App) -> str:
    assert app.client_key is not None
    head, body, _ = app.assertion(header={"alg": "HS256"}).split(".")
    secret = orjson.dumps(app.client_key.published)
    return f"{head}.{body}." + base64url(hmac.digest(secret, f"{head}.{body}".encode(), "sha256"))


def _by_another_key(app: App) -> str:
    assert app.client_key is not None
    own, app.client_key = app.client_key, Key(kid=app.client_key.kid)
    made, app.client_key = app.assertion(), own
    return made


ASSERTIONS: dict[str, Assert] = {
    "no assertion": lambda _app: "",
    "no JWT": lambda _app: "assertion",
    "alg none": _unsigned,
    "HS256 by the public key": _sealed_with_public_key,
    "another key by the same name": _by_another_key,
    "a key that comes along": lambda app: app.assertion(header={"jwk": Key().jwk, "kid": "x"}),
    "a key that is not published": lambda app: app.assertion(header={"kid": "unknown"}),
    "no key named": lambda app: app.assertion(header={"kid": None}),
    "another issuer": _claims(iss="https://evil.example/client.json"),
    "another subject": _claims(sub="https://evil.example/client.json"),
    "no subject": _claims(sub=None),
    "no audience": _claims(aud=None),
    "another server for audience": _claims(aud="https://other.example"),
    "another server's endpoint for audience": _claims(aud="https://other.example/oauth/token"),
    "another server among the audiences alone": _claims(aud=["https://a.example"]),
    "no jti": _claims(jti=None),
    "empty jti": _claims(jti=""),
    "no iat": _claims(iat=None),
    "an hour old": _old,
    "expired": lambda app: app.assertion(exp=app.now - 60),
    "from the future": lambda app: app.assertion(iat=app.now + 3600, exp=app.now + 3660),
}


@pytest.mark.parametrize("make", ASSERTIONS.values(), ids=ASSERTIONS)
@pytest.mark.parametrize("place", ["pushing", "exchanging"])
async def test_a_client_that_does_not_prove_itself_is_refused(
    ground: Field, make: Assert, place: str
) -> None:
    app = ground.signing()
    code = await app.code(ground.browser) if place == "exchanging" else ""
    changes = {"client_assertion": make(app) or None}
    answer = await (app.exchange(code, **changes) if code else app.push(**changes))
    refused(answer, "invalid_client")
    if code:
        assert (await app.exchange(code)).status == 200


@pytest.mark.parametrize("kind", [None, "", "urn:ietf:params:oauth:client-assertion-type:saml"])
async def test_an_assertion_is_of_one_kind(ground: Field, kind: str | None) -> None:
    refused(await ground.signing().push(client_assertion_type=kind), "invalid_client")


async def test_an_assertion_counts_once(ground: Field) -> None:
    app = ground.signing()
    assertion = app.assertion()
    assert (await app.push(client_assertion=assertion)).status in (201, 400)
    refused(await app.push(client_assertion=assertion), "invalid_client")


async def test_a_client_s_jti_is_its_own(ground: Field) -> None:
    for app in (ground.signing(), ground.signing()):
        assert (await app.push()).status == 201
        assert (await app.push(client_assertion=app.assertion(jti="the same"))).status == 201


async def test_a_session_is_bound_to_the_key_that_opened_it(ground: Field) -> None:
    """New keys beside the old one are no way into its sessions."""
    first, second = Key(), Key()
    app = ground.signing()
    app.client_key = first
    document = confidential(first, client_id=app.client_id)
    document["jwks"]["keys"].append(second.published)
    ground.documents.put(app.client_id, document)
    await app.come_in(ground.browser)
    app.client_key = second
    refused(await app.refresh(), "invalid_grant", "invalid_client")
    app.client_key = first
    assert (await app.refresh()).status == 200


async def test_a_key_that_is_withdrawn_ends_its_sessions(ground: Field) -> None:
    stolen, fresh = Key(), Key()
    app = ground.signing()
    app.client_key = stolen
    ground.documents.put(app.client_id, confidential(stolen, client_id=app.client_id))
    await app.come_in(ground.browser)
    ground.documents.put(app.client_id, confidential(fresh, client_id=app.client_id))
    ground.wait(601)
    refused(await app.refresh(), "invalid_client")
    assert (await app.get_session()).status == 401
    app.client_key = fresh
    refused(await app.refresh(), "invalid_grant")


async def test_a_new_key_is_found_without_waiting(ground: Field) -> None:
    app = ground.signing()
    assert (await app.push()).status == 201
    app.client_key = Key()
    ground.documents.put(app.client_id, confidential(app.client_key, client_id=app.client_id))
    ground.wait(31)
    assert (await app.push()).status == 201


async def test_keys_are_looked_for_no_oftener_than_is_decent(ground: Field) -> None:
    app = ground.signing()
    await app.push()
    ground.wait(31)
    asked = len(ground.documents.asked)
    for _ in range(5):
        await app.push(client_assertion=app.assertion(header={"kid": "unknown"}))
    assert len(ground.documents.asked) <= asked + 1


async def test_a_client_that_signs_does_not_come_unsigned(ground: Field) -> None:
    app = ground.signing()
    await app.come_in(ground.browser)
    app.client_key = None
    refused(await app.refresh(), "invalid_client")
    refused(await app.push(), "invalid_client")


async def test_a_client_that_stops_signing_loses_its_sessions(ground: Field) -> None:
    """Whoever takes over a client's address does not inherit its sessions."""
    app = ground.signing()
    await app.come_in(ground.browser)
    ground.documents.put(app.client_id, metadata(app.client_id))
    ground.wait(601)
    app.client_key = None
    refused(await app.refresh(), "invalid_grant", "invalid_client")


async def test_an_assertion_for_one_client_is_no_other_s(ground: Field) -> None:
    one, other = ground.signing(), ground.signing()
    refused(await other.push(client_assertion=one.assertion()), "invalid_client")
    refused(
        await other.push(client_id=one.client_id, client_assertion=other.assertion()),
        "invalid_client",
    )


async def test_what_a_client_calls_itself_is_not_shown(ground: Field) -> None:
    app = ground.published(client_name="Your Bank", logo_uri="https://bank.example/logo.png")
    seen = await ground.browser.ask("GET", await app.ask())
    assert "Your Bank" not in seen.text
    assert "bank.example" not in seen.text
    assert "app.example.com" in seen.text
    assert app.client_id in seen.text
