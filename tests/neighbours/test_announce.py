"""Where this house announces itself, and under which names."""

from dataclasses import dataclass

import ifaddr
import pytest

from appliance.base.machine import MOST_NAMES, host_name, numbered
from appliance.neighbours.announce import _label, _own_label, _without_key, private_links


@dataclass(frozen=True)
class Address:
    ip: str | tuple[str, int, int]
    network_prefix: int = 24


@dataclass(frozen=True)
class Adapter:
    nice_name: str
    ips: tuple[Address, ...]


def on(*adapters: tuple[str, tuple[str | tuple[str, int, int], ...]]) -> list[Adapter]:
    return [Adapter(name, tuple(map(Address, ips))) for name, ips in adapters]


@pytest.mark.parametrize(
    ("adapters", "announced"),
    [
        (on(("lo", ("127.0.0.1",))), []),
        (on(("eth0", ("192.168.1.7",))), ["192.168.1.7"]),
        (on(("eth0", ("169.254.3.4",))), ["169.254.3.4"]),
        # One public address is enough for the whole interface to be out in the world.
        (on(("eth0", ("203.0.113.7",)), ("wlan0", ("10.0.0.7",))), ["10.0.0.7"]),
        (on(("eth0", ("192.168.1.7", "198.51.100.2"))), []),
        (on(("eth0", ("100.64.0.9",))), []),
        (on(("docker0", ("172.17.0.1",)), ("virbr0", ("192.168.122.1",))), []),
        (on(("eth0", (("fe80::1", 0, 2), "10.1.1.1"))), ["10.1.1.1"]),
        (on(("eth0", ("10.0.0.2",)), ("wlan0", ("10.0.0.1",))), ["10.0.0.1", "10.0.0.2"]),
    ],
)
def test_only_interfaces_at_home_take_part(
    monkeypatch: pytest.MonkeyPatch, adapters: list[Adapter], announced: list[str]
) -> None:
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    assert [str(link.ip) for link in private_links()] == announced


@pytest.mark.parametrize(
    ("title", "host"),
    [
        ("Smiths", "smiths"),
        ("The Smith's House", "the-smith-s-house"),
        ("Füße & Co", "f-e-co"),
        ("日本", "hearth"),
        ("", "hearth"),
        ("x" * 100, "x" * 40),
    ],
)
def test_a_name_is_made_of_what_the_network_is_called(title: str, host: str) -> None:
    assert host_name(title) == host
    assert numbered(host)[:2] == (host, f"{host}-2")
    assert len(numbered(host)) == MOST_NAMES


@pytest.mark.parametrize("title", ["Smiths", "a.b.c", "日本" * 40, "", "x" * 200, " . "])
def test_a_title_fits_into_one_label(title: str) -> None:
    label = _label(title)
    assert 0 < len(label.encode()) <= 55
    assert "." not in label
    assert label == label.strip()


@pytest.mark.parametrize("title", ["Smiths", "The Smiths", "x" * 200])
def test_the_announced_label_is_ours_alone_and_shown_without_what_makes_it_so(title: str) -> None:
    one, other = _own_label(title, "a" * 64), _own_label(title, "b" * 64)
    assert one != other
    assert len(one.encode()) < 63
    assert _without_key(one, "a" * 64) == _without_key(f"{one}-2", "a" * 64) == _label(title)
    # Only of its own key: else it is a name like any other.
    assert _without_key(one, "b" * 64) == one
