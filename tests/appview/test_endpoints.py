"""Every method of the AppView's lexicons is served, or somebody else's by name."""

from typing import Any

import pytest

from appliance.appview.app import METHODS
from appliance.atproto.lexicon.catalog import load_catalog
from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab

# Answered by the PDS.
ELSEWHERE = {
    "app.bsky.actor.getPreferences",
    "app.bsky.actor.putPreferences",
}
BESIDE = {
    "com.atproto.identity.resolveHandle",
    "com.atproto.label.queryLabels",
    "com.atproto.repo.getRecord",
    "com.atproto.temp.fetchLabels",
}


def test_every_app_bsky_method_is_served_here_or_known_to_be_elsewhere() -> None:
    wanted = {nsid for nsid in load_catalog().methods if nsid.startswith("app.bsky.")}
    served = {nsid for table in METHODS for nsid in table.methods}
    assert wanted - served - ELSEWHERE == set()
    assert served >= BESIDE


def packs(lab: IndexLab) -> dict[str, Any]:
    ann, bob, cat = (lab.account(name) for name in ("ann", "bob", "cat"))
    for each in (bob, cat):
        lab.profile(each, each)
        lab.conn.execute("UPDATE actor SET rev = '3aaaaaaaaaaa2' WHERE did = ?", (each,))
    people = lab.make_list(ann, purpose="referencelist")
    lab.add_to_list(ann, people, bob)
    lab.add_to_list(ann, people, cat)
    feed = lab.put(ann, "app.bsky.feed.generator", {"did": "did:web:f.test", "displayName": "F"})
    value = {
        "name": "Ann's Friends",
        "description": "people of the HOUSE",
        "list": people["uri"],
        "feeds": [{"uri": feed["uri"]}],
    }
    pack = lab.put(ann, "app.bsky.graph.starterpack", value)
    lab.put(ann, "app.bsky.graph.starterpack", {"name": "Empty", "list": people["uri"] + "x"})
    dan = lab.account("dan")
    lab.profile(dan, "Dan", joinedViaStarterPack=pack)
    return {"ann": ann, "bob": bob, "cat": cat, "pack": pack, "feed": feed, "list": people}


async def test_a_starter_pack_shows_its_people_feeds_and_who_joined(house: AppViewHouse) -> None:
    made = await house.write(packs)
    ann, uri = made["ann"], made["pack"]["uri"]
    pack = "app.bsky.graph.getStarterPack"
    view = (await house.get(None, pack, starterPack=uri))["starterPack"]
    sample = [item["subject"]["did"] for item in view["listItemsSample"]]
    assert sample == [made["cat"], made["bob"]]
    assert [feed["displayName"] for feed in view["feeds"]] == ["F"]
    assert view["list"]["listItemCount"] == 2
    assert (view["joinedAllTimeCount"], view["joinedWeekCount"]) == (1, 1)
    await house.write(lambda lab: lab.block(str(made["bob"]), str(ann)))
    seen = (await house.get(str(made["bob"]), pack, starterPack=uri))["starterPack"]
    assert [item["subject"]["did"] for item in seen["listItemsSample"]] == [
        made["cat"],
        made["bob"],
    ]
    assert await house.refused(None, pack, starterPack=f"{uri}x") == (400, "InvalidRequest")
    many = await house.get(None, "app.bsky.graph.getStarterPacks", uris=[uri, f"{uri}x"])
    assert [each["listItemCount"] for each in many["starterPacks"]] == [2]


async def test_starter_packs_are_listed_searched_and_suggested(house: AppViewHouse) -> None:
    made = await house.write(packs)
    ann = str(made["ann"])
    own = await house.get(None, "app.bsky.graph.getActorStarterPacks", actor=ann)
    assert len(own["starterPacks"]) == 2
    for nsid in ("searchStarterPacks", "searchStarterPacksV2"):
        found = await house.get(None, f"app.bsky.graph.{nsid}", q="house friends")
        assert [each["record"]["name"] for each in found["starterPacks"]] == ["Ann's Friends"]
        page = await house.get(None, f"app.bsky.graph.{nsid}", q="e", limit=1)
        rest = await house.get(None, f"app.bsky.graph.{nsid}", q="e", cursor=page["cursor"])
        assert [each["record"]["name"] for each in rest["starterPacks"]] == ["Ann's Friends"]
    suggested = await house.get(None, "app.bsky.unspecced.getSuggestedStarterPacks")
    assert suggested["starterPacks"][0]["record"]["name"] == "Ann's Friends"
    with_bob = await house.get(
        ann, "app.bsky.graph.getStarterPacksWithMembership", actor=made["bob"]
    )
    assert ["listItem" in each for each in with_bob["starterPacksWithMembership"]] == [False, True]


