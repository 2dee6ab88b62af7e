"""What viewers keep here, and the small methods clients ask for."""

import pytest

from appliance.appview import labels
from appliance.atproto.syntax import Datetime
from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab

BOOKMARKS = "app.bsky.bookmark.getBookmarks"


async def test_bookmarks_show_posts_and_what_became_of_them(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, dict[str, str], dict[str, str]]:
        ann = lab.account("ann")
        return ann, lab.post(ann, "stays"), lab.post(ann, "goes")

    ann, stays, goes = await house.write(scene)
    for post in (stays, goes):
        await house.post(ann, "app.bsky.bookmark.createBookmark", **post)
        house.clock.advance(1)
    await house.write(lambda lab: lab.delete(goes))
    first = await house.get(ann, BOOKMARKS, limit=1)
    (gone,) = first["bookmarks"]
    assert gone["item"]["notFound"] is True
    assert gone["subject"] == goes
    rest = await house.get(ann, BOOKMARKS, cursor=first["cursor"])
    assert [each["item"]["record"]["text"] for each in rest["bookmarks"]] == ["stays"]
    await house.post(ann, "app.bsky.bookmark.deleteBookmark", uri=stays["uri"])
    assert len((await house.get(ann, BOOKMARKS))["bookmarks"]) == 1


async def test_only_posts_can_be_bookmarked(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, dict[str, str]]:
        ann = lab.account("ann")
        return ann, lab.make_list(ann)

    ann, people = await house.write(scene)
    status, value, _ = await house.ask(ann, "app.bsky.bookmark.createBookmark", body=people)
    assert (status, value["error"]) == (400, "UnsupportedCollection")


async def test_drafts_are_kept_changed_and_deleted(house: AppViewHouse) -> None:
    ann = await house.write(lambda lab: lab.account("ann"))
    made = await house.post(ann, "app.bsky.draft.createDraft", draft={"posts": [{"text": "one"}]})
    house.clock.advance(1)
    changed = {"id": made["id"], "draft": {"posts": [{"text": "two"}]}}
    await house.post(ann, "app.bsky.draft.updateDraft", draft=changed)
    (draft,) = (await house.get(ann, "app.bsky.draft.getDrafts"))["drafts"]
    assert draft["draft"]["posts"][0]["text"] == "two"
    assert draft["updatedAt"] > draft["createdAt"]
    await house.post(ann, "app.bsky.draft.deleteDraft", id_=made["id"])
    await house.post(ann, "app.bsky.draft.updateDraft", draft=changed)
    assert await house.get(ann, "app.bsky.draft.getDrafts") == {"drafts": []}


