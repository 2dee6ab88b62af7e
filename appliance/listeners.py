"""Listening sockets, bound before anything starts, so that every address is known and free.

Loopback names resolve to 127.0.0.1 for some clients and to ::1 for others: both are bound to one
port number where the machine has both.
"""

import contextlib
import errno
import random
import socket
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson

from appliance.upkeep.systemd import ServiceManager

BACKLOG = 1024
# Bytes for a caller that the system takes before it could send them.
SENT_AHEAD = 128 * 1024
TRIES_FOR_A_COMMON_PORT = 20
# So long the service manager takes, at most, to let go of a socket that it kept.
SECONDS_TO_LET_GO = 10.0
SECONDS_BETWEEN_TRIES = 0.05
# What can be done where an address cannot be had.
WAYS = {
    errno.EADDRINUSE: "ss -ltnp names the program that has it",
    errno.EACCES: "ports below 1024 are root's, or opened by systemd",
}
# Below those from which an operating system takes the near end of outgoing connections: such a
# port is still free when whoever was given it starts again.
FREE_PORTS = range(20_000, 32_000)
# Ports above 1023 that browsers and other users of `fetch` refuse to call
# (https://fetch.spec.whatwg.org/#port-blocking).
NEVER_FETCHED = frozenset(
    (1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566)
    + (*range(6665, 6670), 6679, 6697, 10080)
)


class PortTaken(Exception):
    """Somebody else listens there already, or it is not ours to open; `name`: what it was for."""

    name = ""


def bind(hosts: Iterable[str], port: int) -> list[socket.socket]:
    """Bind one port on every host that this machine has; port 0 takes a free one.

    Raises PortTaken, naming the address.
    """
    wanted = list(hosts)
    for attempt in range(TRIES_FOR_A_COMMON_PORT):
        try:
            return _bind_all(wanted, port or random.choice(FREE_PORTS))  # noqa: S311
        except PortTaken:
            if port != 0 or attempt == TRIES_FOR_A_COMMON_PORT - 1:
                raise
    raise PortTaken(f"no port is free on all of {', '.join(wanted)}")


def both_families(host: str) -> list[str]:
    """Name the addresses that are meant: "everywhere" and "this machine" exist twice."""
    twins = {"0.0.0.0": "::", "127.0.0.1": "::1"}  # noqa: S104
    return [host, twins[host]] if host in twins else [host]


class HeldPorts:
    """Listening sockets that outlive the servers which use them: whoever calls meanwhile waits.

    With a service manager they outlive the process too: it keeps them for the next one.
    """

    def __init__(self, manager: ServiceManager) -> None:
        self._held: dict[tuple[str, int], list[socket.socket]] = {}
        self._manager = manager
        self._handed_over = manager.handed_over()
        self._free_by: dict[int, float] = {}

    def take(self, wanted: Mapping[str, tuple[str, int]]) -> dict[str, list[socket.socket]]:
        """Give sockets for these hosts and ports, by name; let go of all others.

        Each call gives copies of its own, to be closed by whoever serves. Port 0 is none.

        Raises PortTaken.
        """
        places = set(wanted.values())
        for place in [place for place in self._held if place not in places]:
            self._forget(_name_of(place), place[1])
            for listener in self._held.pop(place):
                listener.close()
        self._adopt(places)
        taken: dict[str, list[socket.socket]] = {}
        for name, (host, port) in wanted.items():
            if port and (host, port) not in self._held:
                self._held[host, port] = self._bind_for(name, host, port)
                self._manager.keep(_name_of((host, port)), self._held[host, port])
            taken[name] = copies(self._held.get((host, port), ()))
        return taken

    def _adopt(self, places: Iterable[tuple[str, int]]) -> None:
        """Take what an earlier process held and this one wants; close the rest."""
        meant = {
            (host, port): (first, port) for first, port in places for host in both_families(first)
        }
        for name, listener in self._handed_over:
            place = meant.get(listener.getsockname()[:2])
            if place is None:
                self._forget(name, listener.getsockname()[1])
                listener.close()
            else:
                self._held.setdefault(place, []).append(listener)
        self._handed_over = []

    def _forget(self, name: str, port: int) -> None:
        self._manager.forget(name)
        if self._manager.is_there:
            self._free_by[port] = time.monotonic() + SECONDS_TO_LET_GO

    def _bind_for(self, name: str, host: str, port: int) -> list[socket.socket]:
        try:
            return self._bind(host, port)
        except PortTaken as taken:
            taken.name = name
            raise

    def _bind(self, host: str, port: int) -> list[socket.socket]:
        """Bind; what the manager was told to forget it may hold for a moment longer."""
        while True:
            try:
                return bind(both_families(host), port)
            except PortTaken:
                if time.monotonic() > self._free_by.get(port, 0.0):
                    raise
                time.sleep(SECONDS_BETWEEN_TRIES)

    def close(self) -> None:
        for listeners in self._held.values():
            for listener in listeners:
                listener.close()
        self._held.clear()


def _name_of(place: tuple[str, int]) -> str:
    return f"{place[0]} {place[1]}"


def copies(listeners: Iterable[socket.socket]) -> list[socket.socket]:
    """Give listeners that somebody else may close: whoever calls goes on waiting."""
    return [listener.dup() for listener in listeners]


def close_all(listeners: Mapping[str, Iterable[socket.socket]]) -> None:
    """Close listeners that nobody will serve."""
    for each in listeners.values():
        for listener in each:
            listener.close()


def send_little_ahead(listener: socket.socket) -> None:
    """Have the system take no more for its callers than they are about to take.

    It would take megabytes for each, which nobody counts and which would look as if they had taken
    them. What the caller's window has room for is not bounded by this.
    """
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None:
        listener.setsockopt(socket.IPPROTO_TCP, option, SENT_AHEAD)


def _bind_all(hosts: list[str], port: int) -> list[socket.socket]:
    bound: list[socket.socket] = []
    try:
        for host in hosts:
            listener = _bind_one(host, port)
            if listener is not None:
                bound.append(listener)
    except BaseException:
        for listener in bound:
            listener.close()
        raise
    return bound


def _bind_one(host: str, port: int) -> socket.socket | None:
    """Bind one address; None where the machine does not have this address (no IPv6, say)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return None
        if error.errno in WAYS:
            raise PortTaken(
                f"{host} port {port}: {error.strerror} ({WAYS[error.errno]})"
            ) from error
        raise
    listener.setblocking(False)
    return listener


def bind_named(
    names: Iterable[str], hosts: list[str], first: int, memory: Path
) -> dict[str, list[socket.socket]]:
    """Bind a port for each name: `first` and those after it, or free ones when `first` is 0.

    Free ports are kept in the file `memory` and taken again at the next start: identities name
    the address of their PDS, so a network that moved would not know itself.
    """
    known: dict[str, int] = {}
    if first == 0 and memory.exists():
        with contextlib.suppress(orjson.JSONDecodeError, OSError):
            known = orjson.loads(memory.read_bytes())
    bound: dict[str, list[socket.socket]] = {}
    try:
        for offset, name in enumerate(names):
            port = first + offset if first else int(known.get(name, 0))
            bound[name] = bind(hosts, port)
    except BaseException:
        for listeners in bound.values():
            for listener in listeners:
                listener.close()
        raise
    if first == 0:
        ports = {name: listeners[0].getsockname()[1] for name, listeners in bound.items()}
        memory.write_bytes(orjson.dumps(ports))
    return bound
