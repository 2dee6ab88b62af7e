"""Permission sets: whose they are, what they may grant, and what happens when they are gone."""

from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.lexicon.catalog import Catalog, load_catalog
from appliance.base.database import Database
from appliance.pds.oauth.permission_sets import KEPT_US, PermissionSets, read_set
from appliance.pds.oauth.permissions import Permissions, expand
from appliance.pds.oauth.permissions_kinds import Include
from appliance.pds.oauth.permissions_syntax import InvalidScope, read_token
from tests.support.lexicon_press import Press

FULL = "com.example.feed.authFull"
CHAT = "did:web:api.example.com%23svc_chat"
ASKED = f"atproto include:{FULL}"
SECONDS_OF_A_DAY = 86_400.0


def repo(*collections: str, **more: Any) -> dict[str, Any]:
    return {"type": "permission", "resource": "repo", "collection": [*collections], **more}


def rpc(*lxms: str, **more: Any) -> dict[str, Any]:
    return {"type": "permission", "resource": "rpc", "lxm": [*lxms], **more}


def main(*permissions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "permission-set", "permissions": [*permissions], **more}


def granted(token: str, *permissions: dict[str, Any]) -> list[str]:
    read = read_token(token)
    assert read is not None
    include = Include.of_token(read)
    assert include is not None
    return [str(each) for each in read_set(include, main(*permissions)).contents]


@pytest.fixture
def press() -> Press:
    return Press()


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(
        tmp_path / "pds.sqlite", files("appliance.pds") / "schema"
    ) as opened:
        yield opened


def sets_of(press: Press, db: Database, *, own: Catalog | None = None) -> PermissionSets:
    return PermissionSets(db, press.resolver, own or Catalog({}), press.clock, asking=own is None)


@pytest.fixture
def sets(press: Press, db: Database) -> PermissionSets:
    return sets_of(press, db)


def test_a_set_grants_what_stands_in_its_group_and_below() -> None:
    assert granted(
        f"include:{FULL}",
        repo("com.example.feed.post"),
        repo("com.example.feed.draft.note", action=["create"]),
        rpc("com.example.feed.getAll", aud="*"),
    ) == [
        "repo:com.example.feed.post",
        "repo:com.example.feed.draft.note?action=create",
        "rpc:com.example.feed.getAll?aud=*",
    ]


@pytest.mark.parametrize(
    "entry",
    [
        repo("com.example.actor.profile"),
        repo("com.example.feeds.post"),
        repo("com.example.feed"),
        repo("com.example.feed.post", "com.example.actor.profile"),
        repo("*"),
        repo("com.example.feed.post", "*"),
        repo(),
        repo("com.example.feed.post", action=["read"]),
        repo("com.example.feed.post", action="create"),
        repo("com.example.feed.post", until="2030"),
        {"type": "permission", "resource": "repo", "collection": "com.example.feed.post"},
        {"type": "permission", "resource": "repo"},
        rpc("com.example.feed.getAll"),
        rpc("com.example.feed.getAll", aud="did:web:api.example.com#svc_chat"),
        rpc("com.example.feed.getAll", aud="*", inheritAud=True),
        rpc("com.example.feed.getAll", inheritAud="true"),
        rpc("com.example.feed.getAll", inheritAud=False),
        rpc("com.example.feed.getAll", aud=["*"]),
        rpc("com.example.actor.get", aud="*"),
        rpc("*", aud="*"),
        rpc("*", inheritAud=True),
        rpc("com.example.feed.getAll", 7, aud="*"),  # type: ignore[arg-type]
        {"type": "permission", "resource": "blob", "accept": ["*/*"]},
        {"type": "permission", "resource": "account", "attr": "email"},
        {"type": "permission", "resource": "identity", "attr": "*"},
        {"type": "permission", "resource": "include", "nsid": "com.example.feed.authOther"},
        {"type": "permission", "resource": "future", "collection": ["com.example.feed.post"]},
    ],
    ids=str,
)
def test_what_is_not_a_set_s_to_grant_is_left_out(entry: dict[str, Any]) -> None:
    token = f"include:{FULL}?aud={CHAT}"
    assert granted(token, entry, repo("com.example.feed.like")) == ["repo:com.example.feed.like"]


