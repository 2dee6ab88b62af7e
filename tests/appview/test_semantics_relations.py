"""Blocks, mutes, verification, known people: who sees what of whom."""

from pathlib import Path
from typing import Any

from tests.support.appview_house import AppViewHouse, open_house
from tests.support.index_lab import IndexLab

TIMELINE = "app.bsky.feed.getTimeline"
THREAD = "app.bsky.unspecced.getPostThreadV2"
PROFILE = "app.bsky.actor.getProfile"


def shown(page: dict[str, Any]) -> list[str]:
    return [item["post"]["record"]["text"] for item in page["feed"]]


async def test_a_block_list_blocks_both_ways_like_a_block(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str, str]:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        people = lab.make_list(eve, purpose="modlist")
        lab.add_to_list(eve, people, bob)
        lab.put(ann, "app.bsky.graph.listblock", {"subject": people["uri"]})
        return ann, bob, lab.post(ann)["uri"], lab.post(bob)["uri"]

    ann, bob, anns, bobs = await house.write(scene)
    for viewer, uri in ((ann, bobs), (bob, anns)):
        (item,) = (await house.get(viewer, THREAD, anchor=uri))["thread"]
        assert item["value"]["$type"] == "app.bsky.unspecced.defs#threadItemBlocked"
    view = (await house.get(bob, PROFILE, actor=ann))["viewer"]
    assert (view["blockedBy"], "blocking" in view) == (True, False)
    view = (await house.get(ann, PROFILE, actor=bob))["viewer"]
    assert view["blockingByList"]["name"] == "people"


async def test_a_third_partys_block_hides_the_relation_and_not_the_posts(
    house: AppViewHouse,
) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str, str]:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        post = lab.post(bob, "bob's")
        quote, reply = lab.quote(eve, post, "eve quotes"), lab.reply(eve, post, text="eve answers")
        lab.block(bob, eve)
        lab.follow(ann, eve)
        return ann, post["uri"], quote["uri"], reply["uri"]

    ann, post, quote, reply = await house.write(scene)
    feed = (await house.get(ann, TIMELINE))["feed"]
    assert [item["post"]["uri"] for item in feed] == [reply, quote]
    assert feed[0]["reply"]["parent"]["$type"] == "app.bsky.feed.defs#blockedPost"
    inner = feed[1]["post"]["embed"]["record"]
    assert inner["$type"] == "app.bsky.embed.record#viewBlocked"
    assert len((await house.get(ann, THREAD, anchor=post))["thread"]) == 1
    assert len((await house.get(ann, "app.bsky.feed.getPosts", uris=[post, reply]))["posts"]) == 2


