"""For whom the AppView answers."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from appliance.appview import actors
from appliance.appview.feed_services import Named, Skeleton
from appliance.appview.indexed_revs import IndexedRevs
from appliance.atproto.syntax import AtUri
from tests.support.appview_house import AppViewHouse, open_house
from tests.support.index_lab import IndexLab

TIMELINE = "app.bsky.feed.getTimeline"
PROFILE = "app.bsky.actor.getProfile"
GENERATOR = "app.bsky.feed.generator"
SERVICE = "did:web:feeds.example"


async def test_a_token_for_another_method_or_service_is_refused(house: AppViewHouse) -> None:
    ann = await house.write(lambda lab: lab.account("ann"))
    for token, name in (
        (house.token(ann, PROFILE), "BadJwtLexiconMethod"),
        (house.token(ann, TIMELINE, "did:web:other.test"), "BadJwtAudience"),
        ("not.a.token", "BadJwt"),
    ):
        headers = {"Authorization": f"Bearer {token}"}
        status, value, _ = await house.ask(None, TIMELINE, headers=headers)
        assert (status, value["error"]) == (401, name)
    assert await house.refused(None, TIMELINE) == (401, "AuthMissing")


async def test_a_token_may_name_the_service_in_the_document(house: AppViewHouse) -> None:
    ann = await house.write(lambda lab: lab.account("ann"))
    token = house.token(ann, TIMELINE, f"{house.role.did}#bsky_appview")
    headers = {"Authorization": f"Bearer {token}"}
    status, _, _ = await house.ask(None, TIMELINE, headers=headers)
    assert status == 200


@pytest.mark.parametrize("lives_here", [True, False])
async def test_the_service_of_a_feed_sees_nothing_as_its_reader(
    house: AppViewHouse, monkeypatch: pytest.MonkeyPatch, lives_here: bool
) -> None:
    """A PDS of the reference sends such tokens to AppViews, ours never."""

    def scene(lab: IndexLab) -> tuple[str, str, Any, Any]:
        ann, bob = lab.account("ann"), lab.account("bob")
        if lives_here:
            actors.set_identity(lab.conn, ann, "ann.test", house.role.home_pds, 2**60)
        post = lab.post(bob, "seen by all")
        feed = lab.put(bob, GENERATOR, {"did": SERVICE, "displayName": "Feed"})
        return ann, bob, post, feed

    async def skeleton(*_args: object) -> Skeleton:
        return Skeleton([Named(AtUri(post["uri"]), None, {})], None)

    ann, bob, post, feed = await house.write(scene)
    await house.post(ann, "app.bsky.graph.muteActor", actor=bob)
    monkeypatch.setattr(house.role.feed_services, "skeleton", skeleton)
    token = house.token(ann, "app.bsky.feed.getFeedSkeleton", SERVICE)
    headers = {"Authorization": f"Bearer {token}"}
    nsid, asked = "app.bsky.feed.getFeed", {"feed": feed["uri"]}
    status, value, _ = await house.ask(None, nsid, asked, headers=headers)
    assert status == 200
    assert [each["post"]["uri"] for each in value["feed"]] == ([post["uri"]] if lives_here else [])
    assert "viewer" not in str(value)
    status, value, _ = await house.ask(ann, nsid, asked)
    assert (status, value["feed"]) == (200, [])


async def test_a_member_nobody_has_heard_of_yet_gets_empty_answers(house: AppViewHouse) -> None:
    new = "did:plc:newcomer"
    assert await house.get(new, TIMELINE) == {"feed": []}
    page = await house.get(new, "app.bsky.notification.listNotifications")
    assert page["notifications"] == []
    assert await house.get(new, "app.bsky.graph.getBlocks") == {"blocks": []}


async def test_an_answer_names_the_rev_it_includes(house: AppViewHouse) -> None:
    rev = "3labaaaaaaaa2"

    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        actors.set_synced(lab.conn, actors.intern(lab.conn, ann, 1), rev, b"\x00" * 36)
        return ann

    ann = await house.write(scene)
    _, _, headers = await house.ask(ann, TIMELINE)
    assert headers["Atproto-Repo-Rev"] == rev


async def test_a_reader_waits_for_their_own_write(
    house: AppViewHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IndexedRevs.wait, "__defaults__", (60.0,))
    rev = "3labaaaaaaaa3"
    ann = await house.write(lambda lab: lab.account("ann"))

    def scene(lab: IndexLab) -> None:
        lab.post(ann, "just now")
        actors.set_synced(lab.conn, actors.intern(lab.conn, ann, 1), rev, b"\x00" * 36)

    async def index_soon() -> None:
        await asyncio.sleep(0.05)
        await house.write(scene)
        house.role.revs.indexed(ann, rev)

    (_, page, headers), _ = await asyncio.gather(
        house.ask(ann, TIMELINE, headers={"Hearth-Wait-For-Rev": rev}), index_soon()
    )
    assert [item["post"]["record"]["text"] for item in page["feed"]] == ["just now"]
    assert headers["Atproto-Repo-Rev"] == rev
    status, value, _ = await house.ask(ann, TIMELINE, headers={"Hearth-Wait-For-Rev": "soon"})
    assert (status, value["error"]) == (400, "InvalidRequest")


async def test_without_leave_the_logged_out_see_only_what_clients_need(tmp_path: Path) -> None:
    async with open_house(tmp_path, logged_out_reads=False) as house:
        await house.write(lambda lab: lab.profile(lab.account("ann"), "Ann"))
        assert await house.refused(None, PROFILE, actor="ann.test") == (401, "AuthMissing")
        assert (await house.get(None, "app.bsky.ageassurance.getConfig")) == {"regions": []}
        services = await house.get(
            None, "app.bsky.labeler.getServices", dids=["did:plc:nobody"], detailed=True
        )
        assert services == {"views": []}
        config = await house.get(None, "app.bsky.unspecced.getConfig")
        assert config["checkEmailConfirmed"] is False
        found = await house.get(None, "com.atproto.identity.resolveHandle", handle="ann.test")
        assert found["did"].startswith("did:plc:ann")


async def test_a_new_key_is_honoured_after_a_minute(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        return lab.account("ann")

    ann = await house.write(scene)
    token = house.token(ann, TIMELINE)
    headers = {"Authorization": f"Bearer {token}"}
    assert (await house.ask(None, TIMELINE, headers=headers))[0] == 200
    house.clock.advance(61)
    status, value, _ = await house.ask(None, TIMELINE, headers=headers)
    assert (status, value["error"]) == (401, "JwtExpired")
