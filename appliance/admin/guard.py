"""Who may ask the panel, and under which names: all else is refused (DNS rebinding)."""

import re
from typing import Final

from aiohttp import web

from appliance.base.machine import in_url, is_literal, is_near, own_names
from appliance.settings import Settings

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
ANY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104
# What proxies and tunnels tell of whom they ask for.
_ON_BEHALF: Final = ("X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP")
# The same in the form of RFC 7239: with quotes, brackets and a port, as may be.
_FORWARDED: Final = re.compile(r'\bfor\s*=\s*"?\[?([^\]";,\s]*)', re.IGNORECASE)
_PORT: Final = re.compile(r"(\d+\.\d+\.\d+\.\d+):\d+", re.ASCII)
STANDARD_PORTS: Final = (80, 443)


class NearRule:
    """Only this machine and those at home are answered, unless the owner says otherwise."""

    def __init__(self, settings: Settings) -> None:
        self._from_anywhere = settings.admin.from_anywhere

    def allows(self, request: web.Request) -> bool:
        """Tell whether whoever asks is near. A socket of this machine has no address.

        What a proxy says of where a request comes from counts whether it is trusted or not: a
        tunnel that ends on this machine brings strangers, and nobody gains by saying so falsely.
        """
        if self._from_anywhere:
            return True
        asked_by = {request.remote} - {None, ""}
        for name in _ON_BEHALF:
            for line in request.headers.getall(name, ()):
                asked_by.update(each.strip() for each in line.split(","))
        for line in request.headers.getall("Forwarded", ()):
            asked_by.update(_PORT.sub(r"\1", each) for each in _FORWARDED.findall(line) or [line])
        return all(_is_here(str(each), request) for each in asked_by)


def _is_here(address: str, request: web.Request) -> bool:
    return is_near(address) or address == _own_end(request)


def _own_end(request: web.Request) -> str:
    """The address at which we were asked: whoever has it too is this machine."""
    end = request.transport.get_extra_info("sockname") if request.transport else None
    return str(end[0]) if isinstance(end, tuple) else ""


class HostRule:
    """The names under which this panel may be asked."""

    def __init__(self, settings: Settings) -> None:
        self._port = settings.admin.port
        names = {*LOOPBACK_NAMES, *settings.admin.names}
        if settings.admin.host in ANY_ADDRESS:
            names.update((*own_names(), *settings.local_names))
        else:
            names.add(in_url(settings.admin.host.lower()))
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
        return right_port and (name in self._names or (self._any_address and is_literal(name)))


def _parted(host: str) -> tuple[str, str | None]:
    """Part "name:port"; an IPv6 address stands in brackets."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host, None
    return name, port
