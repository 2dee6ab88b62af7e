"""Ports below 1024, which a service that is not root may not open: it asks, by a file, and reads.

Root's part (`open_ports`) opens 80 and 443, nothing else. It is asked once for each boot about the
same ports, so that one which is somebody else's is not asked for again and again.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Self

UNITS: Final[Mapping[int, str]] = {80: "hearth.socket", 443: "hearth-https.socket"}
MAY_BE_OPENED: Final = frozenset(UNITS)
# In the data folder: all that the service can say.
FOLDER: Final = "ports"
WANTED: Final = "wanted"
DATA: Final = Path("/var/lib/hearth")
WATCHED_BY: Final = Path("/etc/systemd/system/hearth-ports.path")
ANSWER: Final = Path("/opt/hearth/ports.json")
# Put there by root, who wants both shut whatever is chosen on the panel.
STAY_CLOSED: Final = Path("/etc/hearth/ports-stay-closed")
# Root's part has done what it can by then.
SECONDS_TO_OPEN: Final = 60.0
BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Opened:
    """What root's part did: asked for which ports, which it has opened, which it could not.

    `boot` names the run of the machine in which it was asked last.
    """

    wanted: frozenset[int] = field(default_factory=frozenset)
    opened: frozenset[int] = field(default_factory=frozenset)
    failed: frozenset[int] = field(default_factory=frozenset)
    boot: str = ""

    @classmethod
    def read(cls, place: Path) -> Self:
        """Read it; one that is missing or damaged says nothing."""
        try:
            told = json.loads(place.read_text("utf-8"))
            sets = {name: _ports(told[name]) for name in ("wanted", "opened", "failed")}
            return cls(**sets, boot=str(told["boot"]))
        except (OSError, ValueError, TypeError, KeyError):
            return cls()

    def write(self, place: Path) -> None:
        """Keep it, whole or not at all, for everybody to read."""
        told = {name: sorted(each) for name, each in asdict(self).items() if name != "boot"}
        aside = place.with_name(f".{place.name}")
        aside.write_text(json.dumps({**told, "boot": self.boot}), "utf-8")
        aside.chmod(0o644)
        aside.replace(place)


@dataclass(frozen=True)
class LowPorts:
    """The service's side, on a machine where install.sh has put root's part."""

    data: Path
    watched_by: Path = WATCHED_BY
    answer: Path = ANSWER
    boot: Path = BOOT
    stay_closed: Path = STAY_CLOSED

    @property
    def is_possible(self) -> bool:
        """Whether there is somebody to ask: installed, and this is its data folder."""
        return self.watched_by.exists() and self.data.resolve() == DATA.resolve()

    @property
    def is_forbidden(self) -> bool:
        """Whether root has said that nothing is opened."""
        return self.stay_closed.exists()

    @property
    def failed(self) -> frozenset[int]:
        """The ports that were asked for and are somebody else's."""
        return Opened.read(self.answer).failed

    def is_under_way(self, now: float) -> bool:
        """Whether it was asked, or answered, just now."""
        return any(
            place.exists() and now - place.stat().st_mtime < SECONDS_TO_OPEN
            for place in (self.data / FOLDER / WANTED, self.answer)
        )

    def idle(self, wanted: Iterable[int]) -> Mapping[int, str]:
        """Give the ports that root has systemd hold for us, and no setting wants, with the unit.

        Nobody answers there, and nobody else can have them.
        """
        enabled = self.watched_by.with_name("sockets.target.wants")
        ours = Opened.read(self.answer).opened
        return {
            port: unit
            for port, unit in UNITS.items()
            if port not in {*wanted, *ours} and (enabled / unit).is_symlink()
        }

    def settle(self, wanted: Iterable[int], held: Iterable[int]) -> bool:
        """Ask for what is wanted and not held, or opened and not wanted; tell whether it did."""
        ports = MAY_BE_OPENED.intersection(wanted)
        told = Opened.read(self.answer)
        is_so = ports.issubset(held) and told.opened <= ports
        was_asked = told.wanted == ports and told.boot == boot_now(self.boot)
        if is_so or was_asked or not self.is_possible:
            return False
        self.ask(ports)
        return True

    def ask(self, ports: Iterable[int]) -> None:
        """Ask root's part to open these, and to close again whatever else it has opened."""
        folder = self.data / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        aside = folder / f".{WANTED}.{os.getpid()}"
        aside.write_text(json.dumps(sorted(MAY_BE_OPENED.intersection(ports))), "utf-8")
        aside.replace(folder / WANTED)


def read_wish(raw: bytes) -> frozenset[int]:
    """Read what the service asks for. Raises ValueError for anything but these ports."""
    try:
        ports = _ports(json.loads(raw))
    except (TypeError, RecursionError) as problem:
        raise ValueError("no list of ports") from problem
    if not ports <= MAY_BE_OPENED:
        raise ValueError("ports that are not opened for anybody")
    return ports


def boot_now(place: Path = BOOT) -> str:
    """Name this run of the machine."""
    try:
        return place.read_text("ascii").strip()
    except OSError:
        return ""


def _ports(told: object) -> frozenset[int]:
    """Take a list of numbers. Raises TypeError."""
    if not isinstance(told, list) or not all(type(each) is int for each in told):
        raise TypeError("no list of numbers")
    return frozenset(told)
