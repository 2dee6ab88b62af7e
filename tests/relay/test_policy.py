"""Which names of hosts are taken, and what they stand for."""

import pytest

from appliance.relay.policy import InvalidHostname, Named, Policy, configured


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("pds.example.com", Named("pds.example.com", "https://pds.example.com")),
        ("https://PDS.example.com/", Named("pds.example.com", "https://pds.example.com")),
        (" pds.example.com ", Named("pds.example.com", "https://pds.example.com")),
    ],
)
def test_a_public_name_stands_for_its_https_url(text: str, named: Named) -> None:
    assert Policy(development=False).name(text) == named
    assert Policy(development=True).name(text) == named


@pytest.mark.parametrize("text", ["localhost", "localhost:2583", "http://localhost:2583/"])
def test_this_machine_is_taken_in_development_only(text: str) -> None:
    hostname = text.removeprefix("http://").rstrip("/")
    assert Policy(development=True).name(text) == Named(hostname, f"http://{hostname}")
    with pytest.raises(InvalidHostname):
        Policy(development=False).name(text)


@pytest.mark.parametrize(
    "text",
    [
        "localhost:0",
        "localhost:123456",
        "127.0.0.1:2583",
        "pds.test",
        "x.local",
        "a.b.onion",
        "com",
    ],
)
def test_what_leads_nowhere_is_refused_even_in_development(text: str) -> None:
    with pytest.raises(InvalidHostname):
        Policy(development=True).name(text)


def test_a_url_of_the_settings_is_taken_as_it_is() -> None:
    assert configured("http://Localhost:2583/") == Named("localhost:2583", "http://localhost:2583")
    assert configured("https://pds.example.com") == Named(
        "pds.example.com", "https://pds.example.com"
    )