async def test_a_hashtag_of_several_people_trends(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> None:
        lab.now_us = house.clock.now_us() - 3_600_000_000
        for name in ("ann", "bob"):
            did = lab.account(name)
            lab.profile(did, name)
            lab.post(did, "at home", tags=["Garden"])
            lab.post(did, "alone", tags=[f"only {name}"])

    await house.write(scene)
    (trend,) = (await house.get(None, "app.bsky.unspecced.getTrends"))["trends"]
    assert (trend["topic"], trend["postCount"], trend["link"]) == ("garden", 2, "/hashtag/garden")
    assert len(trend["actors"]) == 2
    topics = await house.get(None, "app.bsky.unspecced.getTrendingTopics")
    assert [topic["displayName"] for topic in topics["topics"]] == ["#garden"]
    bare = (await house.get(None, "app.bsky.unspecced.getTrendsSkeleton"))["trends"]
    assert len(bare[0]["dids"]) == 2
    await house.write(lambda lab: lab.block("did:plc:ann" + "a" * 21, "did:plc:bob" + "a" * 21))
    ann = "did:plc:ann" + "a" * 21
    assert (await house.get(ann, "app.bsky.unspecced.getTrends")) == {"trends": []}


@pytest.mark.parametrize(
    ("nsid", "params", "name"),
    [
        ("getSuggestedUsersSkeleton", {}, "dids"),
        ("getSuggestedUsersForExploreSkeleton", {}, "dids"),
        ("getSuggestedUsersForSeeMoreSkeleton", {}, "dids"),
        ("getSuggestedUsersForDiscoverSkeleton", {}, "dids"),
        ("getOnboardingSuggestedUsersSkeleton", {}, "dids"),
        ("getSuggestionsSkeleton", {"limit": 2}, "actors"),
        ("getSuggestedFeedsSkeleton", {}, "feeds"),
        ("getSuggestedStarterPacksSkeleton", {}, "starterPacks"),
        ("getOnboardingSuggestedStarterPacksSkeleton", {}, "starterPacks"),
        ("searchActorsSkeleton", {"q": "bob"}, "actors"),
        ("searchPostsSkeleton", {"q": "hello", "author": "ann.test"}, "posts"),
        ("searchStarterPacksSkeleton", {"q": "friends"}, "starterPacks"),
    ],
)
async def test_skeletons_name_what_the_full_answers_show(
    house: AppViewHouse, nsid: str, params: dict[str, Any], name: str
) -> None:
    made = await house.write(packs)
    await house.write(lambda lab: [lab.post(str(made["ann"])), lab.post(str(made["bob"]))])
    page = await house.get(None, f"app.bsky.unspecced.{nsid}", viewer_=made["ann"], **params)
    assert page[name]
    assert all(isinstance(each, str) or len(each) == 1 for each in page[name])


async def test_what_this_box_does_not_do_is_refused_by_name(house: AppViewHouse) -> None:
    ann = await house.write(lambda lab: lab.account("ann"))
    limits = await house.get(ann, "app.bsky.video.getUploadLimits")
    # Apps ask a video service, whose tokens are nothing to us.
    assert await house.get(None, "app.bsky.video.getUploadLimits") == limits
    assert (limits["canUpload"], bool(limits["message"])) == (False, True)
    for nsid, body in (
        ("app.bsky.contact.startPhoneVerification", {"phone": "1"}),
        ("app.bsky.contact.importContacts", {"token": "t", "contacts": ["1"]}),
        ("app.bsky.video.startUpload", {"sizeBytes": 1, "mimeType": "video/mp4"}),
        ("app.bsky.video.finishUpload", {"jobId": "1"}),
        ("app.bsky.ageassurance.begin", {"email": "a@b.c", "language": "de", "countryCode": "DE"}),
        ("app.bsky.unspecced.initAgeAssurance", {"email": "", "language": "", "countryCode": ""}),
    ):
        status, value, _ = await house.ask(ann, nsid, body=body)
        assert status == 400, (nsid, value)
        assert value["error"] != "InvalidRequest", (nsid, value)
    for nsid in ("app.bsky.contact.removeData", "app.bsky.feed.sendInteractions"):
        given: dict[str, Any] = {"interactions": []} if nsid.endswith("Interactions") else {}
        assert await house.post(ann, nsid, **given) == {}
    assert await house.get(ann, "app.bsky.contact.getMatches") == {"matches": []}
    assert await house.get(ann, "app.bsky.contact.getSyncStatus") == {}
    view = "app.bsky.embed.getEmbedExternalView"
    assert await house.get(ann, view, url="https://a.test", uris=["at://a.test/b.c.d/e"]) == {}
    assert await house.get(ann, "app.bsky.unspecced.getTaggedSuggestions") == {"suggestions": []}
    state = await house.get(ann, "app.bsky.unspecced.getAgeAssuranceState")
    assert state == {"status": "unknown"}
