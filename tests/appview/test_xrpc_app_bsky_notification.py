"""app.bsky.notification.*: what is listed, counted, seen and wanted."""

from typing import Any

from appliance.appview.notifications import insert
from appliance.atproto.syntax import Datetime
from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import START_US, IndexLab

LIST = "app.bsky.notification.listNotifications"
COUNT = "app.bsky.notification.getUnreadCount"
SEEN = "app.bsky.notification.updateSeen"
PREFERENCES = "app.bsky.notification.getPreferences"


def reasons(page: dict[str, Any]) -> list[str]:
    return [item["reason"] for item in page["notifications"]]


def busy(lab: IndexLab) -> tuple[str, str]:
    """Let bob follow ann, and like, repost, quote and answer a post of hers."""
    ann, bob = lab.account("ann"), lab.account("bob")
    post = lab.post(ann)
    lab.follow(bob, ann)
    lab.like(bob, post)
    lab.repost(bob, post)
    lab.quote(bob, post)
    lab.reply(bob, post)
    return ann, bob


async def test_notifications_come_newest_first_and_page(house: AppViewHouse) -> None:
    ann, bob = await house.write(busy)
    page = await house.get(ann, LIST, limit=3)
    assert reasons(page) == ["reply", "quote", "repost"]
    assert page["notifications"][0]["author"]["did"] == bob
    assert page["notifications"][0]["record"]["text"] == "yes"
    rest = await house.get(ann, LIST, cursor=page["cursor"])
    assert reasons(rest) == ["like", "follow"]
    assert "cursor" not in rest
    assert "reasonSubject" not in rest["notifications"][1]
    chosen = await house.get(ann, LIST, reasons=["like", "follow"])
    assert reasons(chosen) == ["like", "follow"]


async def test_mentions_are_found_at_once_among_thousands_of_likes(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob = lab.account("ann"), lab.account("bob")
        post = lab.post(ann)
        people = [lab.actor(did)["id"] for did in (ann, bob)]
        for part in range(3):
            lab.reply(bob, post)
            for number in range(1_000):
                uri = f"at://{bob}/app.bsky.feed.like/{part}-{number}"
                lab.now_us += 1
                record = (uri, post["cid"], "{}")
                insert(
                    lab.conn, people[0], people[1], "like", post["uri"], None, record, lab.now_us
                )
        return ann

    ann = await house.write(scene)
    page = await house.get(ann, LIST, reasons=["mention", "reply", "quote"], limit=2)
    assert reasons(page) == ["reply", "reply"]
    asked = {"reasons": ["reply"], "limit": 2}
    rest = await house.get(ann, LIST, **asked, cursor=page["cursor"])
    assert (reasons(rest), "cursor" in rest) == (["reply"], False)


async def test_what_was_seen_is_read_and_no_longer_counted(house: AppViewHouse) -> None:
    ann, _ = await house.write(busy)
    assert await house.get(ann, COUNT) == {"count": 5}
    page = await house.get(ann, LIST)
    assert not any(item["isRead"] for item in page["notifications"])
    assert "seenAt" not in page
    await house.post(ann, SEEN, seenAt=page["notifications"][1]["indexedAt"])
    assert await house.get(ann, COUNT) == {"count": 1}
    page = await house.get(ann, LIST)
    assert [item["isRead"] for item in page["notifications"]] == [False, True, True, True, True]
    assert page["seenAt"] == page["notifications"][1]["indexedAt"]
    later = Datetime.from_us(START_US + 3_600_000_000)
    await house.post(ann, SEEN, seenAt=str(later))
    assert await house.get(ann, COUNT) == {"count": 0}


async def test_seen_at_as_a_parameter_is_refused(house: AppViewHouse) -> None:
    ann, _ = await house.write(busy)
    for nsid in (LIST, COUNT):
        refused = await house.refused(ann, nsid, seenAt="2026-01-01T00:00:00Z")
        assert refused == (400, "InvalidRequest")


async def test_blocks_and_mutes_silence_an_account(house: AppViewHouse) -> None:
    ann, bob = await house.write(busy)
    await house.post(ann, "app.bsky.graph.muteActor", actor=bob)
    assert reasons(await house.get(ann, LIST)) == []
    assert await house.get(ann, COUNT) == {"count": 0}
    await house.post(ann, "app.bsky.graph.unmuteActor", actor=bob)
    assert len(reasons(await house.get(ann, LIST))) == 5
    await house.write(lambda lab: lab.block(bob, ann))
    assert reasons(await house.get(ann, LIST)) == []


async def test_a_muted_thread_is_silent(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        root = lab.post(ann)
        lab.reply(bob, root)
        lab.follow(bob, ann)
        return ann, root["uri"]

    ann, root = await house.write(scene)
    await house.post(ann, "app.bsky.graph.muteThread", root=root)
    assert reasons(await house.get(ann, LIST)) == ["follow"]
    await house.post(ann, "app.bsky.graph.unmuteThread", root=root)
    assert reasons(await house.get(ann, LIST)) == ["follow", "reply"]


async def test_priority_is_what_those_one_follows_do(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        post = lab.post(ann)
        lab.follow(ann, bob)
        lab.like(bob, post)
        lab.repost(eve, post)
        return ann

    ann = await house.write(scene)
    assert reasons(await house.get(ann, LIST, priority=True)) == ["like"]
    await house.post(ann, "app.bsky.notification.putPreferences", priority=True)
    page = await house.get(ann, LIST)
    assert reasons(page) == ["like"]
    assert page["priority"] is True
    assert await house.get(ann, COUNT) == {"count": 1}


async def test_preferences_have_defaults_and_filter_the_list(house: AppViewHouse) -> None:
    ann, bob = await house.write(busy)
    found = (await house.get(ann, PREFERENCES))["preferences"]
    assert found["like"] == {"include": "all", "list": True, "push": True}
    assert found["chat"] == {"include": "all", "push": True}
    changed = await house.post(
        ann,
        "app.bsky.notification.putPreferencesV2",
        like={"include": "all", "list": False, "push": False},
        reply={"include": "follows", "list": True, "push": True},
    )
    assert changed["preferences"]["like"]["list"] is False
    assert changed["preferences"]["repost"]["list"] is True
    assert reasons(await house.get(ann, LIST)) == ["quote", "repost", "follow"]
    await house.write(lambda lab: lab.follow(ann, bob))
    assert reasons(await house.get(ann, LIST)) == ["reply", "quote", "repost", "follow"]


async def test_subscriptions_are_listed_until_they_end(house: AppViewHouse) -> None:
    ann, bob = await house.write(busy)
    put = "app.bsky.notification.putActivitySubscription"
    wish = {"post": True, "reply": False}
    assert await house.post(ann, put, subject=bob, activitySubscription=wish) == {
        "subject": bob,
        "activitySubscription": wish,
    }
    listing = "app.bsky.notification.listActivitySubscriptions"
    (view,) = (await house.get(ann, listing))["subscriptions"]
    assert view["did"] == bob
    assert view["viewer"]["activitySubscription"] == wish
    nothing = {"post": False, "reply": False}
    assert await house.post(ann, put, subject=bob, activitySubscription=nothing) == {"subject": bob}
    assert (await house.get(ann, listing)) == {"subscriptions": []}


async def test_push_tokens_are_taken_and_given_back(house: AppViewHouse) -> None:
    ann, _ = await house.write(busy)
    body = {"serviceDid": "did:web:push.test", "token": "t", "platform": "web", "appId": "app"}
    for name in ("registerPush", "unregisterPush"):
        assert await house.post(ann, f"app.bsky.notification.{name}", **body) is None
