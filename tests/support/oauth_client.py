"""An honest app in Python: its keys, its proofs, and the way it goes; attacks bend single steps.

`App.come_in(browser)` is the whole way. What an app publishes of itself stands in `Documents`.
"""

import hashlib
import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Protocol, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from appliance.base.http import OutboundFailed, Response
from appliance.pds.oauth.client_auth import ASSERTION_TYPE
from appliance.pds.role import Pds
from tests.support.members_house import ORIGIN, Browser, MembersHouse
from tests.support.panel_house import Seen
from tests.support.pds_box import Answer, Member

CALLBACK = "http://127.0.0.1/callback"
WEB_ID = "https://app.example.com/client-metadata.json"
WEB_CALLBACK = "https://app.example.com/callback"
SCOPE = "atproto transition:generic"
_DID = re.compile(r'name="did" value="([^"]*)"')
_REQUEST = re.compile(r'name="request_uri" value="([^"]*)"')
_CHOICE = re.compile(r'name="(allow [^"]*)"')


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Key:
    """A key on P-256, and how it signs JWTs."""

    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    kid: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def jwk(self) -> dict[str, Any]:
        numbers = self.private.public_key().public_numbers()
        x, y = (base64url(each.to_bytes(32, "big")) for each in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    @property
    def published(self) -> dict[str, Any]:
        return {**self.jwk, "kid": self.kid, "use": "sig", "alg": "ES256"}

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """Write a JWT with this very header and these claims."""
        body = f"{base64url(orjson.dumps(header))}.{base64url(orjson.dumps(claims))}"
        signature = self.private.sign(body.encode(), ec.ECDSA(hashes.SHA256()))
        pair = (each.to_bytes(32, "big") for each in decode_dss_signature(signature))
        return f"{body}.{base64url(b''.join(pair))}"


class Documents:
    """What is published on the web, by URL; stands in the place of the guarded client."""

    def __init__(self, pds: Pds) -> None:
        self.found: dict[str, Response] = {}
        self.asked: list[str] = []
        pds.oauth.auth.registry.http = self  # type: ignore[assignment]

    def put(
        self, url: str, value: Any, *, status: int = 200, kind: str = "application/json"
    ) -> None:
        body = value if isinstance(value, bytes) else orjson.dumps(value)
        self.found[url] = Response(status, {"Content-Type": kind}, body)

    async def request(self, method: str, url: str, **_rest: Any) -> Response:
        assert method == "GET"
        self.asked.append(url)
        if url not in self.found:
            raise OutboundFailed("nobody there")
        return self.found[url]


def metadata(client_id: str = WEB_ID, **changes: Any) -> dict[str, Any]:
    """What an honest web app publishes; a change to None leaves a field out."""
    document = {
        "client_id": client_id,
        "client_name": "An app",
        "application_type": "web",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "redirect_uris": [WEB_CALLBACK],
        "scope": f"{SCOPE} transition:email",
        "token_endpoint_auth_method": "none",
        "dpop_bound_access_tokens": True,
        **changes,
    }
    return {name: value for name, value in document.items() if value is not None}


def confidential(key: Key, **changes: Any) -> dict[str, Any]:
    """What an app publishes that signs for itself."""
    fields = {
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks": {"keys": [key.published]},
    }
    return metadata(**{**fields, **changes})


@dataclass
class App:
    """An app on one device. `client_key`: with which it proves itself, if it does."""

    house: MembersHouse
    client_id: str
    redirect_uri: str = CALLBACK
    scope: str = SCOPE
    client_key: Key | None = None
    key: Key = field(default_factory=Key)
    nonce: str = ""
    verifier: str = ""
    state: str = ""
    tokens: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def local(cls, house: MembersHouse, scope: str = SCOPE, **more: Any) -> Self:
        """An app in development, which publishes nothing."""
        query = urlencode({"redirect_uri": CALLBACK, "scope": scope})
        return cls(house, f"http://localhost?{query}", scope=scope, **more)

    @classmethod
    def web(cls, house: MembersHouse, **more: Any) -> Self:
        """An app on the web; what it publishes is the test's to put."""
        return cls(house, WEB_ID, WEB_CALLBACK, **more)

    @property
    def now(self) -> int:
        return int(self.house.box.clock.now())

    def proof(
        self,
        method: str,
        url: str,
        token: str | None = None,
        *,
        key: Key | None = None,
        header: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """Prove the key for one request; a claim changed to None is left out."""
        signer = key or self.key
        claims = {
            "jti": secrets.token_hex(12),
            "htm": method,
            "htu": url,
            "iat": self.now,
            "nonce": self.nonce or None,
            "ath": base64url(hashlib.sha256(token.encode()).digest()) if token else None,
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return signer.sign(
            {"typ": "dpop+jwt", "alg": "ES256", "jwk": signer.jwk, **(header or {})}, kept
        )

    def assertion(self, *, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """Prove who the app is; a claim changed to None is left out."""
        assert self.client_key is not None
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": ORIGIN,
            "jti": secrets.token_hex(12),
            "iat": self.now,
            "exp": self.now + 60,
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return self.client_key.sign(
            {"typ": "JWT", "alg": "ES256", "kid": self.client_key.kid, **(header or {})}, kept
        )

    async def send(
        self, path: str, fields: Mapping[str, Any], *, proof: str | None = None
    ) -> Answer:
        """Send a form as it is told, with the client's proofs; a field of None is left out.

        Without a `proof` of its own it makes one, again if the server wants a nonce.
        """
        form = {"client_id": self.client_id}
        if self.client_key is not None:
            form |= {"client_assertion_type": ASSERTION_TYPE}
            form |= {"client_assertion": self.assertion()}
        form |= dict(fields)
        sent = {name: value for name, value in form.items() if value is not None}
        shown = self.proof("POST", ORIGIN + path) if proof is None else proof
        headers = {"DPoP": shown} if shown else {}
        answer = await self.house.box.ask("POST", path, data=sent, headers=headers)
        self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
        if proof is None and answer.status == 400 and answer.error == "use_dpop_nonce":
            return await self.send(path, fields)
        return answer

    def request(self, **changes: Any) -> dict[str, Any]:
        """The fields of a request, with a new challenge and state."""
        self.verifier, self.state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        challenge = hashlib.sha256(self.verifier.encode()).digest()
        return {
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": self.state,
            "code_challenge": base64url(challenge),
            "code_challenge_method": "S256",
            **changes,
        }

    async def push(self, **changes: Any) -> Answer:
        return await self.send("/oauth/par", self.request(**changes))

    async def ask(self, **changes: Any) -> str:
        """Push a request; return the address where the member's browser is sent."""
        answer = await self.push(**changes)
        assert answer.status == 201, answer
        return self.page_of(answer.json["request_uri"])

    def page_of(self, request_uri: str) -> str:
        query = urlencode({"client_id": self.client_id, "request_uri": request_uri})
        return f"/oauth/authorize?{query}"

    async def code(self, browser: Browser, **changes: Any) -> str:
        """Have a member who is signed in agree; return the code."""
        seen = await browser.ask("GET", await self.ask(**changes))
        answered = returned(await agree(browser, seen))
        assert answered["state"] == self.state
        assert answered["iss"] == ORIGIN
        return answered["code"]

    async def exchange(self, code: str, *, proof: str | None = None, **changes: Any) -> Answer:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }
        return self._kept(await self.send("/oauth/token", fields, proof=proof))

    async def refresh(self, *, proof: str | None = None, **changes: Any) -> Answer:
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": self.tokens.get("refresh_token"),
            **changes,
        }
        return self._kept(await self.send("/oauth/token", fields, proof=proof))

    async def revoke(self, token: str, **changes: Any) -> Answer:
        return await self.send("/oauth/revoke", {"token": token, **changes})

    async def come_in(self, browser: Browser, **changes: Any) -> dict[str, Any]:
        """Go the whole way with a member who is signed in; return the tokens."""
        answer = await self.exchange(await self.code(browser, **changes))
        assert answer.status == 200, answer
        return self.tokens

    async def call(
        self,
        verb: str,
        nsid: str,
        *,
        proof: str | None = None,
        token: str | None = None,
        scheme: str = "DPoP",
        headers: Mapping[str, str] | None = None,
        **rest: Any,
    ) -> Answer:
        """Call a method, again if the server wants a nonce."""
        access = token or self.tokens["access_token"]
        path = f"/xrpc/{nsid}"
        shown = self.proof(verb, ORIGIN + path, access) if proof is None else proof
        sent = {"Authorization": f"{scheme} {access}", **({"DPoP": shown} if shown else {})}
        answer = await self.house.box.ask(verb, path, headers={**sent, **(headers or {})}, **rest)
        self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
        if proof is None and answer.status == 401 and answer.error == "use_dpop_nonce":
            more: dict[str, Any] = {"token": token, "scheme": scheme, "headers": headers, **rest}
            return await self.call(verb, nsid, **more)
        return answer

    async def get_session(self) -> Answer:
        return await self.call("GET", "com.atproto.server.getSession")

    def _kept(self, answer: Answer) -> Answer:
        if answer.status == 200:
            self.tokens = answer.json
        return answer


async def agree(browser: Browser, seen: Seen, *without: str, answer: str = "yes") -> Seen:
    """Send the form of the page where a member agrees, all ticked but the tokens `without`."""
    did = _DID.search(seen.text)
    assert did is not None, seen.text
    uri = request_in(seen)
    shown = [unescape(name) for name in _CHOICE.findall(seen.text)]
    ticked = {name: "yes" for name in shown if name.removeprefix("allow ") not in without}
    return await post(
        browser, "/oauth/authorize", request_uri=uri, did=did[1], answer=answer, **ticked
    )


async def choose(browser: Browser, seen: Seen, did: str) -> Seen:
    """Choose an account on the page that asks as whom; return the page behind it."""
    chosen = await post(browser, "/oauth/choose", request_uri=request_in(seen), did=did)
    assert chosen.location is not None, chosen.text
    return await browser.ask("GET", chosen.location)


def request_in(seen: Seen) -> str:
    """The request that the forms of a page are about."""
    found = _REQUEST.search(seen.text)
    assert found is not None, seen.text
    return found[1]


async def post(browser: Browser, path: str, **fields: str) -> Seen:
    """Send a form of the page that was seen last."""
    headers = {"Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
    data = {"form_token": browser.token, **fields}
    return await browser.ask("POST", path, headers=headers, data=data)


class Leading(Protocol):
    """What leads on to another page."""

    @property
    def location(self) -> str | None: ...


async def sign_in_for(browser: Browser, seen: Leading, member: Member, **more: str) -> Seen:
    """Sign in on the page that an app's request led to; return the page behind it."""
    page = await browser.ask("GET", seen.location or "")
    after = parse_qs(urlsplit(seen.location or "").query)["next"][0]
    assert page.status == 200
    fields = {"identifier": member.handle, "password": "correct horse", "next": after, **more}
    done = await post(browser, "/account/sign-in", **fields)
    assert done.location == after, done.text
    return await browser.ask("GET", after)


def returned(seen: Seen) -> dict[str, str]:
    """What a browser brings back to the app in the address."""
    assert seen.status == 303, seen.text
    parts = urlsplit(seen.location or "")
    found = parse_qs(parts.query or parts.fragment)
    return {name: texts[0] for name, texts in found.items()}


def claims_of(token: str) -> dict[str, Any]:
    """Read the claims of a JWT without checking it."""
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims
