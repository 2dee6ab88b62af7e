"""The names under which the panel may be asked: any other is refused (DNS rebinding)."""

import ipaddress
from typing import Final

from appliance.settings import Settings

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
ANY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104
STANDARD_PORTS: Final = (80, 443)


class HostRule:
    """The names under which this panel may be asked."""

    def __init__(self, settings: Settings) -> None:
        self._port = settings.admin.port
        names = {*LOOPBACK_NAMES}
        if settings.admin.host not in ANY_ADDRESS:
            names.add(_bracketed(settings.admin.host.lower()))
        if settings.pds.hostname:
            names.add(settings.pds.hostname)
        self._names = frozenset(names)
        # An address typed as such cannot be made to mean another machine.
        self._any_address = settings.admin.host in ANY_ADDRESS

    def allows(self, host: str) -> bool:
        """Tell whether a Host header names us, with our port (or none, where that is ours)."""
        name, port = _parted(host.lower())
        if port is None:
            right_port = self._port in (0, *STANDARD_PORTS) or name in LOOPBACK_NAMES
        else:
            right_port = port == str(self._port)
        return right_port and (name in self._names or (self._any_address and _is_address(name)))


def _parted(host: str) -> tuple[str, str | None]:
    """Part "name:port"; an IPv6 address stands in brackets."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host, None
    return name, port


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
