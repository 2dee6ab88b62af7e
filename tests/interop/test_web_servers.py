"""The web servers of `docs/reverse-proxy.md`, with the text that stands there, before a server."""

import asyncio
import re
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.authority import Authority
from tests.support.node import FOLDER
from tests.support.ports import free_port
from tests.support.web_servers import NAME, comes_through, running, server, text_for

pytestmark = [pytest.mark.slow, pytest.mark.web_servers]


@dataclass
class WebServer:
    """One that runs; `port` is for HTTPS."""

    name: str
    port: int


def program(name: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", str(FOLDER / "web_servers.sh"), name],
        check=True,
        timeout=300,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def caddy(folder: Path, port: int, behind: int) -> list[str]:
    """Its own authority signs, as none outside knows our name."""
    own = f"admin off\n\tlocal_certs\n\tskip_install_trust\n\thttps_port {port}\n"
    own += f"\thttp_port {port + 1}\n\tstorage file_system {folder}\n\t"
    text = text_for("caddy").replace(":2580", f":{behind}")
    file = folder / "Caddyfile"
    file.write_text(text.replace("{\n\ton_demand_tls", "{\n\t" + own + "on_demand_tls", 1))
    return [program("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]


def nginx(folder: Path, port: int, behind: int) -> list[str]:
    authority = Authority(folder)
    authority.server(NAME, f"*.{NAME}")
    text = text_for("nginx").replace(":2580", f":{behind}").replace("443", str(port))
    text = re.sub(r"/etc/ssl/\S+\.pem", str(folder / "server-1.pem"), text)
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{paths}{text}}}\n"
    )
    return [program("nginx"), "-p", str(folder), "-c", str(file)]


@pytest.fixture(params=["caddy", "nginx"])
async def before(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[WebServer]:
    port, behind = free_port(), free_port()
    command = {"caddy": caddy, "nginx": nginx}[request.param](tmp_path, port, behind)
    async with server(behind):
        with running(command, tmp_path, port):
            yield WebServer(request.param, port)


async def test_what_is_asked_comes_through_as_it_was_asked(before: WebServer) -> None:
    await comes_through(before.port)


@pytest.mark.parametrize("before", ["caddy"], indirect=True)
async def test_caddy_gets_no_certificate_for_a_name_that_nobody_has(before: WebServer) -> None:
    anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anything.check_hostname = False
    anything.verify_mode = ssl.CERT_NONE
    with pytest.raises((ssl.SSLError, ConnectionError)):
        async with asyncio.timeout(60):
            await asyncio.open_connection(
                "127.0.0.1", before.port, ssl=anything, server_hostname=f"bob.{NAME}"
            )
