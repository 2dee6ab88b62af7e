"""This machine as others at home see it."""

import pytest

from appliance.base.machine import in_url, is_literal, is_near, own_address, own_names


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("192.168.1.5", True),
        ("10.1.2.3", True),
        ("172.31.0.1", True),
        ("172.32.0.1", False),
        ("fd00::5", True),
        ("fe80::1%eth0", True),
        ("::ffff:192.168.1.5", True),
        ("::ffff:93.184.216.34", False),
        ("93.184.216.34", False),
        ("2606:2800::1", False),
        ("100.64.0.1", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_near_is_what_does_not_reach_further(address: str, near: bool) -> None:
    assert is_near(address) is near


def test_an_address_is_told_from_a_name() -> None:
    assert is_literal("192.168.1.5")
    assert is_literal("[fd00::5]")
    assert not is_literal("192.168.1.5.example")
    assert not is_literal("smith.home")


def test_this_machine_has_an_address_and_names_that_can_be_typed() -> None:
    assert is_literal(in_url(own_address()))
    for name in own_names():
        assert name == name.lower()
        assert " " not in name
