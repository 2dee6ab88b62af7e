"""`hearth run` in a process of its own, and who becomes a member of what runs there."""

import os
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.support.appliance import ROOT
from tests.support.ending import end

PASSWORD = "pw-long-enough"


class Here(AbstractResolver):
    """Every name is this machine's."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        pass


@contextmanager
def hearth(data: Path, env: Mapping[str, str]) -> Iterator[None]:
    """Run the network in a process of its own, to a clean end."""
    log = data.parent / "hearth.log"
    command = [sys.executable, "-m", "appliance", "run", "--data", str(data)]
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, stdout=out, stderr=out, env={**os.environ, **env}
        )
    try:
        yield
    except BaseException:
        sys.stderr.write(log.read_text())
        raise
    finally:
        end(process)
    assert process.returncode == 0, log.read_text()
    assert "Traceback" not in log.read_text(), log.read_text()


async def new_member(http: aiohttp.ClientSession, url: str, data: Path, handle: str) -> str:
    """Have the operator invite somebody who opens an account at this address; give the DID."""
    token = (data / "secrets" / "operator-token").read_text().strip()
    operator = f"Basic {b64encode(f'admin:{token}'.encode()).decode()}"
    async with http.post(
        f"{url}/xrpc/com.atproto.server.createInviteCode",
        json={"useCount": 1},
        headers={"Authorization": operator},
    ) as answer:
        code = (await answer.json())["code"]
    member = {"handle": handle, "email": "a@x.example", "password": PASSWORD, "inviteCode": code}
    async with http.post(f"{url}/xrpc/com.atproto.server.createAccount", json=member) as answer:
        return str((await answer.json())["did"])
