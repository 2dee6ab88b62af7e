"""An authority that speaks ACME in this process, strict about signatures, and told how to fail.

It is an independent reading of RFC 8555: messages are verified by a library of others. It looks at
nobody's door: what is proven is decided by the test.
"""

import base64
import secrets
import time
from collections import Counter, deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jws
from joserfc.jwk import ECKey

# "nonce" and "url" are ACME's own.
_REGISTRY = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
PROBLEM = "urn:ietf:params:acme:error:"


class AcmeAuthority:
    """`refusals` are answered, one each, before anything is done: (status, kind, Retry-After)."""

    def __init__(self) -> None:
        self.refusals: deque[tuple[int, str, str]] = deque()
        self.bad_nonces = 0
        self.fails: str = ""
        self.offers = ["http-01", "dns-01", "tls-alpn-01"]
        self.counted: Counter[str] = Counter()
        self.chosen: list[str] = []
        self._nonces: set[str] = set()
        self._account: ECKey | None = None
        self._names: list[str] = []
        self._proven = False
        self._signed = b""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/dir", self._directory)
        app.router.add_route("HEAD", "/nonce", self._nonce)
        app.router.add_post("/{what}", self._answer)
        return app

    async def _directory(self, request: web.Request) -> web.Response:
        base = str(request.url.origin())
        places = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order"}
        return web.json_response({name: f"{base}/{path}" for name, path in places.items()})

    async def _nonce(self, _request: web.Request) -> web.Response:
        return web.Response(headers=self._headers())

    def _headers(self, **more: str) -> dict[str, str]:
        nonce = secrets.token_urlsafe(8)
        self._nonces.add(nonce)
        return {"Replay-Nonce": nonce, **more}

    async def _answer(self, request: web.Request) -> web.Response:
        what, base = request.match_info["what"], str(request.url.origin())
        said = await request.json()
        head = orjson.loads(base64.urlsafe_b64decode(said["protected"] + "=="))
        assert request.content_type == "application/jose+json"
        assert head["url"] == str(request.url)
        fresh = head["nonce"] in self._nonces
        self._nonces.discard(head["nonce"])
        if not fresh or self.bad_nonces:
            self.bad_nonces = max(0, self.bad_nonces - 1)
            return self._refuse(400, "badNonce", "")
        payload = self._verified(said, head)
        self.counted[what] += 1
        if self.refusals:
            return self._refuse(*self.refusals.popleft())
        if what == "account":
            assert payload["termsOfServiceAgreed"]
            return self._json({"status": "valid"}, Location=f"{base}/account/1")
        assert head["kid"] == f"{base}/account/1"
        return getattr(self, f"_{what}")(payload, base)  # type: ignore[no-any-return]

    def _verified(self, said: dict[str, str], head: dict[str, Any]) -> Any:
        if "jwk" in head:
            self._account = ECKey.import_key(head["jwk"])
        assert self._account is not None
        compact = f"{said['protected']}.{said['payload']}.{said['signature']}"
        message = jws.deserialize_compact(compact, self._account, registry=_REGISTRY)
        return orjson.loads(message.payload) if message.payload else None

    def _order(self, payload: Any, base: str) -> web.Response:
        if payload is not None:
            self._names = [each["value"] for each in payload["identifiers"]]
            self._proven, self._signed = False, b""
        status = "valid" if self._signed else "ready" if self._proven else "pending"
        told = {
            "status": status,
            "authorizations": [f"{base}/authorization"],
            "finalize": f"{base}/finalize",
            "certificate": f"{base}/certificate",
        }
        return self._json(told, Location=f"{base}/order")

    def _authorization(self, payload: None, base: str) -> web.Response:
        status = "invalid" if self.chosen and self.fails else "pending"
        error = {"error": {"type": PROBLEM + self.fails, "detail": "nothing is there"}}
        told = {
            "status": "valid" if self._proven else status,
            "identifier": {"type": "dns", "value": self._names[0].removeprefix("*.")},
            "wildcard": self._names[0].startswith("*."),
            "challenges": [
                {
                    "type": kind,
                    "url": f"{base}/challenge-{kind}".replace("-", "_"),
                    "token": "tok",
                    **(error if status == "invalid" else {}),
                }
                for kind in self.offers
            ],
        }
        return self._json(told)

    def _challenge_http_01(self, payload: Any, base: str) -> web.Response:
        return self._begin("http-01", payload)

    def _challenge_tls_alpn_01(self, payload: Any, base: str) -> web.Response:
        return self._begin("tls-alpn-01", payload)

    def _challenge_dns_01(self, payload: Any, base: str) -> web.Response:
        return self._begin("dns-01", payload)

    def _begin(self, kind: str, payload: Any) -> web.Response:
        assert payload == {}
        self.chosen.append(kind)
        self._proven = not self.fails
        return self._json({"type": kind, "status": "processing"})

    def _finalize(self, payload: Any, base: str) -> web.Response:
        raw = base64.urlsafe_b64decode(payload["csr"] + "==")
        request = x509.load_der_x509_csr(raw)
        assert request.is_signature_valid
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == self._names
        now = time.time()
        key = request.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        self._signed = signed(self._names, key, now - 3600, now + 90 * 86_400).encode()
        return self._json({"status": "processing"})

    def _certificate(self, payload: None, base: str) -> web.Response:
        return web.Response(body=self._signed, headers=self._headers())

    def _json(self, told: object, **headers: str) -> web.Response:
        return web.json_response(told, headers=self._headers(**headers))

    def _refuse(self, status: int, kind: str, wait: str) -> web.Response:
        headers = self._headers(**({"Retry-After": wait} if wait else {}))
        told = {"type": PROBLEM + kind, "detail": "not today"}
        return web.json_response(
            told, status=status, headers=headers, content_type="application/problem+json"
        )


def signed(names: list[str], key: ec.EllipticCurvePublicKey, begins: float, ends: float) -> str:
    """Sign a certificate, as PEM; nobody trusts it."""
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority of the tests")])
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(begins, UTC))
        .not_valid_after(datetime.fromtimestamp(ends, UTC))
        .add_extension(alternatives, critical=True)
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )


def write_signed(file: Path, names: list[str]) -> int:
    """Write a certificate and its key into a file; give its serial number."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = time.time()
    made = signed(names, key.public_key(), now - 3600, now + 86_400)
    own = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(own + made.encode())
    return x509.load_pem_x509_certificate(made.encode()).serial_number
