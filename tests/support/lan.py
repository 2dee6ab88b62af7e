"""A network at home: machines of their own (network namespaces) on one bridge, ours among them."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from appliance.settings import defaults
from appliance.settings_file import save
from appliance.settings_groups import Paths
from appliance.upkeep.operator_access import OperatorAccess
from tests.support.appliance import ROOT, wait_until
from tests.support.ending import end, kill

_numbers = itertools.count(os.getpid() * 10)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=60)  # noqa: S603, S607


class Lan:
    """A bridge of this machine, on a network of its own: several tests may run side by side.

    Made and removed by `with`.
    """

    def __init__(self) -> None:
        number = next(_numbers)
        self._name = f"hb{number % 1_000_000}"
        self._stack = ExitStack()
        self.prefix = f"10.77.{number // 10 % 250 + 1}"
        self.own = f"{self.prefix}.254"

    def __enter__(self) -> "Lan":
        with ExitStack() as stack:
            ip("link", "add", self._name, "type", "bridge", "mcast_snooping", "0")
            stack.callback(ip, "link", "del", self._name)
            ip("addr", "add", f"{self.own}/24", "dev", self._name)
            ip("link", "set", self._name, "up")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def machine(self, number: int) -> "Machine":
        """Add a machine, whose address ends in this number."""
        machine = Machine(f"{self._name}-{number}", self._name, f"{self.prefix}.{number}", self.own)
        self._stack.callback(machine.remove)
        return machine


class Machine:
    """A network namespace with one cable to the bridge."""

    def __init__(self, name: str, bridge: str, address: str, router: str) -> None:
        self.name = name
        self.address = address
        self._router = router
        self._cable = f"v{next(_numbers) % 10_000_000}"
        ip("netns", "add", name)
        inside = ("netns", "exec", name, "ip")
        ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", self._cable, "master", bridge, "up")
        ip(*inside, "link", "set", "lo", "up")
        ip(*inside, "addr", "add", f"{address}/24", "dev", "eth0")
        ip(*inside, "link", "set", "eth0", "up")
        ip(*inside, "route", "add", "default", "via", router)

    def cut(self) -> None:
        """Pull the cable."""
        ip("link", "set", self._cable, "down")

    def mend(self) -> None:
        """Plug it in again."""
        ip("link", "set", self._cable, "up")

    def move(self, address: str) -> None:
        """Give it another address, as another Wi-Fi or router does."""
        inside = ("netns", "exec", self.name, "ip")
        ip(*inside, "addr", "flush", "dev", "eth0")
        ip(*inside, "addr", "add", f"{address}/24", "dev", "eth0")
        ip(*inside, "route", "add", "default", "via", self._router)

    def remove(self) -> None:
        ip("netns", "del", self.name)

    def command(self, *words: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, *words]


@dataclass
class Box:
    """A Hearth in service on a machine of its own."""

    machine: Machine
    data: Path
    name: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.machine.address}:2580"

    @property
    def panel(self) -> str:
        return f"http://{self.machine.address}:2587"

    @property
    def log(self) -> str:
        return (self.data.parent / f"{self.name}.log").read_text(encoding="utf-8")

    def start(self) -> None:
        """Run it as a service manager does, until every part answers."""
        with (self.data.parent / f"{self.name}.log").open("ab") as log:
            words = [sys.executable, "-m", "appliance", "run", "--data", str(self.data)]
            self.process = subprocess.Popen(  # noqa: S603
                self.machine.command(*words), cwd=ROOT, stdout=log, stderr=log, env=_environment()
            )
        wait_until(self._is_up, self.name)

    def _is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        # A log may tell of earlier runs too.
        return "role is up name=admin" in self.log.rpartition("stopping")[2]

    def stop(self) -> None:
        """End it, in order."""
        if self.process is not None:
            assert end(self.process) == 0, self.log
            self.process = None

    def hearth(self, *words: str) -> str:
        """Call the command line there; give what it printed."""
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "appliance", *words, "--data", str(self.data)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def operate(self, role: str, nsid: str, **fields: Any) -> Any:
        """Call a method as the operator: a query, unless fields are given."""
        paths = Paths.of(str(self.data))
        headers = {"Authorization": OperatorAccess(paths.secret("operator-token")).header}
        connector = aiohttp.UnixConnector(str(paths.socket(role)))
        url = f"http://localhost/xrpc/{nsid}"
        async with aiohttp.ClientSession(connector=connector, headers=headers) as http:
            ask = http.post(url, json=fields) if fields else http.get(url)
            async with ask as answer:
                told = await answer.text()
                assert answer.status == 200, told
                return await answer.json() if told else None

    async def neighbours(self) -> Any:
        return await self.operate("neighbours", "internal.hearth.neighbours.listNeighbours")


def _environment() -> dict[str, str]:
    """Ours, without what keeps other tests from meeting neighbours."""
    return {name: text for name, text in os.environ.items() if "HEARTH_NEIGHBOURS" not in name}


@contextmanager
def box(machine: Machine, folder: Path, name: str, title: str = "") -> Iterator[Box]:
    """Set a network up on a machine, and run it."""
    data = folder / name
    data.mkdir()
    values = {
        "network.name": title or name.capitalize(),
        "network.handle_domains": (f".{name}.home",),
        "network.own_account": False,
        "pds.hostname": f"{name}.home",
        "pds.public_url": f"http://{machine.address}:2580",
        "pds.invites_required": False,
        "pds.resolve_lexicons": False,
        "limits.enabled": False,
    }
    save(defaults("home", data).with_values(values))
    one = Box(machine, data, name)
    try:
        one.start()
        yield one
        one.stop()
    finally:
        if one.process is not None:
            kill(one.process)
