"""What the service manager is told, and what it hands over: systemd's protocol, a datagram a line.

It is told when every role answers, and that they still do; it keeps the listening sockets, so that
whoever calls while one process ends and the next begins waits instead of being refused. Where no
service manager is, all of this does nothing.

Source: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3).
"""

import array
import asyncio
import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from appliance.base.http import HttpClient, OutboundFailed
from appliance.settings_groups import Paths

log = logging.getLogger(__name__)

FIRST_HANDED_OVER: Final = 3
FEEDS_IN_TIME: Final = 4
# A loop this late serves nobody well; once is a warning, for as long as the watchdog waits the end.
LATE_SECONDS: Final = 5.0
SECONDS_TO_ANSWER: Final = 10.0
SECONDS_BETWEEN_LOOKS: Final = 5.0
MORE_SECONDS: Final = 60
HEALTH: Final = "/xrpc/_health"


class ServiceManager:
    """The way to systemd, by what it put into the environment."""

    def __init__(self, env: Mapping[str, str]) -> None:
        address = env.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._handed_over = _count(env, "LISTEN_FDS", "LISTEN_PID")
        self._names = env.get("LISTEN_FDNAMES", "").split(":")
        # Seconds within which a sign of life is expected; 0 for never.
        self.watchdog_seconds = _count(env, "WATCHDOG_USEC", "WATCHDOG_PID") / 1e6

    @property
    def is_there(self) -> bool:
        return bool(self._address)

    def tell(self, *lines: str) -> None:
        """Say something, as "READY=1"."""
        self._send(lines, ())

    def keep(self, name: str, sockets: Iterable[socket.socket]) -> None:
        """Hand over sockets for the next process; what is kept already is not kept twice."""
        self._send(("FDSTORE=1", f"FDNAME={_plain(name)}"), [each.fileno() for each in sockets])

    def forget(self, name: str) -> None:
        """Let go of the sockets that were kept under a name."""
        self.tell("FDSTOREREMOVE=1", f"FDNAME={_plain(name)}")

    def handed_over(self) -> list[tuple[str, socket.socket]]:
        """Take the sockets that were kept, each with its name; once only."""
        found = []
        for index in range(self._handed_over):
            number = FIRST_HANDED_OVER + index
            os.set_inheritable(number, False)
            listener = socket.socket(fileno=number)
            listener.setblocking(False)
            found.append((self._names[index] if index < len(self._names) else "", listener))
        self._handed_over = 0
        return found

    def _send(self, lines: Sequence[str], files: Sequence[int]) -> None:
        if not self._address:
            return
        given = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
            try:
                way.sendmsg(["\n".join(lines).encode()], given, 0, self._address)
            except OSError as error:
                log.warning("the service manager cannot be told: %s", error)


class StartingUp:
    """Asks for more time to start for as long as there is progress, as in a long migration.

    A thread of its own, since a start may keep the event loop busy. Progress is time spent
    computing, or bytes read and written: who only waits gets no more.
    """

    def __init__(
        self,
        manager: ServiceManager,
        work_done: Callable[[], tuple[float, int]],
        look_seconds: float = SECONDS_BETWEEN_LOOKS,
    ) -> None:
        self._manager = manager
        self._work_done = work_done
        self._look_seconds = look_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="starting up", daemon=True)

    def begin(self) -> None:
        if self._manager.is_there:
            self._thread.start()

    def end(self) -> None:
        """It has started, or failed to."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        before = self._work_done()
        while not self._over.wait(self._look_seconds):
            now = self._work_done()
            if now > before:
                self._manager.tell(f"EXTEND_TIMEOUT_USEC={MORE_SECONDS * 1_000_000}")
            before = now


class Pulse:
    """Gives signs of life while every role answers and the event loop is in time."""

    def __init__(
        self, manager: ServiceManager, silent: Callable[[], Awaitable[Sequence[str]]]
    ) -> None:
        """`silent` names the roles that do not answer."""
        self._manager = manager
        self._silent = silent

    async def run(self) -> None:
        """Go on until cancelled; return at once where nobody expects it."""
        pause = self._manager.watchdog_seconds / FEEDS_IN_TIME
        while pause:
            await self.beat(await _oversleep(pause))

    async def beat(self, late: float) -> None:
        """Look once; `late` is by how many seconds the loop came too late."""
        silent = await self._silent()
        if late > LATE_SECONDS:
            log.warning("no sign of life: the event loop came %.1f s late", late)
        elif silent:
            log.warning("no sign of life: no answer from %s", ", ".join(silent))
        else:
            self._manager.tell("WATCHDOG=1")


async def silent_roles(http: HttpClient, paths: Paths, names: Iterable[str]) -> list[str]:
    """Name the roles whose socket gives no answer, or one that admits a fault."""
    return [name for name in names if not await answers(http, paths.address(name))]


async def answers(http: HttpClient, address: str) -> bool:
    """Tell whether somebody answers at an address, and admits no fault."""
    try:
        answer = await http.request(
            "GET", address, path=HEALTH, timeout=SECONDS_TO_ANSWER, redirects=0
        )
    except OutboundFailed:
        return False
    return answer.status < 500


async def _oversleep(seconds: float) -> float:
    """Sleep; return by how much longer it took."""
    began = time.monotonic()
    await asyncio.sleep(seconds)
    return time.monotonic() - began - seconds


def work_done() -> tuple[float, int]:
    """What this process did: tenths of seconds of computing, bytes from and to the disk."""
    moved = 0
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/io").read_text("ascii").splitlines():
            name, count = line.split()
            moved += int(count) if name in ("read_bytes:", "write_bytes:") else 0
    return round(time.process_time(), 1), moved


def _count(env: Mapping[str, str], name: str, meant_for: str) -> int:
    """Read a number that may be meant for another process than this one."""
    if env.get(meant_for, str(os.getpid())) != str(os.getpid()):
        return 0
    text = env.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _plain(name: str) -> str:
    """A name as the protocol takes it; colons part names there."""
    return name.replace(":", "_")
