"""The flow of a web service in Python, from a handle on, with a JOSE library of others (joserfc).

It knows nothing of this server but what the documents of the protocol tell.
https://atproto.com/specs/oauth#summary-of-authorization-flow
"""

import hashlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from appliance.atproto.syntax import Did
from appliance.pds.oauth.client_auth import ASSERTION_TYPE
from tests.support.members_house import MembersHouse, open_members_house
from tests.support.oauth_client import (
    WEB_CALLBACK,
    WEB_ID,
    Documents,
    agree,
    base64url,
    metadata,
    returned,
    sign_in_for,
)
from tests.support.pds_box import Answer

SCOPE = "atproto transition:generic"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[MembersHouse]:
    async with open_members_house(tmp_path) as opened:
        yield opened


class Service:
    """A web service with a key of its own, and one key for each session."""

    def __init__(self, house: MembersHouse) -> None:
        self._house = house
        self.own = ECKey.generate_key("P-256", {"kid": "2026-11", "use": "sig", "alg": "ES256"})
        self.nonces: dict[str, str] = {}
        keys = {"keys": [self.own.as_dict(private=False)]}
        fields: dict[str, Any] = {"token_endpoint_auth_method": "private_key_jwt", "jwks": keys}
        fields |= {"token_endpoint_auth_signing_alg": "ES256"}
        Documents(house.box.pds).put(WEB_ID, metadata(**fields))

    @property
    def now(self) -> int:
        return int(self._house.box.clock.now())

    async def get(self, url: str) -> dict[str, Any]:
        answer = await self._house.box.ask("GET", urlsplit(url).path)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        found: dict[str, Any] = answer.json
        return found

    def assertion(self, issuer: str) -> str:
        claims = {
            "iss": WEB_ID,
            "sub": WEB_ID,
            "aud": issuer,
            "jti": secrets.token_urlsafe(12),
            "iat": self.now,
        }
        return jwt.encode({"alg": "ES256", "kid": "2026-11"}, claims, self.own)

    def proof(self, key: ECKey, method: str, url: str, token: str | None = None) -> str:
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
        claims: dict[str, Any] = {"jti": secrets.token_urlsafe(12), "htm": method, "htu": url}
        claims |= {"iat": self.now, "exp": self.now + 30}
        if nonce := self.nonces.get(urlsplit(url).netloc):
            claims["nonce"] = nonce
        if token is not None:
            claims["ath"] = base64url(hashlib.sha256(token.encode()).digest())
        return jwt.encode(header, claims, key)

    async def post(self, issuer: str, url: str, key: ECKey, fields: dict[str, str]) -> Answer:
        """Send a form with both proofs; again with the nonce that came back."""
        form = {"client_id": WEB_ID, "client_assertion_type": ASSERTION_TYPE}
        form |= {"client_assertion": self.assertion(issuer), **fields}
        headers = {"DPoP": self.proof(key, "POST", url)}
        path = urlsplit(url).path
        answer = await self._house.box.ask("POST", path, data=form, headers=headers)
        self.nonces[urlsplit(url).netloc] = answer.headers["DPoP-Nonce"]
        if answer.status == 400 and answer.error == "use_dpop_nonce":
            return await self.post(issuer, url, key, fields)
        return answer


async def found_server(house: MembersHouse, service: Service) -> tuple[str, str, dict[str, Any]]:
    """Go from the handle to the account, its server, and the server that may say yes."""
    found = await house.box.get("com.atproto.identity.resolveHandle", handle="alice.test")
    did = Did(found.json["did"])
    pds = (await house.box.pds.resolver.document(did)).pds
    assert pds is not None
    resource = await service.get(f"{pds}/.well-known/oauth-protected-resource")
    [issuer] = resource["authorization_servers"]
    server = await service.get(f"{issuer}/.well-known/oauth-authorization-server")
    assert server["issuer"] == issuer
    assert {"code"} <= set(server["response_types_supported"])
    assert {"authorization_code", "refresh_token"} <= set(server["grant_types_supported"])
    assert "S256" in server["code_challenge_methods_supported"]
    methods = set(server["token_endpoint_auth_methods_supported"])
    assert {"none", "private_key_jwt"} <= methods
    assert "ES256" in server["token_endpoint_auth_signing_alg_values_supported"]
    assert "none" not in server["token_endpoint_auth_signing_alg_values_supported"]
    assert "atproto" in server["scopes_supported"]
    assert server["authorization_response_iss_parameter_supported"] is True
    assert server["require_pushed_authorization_requests"] is True
    assert server["client_id_metadata_document_supported"] is True
    assert "ES256" in server["dpop_signing_alg_values_supported"]
    return did, pds, server


async def test_a_service_comes_in_from_a_handle_on(house: MembersHouse) -> None:
    service, key = Service(house), ECKey.generate_key("P-256")

    did, pds, server = await found_server(house, service)
    issuer = server["issuer"]

    # The request is pushed; the first try brings the nonce.
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    asked = {
        "response_type": "code",
        "code_challenge": base64url(hashlib.sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
        "state": state,
        "redirect_uri": WEB_CALLBACK,
        "scope": SCOPE,
        "login_hint": "alice.test",
    }
    par = server["pushed_authorization_request_endpoint"]
    pushed = await service.post(issuer, par, key, asked)
    assert pushed.status == 201
    assert 0 < pushed.json["expires_in"] <= 300

    # The member signs in and agrees.
    browser = house.browser()
    query = urlencode({"client_id": WEB_ID, "request_uri": pushed.json["request_uri"]})
    page = urlsplit(server["authorization_endpoint"]).path
    seen = await browser.ask("GET", f"{page}?{query}")
    seen = await sign_in_for(browser, seen, house.alice)
    back = await agree(browser, seen)
    assert (back.location or "").startswith(f"{WEB_CALLBACK}?")
    answered = returned(back)
    assert (answered["state"], answered["iss"]) == (state, issuer)

    # The code is exchanged, and whoever it is for is the one who was named.
    fields = {
        "grant_type": "authorization_code",
        "redirect_uri": WEB_CALLBACK,
        "code": answered["code"],
        "code_verifier": verifier,
    }
    token_url = server["token_endpoint"]
    tokens = (await service.post(issuer, token_url, key, fields)).json
    assert tokens["sub"] == did
    assert tokens["scope"] == SCOPE

    # Calls carry the token and a proof over it.
    url = f"{pds}/xrpc/com.atproto.repo.createRecord"
    headers = {
        "Authorization": f"DPoP {tokens['access_token']}",
        "DPoP": service.proof(key, "POST", url, tokens["access_token"]),
    }
    post = {"$type": "app.bsky.feed.post", "text": "hi", "createdAt": house.box.clock.iso()}
    body = {"repo": did, "collection": "app.bsky.feed.post", "record": post}
    path = urlsplit(url).path
    written = await house.box.ask("POST", path, headers=headers, json=body)
    assert written.status == 200
    assert written.headers["DPoP-Nonce"]

    # Renewed, and given back.
    fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    renewed = (await service.post(issuer, token_url, key, fields)).json
    assert renewed["sub"] == did
    assert renewed["refresh_token"] != tokens["refresh_token"]
    given = {"token": renewed["refresh_token"]}
    assert (await service.post(issuer, server["revocation_endpoint"], key, given)).status == 200
    fields = {"grant_type": "refresh_token", "refresh_token": renewed["refresh_token"]}
    refused = await service.post(issuer, token_url, key, fields)
    assert (refused.status, refused.error) == (400, "invalid_grant")
