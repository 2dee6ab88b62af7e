"""Scopes: what is understood, how it is written, and what it allows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.pds.oauth.permissions import (
    MAX_SCOPE,
    Permissions,
    service_call,
)
from appliance.pds.oauth.permissions_kinds import IdentityPermission
from appliance.pds.oauth.permissions_syntax import InvalidScope

APPVIEW = "did:web:api.example.com#svc_appview"


def of(*tokens: str) -> Permissions:
    return Permissions.parse(" ".join(["atproto", *tokens]))


CANONICAL = {
    "repo:app.example.profile": "repo:app.example.profile",
    "repo?collection=app.example.profile": "repo:app.example.profile",
    "repo:app.example.profile?action=create&action=update&action=delete": (
        "repo:app.example.profile"
    ),
    "repo:app.example.profile?action=delete&action=create&action=delete": (
        "repo:app.example.profile?action=create&action=delete"
    ),
    "repo?collection=app.example.b&collection=app.example.a": (
        "repo?collection=app.example.a&collection=app.example.b"
    ),
    "repo?collection=app.example.b&collection=*&action=delete": "repo:*?action=delete",
    "repo:%2A": "repo:*",
    "rpc:app.example.getFeed?aud=*": "rpc:app.example.getFeed?aud=*",
    "rpc?lxm=*&aud=did:web:api.example.com%23svc_appview": (
        "rpc:*?aud=did:web:api.example.com%23svc_appview"
    ),
    "rpc?aud=did:web:api.example.com#svc_appview&lxm=app.example.getFeed": (
        "rpc:app.example.getFeed?aud=did:web:api.example.com%23svc_appview"
    ),
    "blob:*/*": "blob:*/*",
    "blob?accept=video/*&accept=text/html": "blob?accept=text/html&accept=video/*",
    "blob?accept=video/*&accept=VIDEO/mp4": "blob:video/*",
    "blob?accept=video/*&accept=*/*": "blob:*/*",
    "blob:image/svg+xml": "blob:image/svg+xml",
    "blob?accept=image/svg%2Bxml": "blob:image/svg+xml",
    "account:email": "account:email",
    "account:email?action=read": "account:email",
    "account:repo?action=manage": "account:repo?action=manage",
    "account?action=manage&attr=repo": "account:repo?action=manage",
    "account:email?action=read&action=manage": "account:email?action=manage",
    "identity:handle": "identity:handle",
    "identity:*": "identity:*",
    "identity:*?": "identity:*",
    "include:app.example.authFull?aud=did:web:api.example.com%23svc_chat": (
        "include:app.example.authFull?aud=did:web:api.example.com%23svc_chat"
    ),
    "include?nsid=app.example.authFull": "include:app.example.authFull",
}

NOT_UNDERSTOOD = [
    "resource",
    "resource:positional?key=val",
    "service:did:web:com.example#type?key=val",
    "Repo:app.example.post",
    "repo",
    "repo:",
    "repo:?",
    "repo:&",
    "repo?",
    "repo:app.example.*",
    "repo:app.example.post?collection=app.example.like",
    "repo:app.example.post?action=read",
    "repo:app.example.post?action=",
    "repo:app.example.post?until=2030",
    "repo:app.example.post&action=create",
    "repo:app.example.%zz",
    "repo:app.example.%ff",
    "rpc:app.example.getFeed",
    "rpc:*?aud=*",
    "rpc?lxm=app.example.getFeed&lxm=*&aud=*",
    "rpc:app.example.getFeed?aud=did:web:api.example.com",
    "rpc:app.example.getFeed?aud=did:web:api.example.com%23",
    "rpc:app.example.getFeed?aud=did:web:api.example.com%23a%23b",
    "rpc:app.example.getFeed?aud=did:key:zQ3sh%23svc",
    "rpc:app.example.getFeed?aud=https://api.example.com%23svc",
    "rpc:app.example.getFeed?aud=*&aud=*",
    "rpc:app.example.getFeed?aud=*&inheritAud=true",
    "blob:image",
    "blob:*",
    "blob:*/png",
    "blob:image/p*",
    "blob:image/png/x",
    "blob?accept=",
    "account",
    "account:*",
    "account:password",
    "account:email?action=write",
    "account:email?attr=email",
    "identity",
    "identity:did",
    "identity:handle?action=manage",
    "identity?attr=handle&attr=*",
    "include:*",
    "include:app",
    "include:app.example.authFull?aud=*",
    "include:app.example.authFull?aud=did:web:api.example.com",
    "transition:everything",
]


@pytest.mark.parametrize(("token", "canonical"), CANONICAL.items())
def test_a_token_is_written_in_one_way(token: str, canonical: str) -> None:
    assert str(of(token)) == f"atproto {canonical}"
    assert str(of(canonical)) == f"atproto {canonical}"


@pytest.mark.parametrize("token", NOT_UNDERSTOOD)
def test_what_is_not_fully_understood_grants_nothing(token: str) -> None:
    assert str(of(token)) == "atproto"


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "repo:*",
        "transition:generic",
        " atproto",
        "atproto ",
        "atproto  repo:*",
        "atproto\trepo:*",
        "atproto\nrepo:*",
        'atproto repo:"*"',
        "atproto repo:\\*",
        "atproto emoji:☺",
        "atproto resource:positional?key=québec",
        "ATPROTO",
        "atproto openid",
        "atproto " + "x" * MAX_SCOPE,
    ],
)
def test_what_is_no_scope_of_ours_is_refused(scope: str) -> None:
    with pytest.raises(InvalidScope):
        Permissions.parse(scope)


def test_a_scope_has_one_order_and_says_everything_once() -> None:
    scope = "repo:app.example.b transition:email repo:app.example.a repo:app.example.b atproto"
    assert str(Permissions.parse(scope)) == (
        "atproto transition:email repo:app.example.a repo:app.example.b"
    )


@pytest.mark.parametrize(
    ("token", "collection", "action", "allowed"),
    [
        ("repo:app.example.post", "app.example.post", "create", True),
        ("repo:app.example.post", "app.example.post", "delete", True),
        ("repo:app.example.post", "app.example.posts", "create", False),
        ("repo:app.example.post?action=create", "app.example.post", "update", False),
        ("repo:*?action=delete", "app.example.like", "delete", True),
        ("repo:*?action=delete", "app.example.like", "create", False),
        ("transition:generic", "app.example.like", "create", True),
        ("transition:chat.bsky", "chat.bsky.actor.declaration", "create", False),
        ("blob:*/*", "app.example.post", "create", False),
        ("include:app.example.authFull", "app.example.post", "create", False),
    ],
)
def test_records(token: str, collection: str, action: str, allowed: bool) -> None:
    assert of(token).allows_repo(collection, action) is allowed


@pytest.mark.parametrize(
    ("token", "lxm", "aud", "allowed"),
    [
        ("rpc:app.example.getFeed?aud=*", "app.example.getFeed", APPVIEW, True),
        ("rpc:app.example.getFeed?aud=*", "app.example.getFeeds", APPVIEW, False),
        (f"rpc:*?aud={APPVIEW}", "app.example.getFeed", APPVIEW, True),
        (f"rpc:*?aud={APPVIEW}", "*", APPVIEW, True),
        (f"rpc:*?aud={APPVIEW}", "app.example.getFeed", "did:web:api.example.com#other", False),
        (f"rpc:*?aud={APPVIEW}", "app.example.getFeed", "did:web:api.example.com", False),
        ("rpc:app.example.getFeed?aud=*", "app.example.getFeed", "did:web:api.example.com", True),
        ("rpc:app.example.getFeed?aud=*", "*", APPVIEW, False),
        ("transition:generic", "app.example.getFeed", APPVIEW, True),
        ("transition:generic", "*", APPVIEW, True),
        ("transition:generic", "chat.bsky.convo.listConvos", APPVIEW, False),
        ("transition:generic", "com.atproto.server.createAccount", APPVIEW, False),
        ("transition:chat.bsky", "chat.bsky.convo.listConvos", APPVIEW, True),
        ("transition:chat.bsky", "chat.bskyx.convo.listConvos", APPVIEW, False),
        ("transition:chat.bsky", "app.example.getFeed", APPVIEW, False),
        ("repo:*", "app.example.getFeed", APPVIEW, False),
    ],
)
def test_calls(token: str, lxm: str, aud: str, allowed: bool) -> None:
    assert of(token).allows_rpc(lxm, aud) is allowed


@pytest.mark.parametrize(
    ("token", "mime", "allowed"),
    [
        ("blob:*/*", "video/mp4", True),
        ("blob:image/*", "image/png", True),
        ("blob:image/*", "imagex/png", False),
        ("blob:image/*", "*/*", False),
        ("blob:image/png", "image/*", False),
        ("blob:image/png", "image/png", True),
        ("blob:image/png", "image/pngx", False),
        ("transition:generic", "application/octet-stream", True),
        ("transition:email", "image/png", False),
    ],
)
def test_files(token: str, mime: str, allowed: bool) -> None:
    assert of(token).allows_blob(mime) is allowed


@pytest.mark.parametrize(
    ("token", "attr", "action", "allowed"),
    [
        ("account:email", "email", "read", True),
        ("account:email", "email", "manage", False),
        ("account:email?action=manage", "email", "read", True),
        ("account:email?action=manage", "email", "manage", True),
        ("account:email?action=manage", "repo", "manage", False),
        ("transition:email", "email", "read", True),
        ("transition:email", "email", "manage", False),
        ("transition:email", "status", "read", False),
        ("transition:generic", "email", "read", False),
        ("transition:generic", "repo", "manage", False),
    ],
)
def test_the_account(token: str, attr: str, action: str, allowed: bool) -> None:
    assert of(token).allows_account(attr, action) is allowed


@pytest.mark.parametrize(
    ("token", "attr", "allowed"),
    [
        ("identity:handle", "handle", True),
        ("identity:handle", "*", False),
        ("identity:*", "handle", True),
        ("identity:*", "*", True),
        ("transition:generic", "handle", False),
    ],
)
def test_the_identity(token: str, attr: str, allowed: bool) -> None:
    assert of(token).allows_identity(attr) is allowed


def test_what_is_needed_is_named_as_a_token() -> None:
    assert str(IdentityPermission("handle")) == "identity:handle"
    assert str(service_call(None, APPVIEW)) == "rpc:*?aud=did:web:api.example.com%23svc_appview"


def test_a_member_unticks_tokens_but_not_atproto() -> None:
    asked = of("transition:email", "repo:app.example.post", "blob:*/*")
    assert str(asked.without(["transition:email", "blob:*/*", "atproto"])) == (
        "atproto repo:app.example.post"
    )


def test_a_request_stays_within_what_the_client_declares() -> None:
    declared = "atproto transition:generic repo?collection=app.example.post future:thing"
    assert of("repo:app.example.post").within(declared)
    assert of().within(declared)
    assert not of("repo:*").within(declared)
    assert not of("transition:email").within(declared)
    assert not of("repo:app.example.post?action=create").within(declared)


def test_what_was_granted_may_be_longer_than_what_is_asked() -> None:
    scope = " ".join(["atproto", *(f"repo:org.example.thing{n}" for n in range(1000))])
    assert Permissions.granted(scope).allows_repo("org.example.thing999", "create")


PARTS = ["repo", "rpc", "blob", "include", "account", "identity", ":", "?", "&", "=", "%", "%2A"]
PARTS += ["collection", "lxm", "aud", "accept", "attr", "action", "nsid", "*", "*/*", "email"]
PARTS += ["app.example.post", "did:web:a.example%23svc", "image/png", "create", "manage", " "]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=14).map("".join) | st.text(max_size=60))
def test_any_text_is_a_scope_or_refused_and_a_scope_is_stable(text: str) -> None:
    try:
        permissions = Permissions.parse(f"atproto {text}")
    except InvalidScope:
        return
    assert Permissions.parse(str(permissions)) == permissions