async def test_records_kept_whole_are_given_back(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> list[dict[str, str]]:
        ann = lab.account("ann")
        post = lab.post(ann)
        feed = {"did": "did:web:feeds.test", "displayName": "Cats"}
        return [
            post,
            lab.profile(ann, "Ann"),
            lab.threadgate(ann, post, allow=[]),
            lab.make_list(ann),
            lab.put(ann, "app.bsky.feed.generator", feed),
        ]

    records = await house.write(scene)
    get = "com.atproto.repo.getRecord"
    for record in records:
        _, _, did, collection, rkey = record["uri"].split("/")
        for repo in (did, "ann.test"):
            found = await house.get(None, get, repo=repo, collection=collection, rkey=rkey)
            assert (found["uri"], found["cid"]) == (record["uri"], record["cid"])
            assert found["value"]["$type"] == collection
    for collection in ("app.bsky.feed.post", "app.bsky.feed.like", "com.example.other"):
        missing = await house.refused(
            None, get, repo="ann.test", collection=collection, rkey="3labaaaaaaaa2"
        )
        assert missing == (400, "RecordNotFound")


async def test_feed_generators_are_shown(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann = lab.account("ann")
        value = {"did": "did:web:feeds.test", "displayName": "Cats", "description": "of the house"}
        feed = lab.put(ann, "app.bsky.feed.generator", value)
        lab.like(ann, feed)
        return ann, feed["uri"]

    ann, uri = await house.write(scene)
    for nsid, params in (
        ("app.bsky.feed.getFeedGenerators", {"feeds": [uri]}),
        ("app.bsky.feed.getActorFeeds", {"actor": ann}),
        ("app.bsky.feed.getSuggestedFeeds", {}),
        ("app.bsky.unspecced.getPopularFeedGenerators", {"query": "cat"}),
        ("app.bsky.unspecced.getSuggestedFeeds", {}),
    ):
        (view,) = (await house.get(ann, nsid, **params))["feeds"]
        assert (view["displayName"], view["likeCount"]) == ("Cats", 1)
        assert view["viewer"]["like"].startswith(f"at://{ann}/app.bsky.feed.like/")
    other = "app.bsky.unspecced.getPopularFeedGenerators"
    assert await house.get(ann, other, query="dog") == {"feeds": []}


@pytest.mark.parametrize(
    "nsid",
    [
        "app.bsky.unspecced.getTrends",
        "app.bsky.unspecced.getTrendingTopics",
        "app.bsky.unspecced.getSuggestedStarterPacks",
        "app.bsky.unspecced.getOnboardingSuggestedStarterPacks",
        "app.bsky.unspecced.getSuggestedUsers",
        "app.bsky.unspecced.getSuggestedUsersForDiscover",
        "app.bsky.unspecced.getSuggestedUsersForSeeMore",
        "app.bsky.unspecced.getSuggestedOnboardingUsers",
    ],
)
async def test_what_there_is_none_of_is_an_empty_list(house: AppViewHouse, nsid: str) -> None:
    page = await house.get(None, nsid)
    assert all(value == [] for value in page.values())


async def test_nobodys_age_is_asked(house: AppViewHouse) -> None:
    ann = await house.write(lambda lab: lab.account("ann"))
    state = await house.get(ann, "app.bsky.ageassurance.getState", countryCode="DE")
    assert state["state"]["access"] == "full"
    assert "accountCreatedAt" in state["metadata"]


async def test_a_labeler_is_described_with_its_policies(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        mod = lab.account("mod")
        lab.put(mod, "app.bsky.labeler.service", {"policies": {"labelValues": ["spam"]}}, "self")
        return mod

    mod = await house.write(scene)
    services = "app.bsky.labeler.getServices"
    (plain,) = (await house.get(None, services, dids=[mod, "did:plc:nobody"]))["views"]
    assert plain["$type"] == "app.bsky.labeler.defs#labelerView"
    assert plain["creator"]["associated"]["labeler"] is True
    (full,) = (await house.get(None, services, dids=[mod], detailed=True))["views"]
    assert full["policies"]["labelValues"] == ["spam"]


async def test_labels_since_a_time_are_those_of_ones_labelers(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> None:
        for src, day in (("one", 1), ("two", 2), ("one", 3), ("three", 4)):
            said = {"src": f"did:plc:{src}", "uri": "did:plc:ann", "val": f"v{day}"}
            labels.put(lab.conn, {**said, "cts": f"2026-01-0{day}T00:00:00Z"})

    async def values(**asked: int) -> list[str]:
        sent = {"atproto-accept-labelers": "did:plc:one, did:plc:two"}
        nsid = "com.atproto.temp.fetchLabels"
        status, page, _ = await house.ask(None, nsid, asked, headers=sent)
        assert status == 200
        return [label["val"] for label in page["labels"]]

    await house.write(scene)
    assert await values() == ["v1", "v2", "v3"]
    assert await values(limit=2) == ["v1", "v2"]
    second = Datetime("2026-01-02T00:00:00Z").to_us() // 1000
    assert await values(since=second) == ["v3"]
    assert await values(since=second - 1) == ["v2", "v3"]
    assert await values(since=-1) == ["v1", "v2", "v3"]
    assert await values(since=2**53 - 1) == []
