"""Traefik with the text of `docs/reverse-proxy.md`, and a star that an authority signs for it.

Traefik is in no Debian: it is built with Go, which takes a quarter of an hour.
"""

import asyncio
import re
import ssl
from pathlib import Path

import pytest

from tests.support.appliance import ROOT
from tests.support.go_programs import Program, program
from tests.support.pebble import Pebble
from tests.support.ports import free_port
from tests.support.web_servers import MEMBER, NAME, comes_through, server, text_for

pytestmark = [pytest.mark.machines, pytest.mark.go]

PATIENCE_SECONDS = 120
# Tells Pebble's DNS server what Traefik has to show there.
TELLING = """#!/bin/sh
case $1 in present) where=set-txt ;; *) where=clear-txt ;; esac
exec curl -sSf -d "{\\"host\\": \\"$2\\", \\"value\\": \\"$3\\"}" %s/$where
"""


def options() -> list[str]:
    """Give what the documentation says to add to the command."""
    docs = (ROOT / "docs" / "reverse-proxy.md").read_text("utf-8")
    return re.findall(r"`(--entryPoints\.\S+)`", docs)


async def test_traefik_gets_its_star_and_passes_on_what_is_asked(tmp_path: Path) -> None:
    await asyncio.to_thread(program, "traefik")
    port, behind = free_port(), free_port()
    assert options()
    file = tmp_path / "hearth.yaml"
    file.write_text(text_for("yaml").replace(":2580", f":{behind}"))
    tell = tmp_path / "tell"
    with Pebble(tmp_path / "authority", free_port(), free_port()) as pebble:
        tell.write_text(TELLING % pebble.dns_management)
        tell.chmod(0o700)
        resolver = "--certificatesResolvers.dns.acme"
        words = [
            f"--providers.file.filename={file}",
            f"--entryPoints.websecure.address=127.0.0.1:{port}",
            *options(),
            f"{resolver}.caServer={pebble.directory}",
            f"{resolver}.email=ann@example.org",
            f"{resolver}.storage={tmp_path / 'acme.json'}",
            f"{resolver}.dnsChallenge.provider=exec",
            f"{resolver}.dnsChallenge.resolvers=127.0.0.1:{pebble.dns_port}",
            f"{resolver}.dnsChallenge.propagation.disableChecks=true",
            "--log.level=DEBUG",
            "--global.checkNewVersion=false",
            "--global.sendAnonymousUsage=false",
        ]
        own = {"LEGO_CA_CERTIFICATES": str(pebble.root), "EXEC_PATH": str(tell)}
        traefik = Program("traefik", words, tmp_path / "traefik", own)
        try:
            trusted = ssl.create_default_context(cadata=await pebble.signs_with())
            async with server(behind):
                await until_signed(port, trusted, traefik)
                await comes_through(port, trusted)
        finally:
            traefik.stop()


async def until_signed(port: int, trusted: ssl.SSLContext, traefik: Program) -> None:
    """Wait until it shows what the authority signed, for the network and for a member."""
    for name in (NAME, MEMBER):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await _is_signed(port, trusted, name):
                assert traefik.popen.poll() is None, traefik.log()
                await asyncio.sleep(0.2)


async def _is_signed(port: int, trusted: ssl.SSLContext, name: str) -> bool:
    try:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusted, server_hostname=name
        )
    except (ssl.SSLError, OSError):
        return False
    writer.close()
    return True
