"""The web servers of `docs/reverse-proxy.md`, with the text that stands there, before a server."""

import asyncio
import contextlib
import re
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from appliance.admin import reach
from appliance.base.strings import Strings
from appliance.settings import defaults
from appliance.settings_file import save
from tests.support.authority import Authority
from tests.support.client import soon
from tests.support.in_service import Here, hearth, new_member
from tests.support.node import FOLDER
from tests.support.ports import free_port
from tests.support.web_servers import MEMBER, NAME, comes_through, running, server, text_for

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


def caddy(folder: Path, port: int, text: str) -> list[str]:
    """Its own authority signs, as none outside knows our name."""
    own = f"admin off\n\tlocal_certs\n\tskip_install_trust\n\thttps_port {port}\n"
    own += f"\thttp_port {port + 1}\n\tstorage file_system {folder}\n\t"
    file = folder / "Caddyfile"
    file.write_text(text.replace("{\n\ton_demand_tls", "{\n\t" + own + "on_demand_tls", 1))
    return [program("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]


def nginx(folder: Path, port: int, text: str) -> list[str]:
    authority = Authority(folder)
    authority.server(NAME, f"*.{NAME}")
    text = text.replace("listen 443", f"listen {port}")
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


COMMANDS = {"caddy": caddy, "nginx": nginx}


@pytest.fixture(params=["caddy", "nginx"])
async def before(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[WebServer]:
    port, behind = free_port(), free_port()
    text = text_for(request.param).replace(":2580", f":{behind}")
    command = COMMANDS[request.param](tmp_path, port, text)
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


@pytest.mark.parametrize(("name", "kind"), [("caddy", "forward"), ("nginx", "proxy")])
async def test_a_network_is_reached_through_what_the_panel_says_to_write(
    name: str, kind: str, tmp_path: Path
) -> None:
    port, behind, data = free_port(), free_port(), tmp_path / "data"
    values = {
        **reach.read(kind, NAME, "").settings(),
        "door.port": behind,
        "admin.port": free_port(),
        "dev.allow_loopback": True,
        "directory.enabled": True,
        "pds.plc_url": "",
        "pds.resolve_lexicons": False,
    }
    save(defaults("public", data).with_values(values))
    text = Strings.load()(f"setup.{name}_file", hostname=NAME, port=behind)
    command = COMMANDS[name](tmp_path, port, text.replace("ADDRESS-OF-THIS-COMPUTER", "127.0.0.1"))
    url = f"https://{NAME}:{port}"
    connector = aiohttp.TCPConnector(resolver=Here(), ssl=False)
    with hearth(data, {}), running(command, tmp_path, port):
        async with aiohttp.ClientSession(connector=connector) as http:

            async def status() -> int:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(f"{url}/xrpc/_health") as answer:
                        return answer.status
                return 0

            # Caddy gets no certificate, and nginx no answer, before the network is there.
            await soon(status, lambda found: found == 200)
            did = await new_member(http, url, data, MEMBER)
            async with http.get(f"https://{MEMBER}:{port}/.well-known/atproto-did") as answer:
                assert await answer.text() == did
            stream = f"{url}/xrpc/com.atproto.sync.subscribeRepos?cursor=0"
            async with http.ws_connect(stream) as events:
                # The network has an account of its own, which comes first.
                while did.encode() not in await events.receive_bytes(timeout=60):
                    pass
            nobody = f"https://bob.{NAME}:{port}/.well-known/atproto-did"
            if name == "caddy":
                with pytest.raises(aiohttp.ClientError):
                    await http.get(nobody)
            else:
                async with http.get(nobody) as answer:
                    assert answer.status == 404
