"""The appliance as its users have it: a process of its own, started by `hearth try --json`."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from appliance.trial import NAMES
from tests.support.ending import SECONDS_TO_STOP, end, kill
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
SECONDS_TO_START = 180.0
# Some messages are warnings: a stranger sent nonsense. An error is a fault of ours.
_COMPLAINT = re.compile(r"Traceback|^\S+Z (?:error|critical)\b|Task .* was never|never awaited")


class DidNotStart(AssertionError):
    """The process ended, or said nothing in time."""


class Process:
    """A child process that tells on its first line of stdout that it is ready, in JSON."""

    def __init__(self, command: list[str], env: dict[str, str] | None = None) -> None:
        self._logs = Path(tempfile.mkdtemp(prefix="hearth-test-"))
        self._said: dict[str, str] = {}
        with (self._logs / "out").open("wb") as out, (self._logs / "err").open("wb") as err:
            self.popen = subprocess.Popen(  # noqa: S603
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                env={**os.environ, "PYTHONFAULTHANDLER": "1", **(env or {})},
            )
        # A test that failed half-way leaves nothing running behind.
        weakref.finalize(self, _end, self.popen, self._logs)
        try:
            self.report: dict[str, Any] = self._first_line()
        except BaseException:
            self.kill()
            raise

    def _first_line(self) -> dict[str, Any]:
        end = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < end:
            line, newline, _ = self.stdout().partition("\n")
            if newline:
                report: dict[str, Any] = orjson.loads(line)
                return report
            if self.popen.poll() is not None:
                raise DidNotStart(f"status {self.popen.returncode}\n{self.stderr()}")
            time.sleep(0.01)
        raise DidNotStart(f"not a word in {SECONDS_TO_START} s\n{self.stderr()}")

    def stdout(self) -> str:
        return self._text("out")

    def stderr(self) -> str:
        return self._text("err")

    def _text(self, kind: str) -> str:
        """Give what was said so far; also after the end, when the files are gone."""
        kept = self._said.get(kind)
        return (self._logs / kind).read_text(encoding="utf-8") if kept is None else kept

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Ask it to end; return the seconds that took. Its exit status is in `popen`."""
        asked = time.monotonic()
        try:
            end(self.popen, number)
        except subprocess.TimeoutExpired:
            said = self.stderr()
            self._close()
            raise AssertionError(f"still there after {SECONDS_TO_STOP} s: {said}") from None
        self._close()
        return time.monotonic() - asked

    def kill(self) -> None:
        """End it as a power cut would."""
        kill(self.popen)
        self._close()

    def _close(self) -> None:
        if self.popen.stdin is not None:
            # What was never sent cannot be flushed to a process that is gone.
            with contextlib.suppress(BrokenPipeError):
                self.popen.stdin.close()
        if self._logs.exists():
            self._said = {kind: self._text(kind) for kind in ("out", "err")}
            shutil.rmtree(self._logs)


def _first_port(data: Path | None) -> str:
    """Choose ports; a folder keeps them, as what is restarted is where it was."""
    if data is None:
        return str(free_port())
    memory = data / "ports.json"
    if not memory.exists():
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        first = free_port()
        known = {name: first + offset for offset, name in enumerate((*NAMES, "client"))}
        memory.write_bytes(orjson.dumps(known))
    return "0"


class Appliance(Process):
    """A whole network on loopback, in a folder of its own unless `data` says where.

    A bare one has nobody but those whom a test invites. `inside` is the command, if any, that
    runs it in other surroundings.
    """

    def __init__(
        self,
        *options: str,
        data: Path | None = None,
        bare: bool = True,
        inside: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        where = ["--temp"] if data is None else ["--data", str(data)]
        port = [] if "--port" in options else ["--port", _first_port(data)]
        own = ["--bare"] if bare else []
        command = [*inside, sys.executable, "-m", "appliance", "try", *where, *port, *own]
        command += ["--json", *options]
        super().__init__(command, {"PYTHONWARNINGS": "default", **(env or {})})
        self.pds: str = self.report["pds_url"]
        self.relay: str = self.report["relay_url"]
        self.appview: str = self.report["appview_url"]
        self.labeler: str = self.report["labeler_url"]
        self.plc: str = self.report["plc_url"]
        self.panel: str = self.report["panel_url"]
        self.operator_token: str = self.report["admin_password"]
        self.data = Path(self.report["data"])

    def complaints(self, since: int = 0) -> list[str]:
        """Give the lines of its log, from character `since` on, that no input may cause."""
        return [line for line in self.stderr()[since:].splitlines() if _COMPLAINT.search(line)]

    def finish(self) -> None:
        """Stop it and check that it went well, from the first line to the last."""
        self.stop()
        assert self.popen.returncode == 0, self.stderr()
        assert self.complaints() == [], self.stderr()
        assert len(self.stdout().splitlines()) == 1


def _end(popen: subprocess.Popen[bytes], logs: Path) -> None:
    kill(popen)
    if popen.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            popen.stdin.close()
    shutil.rmtree(logs, ignore_errors=True)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait without an event loop."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)
