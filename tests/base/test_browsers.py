"""What every request from a browser has to pass."""

import pytest
from aiohttp.test_utils import make_mocked_request

from appliance.base.browsers import comes_from_here, is_https, safe_path


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
        ({"Origin": "http://["}, False),
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
        ("https://[", "/"),
        ("http://nobody]/", "/"),
    ],
)
def test_after_signing_in_one_stays_here(text: str, path: str) -> None:
    assert safe_path(text) == path


def test_what_a_proxy_says_counts_only_when_there_is_one() -> None:
    headers = {"X-Forwarded-Proto": "https"}
    request = make_mocked_request("GET", "/", headers)
    assert not is_https(request, 0)
    assert is_https(request, 1)
