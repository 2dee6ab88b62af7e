"""What clients publish: fetched, kept for a while, and measured by the profile."""

from typing import Any

import orjson
import pytest

from appliance.base.http import OutboundFailed, Response
from appliance.pds.oauth.client_registry import (
    AGAIN_AFTER_SECONDS,
    KEPT_SECONDS,
    MOST_KEPT,
    STALE_SECONDS,
    ClientRegistry,
)
from appliance.pds.oauth.clients import read_client
from appliance.pds.oauth.errors import ClientUnreachable, InvalidClientMetadata, OAuthError
from tests.support.clock import FakeClock
from tests.support.oauth_client import WEB_ID, Key, confidential, metadata


class Web:
    """What is published, and how often it was asked for."""

    def __init__(self) -> None:
        self.found: dict[str, Response] = {}
        self.asked: list[str] = []

    def put(self, url: str, value: Any, status: int = 200, kind: str = "application/json") -> None:
        body = value if isinstance(value, bytes) else orjson.dumps(value)
        self.found[url] = Response(status, {"Content-Type": kind}, body)

    async def request(self, _method: str, url: str, **_rest: Any) -> Response:
        self.asked.append(url)
        if url not in self.found:
            raise OutboundFailed("nobody there")
        return self.found[url]


class House:
    """A registry on a web of its own."""

    def __init__(self) -> None:
        self.web, self.clock = Web(), FakeClock()
        self.registry = ClientRegistry(self.web, self.clock.now)  # type: ignore[arg-type]


@pytest.fixture
def house() -> House:
    return House()


async def test_a_document_is_fetched_once_in_a_while(house: House) -> None:
    house.web.put(WEB_ID, metadata())
    for _ in range(3):
        assert (await house.registry.find(WEB_ID)).client_id == WEB_ID
    assert len(house.web.asked) == 1
    house.clock.advance(KEPT_SECONDS)
    await house.registry.find(WEB_ID)
    assert len(house.web.asked) == 2


async def test_a_document_counts_for_an_hour_while_its_server_is_down(house: House) -> None:
    house.web.put(WEB_ID, metadata())
    await house.registry.find(WEB_ID)
    for failure in ({}, {WEB_ID: Response(503, {}, b"")}):
        house.web.found = failure
        house.clock.advance(STALE_SECONDS / 2 - 1)
        assert (await house.registry.find(WEB_ID)).client_id == WEB_ID
    house.clock.advance(2)
    with pytest.raises(ClientUnreachable):
        await house.registry.find(WEB_ID)


async def test_a_document_that_is_withdrawn_counts_no_longer(house: House) -> None:
    house.web.put(WEB_ID, metadata())
    await house.registry.find(WEB_ID)
    house.clock.advance(KEPT_SECONDS)
    house.web.put(WEB_ID, b"gone", status=404)
    with pytest.raises(InvalidClientMetadata):
        await house.registry.find(WEB_ID)


async def test_newer_keys_are_looked_for_but_not_at_every_knock(house: House) -> None:
    old, new = Key(), Key()
    keys = "https://app.example.com/jwks.json"
    house.web.put(WEB_ID, confidential(old, jwks=None, jwks_uri=keys))
    house.web.put(keys, {"keys": [old.published]}, kind="application/jwk-set+json")
    await house.registry.find(WEB_ID)
    house.web.put(keys, {"keys": [new.published]})
    assert (await house.registry.find(WEB_ID, newest=True)).keys == (old.published,)
    house.clock.advance(AGAIN_AFTER_SECONDS)
    assert (await house.registry.find(WEB_ID, newest=True)).keys == (new.published,)


async def test_only_so_many_are_kept(house: House) -> None:
    names = [f"https://app.example.com/{number}" for number in range(MOST_KEPT + 1)]
    for name in names:
        house.web.put(name, metadata(name))
        await house.registry.find(name)
    await house.registry.find(names[-1])
    assert len(house.web.asked) == len(names)
    await house.registry.find(names[0])
    assert len(house.web.asked) == len(names) + 1


async def test_what_is_no_json_document_is_no_client(house: House) -> None:
    for body, status, kind in (
        (b"{", 200, "application/json"),
        (b"[]", 200, "application/json"),
        (metadata(), 200, "text/html"),
        (metadata(), 201, "application/json"),
        (metadata(), 302, "application/json"),
    ):
        house.web.put(WEB_ID, body, status, kind)
        with pytest.raises(InvalidClientMetadata):
            await house.registry.find(WEB_ID)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "https://other.example.com/metadata"},
        {"client_id": None},
        {"dpop_bound_access_tokens": None},
        {"dpop_bound_access_tokens": "true"},
        {"grant_types": ["refresh_token"]},
        {"grant_types": None},
        {"grant_types": "authorization_code"},
        {"response_types": ["token"]},
        {"response_types": None},
        {"redirect_uris": []},
        {"redirect_uris": None},
        {"redirect_uris": [1]},
        {"redirect_uris": ["http://app.example.com/"]},
        {"redirect_uris": ["https://app.example.com/a"] * 101},
        {"scope": "transition:generic"},
        {"scope": None},
        {"scope": ["atproto"]},
        {"application_type": "spa"},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"client_uri": "https://other.example.com"},
        {"client_uri": "javascript:alert(1)"},
        {"policy_uri": "http://app.example.com/policy"},
        {"client_name": {"en": "An app"}},
        {"client_name": "a" * 5000},
    ],
)
def test_a_document_that_breaks_the_profile_is_refused(changes: dict[str, Any]) -> None:
    document = {**metadata(), **changes}
    kept = {name: value for name, value in document.items() if value is not None}
    with pytest.raises(OAuthError):
        read_client(WEB_ID, kept)


@pytest.mark.parametrize(
    "changes",
    [
        {"jwks": None},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}},
        {"jwks": {"keys": ["key"]}},
        {"jwks": []},
        {"jwks_uri": "https://app.example.com/jwks.json"},
        {"jwks": None, "jwks_uri": "http://app.example.com/jwks.json"},
        {"token_endpoint_auth_signing_alg": "none"},
        {"token_endpoint_auth_signing_alg": "RS256"},
        {"token_endpoint_auth_signing_alg": "HS256"},
    ],
)
def test_a_service_has_to_publish_usable_keys(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidClientMetadata):
        read_client(WEB_ID, confidential(Key(), **changes))


def test_a_service_that_publishes_its_secret_key_is_refused() -> None:
    key = Key()
    leaked = {**key.published, "d": "secret"}
    with pytest.raises(InvalidClientMetadata):
        read_client(WEB_ID, confidential(key, jwks={"keys": [leaked]}))


def test_what_a_client_may_leave_out() -> None:
    changes: dict[str, Any] = dict.fromkeys(
        ("token_endpoint_auth_method", "application_type", "client_name")
    )
    client = read_client(WEB_ID, metadata(**changes, grant_types=["authorization_code"]))
    assert not client.is_confidential
    assert not client.may_refresh
    assert client.name == ""
