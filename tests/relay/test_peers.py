"""A machine nearby is followed by its address, and only while it shows the key it was paired by."""

import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance.atproto.xrpc.errors import XrpcError
from appliance.relay.peers import peers_client, read_peer
from appliance.relay.ways import Ways
from appliance.settings import InvalidSettings, defaults
from tests.relay.conftest import Lab
from tests.support.hosts import FakeHost, fake_host
from tests.support.waiting import until

NAME = "attic.home"


def self_signed(folder: Path) -> tuple[ssl.SSLContext, str]:
    """Make a certificate nobody knows; give a server's context and the fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "peer.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    der = certificate.public_bytes(serialization.Encoding.DER)
    return context, hashlib.sha256(der).hexdigest()


@asynccontextmanager
async def nearby(host: FakeHost, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Serve a host by TLS, too; give the port."""
    app = web.Application()
    app.router.add_get("/xrpc/com.atproto.sync.subscribeRepos", host.subscribe)
    app.router.add_get("/xrpc/com.atproto.sync.getRepoStatus", host.repo_status)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_a_paired_machine_is_followed_at_its_address(lab: Lab, tmp_path: Path) -> None:
    context, fingerprint = self_signed(tmp_path)
    async with (
        fake_host(tmp_path / "attic.sqlite") as attic,
        nearby(attic, context) as port,
        lab.relay(peers=(f"{NAME}:{port} 127.0.0.1 sha256:{fingerprint}",)) as running,
        running.stream() as stream,
    ):
        bob = lab.account("bob", attic)
        lab.directory.put(bob, f"https://{NAME}:{port}")
        await attic.tell_commit(bob.post("from the attic"))
        assert await stream.kinds(1) == ["commit"]
        host = running.role.hosts.find(f"{NAME}:{port}")
        assert host is not None
        assert (host.trusted, host.account_limit) == (True, 10_000)


async def test_a_machine_that_shows_another_key_is_not_believed(lab: Lab, tmp_path: Path) -> None:
    context, fingerprint = self_signed(tmp_path)
    other = hashlib.sha256(fingerprint.encode()).hexdigest()
    async with (
        fake_host(tmp_path / "attic.sqlite") as attic,
        nearby(attic, context) as port,
        lab.relay(peers=(f"{NAME}:{port} 127.0.0.1 sha256:{other}",)) as running,
    ):
        host = running.role.hosts.find(f"{NAME}:{port}")
        assert host is not None
        await until(lambda: running.role.crawler.failure(host) is not None)
        assert running.role.crawler.connected_since(host) is None
        assert attic.seen_cursors == []


def no_door(_url: str) -> str | None:
    return None


async def test_the_way_to_a_paired_machine_leads_nowhere_else(lab: Lab) -> None:
    async with peers_client([read_peer(f"{NAME} 127.0.0.1 sha256:{'0' * 64}")]) as http:
        for url in ("https://example.com", "https://localhost", "http://10.0.0.1"):
            with pytest.raises(OSError, match="paired|public|https"):
                await http.get_json(url)
        async with lab.relay() as running:
            ways = Ways(running.role.repairer._ways._http, {}, http, {NAME}, no_door)
            with pytest.raises(XrpcError):
                await ways.stranger(f"https://{NAME}").query("com.atproto.server.describeServer")


def test_a_pairing_has_its_three_parts(tmp_path: Path) -> None:
    settings = defaults("home", tmp_path)
    good = f"{NAME}:2585 192.168.1.7 sha256:{'a' * 64}"
    assert settings.with_values({"relay.peers": (good,)}).relay.peers == (good,)
    for bad in (NAME, f"{NAME} 192.168.1.7", f"{NAME} 192.168.1.7 sha256:abc"):
        with pytest.raises(InvalidSettings):
            settings.with_values({"relay.peers": (bad,)})
