"""Programs of others that run on Node: published clients, and a PDS to be neighbours with."""

import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any

import orjson

from tests.support.appliance import ROOT, Process
from tests.support.ports import free_port

FOLDER = ROOT / "tests" / "interop"
MINUTES_TO_INSTALL = 15
SECRETS = (
    "PDS_JWT_SECRET",
    "PDS_DPOP_SECRET",
    "PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX",
)


@cache
def node() -> str:
    """Give the path of Node, after whatever is needed has been installed."""
    subprocess.run(  # noqa: S603
        ["/bin/sh", str(FOLDER / "setup.sh")], check=True, timeout=60 * MINUTES_TO_INSTALL
    )
    return str(FOLDER / "node_modules" / ".bin" / "node22")


def run_script(name: str, *args: str, seconds: float = 120) -> Any:
    """Run a script to its end; give the JSON it printed."""
    done = subprocess.run(  # noqa: S603
        [node(), str(FOLDER / name), *args],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return orjson.loads(done.stdout.splitlines()[-1])


class Consumer(Process):
    """An independent reader of a stream; it verifies what it reads."""

    def __init__(self, base: str, plc: str, cursor: int | None = None) -> None:
        service = base.replace("http", "ws", 1)
        command = [node(), str(FOLDER / "firehose.mjs"), "--service", service, "--plc", plc]
        if cursor is not None:
            command += ["--cursor", str(cursor)]
        super().__init__(command)

    def lines(self) -> list[dict[str, Any]]:
        """Give all it said so far."""
        complete, _, _ = self.stdout().rpartition("\n")
        return [orjson.loads(line) for line in complete.splitlines()[1:]]

    def events(self) -> list[dict[str, Any]]:
        return [line for line in self.lines() if "event" in line]

    def complaints(self) -> list[dict[str, Any]]:
        return [line for line in self.lines() if "complaint" in line]

    def uris(self) -> list[str]:
        """Give the records it was told of, in order."""
        return [event["uri"] for event in self.events() if event["event"] == "create"]


class ReferencePds(Process):
    """The reference implementation of a PDS, as a neighbour.

    In its own dev mode it tells crawlers no port, so a test asks the relay on its behalf.
    `inside` is the command, if any, that runs it in other surroundings.
    """

    def __init__(
        self,
        plc: str,
        data: Path,
        port: int | None = None,
        secrets: Sequence[str] | None = None,
        *options: str,
        inside: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.port = port or free_port()
        self._plc = plc
        self._data = data
        self._secrets = [f"{name}={token_hex(32)}" for name in SECRETS]
        if secrets is not None:
            self._secrets = [*secrets]
        command = [*inside, node(), str(FOLDER / "reference_pds.mjs"), "--plc", plc]
        command += ["--port", str(self.port), "--data", str(data), *options]
        for secret in self._secrets:
            command += ["--set", secret]
        super().__init__(command, dict(env or {}))
        self.pds: str = self.report["url"]

    def again(self) -> "ReferencePds":
        """Start it anew, where it was and with all it had."""
        return ReferencePds(self._plc, self._data, self.port, self._secrets)
