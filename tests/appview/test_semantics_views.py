"""What views say besides: who is live, what the op likes, whom a feed's service is told of."""

from collections.abc import Mapping
from typing import Any

import pytest

from appliance.appview.feed_services import Named, Skeleton
from appliance.atproto.syntax import AtUri
from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab, StrongRef

PROFILE = "app.bsky.actor.getProfile"
FLAT = "app.bsky.unspecced.getPostThreadV2"
FEED = "app.bsky.feed.getFeed"


@pytest.mark.parametrize(
    ("given", "lasts"), [(1, 5), (5, 5), (90, 90), (240, 240), (10_000, 240), (None, None)]
)
async def test_who_is_live_is_so_for_five_minutes_to_four_hours(
    house: AppViewHouse, given: int | None, lasts: int | None
) -> None:
    def scene(lab: IndexLab) -> str:
        lab.now_us = house.clock.now_us()
        ann = lab.account("ann")
        value = {"status": "app.bsky.actor.status#live"}
        minutes = {} if given is None else {"durationMinutes": given}
        lab.put(ann, "app.bsky.actor.status", {**value, **minutes}, "self")
        return ann

    ann = await house.write(scene)
    status = (await house.get(ann, PROFILE, actor=ann))["status"]
    assert status["status"] == "app.bsky.actor.status#live"
    if lasts is None:
        assert "isActive" not in status
        return
    for minutes, is_active in ((lasts - 1, True), (2, False)):
        house.clock.advance(minutes * 60)
        status = (await house.get(ann, PROFILE, actor=ann))["status"]
        assert status["isActive"] is is_active, minutes


async def test_a_like_of_the_op_weighs_more_than_one_and_less_than_two(
    house: AppViewHouse,
) -> None:
    def scene(lab: IndexLab) -> tuple[str, StrongRef]:
        ann, bob, cat, dan = (lab.account(name) for name in ("ann", "bob", "cat", "dan"))
        root = lab.post(ann, "root")
        one, two, three = (lab.reply(bob, root, text=text) for text in ("one", "two", "three"))
        lab.like(ann, one)
        lab.like(cat, two)
        lab.like(dan, two)
        lab.like(cat, three)
        return root["uri"], one

    async def order() -> list[str]:
        page = await house.get(None, FLAT, anchor=root, sort="top")
        return [item["value"]["post"]["record"]["text"] for item in page["thread"]]

    root, one = await house.write(scene)
    assert await order() == ["root", "two", "one", "three"]
    await house.write(lambda lab: lab.like(lab.account("dan"), one))
    assert await order() == ["root", "one", "two", "three"]


async def test_a_feeds_service_hears_what_the_reader_reads_and_is_quoted_to_them(
    house: AppViewHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str]:
        ann = lab.account("ann")
        value = {
            "did": "did:web:f.test",
            "displayName": "F",
            "acceptsInteractions": True,
            "contentMode": "app.bsky.feed.defs#contentModeVideo",
        }
        feed = lab.put(ann, "app.bsky.feed.generator", value)
        return ann, feed["uri"], lab.post(ann)["uri"]

    asked: list[tuple[str, str, Mapping[str, str]]] = []
    ann, feed, post = await house.write(scene)

    async def skeleton(
        did: str, uri: str, page: tuple[int, str | None], headers: Mapping[str, str]
    ) -> Skeleton:
        asked.append((did, uri, headers))
        return Skeleton([Named(AtUri(post), None, {"feedContext": "why", "reqId": "r1"})], "next")

    async def token(reader: str, service: str) -> str:
        return f"{reader} to {service}"

    monkeypatch.setattr(house.role.feed_services, "skeleton", skeleton)
    monkeypatch.setattr(house.role.feeds, "token", token)
    sent = {"Accept-Language": "de", "X-Bsky-Topics": "cats", "X-Other": "x"}
    status, page, _ = await house.ask(ann, FEED, {"feed": feed}, headers=sent)
    assert status == 200
    (item,) = page["feed"]
    assert (item["feedContext"], item["reqId"], page["cursor"]) == ("why", "r1", "next")
    ((did, uri, headers),) = asked
    assert (did, uri) == ("did:web:f.test", feed)
    assert headers == {
        "Accept-Language": "de",
        "X-Bsky-Topics": "cats",
        "Authorization": f"Bearer {ann} to did:web:f.test",
    }
    view = (await house.get(ann, "app.bsky.feed.getFeedGenerators", feeds=[feed]))["feeds"][0]
    assert view["acceptsInteractions"] is True
    assert view["contentMode"] == "app.bsky.feed.defs#contentModeVideo"


async def test_a_labeler_says_what_may_be_reported_to_it(house: AppViewHouse) -> None:
    said: dict[str, Any] = {
        "policies": {"labelValues": ["spam"]},
        "reasonTypes": ["com.atproto.moderation.defs#reasonSpam"],
        "subjectTypes": ["account"],
        "subjectCollections": ["app.bsky.feed.post"],
    }

    def scene(lab: IndexLab) -> str:
        mod = lab.account("mod")
        lab.put(mod, "app.bsky.labeler.service", said, "self")
        return mod

    mod = await house.write(scene)
    services = "app.bsky.labeler.getServices"
    (view,) = (await house.get(None, services, dids=[mod], detailed=True))["views"]
    assert {name: view[name] for name in said} == said
