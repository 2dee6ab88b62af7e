import socket
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from appliance.listeners import (
    FREE_PORTS,
    NEVER_FETCHED,
    HeldPorts,
    PortTaken,
    bind,
    bind_named,
    both_families,
    close_all,
)
from appliance.upkeep.systemd import ServiceManager
from tests.support.ports import free_port

LOOPBACK = ["127.0.0.1", "::1"]


def ports(listeners: list[socket.socket]) -> set[int]:
    return {listener.getsockname()[1] for listener in listeners}


def close(bound: dict[str, list[socket.socket]]) -> None:
    for listeners in bound.values():
        for listener in listeners:
            listener.close()


def test_both_loopback_addresses_share_one_port() -> None:
    listeners = bind(LOOPBACK, 0)
    assert len(ports(listeners)) == 1
    for listener in listeners:
        listener.close()


def test_an_address_this_machine_lacks_is_left_out() -> None:
    listeners = bind(["127.0.0.1", "2001:db8::1"], 0)
    assert len(listeners) == 1
    listeners[0].close()


def test_a_taken_port_is_named() -> None:
    taken = bind(["127.0.0.1"], 0)
    port = taken[0].getsockname()[1]
    with pytest.raises(PortTaken, match=str(port)):
        bind(["127.0.0.1"], port)
    taken[0].close()


def test_no_free_port_is_one_that_browsers_refuse() -> None:
    assert NEVER_FETCHED.isdisjoint(FREE_PORTS)
    assert all(NEVER_FETCHED.isdisjoint(range(port, port + 10)) for port in some_free_ports())


def some_free_ports() -> list[int]:
    """As many as there are in the range of this process of tests, and some again."""
    return [free_port() for _ in range(150)]


def test_free_ports_are_taken_again_at_the_next_start(tmp_path: Path) -> None:
    memory = tmp_path / "ports.json"
    first = bind_named(["pds", "relay"], LOOPBACK, 0, memory)
    before = {name: ports(listeners) for name, listeners in first.items()}
    close(first)
    second = bind_named(["pds", "relay"], LOOPBACK, 0, memory)
    assert {name: ports(listeners) for name, listeners in second.items()} == before
    close(second)


def test_given_ports_follow_one_another(tmp_path: Path) -> None:
    probe = bind(["127.0.0.1"], 0)
    start = probe[0].getsockname()[1]
    probe[0].close()
    bound = bind_named(["pds"], ["127.0.0.1"], start, tmp_path / "ports.json")
    assert ports(bound["pds"]) == {start}
    assert not (tmp_path / "ports.json").exists()
    close(bound)


def test_a_held_port_waits_for_the_next_server_with_whoever_calls() -> None:
    ports = HeldPorts(ServiceManager({}))
    port = free_port()
    first = ports.take({"door": ("127.0.0.1", port), "none": ("127.0.0.1", 0)})
    assert first["none"] == []
    close_all(first)
    with socket.create_connection(("127.0.0.1", port), 60) as caller:
        again = ports.take({"door": ("127.0.0.1", port)})["door"]
        accepted, _ = again[0].accept()
        with accepted:
            assert accepted.getpeername() == caller.getsockname()
        close_all({"": again})
    close_all(ports.take({}))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 60)
    ports.close()


def test_everywhere_and_this_machine_exist_in_both_families() -> None:
    assert both_families("0.0.0.0") == ["0.0.0.0", "::"]  # noqa: S104
    assert both_families("127.0.0.1") == ["127.0.0.1", "::1"]
    assert both_families("192.168.1.5") == ["192.168.1.5"]


class SlowManager(ServiceManager):
    """Holds on to what it was told to forget, for a moment, as systemd does."""

    def __init__(self) -> None:
        super().__init__({"NOTIFY_SOCKET": "/nowhere"})
        self.kept: dict[str, list[socket.socket]] = {}
        self.later: list[threading.Timer] = []

    def keep(self, name: str, sockets: Iterable[socket.socket]) -> None:
        self.kept.setdefault(name, []).extend(each.dup() for each in sockets)

    def forget(self, name: str) -> None:
        self.later.append(threading.Timer(0.3, close, [{name: self.kept.pop(name)}]))
        self.later[-1].start()


def test_an_address_that_changes_is_free_once_the_manager_has_let_go() -> None:
    manager, port = SlowManager(), free_port()
    held = HeldPorts(manager)
    close(held.take({"door": ("0.0.0.0", port)}))  # noqa: S104
    near = held.take({"door": ("127.0.0.1", port)})
    assert near["door"][0].getsockname() == ("127.0.0.1", port)
    close(near)
    held.close()
    for each in manager.later:
        each.join(60)
    close(manager.kept)
