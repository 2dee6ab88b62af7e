"""Addresses that clients hold as constants."""

import json
from dataclasses import replace

import pytest

from appliance.web_client.addresses import Own, Replacement

HOME = Own("https://app.smith.home", "https://smith.home", "The Smiths", links_lead_here=True)
PUBLIC = Own("https://app.smith.example", "https://smith.example", "Smith", links_lead_here=False)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"https://public.api.bsky.app"', '"https://app.smith.home"'),
        ("`https://api.bsky.app/xrpc/x?feed=${f}`", "`https://app.smith.home/xrpc/x?feed=${f}`"),
        ('"https://events.bsky.app"', '"https://app.smith.home/-/events"'),
        ('"https://cardyb.bsky.app/v1/x?u="', '"https://app.smith.home/-/cards/v1/x?u="'),
        ("'https://bsky.social'", "'https://smith.home'"),
        ('"Bluesky Social"', '"The Smiths"'),
        ('new URL("https://bsky.app")', 'new URL("https://app.smith.home")'),
        ('startsWith("https://bsky.app/")', 'startsWith("https://app.smith.home/")'),
        ("`https://bsky.app/profile/${a}`", "`https://app.smith.home/profile/${a}`"),
    ],
)
def test_an_address_becomes_ours(before: str, after: str) -> None:
    assert Replacement(HOME).in_script(before.encode()) == after.encode()


@pytest.mark.parametrize(
    "text",
    [
        '"https://bsky.social/about/support/tos"',  # a page that somebody wrote, and still theirs
        '"https://api.bsky.app.evil.example"',
        '"https://api.bsky.apple"',
        '"https://bsky.app/download"',
        "\"https://bsky.social'",
        '"did:web:api.bsky.app#bsky_appview"',
    ],
)
def test_what_only_looks_alike_stays(text: str) -> None:
    assert Replacement(HOME).in_script(text.encode()) == text.encode()


def test_on_the_public_network_shared_links_lead_where_all_can_read_them() -> None:
    text = b'["https://bsky.app","https://bsky.app/","https://bsky.app/profile/a"]'
    assert Replacement(PUBLIC).in_script(text) == text


def test_where_the_network_has_an_account_it_takes_the_place_of_the_companys() -> None:
    own = replace(HOME, account="did:plc:network")
    for before, after in (
        ('"did:plc:ar7c4by46qjdydhdevvrndac"', '"did:plc:network"'),
        ('"did:plc:z72i7hdynmk6r22z27h6tvur"', '"did:plc:network"'),
        ('("whats-hot")', '("everyone")'),
        (
            "`at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.generator/${r}`",
            "`at://did:plc:network/app.bsky.feed.generator/${r}`",
        ),
        (
            '"at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.generator/whats-hot"',
            '"at://did:plc:network/app.bsky.feed.generator/everyone"',
        ),
        (
            '"at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.generator/thevids"',
            '"at://did:plc:network/app.bsky.feed.generator/photos"',
        ),
    ):
        assert Replacement(own).in_script(before.encode()) == after.encode()
        assert Replacement(HOME).in_script(before.encode()) == before.encode()


def test_relative_names_in_a_page_mean_files_at_the_top() -> None:
    page = b'<html><Head lang="en"><script src="static/a.js"></script>'
    made = Replacement(HOME).in_page(page)
    assert made.startswith(b'<html><Head lang="en"><base href="/"><script')
    assert Replacement(HOME).in_page(made) == made


def test_no_name_of_a_network_can_leave_its_string() -> None:
    name = """a"b'c`d${1}\\</script>é"""
    own = Own("https://app.smith.home", "https://smith.home", name, links_lead_here=True)
    script = Replacement(own).in_script(b'"Bluesky Social"').decode()
    assert json.loads(script) == name
    assert not set(script[1:-1]) & set("\"'`$<>")


def test_no_address_can_leave_its_string() -> None:
    own = Own("https://a.example/\"'`<>$", "https://b.example", "N", links_lead_here=True)
    made = Replacement(own).in_script(b'"https://api.bsky.app"').decode()
    assert made.strip('"') == "https://a.example/%22%27%60%3C%3E%24"


def test_other_addresses_make_another_replacement() -> None:
    assert Replacement(HOME).identity != Replacement(PUBLIC).identity
    assert Replacement(HOME).identity == Replacement(HOME).identity


def test_links_are_made_cards_of_where_that_is_done() -> None:
    own = replace(HOME, cards="https://smith.home/cards")
    text = b'"https://cardyb.bsky.app/v1/extract?url="'
    assert Replacement(own).in_script(text) == b'"https://smith.home/cards/v1/extract?url="'
