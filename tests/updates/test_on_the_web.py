"""A channel by HTTPS: a server has to show a certificate for its name that the world trusts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import SSLContext
from threading import Thread

from tests.support.appliance import ROOT
from tests.support.authority import Authority
from tests.support.publisher import Publisher

# Which authorities are trusted is settled when a process begins.
LOOK = """
import asyncio, sys
from pathlib import Path
from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.settings import defaults
from appliance.updates.channel import BadChannel
from appliance.updates.desk import Desk
from appliance.updates.installation import Installation
from tests.support.publisher import NOW

async def look(url, data, root, keys):
    settings = defaults("dev", Path(data)).with_values({"update.channel": url})
    async with HttpClient.open(OutboundPolicy(allow_loopback=True)) as http:
        desk = Desk(settings, http, Installation(Path(root), Path(keys)), lambda: NOW)
        try:
            found = await desk.look()
        except BadChannel as problem:
            print("refused:", problem)
        else:
            print(found.version, found.changes)

asyncio.run(look(*sys.argv[1:]))
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path, shown: SSLContext) -> Iterator[int]:
    """Serve a folder by HTTPS on loopback; give the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        server.socket = shown.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(60)


def looked(around: Path, publisher: Publisher, url: str, trusted: Path) -> str:
    installation = publisher.trusting(around)
    data = around / "data"
    data.mkdir(exist_ok=True)
    where = [url, str(data), str(installation.root), str(installation.keys)]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", LOOK, *where],
        cwd=ROOT,
        env={**os.environ, "SSL_CERT_FILE": str(trusted), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return done.stdout.strip()


def test_a_channel_is_read_by_https_from_who_proves_the_name(tmp_path: Path) -> None:
    publisher, authority = Publisher(tmp_path), Authority(tmp_path)
    publisher.add("9.2.0")
    with served(publisher.folder, authority.server("localhost")) as port:
        found = looked(tmp_path, publisher, f"https://localhost:{port}", authority.root)
    assert found == "9.2.0 What is new in 9.2.0."
    for shown in (authority.server("localhost", signed=False), authority.server("other.test")):
        with served(publisher.folder, shown) as port:
            found = looked(tmp_path, publisher, f"https://localhost:{port}", authority.root)
        assert found.startswith("refused:")
        assert "cannot be read" in found
