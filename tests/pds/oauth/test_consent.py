"""What members are asked: everything is said, in words, and can be unticked where that is fair."""

import pytest

from appliance.atproto.syntax import Nsid
from appliance.base.strings import Strings
from appliance.pds.oauth.consent import Group, Line, groups
from appliance.pds.oauth.permission_sets import read_set
from appliance.pds.oauth.permissions import Permissions
from appliance.pds.oauth.permissions_kinds import Include

STRINGS = Strings.load()


def asked(*tokens: str) -> list[Group]:
    return groups(Permissions.parse(" ".join(["atproto", *tokens])), STRINGS)


def line(token: str) -> Line:
    [found] = [one for group in asked(token) for one in group.lines if one.token != "atproto"]
    return found


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("repo:app.bsky.feed.post", "Create, change and delete posts"),
        ("repo:*?action=delete", "Delete anything"),
        (
            "repo?collection=app.bsky.feed.like&collection=org.example.thing&action=create",
            "Create likes, org.example.thing",
        ),
        ("blob?accept=image/*&accept=application/pdf", "Upload application/pdf, pictures"),
        ("blob:*/*", "Upload files of any kind"),
        (
            "rpc:app.bsky.feed.getTimeline?aud=did:web:net.example%23bsky_appview",
            "Ask net.example for these in your name: get timeline",
        ),
        ("rpc:*?aud=did:plc:abc%23svc", "Ask did:plc:abc for anything in your name"),
        (
            "rpc:org.example.a?aud=*",
            "Ask any service for these in your name: a",
        ),
        ("account:email", "See your e-mail address"),
        ("transition:email", "See your e-mail address"),
        ("transition:chat.bsky", "Read and write your private messages"),
        ("identity:handle", "Change your handle"),
    ],
)
def test_a_token_is_said_in_words(token: str, text: str) -> None:
    assert line(token).text == text


def test_long_lists_are_cut_and_counted() -> None:
    names = [f"org.example.{letter}" for letter in "abcdef"]
    found = line("repo?" + "&".join(f"collection={name}" for name in names))
    assert found.text == (
        "Create, change and delete org.example.a, org.example.b, org.example.c, org.example.d"
        " and 2 more"
    )
    assert found.names == tuple(names)


def test_all_but_the_grounds_of_it_can_be_unticked() -> None:
    found = asked("transition:generic", "transition:email", "repo:org.example.a", "identity:*")
    fixed = [one.token for group in found for one in group.lines if not one.is_optional]
    assert fixed == ["atproto", "transition:generic"]


@pytest.mark.parametrize(
    "token",
    ["identity:*", "identity:handle", "account:repo?action=manage", "account:status?action=manage"],
)
def test_what_gives_the_account_away_is_marked(token: str) -> None:
    assert line(token).is_grave
    assert not line("account:email").is_grave


def test_groups_have_titles_and_order() -> None:
    found = asked(
        "rpc:org.example.a?aud=*",
        "rpc:chat.bsky.convo.listConvos?aud=*",
        "repo:org.example.a",
        "blob:*/*",
        "account:email",
    )
    assert [(group.title, len(group.lines)) for group in found] == [
        ("About you", 2),
        ("What you publish", 2),
        ("Private messages", 1),
        ("Other services", 1),
    ]


def test_a_set_is_shown_by_its_author_s_words_and_its_contents() -> None:
    include = Include(Nsid("org.example.authAll"))
    contents = [{"type": "permission", "resource": "repo", "collection": ["org.example.thing"]}]
    one = read_set(include, {"title": "Things", "detail": "All things", "permissions": contents})
    permissions = Permissions.parse("atproto include:org.example.authAll")
    [_, group] = groups(permissions, STRINGS, {str(include): one})
    [shown] = group.lines
    assert shown.text == "Things (as example.org puts it)"
    assert shown.details == ("All things", "Create, change and delete org.example.thing")
    assert shown.names == ("org.example.thing",)
    assert shown.is_optional


def test_every_line_stands_for_one_token_of_the_scope() -> None:
    permissions = Permissions.parse(
        "atproto transition:generic transition:email transition:chat.bsky repo:* blob:*/*"
        " rpc:*?aud=did:web:a.example%23x account:email account:repo?action=manage"
        " account:status identity:* include:org.example.authAll"
    )
    found = groups(permissions, STRINGS)
    assert sorted(one.token for group in found for one in group.lines) == sorted(permissions.tokens)
