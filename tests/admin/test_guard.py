"""The names the panel answers to."""

import pytest
from aiohttp.test_utils import make_mocked_request

from appliance.admin.guard import HostRule, NearRule
from appliance.settings import Settings

PANEL = Settings().with_values({"admin.host": "127.0.0.1"})


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost:2587", True),
        ("LOCALHOST:2587", True),
        ("127.0.0.1:2587", True),
        ("[::1]:2587", True),
        ("localhost", True),
        ("[::1]", True),
        ("hearth.smith.home:2587", True),
        ("hearth.smith.home", False),
        ("localhost:2588", False),
        ("localhost:", False),
        ("localhost:02587", False),
        ("evil.example:2587", False),
        ("localhost.evil.example:2587", False),
        ("evil.example", False),
        ("192.168.1.5:2587", False),
        ("127.0.0.1.nip.io:2587", False),
        ("localhost:2587@evil.example", False),
        ("localhost:2587.", False),
        ("", False),
        (":2587", False),
    ],
)
def test_only_our_names_are_answered(host: str, allowed: bool) -> None:
    settings = PANEL.with_values({"pds.hostname": "hearth.smith.home"})
    assert HostRule(settings).allows(host) is allowed


def test_a_panel_for_the_whole_house_takes_addresses_but_no_strange_names() -> None:
    rule = HostRule(PANEL.with_values({"admin.host": "::"}))
    assert rule.allows("192.168.1.5:2587")
    assert rule.allows("[fd00::5]:2587")
    assert not rule.allows("192.168.1.5:80")
    assert not rule.allows("rebound.example:2587")
    assert not rule.allows("192.168.1.5.evil.example:2587")


def test_a_panel_at_one_address_answers_to_it() -> None:
    rule = HostRule(PANEL.with_values({"admin.host": "fd00::5"}))
    assert rule.allows("[fd00::5]:2587")
    assert not rule.allows("[fd00::6]:2587")


def test_behind_a_web_server_the_name_comes_without_a_port() -> None:
    rule = HostRule(PANEL.with_values({"pds.hostname": "social.smith.example", "admin.port": 0}))
    assert rule.allows("social.smith.example")
    assert not rule.allows("social.smith.example:2587")
    assert not rule.allows("smith.example")


@pytest.mark.parametrize(
    ("remote", "forwarded", "allowed"),
    [
        ("127.0.0.1", "", True),
        ("192.168.1.5", "", True),
        ("fd00::5", "", True),
        (None, "", True),
        ("93.184.216.34", "", False),
        ("93.184.216.34", "192.168.1.5", False),
        ("127.0.0.1", "93.184.216.34", False),
        ("127.0.0.1", "192.168.1.5", True),
        ("127.0.0.1", "93.184.216.34, 192.168.1.5", False),
        ("127.0.0.1", "192.168.1.5, 93.184.216.34", False),
        ("127.0.0.1", "unknown", False),
    ],
)
def test_only_those_at_home_are_answered(remote: str | None, forwarded: str, allowed: bool) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("GET", "/", headers).clone(remote=remote or "")
    for proxies in (0, 1):
        settings = PANEL.with_values({"network.trusted_proxies": proxies})
        assert NearRule(settings).allows(request) is allowed
        assert NearRule(settings.with_values({"admin.from_anywhere": True})).allows(request)


@pytest.mark.parametrize(
    ("forwarded", "allowed"),
    [
        ("for=192.168.1.5", True),
        ('For="[fd00::5]:4711";proto=https', True),
        ("for=192.168.1.5:80, for=10.0.0.2", True),
        ("for=93.184.216.34", False),
        ('proto=https;for="93.184.216.34:80"', False),
        ("for=192.168.1.5, FOR = 93.184.216.34", False),
        ('for="[2606:4700::1111]"', False),
        ("for=unknown", False),
        ("for=_hidden", False),
        ("by=192.168.1.1", False),
    ],
)
def test_what_the_standard_header_says_counts_too(forwarded: str, allowed: bool) -> None:
    request = make_mocked_request("GET", "/", {"Forwarded": forwarded}).clone(remote="127.0.0.1")
    assert NearRule(PANEL).allows(request) is allowed


@pytest.mark.parametrize("header", ["X-Real-IP", "CF-Connecting-IP", "True-Client-IP"])
def test_a_tunnel_that_ends_here_does_not_make_strangers_near(header: str) -> None:
    request = make_mocked_request("GET", "/", {header: "93.184.216.34"}).clone(remote="127.0.0.1")
    assert not NearRule(PANEL).allows(request)


def test_names_of_its_own_can_be_given_to_the_panel() -> None:
    rule = HostRule(PANEL.with_values({"admin.names": ("panel.smith.example",)}))
    assert rule.allows("panel.smith.example:2587")
    assert not rule.allows("other.smith.example:2587")


def test_the_name_that_is_announced_at_home_is_one_of_ours_also_with_a_number() -> None:
    settings = PANEL.with_values({"admin.host": "0.0.0.0", "network.name": "The Smiths"})  # noqa: S104
    announced = settings.with_values({"neighbours.announce": True})
    for name in ("the-smiths.local:2587", "the-smiths-2.local:2587"):
        assert HostRule(announced).allows(name)
        assert not HostRule(settings.with_values({"neighbours.announce": False})).allows(name)
    for name in ("the-smiths.local", "the-smiths-99.local:2587", "smiths.local:2587"):
        assert not HostRule(announced).allows(name)
