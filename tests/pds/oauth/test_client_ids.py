"""Which texts name a client, and where a client may have members sent back to."""

from urllib.parse import quote

import pytest

from appliance.pds.oauth.client_ids import (
    InvalidClientId,
    check_client_id,
    check_redirect_uri,
    is_local,
    local_fields,
    same_redirect,
)
from appliance.pds.oauth.errors import InvalidClientMetadata

HOST = "app.example.com"


@pytest.mark.parametrize(
    "client_id",
    [
        "https://app.example.com/client-metadata.json",
        "https://app.example.com/a/b",
        "https://app.example.com/a?b=c",
        "https://xn--bcher-kva.example/metadata",
    ],
)
def test_a_published_client_is_named_by_a_plain_address(client_id: str) -> None:
    assert check_client_id(client_id) == client_id.split("/")[2]


@pytest.mark.parametrize(
    "client_id",
    [
        "",
        "app",
        "http://app.example.com/metadata",
        "ftp://app.example.com/metadata",
        "https://app.example.com",
        "https://app.example.com/",
        "https://app.example.com/a#b",
        "https://app.example.com/a#",
        "https://app.example.com:443/a",
        "https://app.example.com:8443/a",
        "https://user@app.example.com/a",
        "https://user:pass@app.example.com/a",
        "https://APP.example.com/a",
        "https://app.example.com/../a",
        "https://app.example.com/a/./b",
        "https://app.example.com\\@evil.example/a",
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "https://2130706433/a",
        "https://1.2.3/a",
        "https://localhost/a",
        "https://app.example.com/a b",
        "https://app.example.com/ä",
        "https://app.example.com/\n",
        "https:///a",
        "https://app.example.com/" + "a" * 2048,
        "https://app.example.com:notaport/a",
    ],
)
def test_nothing_else_names_a_published_client(client_id: str) -> None:
    with pytest.raises(InvalidClientId):
        check_client_id(client_id)


@pytest.mark.parametrize(
    ("client_id", "redirects", "scope"),
    [
        ("http://localhost", ("http://127.0.0.1/", "http://[::1]/"), "atproto"),
        ("http://localhost/", ("http://127.0.0.1/", "http://[::1]/"), "atproto"),
        ("http://localhost?scope=atproto%20transition:generic", None, "atproto transition:generic"),
        (
            f"http://localhost/?redirect_uri={quote('http://127.0.0.1:80/a')}"
            f"&redirect_uri={quote('http://[::1]/b')}",
            ("http://127.0.0.1:80/a", "http://[::1]/b"),
            "atproto",
        ),
    ],
)
def test_a_client_in_development_says_everything_in_its_name(
    client_id: str, redirects: tuple[str, ...] | None, scope: str
) -> None:
    assert is_local(client_id)
    found, said = local_fields(client_id)
    assert said == scope
    assert redirects is None or found == redirects


@pytest.mark.parametrize(
    "client_id",
    [
        "http://localhost:8080",
        "http://localhost:80/",
        "http://localhost.example.com/",
        "http://127.0.0.1",
        "https://localhost",
        "http://LOCALHOST/",
        "http://user@localhost/",
    ],
)
def test_other_names_are_not_in_development(client_id: str) -> None:
    assert not is_local(client_id)


@pytest.mark.parametrize(
    "client_id",
    [
        "http://localhost/a",
        "http://localhost#a",
        "http://localhost/?client_name=Bank",
        "http://localhost/?scope=atproto&scope=atproto",
        "http://localhost/?redirect_uri=https://evil.example/",
        "http://localhost/?redirect_uri=http://localhost/",
        "http://localhost/?redirect_uri=http://127.0.0.1.evil.example/",
        "http://localhost/?redirect_uri=http://127.0.0.1@evil.example/",
        "http://localhost/?redirect_uri=http://evil.example@127.0.0.1/",
        "http://localhost/?redirect_uri=com.example.app:/callback",
        "http://localhost/?redirect_uri=",
        "http://localhost/?novalue",
    ],
)
def test_a_client_in_development_cannot_say_more_than_that(client_id: str) -> None:
    with pytest.raises((InvalidClientId, InvalidClientMetadata)):
        local_fields(client_id)


@pytest.mark.parametrize(
    ("uri", "native"),
    [
        ("https://app.example.com/callback", False),
        ("https://other.example.org/callback?x=1", False),
        ("https://app.example.com:8443/callback", False),
        ("https://app.example.com/callback", True),
        ("com.example.app:/callback", True),
        ("http://127.0.0.1/callback", True),
        ("http://[::1]:1234/callback", True),
    ],
)
def test_where_a_client_may_have_members_sent(uri: str, native: bool) -> None:
    check_redirect_uri(uri, HOST, native=native)


@pytest.mark.parametrize(
    ("uri", "native"),
    [
        ("http://app.example.com/callback", False),
        ("http://127.0.0.1/callback", False),
        ("com.example.app:/callback", False),
        ("javascript:alert(1)", False),
        ("https://app.example.com/callback#part", False),
        ("https://app.example.com:443/callback", False),
        ("https://user@app.example.com/callback", False),
        ("https://localhost/callback", False),
        ("https:///callback", False),
        ("/callback", False),
        ("", False),
        ("https://app.example.com/call back", False),
        ("https://other.example.org/callback", True),
        ("https://app.example.com:8443/callback", True),
        ("com.example.app://callback", True),
        ("com.example.app:callback", True),
        ("com.example:/callback", True),
        ("com.evil.app:/callback", True),
        ("javascript:/alert(1)", True),
        ("http://localhost/callback", True),
        ("http://192.168.0.1/callback", True),
    ],
)
def test_where_no_client_has_members_sent(uri: str, native: bool) -> None:
    with pytest.raises(InvalidClientMetadata):
        check_redirect_uri(uri, HOST, native=native)


@pytest.mark.parametrize(
    ("given", "declared", "same"),
    [
        ("https://app.example.com/a", "https://app.example.com/a", True),
        ("https://app.example.com/a/", "https://app.example.com/a", False),
        ("https://app.example.com/a?b", "https://app.example.com/a", False),
        ("https://app.example.com:8443/a", "https://app.example.com/a", False),
        ("https://app.example.com/%61", "https://app.example.com/a", False),
        ("http://127.0.0.1:9/a", "http://127.0.0.1/a", True),
        ("http://127.0.0.1:9", "http://127.0.0.1/", True),
        ("http://[::1]:9/a", "http://[::1]:8/a", True),
        ("http://[::1]:9/a", "http://127.0.0.1/a", False),
        ("http://127.0.0.1:9/b", "http://127.0.0.1/a", False),
        ("http://127.0.0.1:9/a?c", "http://127.0.0.1/a", False),
        ("http://127.0.0.1:9/a#c", "http://127.0.0.1/a", False),
        ("http://127.0.0.1:9@evil.example/a", "http://127.0.0.1/a", False),
        ("com.example.app:/b", "com.example.app:/a", False),
        ("", "", True),
    ],
)
def test_when_a_redirect_uri_is_a_declared_one(given: str, declared: str, same: bool) -> None:
    assert same_redirect(given, declared) is same
