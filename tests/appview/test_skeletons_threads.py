"""getPostThread and getPostThreadV2: what stands in a thread, and in which order."""

from typing import Any

from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab

V1 = "app.bsky.feed.getPostThread"
V2 = "app.bsky.unspecced.getPostThreadV2"
OTHER = "app.bsky.unspecced.getPostThreadOtherV2"


def outline(page: dict[str, Any]) -> list[tuple[int, str]]:
    """Give depth and text (or the type of placeholder) of each item."""
    return [
        (
            item["depth"],
            item["value"]["post"]["record"]["text"]
            if "post" in item["value"]
            else item["value"]["$type"].partition("#")[2],
        )
        for item in page["thread"]
    ]


def tree(node: dict[str, Any]) -> Any:
    """Give text and replies, nested."""
    if "post" not in node:
        return node["$type"].partition("#")[2]
    return [node["post"]["record"]["text"], *(tree(reply) for reply in node["replies"])]


async def test_a_thread_is_a_tree_with_its_parents(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob = lab.account("ann"), lab.account("bob")
        root = lab.post(ann, "root")
        middle = lab.reply(bob, root, text="middle")
        lab.reply(ann, middle, root, text="left")
        right = lab.reply(bob, middle, root, text="right")
        lab.reply(ann, right, root, text="deep")
        return middle["uri"]

    uri = await house.write(scene)
    thread = (await house.get(None, V1, uri=uri))["thread"]
    assert tree(thread) == ["middle", ["right", ["deep"]], ["left"]]
    assert thread["parent"]["post"]["record"]["text"] == "root"
    assert thread["post"]["replyCount"] == 2
    flat = (await house.get(None, V1, uri=uri, depth=1, parentHeight=0))["thread"]
    assert tree(flat) == ["middle", ["right"], ["left"]]
    assert "parent" not in flat


async def test_a_flat_thread_reads_from_root_to_last_reply(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob = lab.account("ann"), lab.account("bob")
        root = lab.post(ann, "root")
        middle = lab.reply(bob, root, text="middle")
        left = lab.reply(ann, middle, root, text="left")
        lab.reply(bob, middle, root, text="right")
        lab.reply(bob, left, root, text="under left")
        return middle["uri"]

    page = await house.get(None, V2, anchor=await house.write(scene))
    assert outline(page) == [
        (-1, "root"),
        (0, "middle"),
        (1, "left"),
        (2, "under left"),
        (1, "right"),
    ]
    assert page["hasOtherReplies"] is False


async def test_a_missing_post_is_an_error_in_one_and_an_item_in_the_other(
    house: AppViewHouse,
) -> None:
    def scene(lab: IndexLab) -> str:
        post = lab.post(lab.account("ann"))
        lab.delete(post)
        return post["uri"]

    uri = await house.write(scene)
    for missing in (uri, "at://did:plc:nobody/app.bsky.feed.post/3labaaaaaaaa2"):
        assert await house.refused(None, V1, uri=missing) == (400, "NotFound")
        page = await house.get(None, V2, anchor=missing)
        assert outline(page) == [(0, "threadItemNotFound")]
        assert page["thread"][0]["uri"] == missing


async def test_a_blocked_author_is_a_placeholder(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        root = lab.post(bob, "of bob")
        reply = lab.reply(ann, root, text="of ann")
        lab.reply(bob, reply, root, text="again bob")
        lab.block(ann, bob)
        return ann, bob, root["uri"], reply["uri"]

    ann, bob, root, reply = await house.write(scene)
    blocked = (await house.get(ann, V1, uri=root))["thread"]
    assert blocked["$type"] == "app.bsky.feed.defs#blockedPost"
    assert blocked["author"]["did"] == bob
    assert blocked["author"]["viewer"]["blocking"]
    thread = (await house.get(ann, V1, uri=reply))["thread"]
    assert thread["parent"]["blocked"] is True
    assert tree(thread) == ["of ann", "blockedPost"]
    assert outline(await house.get(ann, V2, anchor=root)) == [(0, "threadItemBlocked")]
    assert outline(await house.get(ann, V2, anchor=reply)) == [
        (-1, "threadItemBlocked"),
        (0, "of ann"),
    ]


async def test_a_block_between_others_hides_their_relation(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        root = lab.post(ann, "root")
        lab.reply(bob, root, text="of bob")
        lab.block(ann, bob)
        return eve, root["uri"]

    eve, root = await house.write(scene)
    assert outline(await house.get(eve, V2, anchor=root)) == [(0, "root")]
    assert tree((await house.get(eve, V1, uri=root))["thread"]) == ["root", "blockedPost"]


async def test_a_forbidden_reply_is_left_out_and_not_counted(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        root = lab.post(ann, "root")
        lab.threadgate(ann, root, allow=[])
        lab.reply(bob, root, text="uninvited")
        lab.reply(ann, root, text="own")
        return ann, bob, root["uri"]

    ann, bob, root = await house.write(scene)
    page = await house.get(bob, V2, anchor=root)
    assert outline(page) == [(0, "root"), (1, "own")]
    assert page["threadgate"]["record"]["allow"] == []
    view = page["thread"][0]["value"]["post"]
    assert view["replyCount"] == 1
    assert view["viewer"]["replyDisabled"] is True
    assert view["threadgate"]["uri"].startswith(f"at://{ann}/app.bsky.feed.threadgate/")
    own = (await house.get(ann, V2, anchor=root))["thread"][0]["value"]["post"]
    assert own["viewer"]["replyDisabled"] is False


async def test_gate_rules_let_followers_mentioned_and_listed_reply(house: AppViewHouse) -> None:
    rules = "app.bsky.feed.threadgate#"

    def scene(lab: IndexLab) -> tuple[dict[str, str], dict[str, str]]:
        ann = lab.account("ann")
        dids = {name: lab.account(name) for name in ("fan", "friend", "named", "listed", "other")}
        lab.follow(dids["fan"], ann)
        lab.follow(ann, dids["friend"])
        people = lab.make_list(ann)
        lab.add_to_list(ann, people, dids["listed"])
        feature = {"$type": "app.bsky.richtext.facet#mention", "did": dids["named"]}
        facet = {"index": {"byteStart": 0, "byteEnd": 1}, "features": [feature]}
        uris = {}
        for name, rule in (
            ("fan", {"$type": f"{rules}followerRule"}),
            ("friend", {"$type": f"{rules}followingRule"}),
            ("named", {"$type": f"{rules}mentionRule"}),
            ("listed", {"$type": f"{rules}listRule", "list": people["uri"]}),
        ):
            post = lab.post(ann, "hello", facets=[facet])
            lab.threadgate(ann, post, allow=[rule])
            uris[name] = post["uri"]
        return dids, uris

    dids, uris = await house.write(scene)
    for name, uri in uris.items():
        may = {
            who
            for who, did in dids.items()
            if not (await house.get(did, "app.bsky.feed.getPosts", uris=[uri]))["posts"][0][
                "viewer"
            ]["replyDisabled"]
        }
        assert may == {name}


async def test_hidden_muted_and_pin_replies_are_put_aside(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        root = lab.post(ann, "root")
        hidden = lab.reply(bob, root, text="hidden")
        lab.reply(bob, root, text="\N{PUSHPIN}")
        lab.reply(eve, root, text="muted")
        lab.reply(bob, root, text="plain")
        lab.threadgate(ann, root, hiddenReplies=[hidden["uri"]])
        return ann, root["uri"]

    ann, root = await house.write(scene)
    await house.post(ann, "app.bsky.graph.muteActor", actor="eve.test")
    page = await house.get(ann, V2, anchor=root)
    assert outline(page) == [(0, "root"), (1, "plain")]
    assert page["hasOtherReplies"] is True
    assert page["thread"][0]["value"]["moreReplies"] == 0
    aside = await house.get(ann, OTHER, anchor=root)
    assert outline(aside) == [(1, "hidden"), (1, "\N{PUSHPIN}"), (1, "muted")]
    flags = [
        (item["value"]["hiddenByThreadgate"], item["value"]["mutedByViewer"])
        for item in aside["thread"]
    ]
    assert flags == [(True, False), (False, False), (False, True)]


async def test_the_ops_own_thread_comes_first_then_op_viewer_and_followed(
    house: AppViewHouse,
) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob, eve, me = (lab.account(name) for name in ("ann", "bob", "eve", "me"))
        lab.follow(me, bob)
        root = lab.post(ann, "root")
        lab.reply(eve, root, text="stranger")
        lab.reply(bob, root, text="followed")
        lab.reply(me, root, text="mine")
        first = lab.reply(ann, root, text="op thread")
        lab.reply(ann, root, text="op")
        lab.reply(ann, first, root, text="op goes on")
        return me, root["uri"]

    me, root = await house.write(scene)
    page = await house.get(me, V2, anchor=root)
    texts = [text for _, text in outline(page)]
    assert texts == ["root", "op thread", "op goes on", "op", "mine", "followed", "stranger"]
    marked = [item["value"]["opThread"] for item in page["thread"]]
    assert marked == [True, True, True, False, False, False, False]


async def test_replies_sort_by_time_or_by_likes(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann, bob, eve = lab.account("ann"), lab.account("bob"), lab.account("eve")
        root = lab.post(ann, "root")
        lab.reply(bob, root, text="first")
        liked = lab.reply(eve, root, text="second")
        lab.reply(bob, root, text="third")
        lab.like(bob, liked)
        return root["uri"]

    root = await house.write(scene)
    orders = {
        "oldest": ["first", "second", "third"],
        "newest": ["third", "second", "first"],
        "top": ["second", "third", "first"],
    }
    for sort, wanted in orders.items():
        page = await house.get(None, V2, anchor=root, sort=sort)
        assert [text for _, text in outline(page)][1:] == wanted


async def test_depth_and_branching_are_cut_and_what_is_missing_is_counted(
    house: AppViewHouse,
) -> None:
    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        root = lab.post(ann, "root")
        child = lab.reply(lab.account("bob"), root, text="child")
        for number in range(3):
            lab.reply(ann, child, root, text=f"grandchild {number}")
        return root["uri"]

    root = await house.write(scene)
    page = await house.get(None, V2, anchor=root, branchingFactor=2)
    assert [depth for depth, _ in outline(page)] == [0, 1, 2, 2]
    assert page["thread"][1]["value"]["moreReplies"] == 1
    page = await house.get(None, V2, anchor=root, below=1)
    assert [depth for depth, _ in outline(page)] == [0, 1]
    assert page["thread"][1]["value"]["moreReplies"] == 3
    page = await house.get(None, V2, anchor=root, below=0)
    assert outline(page) == [(0, "root")]


async def test_a_reply_with_a_wrong_root_stands_alone(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann = lab.account("ann")
        root, other = lab.post(ann, "root"), lab.post(ann, "other")
        child = lab.reply(ann, root, text="child")
        stray = lab.reply(ann, child, other, text="stray")
        return child["uri"], stray["uri"]

    child, stray = await house.write(scene)
    assert outline(await house.get(None, V2, anchor=child)) == [(-1, "root"), (0, "child")]
    assert outline(await house.get(None, V2, anchor=stray)) == [(0, "stray")]


async def test_logged_out_viewers_do_not_see_those_who_ask_for_it(house: AppViewHouse) -> None:
    labels = {
        "$type": "com.atproto.label.defs#selfLabels",
        "values": [{"val": "!no-unauthenticated"}],
    }

    def scene(lab: IndexLab) -> tuple[str, str]:
        ann = lab.account("ann")
        lab.profile(ann, "Ann", labels=labels)
        return ann, lab.post(ann, "for members")["uri"]

    ann, uri = await house.write(scene)
    assert outline(await house.get(None, V2, anchor=uri)) == [(0, "threadItemNoUnauthenticated")]
    assert outline(await house.get(ann, V2, anchor=uri)) == [(0, "for members")]


async def test_a_long_chain_is_cut_above_and_below_but_answered(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann = lab.account("ann")
        root = last = lab.post(ann, "0")
        for number in range(1, 120):
            last = lab.reply(ann, last, root, text=str(number))
        return root["uri"], last["uri"]

    root, last = await house.write(scene)
    thread = (await house.get(None, V1, uri=root, depth=1000))["thread"]
    depth = 0
    while thread["replies"]:
        thread, depth = thread["replies"][0], depth + 1
    assert depth == 60
    thread = (await house.get(None, V1, uri=last, parentHeight=1000))["thread"]
    height = 0
    while "parent" in thread:
        thread, height = thread["parent"], height + 1
    assert height == 80
    page = await house.get(None, V2, anchor=last)
    assert page["thread"][0]["depth"] == -50
    assert page["thread"][0]["value"]["moreParents"] is True
