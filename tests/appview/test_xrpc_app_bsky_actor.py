"""app.bsky.actor.*: profiles and search for people."""

import pytest

from appliance.appview import actors
from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab

PROFILE = "app.bsky.actor.getProfile"


async def test_a_profile_has_name_counts_and_associations(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.profile(ann, "Ann", description="Hello.", pronouns="she", website="https://ann.test")
        lab.post(ann)
        lab.follow(bob, ann)
        lab.make_list(ann)
        return ann

    ann = await house.write(scene)
    view = await house.get(None, PROFILE, actor="ann.test")
    assert view["did"] == ann
    assert view["handle"] == "ann.test"
    assert (view["displayName"], view["description"]) == ("Ann", "Hello.")
    assert (view["pronouns"], view["website"]) == ("she", "https://ann.test")
    assert (view["followersCount"], view["followsCount"], view["postsCount"]) == (1, 0, 1)
    assert view["associated"]["lists"] == 1
    assert "viewer" not in view


async def test_an_account_without_profile_or_handle_is_shown(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        actors.set_identity(lab.conn, ann, None, None, lab.now_us)
        actors.set_synced(lab.conn, actors.intern(lab.conn, ann, 1), "3labaaaaaaaaa", b"\x00" * 36)
        return ann

    ann = await house.write(scene)
    view = await house.get(None, PROFILE, actor=ann)
    assert view["handle"] == "handle.invalid"
    assert view["postsCount"] == 0


async def test_a_profile_says_who_follows_whom(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.follow(ann, bob)
        lab.follow(bob, ann)
        return ann, bob

    ann, bob = await house.write(scene)
    viewer = (await house.get(ann, PROFILE, actor=bob))["viewer"]
    assert viewer["following"].startswith(f"at://{ann}/app.bsky.graph.follow/")
    assert viewer["followedBy"].startswith(f"at://{bob}/app.bsky.graph.follow/")
    assert viewer["muted"] is False
    assert viewer["blockedBy"] is False


async def test_a_blocked_profile_shows_the_block_and_no_follow(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.follow(ann, bob)
        lab.block(ann, bob)
        return ann, bob

    ann, bob = await house.write(scene)
    viewer = (await house.get(ann, PROFILE, actor=bob))["viewer"]
    assert viewer["blocking"].startswith(f"at://{ann}/app.bsky.graph.block/")
    assert "following" not in viewer
    viewer = (await house.get(bob, PROFILE, actor=ann))["viewer"]
    assert viewer["blockedBy"] is True
    assert "followedBy" not in viewer


async def test_a_block_list_blocks_its_members(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str]:
        ann, bob, mod = lab.account("ann"), lab.account("bob"), lab.account("mod")
        trolls = lab.make_list(mod, "trolls", "modlist")
        lab.add_to_list(mod, trolls, bob)
        lab.put(ann, "app.bsky.graph.listblock", {"subject": trolls["uri"]})
        return ann, bob, trolls["uri"]

    ann, bob, uri = await house.write(scene)
    viewer = (await house.get(ann, PROFILE, actor=bob))["viewer"]
    assert viewer["blockingByList"]["uri"] == uri
    assert viewer["blocking"] == uri
    assert (await house.get(bob, PROFILE, actor=ann))["viewer"]["blockedBy"] is True
    lists = (await house.get(ann, "app.bsky.graph.getListBlocks"))["lists"]
    assert [view["uri"] for view in lists] == [uri]


async def test_known_followers_are_those_the_viewer_follows(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str]:
        ann, bob, cat = lab.account("ann"), lab.account("bob"), lab.account("cat")
        eve = lab.account("eve")
        lab.follow(ann, bob)
        lab.follow(bob, cat)
        lab.follow(eve, cat)
        return ann, bob, cat

    ann, bob, cat = await house.write(scene)
    known = (await house.get(ann, PROFILE, actor=cat))["viewer"]["knownFollowers"]
    assert known["count"] == 1
    assert [view["did"] for view in known["followers"]] == [bob]
    page = await house.get(ann, "app.bsky.graph.getKnownFollowers", actor=cat)
    assert [view["did"] for view in page["followers"]] == [bob]


async def test_profiles_come_in_the_order_asked_and_without_strangers(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        return lab.account("ann"), lab.account("bob")

    ann, bob = await house.write(scene)
    wanted = [bob, "did:plc:nobody", "ann.test"]
    page = await house.get(ann, "app.bsky.actor.getProfiles", actors=wanted)
    assert [view["did"] for view in page["profiles"]] == [bob, ann]


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("deactivated", "AccountDeactivated"),
        ("takendown", "AccountTakedown"),
        ("deleted", "InvalidRequest"),
    ],
)
async def test_an_inactive_account_is_refused_and_its_posts_vanish(
    house: AppViewHouse, status: str, name: str
) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.follow(bob, ann)
        post = lab.post(ann)
        lab.like(ann, lab.post(bob))
        actors.set_status(lab.conn, actors.intern(lab.conn, ann, 1), status, 1)
        return ann, bob, post["uri"]

    ann, bob, uri = await house.write(scene)
    assert await house.refused(bob, PROFILE, actor=ann) == (400, name)
    assert (await house.get(bob, "app.bsky.feed.getPosts", uris=[uri])) == {"posts": []}
    assert len((await house.get(bob, "app.bsky.feed.getTimeline"))["feed"]) == 1
    assert (await house.get(bob, "app.bsky.graph.getFollows", actor=bob))["follows"] == []


async def test_unknown_people_are_an_invalid_request(house: AppViewHouse) -> None:
    for actor in ("nobody.test", "did:plc:nobody"):
        assert await house.refused(None, PROFILE, actor=actor) == (400, "InvalidRequest")


async def test_a_did_we_only_heard_of_is_no_profile(house: AppViewHouse) -> None:
    far = "did:plc:faraway"

    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        lab.follow(ann, far)
        return ann

    ann = await house.write(scene)
    assert await house.refused(ann, PROFILE, actor=far) == (400, "InvalidRequest")
    assert (await house.get(ann, "app.bsky.graph.getFollows", actor=ann))["follows"] == []


async def test_people_are_found_by_handle_name_and_description(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> None:
        lab.profile(lab.account("ann"), "Zoë Miller")
        lab.profile(lab.account("bob"), "Bob", description="a friend of miller")

    await house.write(scene)
    find = "app.bsky.actor.searchActors"
    found = await house.get(None, find, q="miller")
    assert [view["handle"] for view in found["actors"]] == ["ann.test", "bob.test"]
    assert [v["handle"] for v in (await house.get(None, find, q="zoe mil"))["actors"]] == [
        "ann.test"
    ]
    assert (await house.get(None, find, q='"*^')) == {"actors": []}
    first = await house.get(None, find, q="miller", limit=1)
    rest = await house.get(None, find, q="miller", limit=1, cursor=first["cursor"])
    assert [view["handle"] for view in rest["actors"]] == ["bob.test"]
    assert "cursor" not in rest


async def test_an_asterisk_finds_everybody_whom_one_follows_first(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob, cleo = lab.account("ann"), lab.account("bob"), lab.account("cleo")
        lab.follow(bob, ann)
        lab.follow(ann, cleo)
        return ann

    ann = await house.write(scene)
    find = "app.bsky.actor.searchActors"
    found = await house.get(ann, find, q="*")
    assert [v["handle"] for v in found["actors"]] == ["cleo.test", "ann.test", "bob.test"]
    first = await house.get(ann, find, q="*", limit=2)
    rest = await house.get(ann, find, q="*", limit=2, cursor=first["cursor"])
    assert [view["handle"] for view in rest["actors"]] == ["bob.test"]


async def test_typing_a_handle_offers_those_one_follows_first(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, anja, anton = lab.account("ann"), lab.account("anja"), lab.account("anton")
        lab.follow(ann, anton)
        lab.profile(anja, "Anja")
        lab.profile(anton, "Anton")
        return ann

    ann = await house.write(scene)
    page = await house.get(ann, "app.bsky.actor.searchActorsTypeahead", q="@an")
    assert [view["handle"] for view in page["actors"]][0] == "anton.test"
    assert {view["handle"] for view in page["actors"]} == {"ann.test", "anja.test", "anton.test"}
    page = await house.get(ann, "app.bsky.actor.searchActorsTypeahead", q="anja.te", limit=1)
    assert [view["handle"] for view in page["actors"]] == ["anja.test"]


async def test_blocked_people_are_not_found(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.block(bob, ann)
        return ann

    ann = await house.write(scene)
    assert (await house.get(ann, "app.bsky.actor.searchActors", q="bob")) == {"actors": []}
    assert (await house.get(ann, "app.bsky.actor.searchActorsTypeahead", q="bob")) == {"actors": []}


async def test_suggestions_leave_out_oneself_and_those_followed(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob, cat = lab.account("ann"), lab.account("bob"), lab.account("cat")
        lab.follow(ann, bob)
        for number, did in enumerate((ann, bob, cat)):
            rev = f"3labaaaaaaaa{number + 2}"
            actors.set_synced(lab.conn, actors.intern(lab.conn, did, 1), rev, b"\x00" * 36)
        return ann

    ann = await house.write(scene)
    page = await house.get(ann, "app.bsky.actor.getSuggestions")
    assert [view["handle"] for view in page["actors"]] == ["cat.test"]
    explore = "app.bsky.unspecced.getSuggestedUsersForExplore"
    assert [v["handle"] for v in (await house.get(ann, explore))["actors"]] == ["cat.test"]


async def test_self_labels_stand_on_profile_and_post(house: AppViewHouse) -> None:
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "nudity"}]}

    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        lab.profile(ann, "Ann", labels=labels)
        return lab.post(ann, labels=labels)["uri"]

    uri = await house.write(scene)
    (post,) = (await house.get(None, "app.bsky.feed.getPosts", uris=[uri]))["posts"]
    assert [(label["val"], label["uri"]) for label in post["labels"]] == [("nudity", uri)]
    assert [label["val"] for label in post["author"]["labels"]] == ["nudity"]
