"""The reference AppView as a neighbour to be compared with: its stores, its network, its clock."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.support.appliance import Process
from tests.support.ending import end
from tests.support.node import FOLDER, MINUTES_TO_INSTALL, node
from tests.support.ports import free_port

NETWORK = FOLDER / "reference_network"
SECONDS_TO_SETTLE = 120.0


@cache
def _installed() -> str:
    """Give the path of Node, after the reference has been installed."""
    runtime = node()
    subprocess.run(  # noqa: S603
        ["/bin/sh", str(NETWORK / "setup.sh")], check=True, timeout=60 * MINUTES_TO_INSTALL
    )
    return runtime


class ReferenceNetwork(Process):
    """A directory, a PDS and the AppView, on stores that `stores` started."""

    def __init__(self, postgres: str, redis: str) -> None:
        super().__init__(
            [_installed(), str(NETWORK / "network.mjs")],
            {"DB_POSTGRES_URL": postgres, "REDIS_HOST": redis, "LOG_ENABLED": "false"},
        )
        self.pds: str = self.report["pds"]
        self.plc: str = self.report["plc"]
        self.appview: str = self.report["appview"]

    def settle(self) -> None:
        """Wait until its AppView has indexed what its PDS holds."""
        before = self.stdout().count("settled")
        self._tell("settle")
        latest = time.monotonic() + SECONDS_TO_SETTLE
        while self.stdout().count("settled") == before:
            assert time.monotonic() < latest, self.stderr()
            time.sleep(0.02)

    def follow(self, url: str) -> None:
        """Have its AppView index what another stream brings, too."""
        self._tell(f"follow {url}")

    def _tell(self, line: str) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{line}\n".encode())
        self.popen.stdin.flush()


@contextmanager
def reference_network() -> Iterator[ReferenceNetwork]:
    """Start the reference with stores of its own, on loopback; all of it is gone at the end."""
    with _postgres() as postgres, _redis() as redis:
        network = ReferenceNetwork(postgres, redis)
        try:
            yield network
        finally:
            network.kill()


@contextmanager
def _postgres() -> Iterator[str]:
    """Run PostgreSQL in a temporary folder; it refuses to run as root."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    folder = Path(tempfile.mkdtemp(prefix="hearth-postgres-"))
    port = free_port()
    person: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        person = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off -c full_page_writes=off"
    data = str(folder / "data")
    control = [*person, str(programs / "pg_ctl"), "-D", data, "-w"]
    for command in (
        [*person, str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "hearth"],
        [*control, "-o", options, "-l", str(folder / "log"), "start"],
    ):
        subprocess.run(  # noqa: S603
            command, check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=180
        )
    try:
        yield f"postgresql://hearth@127.0.0.1:{port}/postgres"
    finally:
        stop = [*control, "-m", "immediate", "stop"]
        subprocess.run(  # noqa: S603
            stop, check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=180
        )
        shutil.rmtree(folder)


@contextmanager
def _redis() -> Iterator[str]:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        yield f"127.0.0.1:{port}"
    finally:
        end(server)
