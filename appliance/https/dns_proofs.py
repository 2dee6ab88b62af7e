"""DNS-01 (RFC 8555, 8.4): a TXT record, put there by a program of the owner or by RFC 2136.

The only way to a certificate with a star, and one that needs no open port.
"""

import asyncio
import base64
import hashlib
import os
import signal
from asyncio import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Literal, TypeAlias

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.tsig
import dns.update

from appliance.https.account_key import encoded
from appliance.https.acme import AcmeRefused, Challenge

SECONDS_TO_CHANGE: Final = 120.0
SECONDS_TO_ANSWER: Final = 15.0
SECONDS_TO_DIE: Final = 5.0
# Nobody should remember a record that is there for a minute.
LIFE_SECONDS: Final = 60
LEAD_SECONDS: Final = 300
KIND: Final = "dns-update"
_LABEL: Final = "_acme-challenge"

Verb: TypeAlias = Literal["add", "remove"]
Change: TypeAlias = Callable[[Verb, str, str], Awaitable[None]]


class DnsProofs:
    """Puts records there by `change`, and waits so many seconds until all servers know them."""

    kind = "dns-01"

    def __init__(self, change: Change, seconds: float) -> None:
        self._change = change
        self._seconds = seconds

    @asynccontextmanager
    async def shown(self, challenge: Challenge) -> AsyncIterator[None]:
        """Have the record there meanwhile. Raises AcmeRefused."""
        name = f"{_LABEL}.{challenge.name}"
        value = encoded(hashlib.sha256(challenge.authorization.encode("ascii")).digest())
        await self._change("add", name, value)
        try:
            await asyncio.sleep(self._seconds)
            yield
        finally:
            await self._change("remove", name, value)


class Hook:
    """A program of the owner."""

    def __init__(self, program: Path) -> None:
        self._program = program

    async def __call__(self, verb: Verb, name: str, value: str) -> None:
        """Run it. Raises AcmeRefused."""
        try:
            running = await asyncio.create_subprocess_exec(
                self._program,
                verb,
                name,
                value,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # so that what it has started can be ended with it
            )
        except OSError as problem:
            raise AcmeRefused(KIND, f"{self._program}: {problem.strerror}") from problem
        said = b""
        ended = False
        try:
            async with asyncio.timeout(SECONDS_TO_CHANGE):
                _, said = await running.communicate()
            ended = True
        except TimeoutError as problem:
            raise AcmeRefused(KIND, f"{self._program} does not come to an end") from problem
        finally:
            if not ended:
                await _end(running)
        if running.returncode:
            told = said.decode("utf-8", "replace").strip()[-200:]
            raise AcmeRefused(KIND, f"{self._program} ended with {running.returncode}: {told}")


async def _end(running: subprocess.Process) -> None:
    """Kill a program and what it has started, and wait until it is gone."""
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    # What has left its session may hold the pipe for ever.
    with suppress(TimeoutError):
        async with asyncio.timeout(SECONDS_TO_DIE):
            await running.communicate()


class Updates:
    """A DNS server that takes changes (RFC 2136), signed by a key (RFC 8945) where there is one."""

    def __init__(self, server: str, zone: str, key_name: str, key: str) -> None:
        self._host, self._port = _place(server)
        self._zone = dns.name.from_text(zone)
        self._key_name = key_name
        self._key = key

    async def __call__(self, verb: Verb, name: str, value: str) -> None:
        """Change one TXT record. Raises AcmeRefused."""
        update = dns.update.UpdateMessage(self._zone)
        owner = dns.name.from_text(name)
        if verb == "add":
            update.add(owner, LIFE_SECONDS, "TXT", value)
        else:
            update.delete(owner, "TXT", value)
        await self._send(update)

    async def lead(self, names: Sequence[str], addresses: Mapping[str, str]) -> None:
        """Let names lead to addresses, by the type of their records ("A", "AAAA").

        Raises AcmeRefused.
        """
        update = dns.update.UpdateMessage(self._zone)
        for name in names:
            for kind, address in addresses.items():
                update.replace(dns.name.from_text(name), LEAD_SECONDS, kind, address)
        await self._send(update)

    def _signing_key(self) -> dns.tsig.Key:
        try:
            key = base64.b64decode(self._key, validate=True)
        except ValueError as problem:
            raise AcmeRefused(KIND, "the key in secrets/dns-key is not base64") from problem
        if not key:
            raise AcmeRefused(KIND, "there is no key in secrets/dns-key")
        return dns.tsig.Key(dns.name.from_text(self._key_name), key, dns.tsig.HMAC_SHA256)

    async def _send(self, update: dns.update.UpdateMessage) -> None:
        if self._key_name:
            update.use_tsig(self._signing_key())
        try:
            answer = await dns.asyncquery.tcp(
                update, self._host, timeout=SECONDS_TO_ANSWER, port=self._port
            )
        except (dns.exception.DNSException, OSError, EOFError) as problem:
            told = str(problem) or type(problem).__name__
            raise AcmeRefused(KIND, f"{self._host}: {told}") from problem
        if answer.rcode() != dns.rcode.NOERROR:
            told = dns.rcode.to_text(answer.rcode())
            raise AcmeRefused(KIND, f"{self._host} refuses the change: {told}")


def _place(server: str) -> tuple[str, int]:
    """Part address and port; an IPv6 address with a port stands in brackets."""
    host, colon, port = server.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        return server, 53
    return host.strip("[]"), int(port)