async def test_blocks_hide_notifications_from_both_sides(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.like(bob, lab.post(ann))
        lab.like(ann, lab.post(bob))
        lab.block(ann, bob)
        return ann, bob

    for viewer in await house.write(scene):
        told = await house.get(viewer, "app.bsky.notification.listNotifications")
        assert told["notifications"] == []


async def test_a_mute_does_not_act_on_the_profile_itself(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.follow(ann, bob)
        lab.post(bob, "quiet")
        return ann, bob

    ann, bob = await house.write(scene)
    await house.post(ann, "app.bsky.graph.muteActor", actor=bob)
    assert shown(await house.get(ann, TIMELINE)) == []
    assert shown(await house.get(ann, "app.bsky.feed.getAuthorFeed", actor=bob)) == ["quiet"]
    assert (await house.get(ann, PROFILE, actor=bob))["viewer"]["muted"] is True
    assert (await house.get(bob, PROFILE, actor=ann))["viewer"]["muted"] is False


async def test_a_scoped_mute_acts_in_the_timeline_only(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        lab.follow(ann, bob)
        post = lab.post(eve, "eve's")
        lab.repost(bob, post)
        lab.quote(bob, post, "look")
        lab.post(bob, "own")
        return ann, bob

    ann, bob = await house.write(scene)
    await house.post(ann, "app.bsky.graph.muteActor", actor=bob, onlyQuoteposts=True)
    assert shown(await house.get(ann, TIMELINE)) == ["own", "eve's"]
    view = (await house.get(ann, PROFILE, actor=bob))["viewer"]
    assert (view["muted"], view["mutedOnlyQuoteposts"]) == (False, True)
    assert len(shown(await house.get(ann, "app.bsky.feed.getAuthorFeed", actor=bob))) == 3


async def test_a_repost_by_or_of_the_muted_leaves_the_timeline(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        lab.follow(ann, bob)
        lab.repost(bob, lab.post(eve, "eve's"))
        return ann, eve

    ann, eve = await house.write(scene)
    assert shown(await house.get(ann, TIMELINE)) == ["eve's"]
    await house.post(ann, "app.bsky.graph.muteActor", actor=eve)
    assert shown(await house.get(ann, TIMELINE)) == []


async def test_known_likers_are_whom_the_viewer_follows(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str]:
        ann, bob, eve, dan = (lab.account(name) for name in ("ann", "bob", "eve", "dan"))
        post = lab.post(dan)
        for liker in (bob, eve):
            lab.like(liker, post)
        lab.follow(ann, bob)
        return ann, bob, post["uri"]

    ann, bob, uri = await house.write(scene)
    anchor = (await house.get(ann, THREAD, anchor=uri))["thread"][0]["value"]["post"]
    known = anchor["viewer"]["knownLikers"]
    assert (known["count"], [actor["did"] for actor in known["actors"]]) == (1, [bob])
    (plain,) = (await house.get(ann, "app.bsky.feed.getPosts", uris=[uri]))["posts"]
    assert "knownLikers" not in plain["viewer"]


async def test_a_verification_counts_while_name_and_handle_are_those_verified(
    tmp_path: Path,
) -> None:
    vera = "did:plc:vera" + "a" * 20

    def scene(lab: IndexLab) -> tuple[str, str]:
        bob, fake = lab.account("bob"), lab.account("fake")
        for issuer in (lab.account("vera"), fake):
            lab.profile(issuer, "Vera")
            lab.put(
                issuer,
                "app.bsky.graph.verification",
                {"subject": bob, "handle": "bob.test", "displayName": "Bob"},
                "3verify",
            )
        lab.profile(bob, "Bob")
        return bob, fake

    async with open_house(tmp_path, values={"appview.verifiers": (vera,)}) as house:
        bob, fake = await house.write(scene)
        state = (await house.get(None, PROFILE, actor=bob))["verification"]
        assert (state["verifiedStatus"], state["trustedVerifierStatus"]) == ("valid", "none")
        assert [said["issuer"] for said in state["verifications"]] == [vera]
        verifier = (await house.get(None, PROFILE, actor=vera))["verification"]
        assert verifier["trustedVerifierStatus"] == "valid"
        assert "verification" not in await house.get(None, PROFILE, actor=fake)
        told = await house.get(bob, "app.bsky.notification.listNotifications")
        assert [(n["reason"], n["author"]["did"]) for n in told["notifications"]] == [
            ("verified", vera)
        ]
        await house.write(lambda lab: lab.profile(bob, "The real Bob"))
        state = (await house.get(None, PROFILE, actor=bob))["verification"]
        assert state["verifiedStatus"] == "invalid"
        await house.write(
            lambda lab: lab.indexer.remove(
                lab.conn, lab.ref(vera, "app.bsky.graph.verification", "3verify"), lab.now_us
            )
        )
        assert "verification" not in await house.get(None, PROFILE, actor=bob)
        told = await house.get(bob, "app.bsky.notification.listNotifications")
        assert [n["reason"] for n in told["notifications"]] == ["unverified"]


async def test_follows_can_be_listed_by_their_size(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> list[str]:
        people = [lab.account(name) for name in ("ann", "bob", "eve", "dan")]
        ann, bob, eve, dan = people
        for target in (bob, eve, dan):
            lab.follow(ann, target)
        lab.follow(dan, bob)
        lab.follow(bob, ann)
        lab.follow(dan, ann)
        return people

    ann, bob, eve, dan = await house.write(scene)
    follows = "app.bsky.graph.getFollows"
    first = await house.get(None, follows, actor=ann, sort="top", limit=1)
    rest = await house.get(None, follows, actor=ann, sort="top", cursor=first["cursor"])
    dids = [view["did"] for view in first["follows"] + rest["follows"]]
    assert dids == [bob, dan, eve]
    top = await house.get(None, "app.bsky.graph.getFollowers", actor=ann, sort="top")
    assert [view["did"] for view in top["followers"]] == [bob, dan]


async def test_logged_out_reads_are_off_unless_the_operator_allows_them(tmp_path: Path) -> None:
    async with open_house(tmp_path, logged_out_reads=False) as house:
        ann = await house.write(lambda lab: lab.account("ann"))
        for nsid, params in (
            (PROFILE, {"actor": ann}),
            ("app.bsky.feed.getAuthorFeed", {"actor": ann}),
            ("app.bsky.feed.searchPosts", {"q": "x"}),
        ):
            status, value, _ = await house.ask(None, nsid, params)
            assert (status, value["error"]) == (401, "AuthMissing")
        assert (await house.get(ann, PROFILE, actor=ann))["did"] == ann
