"""Programs of others that are built with Go: the relay and the sync tools of the network."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import apsw
import orjson

from tests.support.ending import kill
from tests.support.node import FOLDER
from tests.support.ports import free_port

MINUTES_TO_BUILD = 15
SECONDS_TO_START = 120.0


@cache
def program(name: str) -> str:
    """Give the path of a program, after it has been built."""
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", str(FOLDER / "go.sh"), name],
        check=True,
        timeout=60 * MINUTES_TO_BUILD,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


class Program:
    """A program that runs and writes a log."""

    def __init__(
        self,
        name: str,
        args: Iterable[str],
        folder: Path,
        env: Mapping[str, str] | None = None,
        inside: Iterable[str] = (),
    ) -> None:
        """`inside` is the command, if any, that runs it somewhere else."""
        folder.mkdir(exist_ok=True)
        self._log = folder / f"{name}.log"
        with self._log.open("ab") as log:
            self.popen = subprocess.Popen(  # noqa: S603
                [*inside, program(name), *args],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
            )

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def stop(self) -> None:
        self.popen.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(5)
        kill(self.popen)

    def until_logged(self, text: str) -> None:
        end = time.monotonic() + SECONDS_TO_START
        while text not in self.log():
            assert self.popen.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)


class GoRelay:
    """The relay of the network itself, following one host of this machine.

    It crawls no loopback address by anybody's wish, so the host is written into its database.
    """

    def __init__(self, folder: Path, plc: str, host: str, account_limit: int) -> None:
        self._folder = folder
        self._plc = plc
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._start().stop()
        connection = apsw.Connection(str(folder / "relay.sqlite"))
        connection.execute(
            "INSERT INTO host (hostname, no_ssl, account_limit, status, last_seq, account_count)"
            " VALUES (?, 1, ?, 'active', 0, 0)",
            (host, account_limit),
        ).fetchall()
        connection.close()
        self._running = self._start()

    def _start(self) -> Program:
        options = {
            "--plc-host": self._plc,
            "--admin-password": "x",
        }
        serve = {
            "--db-url": f"sqlite://{self._folder / 'relay.sqlite'}",
            "--persist-dir": str(self._folder / "persist"),
            "--bind": f"127.0.0.1:{self.port}",
            "--metrics-listen": f"127.0.0.1:{free_port()}",
        }
        args = [text for pair in options.items() for text in pair]
        args += ["serve", "--allow-insecure-hosts"]
        args += [text for pair in serve.items() for text in pair]
        log = self._folder / "relay.log"
        log.unlink(missing_ok=True)
        started = Program("relay", args, self._folder)
        started.until_logged("starting web server")
        return started

    async def get(self, http: aiohttp.ClientSession, name: str, **params: str) -> dict[str, Any]:
        """Ask it something of com.atproto.sync; an error is an answer, too."""
        url = f"{self.url}/xrpc/com.atproto.sync.{name}"
        async with http.get(url, params=params) as response:
            answer: dict[str, Any] = orjson.loads(await response.read())
            return answer

    def until_connected(self) -> None:
        self._running.until_logged("re-subscribing")
        time.sleep(0.3)

    def stop(self) -> None:
        self._running.stop()


class Goat:
    """`goat firehose`, which checks every commit by undoing its operations."""

    def __init__(self, base: str, cursor: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="hearth-goat-"))
        args = ["firehose", "--relay-host", base.replace("http", "ws", 1)]
        args += ["--cursor", str(cursor), "--verify-basic", "--verify-mst", "--ops"]
        self._running = Program("goat", args, self._folder)

    def _lines(self) -> list[dict[str, Any]]:
        complete, _, _ = self._running.log().rpartition("\n")
        return [orjson.loads(line) for line in complete.splitlines()]

    def paths(self) -> set[str]:
        """Give the records it was told of; it does not say whose they are."""
        created = [line for line in self._lines() if line.get("action") == "create"]
        return {f"{each['collection']}/{each['rkey']}" for each in created}

    def complaints(self) -> list[dict[str, Any]]:
        """Give what it warned of."""
        return [line for line in self._lines() if line.get("level") in ("WARN", "ERROR")]

    def stop(self) -> None:
        self._running.stop()
        with contextlib.suppress(OSError):
            shutil.rmtree(self._folder)
