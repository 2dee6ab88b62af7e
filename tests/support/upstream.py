"""A relay of somebody else, as a PDS sees it; it behaves as a test wants it to."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance.firehose.event_log import EventLog
from appliance.firehose.serve import close_on_shutdown, serve_subscribe_repos


class FakeUpstream:
    """Answers from `host` (None: unknown) and `repos`; its stream is whatever log it is given."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.url = ""
        self.host: dict[str, object] | None = {"status": "active", "seq": 0, "accountCount": 1}
        self.repos: dict[str, dict[str, object]] = {}
        self.refuses: str | None = None
        self.fails = False
        self.crawls: list[str] = []

    async def _host(self, request: web.Request) -> web.Response:
        if self.fails:
            return web.Response(status=502)
        if self.host is None:
            return web.json_response({"error": "HostNotFound"}, status=404)
        return web.json_response({"hostname": request.query["hostname"], **self.host})

    async def _repo(self, request: web.Request) -> web.Response:
        found = self.repos.get(request.query["did"])
        if found is None:
            return web.json_response({"error": "RepoNotFound"}, status=404)
        return web.json_response({"did": request.query["did"], **found})

    async def _crawl(self, request: web.Request) -> web.Response:
        self.crawls.append((await request.json())["hostname"])
        if self.refuses is not None:
            return web.json_response({"error": self.refuses, "message": ""}, status=400)
        return web.json_response({})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        return await serve_subscribe_repos(request, self.log)

    @asynccontextmanager
    async def serve(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["FakeUpstream"]:
        app = web.Application()
        app.router.add_get("/xrpc/com.atproto.sync.getHostStatus", self._host)
        app.router.add_get("/xrpc/com.atproto.sync.getRepoStatus", self._repo)
        app.router.add_post("/xrpc/com.atproto.sync.requestCrawl", self._crawl)
        app.router.add_get("/xrpc/com.atproto.sync.subscribeRepos", self._stream)
        close_on_shutdown(app, self.log)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "localhost", 0, ssl_context=tls).start()
            scheme = "http" if tls is None else "https"
            self.url = f"{scheme}://localhost:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()


def home_made_certificate(folder: Path) -> ssl.SSLContext:
    """Make a certificate for localhost that nobody else has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "localhost.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
