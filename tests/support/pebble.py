"""Pebble, the test authority of Let's Encrypt, with the DNS server that it asks."""

import hashlib
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
import orjson

from tests.support.authority import Authority
from tests.support.go_programs import Program
from tests.support.ports import free_port


class Pebble:
    """An authority that looks for every name on this machine, at these ports.

    `bad_nonces`: of a hundred messages, how many are refused with badNonce.
    """

    def __init__(
        self,
        folder: Path,
        http_port: int,
        tls_port: int,
        bad_nonces: int = 20,
        inside: Sequence[str] = (),
    ) -> None:
        """`inside` is the command, if any, that runs it on another machine."""
        folder.mkdir(exist_ok=True)
        authority = Authority(folder)
        # What trusts this file trusts Pebble's own answers; not what it signs.
        self.root = authority.root
        authority.server("localhost")
        own = folder / "server-1.pem"
        self.pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(_last(own.read_text()))).digest()
        first = free_port()
        self.directory = f"https://localhost:{first}/dir"
        self.management = f"https://localhost:{first + 1}"
        self.dns_port = first + 2
        self.dns_management = f"http://127.0.0.1:{first + 3}"
        settings = {
            "listenAddress": f"127.0.0.1:{first}",
            "managementListenAddress": f"127.0.0.1:{first + 1}",
            "certificate": str(own),
            "privateKey": str(own),
            "httpPort": http_port,
            "tlsPort": tls_port,
        }
        config = folder / "pebble.json"
        config.write_bytes(orjson.dumps({"pebble": settings}))
        self._dns = Program(
            "pebble-challtestsrv",
            [
                *("-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""),
                *("-dnsserver", f"127.0.0.1:{self.dns_port}"),
                *("-management", f"127.0.0.1:{first + 3}"),
                *("-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""),
            ],
            folder,
            inside=inside,
        )
        self._pebble = Program(
            "pebble",
            ["-config", str(config), "-dnsserver", f"127.0.0.1:{self.dns_port}"],
            folder,
            {"PEBBLE_WFE_NONCEREJECT": str(bad_nonces), "PEBBLE_VA_NOSLEEP": "1"},
            inside,
        )
        self._pebble.until_logged("Listening on")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pebble.stop()
        self._dns.stop()

    def log(self) -> str:
        return self._pebble.log()

    async def signs_with(self) -> str:
        """Give the certificate that what it signs is trusted by, as PEM."""
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self.management}/roots/0", ssl=aiohttp.Fingerprint(self.pin)) as answer,
        ):
            return await answer.text()

    async def tell_dns(self, command: str, **about: Any) -> None:
        """Change what its DNS server says, as `clear-a`."""
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.dns_management}/{command}", json=about) as answer,
        ):
            assert answer.status == 200, await answer.text()


def _last(pem: str) -> str:
    return pem[pem.rindex("-----BEGIN CERTIFICATE") :]
