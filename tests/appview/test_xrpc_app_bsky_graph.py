"""app.bsky.graph.*: follows, blocks, mutes, lists."""

from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab


async def test_follows_and_followers_newest_first(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str]:
        ann, bob, cat = lab.account("ann"), lab.account("bob"), lab.account("cat")
        lab.follow(ann, bob)
        lab.follow(ann, cat)
        lab.follow(cat, bob)
        return ann, bob, cat

    ann, bob, cat = await house.write(scene)
    page = await house.get(ann, "app.bsky.graph.getFollows", actor=ann, limit=1)
    assert page["subject"]["did"] == ann
    assert [view["did"] for view in page["follows"]] == [cat]
    rest = await house.get(
        ann, "app.bsky.graph.getFollows", actor=ann, limit=1, cursor=page["cursor"]
    )
    assert [view["did"] for view in rest["follows"]] == [bob]
    assert "cursor" not in rest
    page = await house.get(None, "app.bsky.graph.getFollowers", actor="bob.test")
    assert [view["did"] for view in page["followers"]] == [cat, ann]


async def test_nobody_is_around_an_account_across_a_block(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob, cat = lab.account("ann"), lab.account("bob"), lab.account("cat")
        lab.follow(bob, cat)
        lab.block(bob, ann)
        return ann, bob

    ann, bob = await house.write(scene)
    page = await house.get(ann, "app.bsky.graph.getFollows", actor=bob)
    assert page["follows"] == []
    assert page["subject"]["viewer"]["blockedBy"] is True


async def test_blocks_are_listed_for_the_one_who_blocks(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.block(ann, bob)
        return ann, bob

    ann, bob = await house.write(scene)
    page = await house.get(ann, "app.bsky.graph.getBlocks")
    assert [view["did"] for view in page["blocks"]] == [bob]
    assert await house.get(bob, "app.bsky.graph.getBlocks") == {"blocks": []}


async def test_mutes_are_listed_page_by_page_and_end(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str]:
        return lab.account("ann"), lab.account("bob"), lab.account("cat")

    ann, bob, cat = await house.write(scene)
    for did in (bob, cat):
        await house.post(ann, "app.bsky.graph.muteActor", actor=did)
    first = await house.get(ann, "app.bsky.graph.getMutes", limit=1)
    rest = await house.get(ann, "app.bsky.graph.getMutes", limit=1, cursor=first["cursor"])
    assert {view["did"] for view in first["mutes"] + rest["mutes"]} == {bob, cat}
    assert "cursor" not in rest
    assert first["mutes"][0]["viewer"]["muted"] is True
    await house.post(ann, "app.bsky.graph.unmuteActor", actor="bob.test")
    left = await house.get(ann, "app.bsky.graph.getMutes")
    assert [view["did"] for view in left["mutes"]] == [cat]
    refused = await house.refused(ann, "app.bsky.graph.getMutes", cursor="x")
    assert refused == (400, "InvalidRequest")


async def test_nobody_mutes_themselves(house: AppViewHouse) -> None:
    ann = await house.write(lambda lab: lab.account("ann"))
    status, value, _ = await house.ask(ann, "app.bsky.graph.muteActor", body={"actor": ann})
    assert (status, value["error"]) == (400, "InvalidRequest")


async def test_relationships_say_who_follows_and_blocks_whom(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str]:
        ann, bob, cat = lab.account("ann"), lab.account("bob"), lab.account("cat")
        lab.follow(ann, bob)
        lab.follow(bob, ann)
        lab.block(cat, ann)
        return ann, bob, cat

    ann, bob, cat = await house.write(scene)
    page = await house.get(
        None, "app.bsky.graph.getRelationships", actor=ann, others=[bob, cat, "nobody.test"]
    )
    friend, foe, nobody = page["relationships"]
    assert page["actor"] == ann
    assert friend["following"].startswith(f"at://{ann}/app.bsky.graph.follow/")
    assert friend["followedBy"].startswith(f"at://{bob}/app.bsky.graph.follow/")
    assert foe["blockedBy"].startswith(f"at://{cat}/app.bsky.graph.block/")
    assert nobody == {
        "$type": "app.bsky.graph.defs#notFoundActor",
        "actor": "nobody.test",
        "notFound": True,
    }


async def test_a_list_shows_its_members_and_its_owner(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        people = lab.make_list(ann, "friends")
        lab.add_to_list(ann, people, bob)
        return ann, bob, people["uri"]

    ann, bob, uri = await house.write(scene)
    page = await house.get(None, "app.bsky.graph.getList", list=uri)
    assert page["list"]["creator"]["did"] == ann
    assert (page["list"]["name"], page["list"]["listItemCount"]) == ("friends", 1)
    (item,) = page["items"]
    assert item["subject"]["did"] == bob
    assert item["uri"].startswith(f"at://{ann}/app.bsky.graph.listitem/")
    refused = await house.refused(None, "app.bsky.graph.getList", list=f"{uri}x")
    assert refused == (400, "InvalidRequest")


async def test_lists_are_listed_by_purpose_and_with_membership(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.make_list(ann, "friends")
        lab.add_to_list(ann, lab.make_list(ann, "trolls", "modlist"), bob)
        lab.make_list(ann, "of a pack", "referencelist")
        return ann, bob

    ann, bob = await house.write(scene)
    page = await house.get(ann, "app.bsky.graph.getLists", actor=ann)
    assert [view["name"] for view in page["lists"]] == ["trolls", "friends"]
    page = await house.get(ann, "app.bsky.graph.getLists", actor=ann, purposes=["curatelist"])
    assert [view["name"] for view in page["lists"]] == ["friends"]
    page = await house.get(ann, "app.bsky.graph.getListsWithMembership", actor=bob)
    items = {each["list"]["name"]: each.get("listItem") for each in page["listsWithMembership"]}
    assert items["trolls"]["subject"]["did"] == bob
    assert items["friends"] is None


async def test_a_muted_list_mutes_its_members(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str]:
        ann, bob, mod = lab.account("ann"), lab.account("bob"), lab.account("mod")
        noisy = lab.make_list(mod, "noisy", "modlist")
        lab.add_to_list(mod, noisy, bob)
        lab.follow(ann, bob)
        lab.post(bob)
        return ann, bob, noisy["uri"]

    ann, bob, uri = await house.write(scene)
    await house.post(ann, "app.bsky.graph.muteActorList", list_=uri)
    viewer = (await house.get(ann, "app.bsky.actor.getProfile", actor=bob))["viewer"]
    assert viewer["muted"] is True
    assert viewer["mutedByList"]["uri"] == uri
    assert viewer["mutedByList"]["viewer"]["muted"] is True
    assert (await house.get(ann, "app.bsky.feed.getTimeline"))["feed"] == []
    (view,) = (await house.get(ann, "app.bsky.graph.getListMutes"))["lists"]
    assert view["uri"] == uri
    await house.post(ann, "app.bsky.graph.unmuteActorList", list_=uri)
    assert len((await house.get(ann, "app.bsky.feed.getTimeline"))["feed"]) == 1


async def test_suggestions_around_an_account_are_whom_its_followers_follow(
    house: AppViewHouse,
) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str]:
        ann, bob, cat, dan = (lab.account(name) for name in ("ann", "bob", "cat", "dan"))
        lab.follow(cat, bob)
        lab.follow(cat, dan)
        lab.follow(cat, ann)
        return ann, bob, dan

    ann, bob, dan = await house.write(scene)
    page = await house.get(ann, "app.bsky.graph.getSuggestedFollowsByActor", actor=bob)
    assert [view["did"] for view in page["suggestions"]] == [dan]


async def test_starter_packs_of_an_account(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        people = lab.make_list(ann, "people", "referencelist")
        lab.add_to_list(ann, people, bob)
        value = {"name": "start here", "list": people["uri"]}
        pack = lab.put(ann, "app.bsky.graph.starterpack", value)
        lab.profile(bob, "Bob", joinedViaStarterPack=pack)
        return pack["uri"], bob

    uri, bob = await house.write(scene)
    page = await house.get(None, "app.bsky.graph.getActorStarterPacks", actor="ann.test")
    (view,) = page["starterPacks"]
    assert (view["uri"], view["listItemCount"], view["joinedAllTimeCount"]) == (uri, 1, 1)
    found = await house.get(None, "app.bsky.graph.getStarterPacks", uris=[uri])
    assert found["starterPacks"] == [view]
    profile = await house.get(None, "app.bsky.actor.getProfile", actor=bob)
    assert profile["joinedViaStarterPack"]["uri"] == uri
