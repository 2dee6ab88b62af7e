"""How the network is reached: what the owner answers, and the settings that follow from it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast, get_args
from urllib.parse import urlsplit

from appliance.base.machine import in_url, own_address
from appliance.settings import Settings
from appliance.settings_groups import HOST
from appliance.upkeep.low_ports import MAY_BE_OPENED

Kind: TypeAlias = Literal["dev", "home", "direct", "forward", "proxy"]

KINDS: Final = get_args(Kind)
PUBLIC_KINDS: Final = ("direct", "forward", "proxy")
LONGEST_HOST: Final = 200
LOOPBACK: Final = "127.0.0.1"
DOOR_PORT: Final = 2580
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104
# No handle may end in these: the protocol forbids some, the others mean something else at home.
_TAKEN_ENDINGS: Final = frozenset(
    (
        *("alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test"),
        *("lan", "localdomain"),
    )
)
_HOST: Final = re.compile(HOST, re.ASCII)
_ADDRESS: Final = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?", re.ASCII)


class UnfitReach(ValueError):
    """An answer that cannot be; `field` and `problem` say which and why."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True)
class Reach:
    """One way to be reached.

    `name` is the name of the network's server, and what handles end in; `address` is where apps at
    home find it.
    """

    kind: Kind
    name: str = ""
    address: str = ""

    def settings(self) -> Mapping[str, object]:
        """The settings that make it so."""
        if self.kind == "dev":
            own: dict[str, object] = {"network.mode": "dev", "network.handle_domains": (".test",)}
            return {**own, "pds.hostname": "localhost", "pds.public_url": "", "https.mode": "off"}
        at_home = self.kind == "home"
        return {
            "network.mode": "home" if at_home else "public",
            "network.handle_domains": (f".{self.name}",),
            "network.trusted_proxies": 1 if self.kind in ("forward", "proxy") else 0,
            "pds.hostname": self.name,
            "pds.public_url": self.address if at_home else "",
            "door.host": LOOPBACK if self.kind in ("direct", "forward") else EVERYWHERE,
            "https.mode": "acme" if self.kind == "direct" else "off",
        }

    def settings_after(self, before: Settings) -> Mapping[str, object]:
        """The settings that make it so for a network that is there: who was paired stays so."""
        values, own = dict(self.settings()), before.neighbours
        if self.kind == "forward" and before.door.port in MAY_BE_OPENED:
            # The web server on this computer wants them.
            values["door.port"] = DOOR_PORT
        if before.network.mode == "home" and before.pds.hostname and self.kind in PUBLIC_KINDS:
            values |= {"neighbours.announce": own.announce, "neighbours.port": own.port}
        return values

    def published(
        self, before: Settings, directory: str, relays: Sequence[str]
    ) -> Mapping[str, object]:
        """The settings with which a network from home goes out, to this directory and relays.

        Nothing named: what is usual.
        """
        values = dict(self.settings_after(before))
        if directory:
            values["pds.plc_url"] = directory
        if relays:
            values["pds.relays"] = tuple(relays)
        return values


def read(kind: str, name: str, address: str) -> Reach:
    """Check an answer. Raises UnfitReach."""
    if kind not in KINDS:
        raise UnfitReach("kind", "none")
    if kind == "dev":
        return Reach("dev")
    name = name.lower().rstrip(".")
    _check_name(name, at_home=kind == "home")
    if kind == "home":
        address = address.lower().rstrip("/")
        if not _ADDRESS.fullmatch(address):
            raise UnfitReach("address", "unfit")
    return Reach(cast(Kind, kind), name, address if kind == "home" else "")


def _check_name(name: str, *, at_home: bool) -> None:
    field = "suffix" if at_home else "hostname"
    if not name:
        raise UnfitReach(field, "empty")
    if not _HOST.fullmatch(name) or len(name) > LONGEST_HOST or "." not in name:
        raise UnfitReach(field, "unfit")
    ending = name.rpartition(".")[2]
    if ending in _TAKEN_ENDINGS:
        raise UnfitReach(field, "taken")
    if not ending[0].isalpha():
        raise UnfitReach(field, "unfit")


def now(settings: Settings) -> Reach:
    """How these settings say that it is; for a network without a name, what is likely."""
    pds, mode = settings.pds, settings.network.mode
    if not pds.hostname:
        return Reach("home", suffix_for(settings.network.name), address_here(settings))
    if mode == "dev":
        return Reach("dev", suffix_for(settings.network.name), address_here(settings))
    if mode == "home":
        return Reach("home", pds.hostname, pds.url)
    if settings.https.mode != "off":
        return Reach("direct", pds.hostname, "")
    return Reach("forward" if settings.door.host == LOOPBACK else "proxy", pds.hostname, "")


def suffix_for(network: str) -> str:
    """What handles end in unless the owner chooses otherwise: "The Smiths" gives "smiths.home"."""
    words = re.findall(r"[a-z0-9]+", network.lower())
    kept = [word for word in words if word not in ("the", "our", "my", "family")] or words
    label = "-".join(kept)[:30].strip("-")
    return f"{label or 'hearth'}.home"


def address_here(settings: Settings, asked: str = "") -> str:
    """Where apps at home find the front door: as the owner's browser found this panel, if it can.

    `asked` is the host with which the browser came.
    """
    name = urlsplit(f"//{asked}").hostname or ""
    is_own = name in ("", "localhost", LOOPBACK, "::1")
    host = in_url(own_address() if is_own else name)
    return f"http://{host}:{settings.door.port or DOOR_PORT}"
