"""What every request has to pass."""

import pytest
from aiohttp.test_utils import make_mocked_request

from appliance.admin.guard import HostRule, address_of, comes_from_here, is_https, safe_path
from appliance.settings import Settings

PANEL = Settings().with_values({"admin.port": 2587})


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
    rule = HostRule(Settings().with_values({"pds.hostname": "social.smith.example"}))
    assert rule.allows("social.smith.example")
    assert not rule.allows("social.smith.example:2587")
    assert not rule.allows("smith.example")


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": ""}, False),
        ({"Origin": "http://localhost:2587"}, True),
        ({"Origin": "http://localhost:2583"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:2587"}, False),
    ],
)
def test_a_change_has_to_come_from_a_page_of_ours(headers: dict[str, str], ours: bool) -> None:
    request = make_mocked_request("POST", "/", {"Host": "localhost:2587", **headers})
    assert comes_from_here(request) is ours


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/people?q=ann", "/people?q=ann"),
        ("/", "/"),
        ("", "/"),
        ("people", "/"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("/\t/evil.example", "/"),
        ("/ä", "/"),
    ],
)
def test_after_signing_in_one_stays_here(text: str, path: str) -> None:
    assert safe_path(text) == path


def test_what_a_proxy_says_counts_only_when_there_is_one() -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6, 10.0.0.1, 10.0.0.2"}
    request = make_mocked_request("GET", "/", headers)
    assert not is_https(request, PANEL)
    assert address_of(request, PANEL) != "6.6.6.6"
    one = PANEL.with_values({"network.trusted_proxies": 1})
    assert is_https(request, one)
    assert address_of(request, one) == "10.0.0.2"
    assert address_of(request, PANEL.with_values({"network.trusted_proxies": 2})) == "10.0.0.1"
    four = PANEL.with_values({"network.trusted_proxies": 4})
    assert address_of(request, four) not in ("6.6.6.6", "10.0.0.1")