def test_methods_inherit_the_service_that_the_app_asks_for() -> None:
    entry = rpc("com.example.feed.getAll", inheritAud=True)
    assert granted(f"include:{FULL}?aud={CHAT}", entry) == [
        f"rpc:com.example.feed.getAll?aud={CHAT}"
    ]
    assert granted(f"include:{FULL}", entry) == []


async def test_an_app_gets_what_the_published_set_says(press: Press, sets: PermissionSets) -> None:
    words = {"title": "Feeds", "detail": "All of it", "title:lang": {"de": "Feeds"}}
    press.publish(FULL, {"main": main(repo("com.example.feed.post"), **words)})
    asked = Permissions.parse(f"{ASKED} transition:email repo:org.example.thing")
    described = await sets.describe(asked)
    assert described[f"include:{FULL}"].title == "Feeds"
    assert described[f"include:{FULL}"].detail == "All of it"
    assert str(await expand(asked, sets)) == (
        "atproto transition:email repo:com.example.feed.post repo:org.example.thing"
    )


async def test_a_set_that_nobody_publishes_fails_the_request(sets: PermissionSets) -> None:
    asked = Permissions.parse(ASKED)
    with pytest.raises(InvalidScope, match="cannot be had"):
        await sets.describe(asked)
    with pytest.raises(InvalidScope, match="cannot be had"):
        await expand(asked, sets)


async def test_a_lexicon_that_is_no_set_fails_the_request(
    press: Press, sets: PermissionSets
) -> None:
    press.publish(FULL, {"main": {"type": "query"}})
    with pytest.raises(InvalidScope, match="is not a permission set"):
        await sets.describe(Permissions.parse(ASKED))


async def test_a_session_follows_its_set_and_survives_its_authority(
    press: Press, db: Database, sets: PermissionSets
) -> None:
    asked = Permissions.parse(ASKED)
    press.publish(FULL, {"main": main(repo("com.example.feed.post"))})
    await expand(asked, sets)
    press.publish(FULL, {"main": main(repo("com.example.feed.like"))})
    assert str(await expand(asked, sets, renewing=True)) == "atproto repo:com.example.feed.post"
    press.clock.advance(1.1 * SECONDS_OF_A_DAY)
    assert str(await expand(asked, sets, renewing=True)) == "atproto repo:com.example.feed.like"

    press.dns.clear()
    # A server that has just started knows only what it kept.
    later = sets_of(press_without_memory(press), db)
    press.clock.advance(KEPT_US / 1_000_000 - 60)
    assert str(await expand(asked, later)) == "atproto repo:com.example.feed.like"
    press.clock.advance(3600)
    assert str(await expand(asked, later, renewing=True)) == "atproto repo:com.example.feed.like"
    with pytest.raises(InvalidScope):
        await sets_of(press_without_memory(press), db).describe(asked)


async def test_sets_grant_no_more_than_can_be_kept(press: Press, sets: PermissionSets) -> None:
    names = [f"com.example.feed.thing{number}" for number in range(2000)]
    press.publish(FULL, {"main": main(repo(*names))})
    with pytest.raises(InvalidScope, match="too much"):
        await expand(Permissions.parse(ASKED), sets)


async def test_being_asked_about_a_set_keeps_nothing(
    press: Press, db: Database, sets: PermissionSets
) -> None:
    press.publish(FULL, {"main": main(repo("com.example.feed.post"))})
    await sets.describe(Permissions.parse(ASKED))
    assert db.read("SELECT nsid FROM permission_set WHERE nsid = ?", FULL) == []


async def test_sets_that_came_with_us_serve_where_others_are_not_asked(
    press: Press, db: Database
) -> None:
    sets = sets_of(press, db, own=load_catalog())
    aud = "did:web:net.example%23bsky_appview"
    asked = Permissions.parse(f"atproto include:app.bsky.authFullApp?aud={aud}")
    full = await expand(asked, sets)
    assert full.allows_repo("app.bsky.feed.post", "create")
    assert full.allows_rpc("app.bsky.feed.getTimeline", "did:web:net.example#bsky_appview")
    assert not full.allows_rpc("app.bsky.feed.getTimeline", "did:web:other.example#bsky_appview")
    assert not full.allows_rpc("chat.bsky.convo.listConvos", "did:web:net.example#bsky_appview")
    assert press.asked == []


def press_without_memory(press: Press) -> Press:
    """The same network, asked by a server that remembers nothing."""
    fresh = Press()
    fresh.clock, fresh.dns = press.clock, press.dns
    return fresh
