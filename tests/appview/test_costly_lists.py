"""What stands on a page beside its subject is bounded: counts, labels, lists of many, gates.

Cost is counted in steps of SQLite on the event loop, as in `test_costly_answers`.
"""

import orjson
import pytest

from appliance.appview import labels
from appliance.appview.hydrate import actors, collections
from appliance.appview.hydrate import labels as page_labels
from appliance.appview.hydrate.relations import MOST_BLOCK_LISTS
from appliance.appview.index.post_content import MOST_FEATURES
from appliance.appview.views.weights import MOST_BYTES
from appliance.appview.xrpc.app_bsky_graph_packs import MOST_WHOLE
from appliance.atproto.data import dumps
from tests.appview.test_costly_answers import (
    FAT,
    actor_ids,
    counted,
    crowd,
    fat_posts,
    many_lists,
    pairs,
)
from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab, StrongRef

CTS = "2026-01-01T00:00:00.000Z"
CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"


def stand_on(lab: IndexLab, owner: str, list_id: int, targets: list[int]) -> None:
    """Put accounts on a list straight into the index."""
    (actor,) = actor_ids(lab, [owner])
    lab.conn.executemany(
        "INSERT INTO listitem (actor_id, rkey, list_id, target_id, counts, created_us, indexed_us,"
        " sort_us) VALUES (?, ?, ?, ?, 1, 1, 1, ?)",
        [(actor, f"3i{list_id}x{at}", list_id, target, at) for at, target in enumerate(targets)],
    )


def list_id(lab: IndexLab, uri: str) -> int:
    (found,) = lab.conn.row("SELECT id FROM subject WHERE uri = ?", uri) or (0,)
    return int(found)


async def test_whoever_blocks_by_many_lists_costs_little_where_one_stands_on_all(
    house: AppViewHouse,
) -> None:
    def scene(lab: IndexLab) -> tuple[str, list[str]]:
        ann, bob = lab.account("ann"), lab.account("bob")
        dids = crowd(lab)
        lists = [each for each, _ in many_lists(lab, ann, MOST_BLOCK_LISTS)]
        (viewer,) = actor_ids(lab, [bob])
        for each in lists:
            stand_on(lab, ann, each, [viewer])
        for did in dids:
            lab.follow(did, ann)
            pairs(lab, "listblock", "list_id", did, lists)
        return bob, dids

    bob, dids = await house.write(scene)
    async with counted(house) as steps:
        found = await house.get(bob, "app.bsky.actor.getProfiles", actors=dids[:25])
    assert all(profile["viewer"]["blockedBy"] for profile in found["profiles"])
    assert steps.count < 500


async def test_long_lists_are_counted_as_far_as_a_page_may_cost(
    house: AppViewHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collections, "SHORT_LIST", 10, raising=False)
    monkeypatch.setattr(collections, "MOST_COUNTED", 5_000, raising=False)

    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        targets = list(range(10_000, 12_000))
        for count in (*(2_000,) * 12, 3, 2_000, 2_000, 5):
            made = lab.make_list(ann, str(count))
            stand_on(lab, ann, list_id(lab, made["uri"]), targets[:count])
        return ann

    ann = await house.write(scene)
    async with counted(house) as steps:
        page = await house.get(None, "app.bsky.graph.getLists", actor=ann, limit=100)
    # Those made first are counted, and whichever is short.
    counts = [each.get("listItemCount") for each in page["lists"]]
    assert counts == [5, None, None, 3, *(None,) * 10, 2_000, 2_000]
    assert steps.count < 700


async def test_who_came_by_a_pack_is_counted_without_reading_them(house: AppViewHouse) -> None:
    joined = 5_000

    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        people = lab.make_list(ann, "people", "referencelist")
        pack = lab.put(ann, "app.bsky.graph.starterpack", {"name": "all", "list": people["uri"]})
        lab.conn.executemany(
            "INSERT INTO profile (actor_id, cid, indexed_us, joined_via_id, record)"
            " VALUES (?, '', ?, ?, ?)",
            [
                (10_000 + at, lab.now_us, list_id(lab, pack["uri"]), f'{{"x":"{FAT[:2000]}"}}')
                for at in range(joined)
            ],
        )
        return pack["uri"]

    pack = await house.write(scene)
    async with counted(house) as steps:
        found = await house.get(None, "app.bsky.graph.getStarterPack", starterPack=pack)
    assert found["starterPack"]["joinedWeekCount"] == joined
    assert steps.count < 900

    def plan(lab: IndexLab) -> str:
        count = "SELECT count(*) FROM profile WHERE joined_via_id = 1 AND indexed_us > 1"
        return str(lab.conn.rows(f"EXPLAIN QUERY PLAN {count}"))

    assert "COVERING INDEX profile_joined_via" in await house.write(plan)


async def test_pages_of_whole_starter_packs_are_short_and_go_on(house: AppViewHouse) -> None:
    count = MOST_WHOLE + 5

    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        people = lab.make_list(ann, "people", "referencelist")
        for at in range(count):
            value = {"name": f"pack {at}", "list": people["uri"]}
            lab.put(ann, "app.bsky.graph.starterpack", value)
        return ann

    ann = await house.write(scene)
    for nsid, name, params in (
        (
            "app.bsky.graph.getStarterPacksWithMembership",
            "starterPacksWithMembership",
            {"actor": ann},
        ),
        ("app.bsky.graph.searchStarterPacksV2", "starterPacks", {"q": "pack"}),
    ):
        page = await house.get(ann, nsid, limit=100, **params)
        assert len(page[name]) == MOST_WHOLE
        rest = await house.get(ann, nsid, limit=100, cursor=page["cursor"], **params)
        assert len(rest[name]) == count - MOST_WHOLE


def say(lab: IndexLab, labeler: str, uri: str, values: list[str]) -> None:
    """Put labels straight into the index."""
    lab.conn.executemany(
        "INSERT INTO label (uri, src, val, neg, cts_us, label) VALUES (?, ?, ?, 0, 1, ?)",
        [
            (
                uri,
                labeler,
                value,
                orjson.dumps({"src": labeler, "uri": uri, "val": value, "cts": CTS}).decode(),
            )
            for value in values
        ],
    )


async def test_labels_by_many_labelers_leave_each_its_share(
    house: AppViewHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_labels, "MOST_LABELS", 60)
    loud = [f"did:plc:{'abcd'[at]:b<24}" for at in range(4)]
    quiet = f"did:plc:{'z':z<24}"

    def scene(lab: IndexLab) -> tuple[str, list[str]]:
        ann = lab.account("ann")
        dids = crowd(lab, 25)
        for did in dids:
            lab.follow(did, ann)
            for labeler in loud:
                say(lab, labeler, did, [f"v{at}" for at in range(labels.MOST_VALUES)])
            say(lab, loud[0], f"at://{did}/app.bsky.actor.profile/self", ["x"])
        say(lab, quiet, dids[0], ["true"])
        say(lab, loud[3], dids[1], ["!takedown"])
        return ann, dids

    ann, dids = await house.write(scene)
    header = ",".join([*loud[:3], f"{loud[3]};redact", quiet])
    status, page, _ = await house.ask(
        None,
        "app.bsky.graph.getFollowers",
        {"actor": ann, "limit": 100},
        headers={"atproto-accept-labelers": header},
    )
    assert status == 200
    said = {each["did"]: each["labels"] for each in page["followers"]}
    assert "true" in {label["val"] for label in said[dids[0]]}
    assert dids[1] not in said
    assert len(said) == 24
    assert sum(len(each) for each in said.values()) <= 60


async def test_a_labeler_that_is_asked_says_few_values_too(house: AppViewHouse) -> None:
    src = "did:web:labels.test"

    def scene(lab: IndexLab) -> int:
        ann = lab.account("ann")
        said = [
            {"src": src, "uri": ann, "val": f"v{at}", "cts": CTS}
            for at in range(labels.MOST_VALUES + 50)
        ]
        labels.put_answered(lab.conn, src, [ann], said, 500_000)
        return int(lab.conn.value("SELECT count(*) FROM label"))

    assert await house.write(scene) == labels.MOST_VALUES


async def test_records_beside_each_account_are_short(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> dict[str, int]:
        ann = lab.account("ann")
        post = lab.post(ann, "hello")
        fat = {"ballast": FAT}
        lab.put(ann, "app.bsky.actor.profile", fat, "self")
        lab.put(ann, "chat.bsky.actor.declaration", {"allowIncoming": "all", **fat}, "self")
        lab.put(
            ann, "app.bsky.notification.declaration", {"allowSubscriptions": "none", **fat}, "self"
        )
        lab.threadgate(ann, post, **fat)
        lab.postgate(ann, post, **fat)
        lab.like(ann, post, **fat)
        lab.repost(ann, post, **fat)
        assert lab.indexer.counts["too_large"] == 7
        # What an honest gate may say has room.
        hidden = [f"at://{ann}/app.bsky.feed.post/3aaaaaaaaa{at:03}" for at in range(300)]
        lab.threadgate(ann, post, hiddenReplies=hidden)
        assert lab.indexer.counts["too_large"] == 7
        return lab.counts(post)

    counts = await house.write(scene)
    assert counts["likes"] == counts["reposts"] == 0


async def test_of_a_posts_marks_the_first_count(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[int, int]:
        ann = lab.account("ann")
        told = [f"did:plc:{at:a>24}".translate(str.maketrans("0189", "wxyz")) for at in range(700)]
        mentions = [{"$type": "app.bsky.richtext.facet#mention", "did": did} for did in told]
        absurd = {"index": {"byteStart": 2**50, "byteEnd": 0}, "features": mentions}
        lab.post(ann, "hello", facets=[absurd])
        tags = [{"$type": "app.bsky.richtext.facet#tag", "tag": f"t{at}"} for at in range(1000)]
        lab.post(ann, "hello", facets=[{"index": {"byteStart": 0, "byteEnd": 5}, "features": tags}])
        return (
            int(lab.conn.value("SELECT count(*) FROM notification")),
            int(lab.conn.value("SELECT count(*) FROM post_tag")),
        )

    assert await house.write(scene) == (MOST_FEATURES, MOST_FEATURES)


async def test_of_large_posts_that_are_asked_for_the_largest_are_left_out(
    house: AppViewHouse,
) -> None:
    ann, _, _, fat = await house.write(fat_posts)

    def more(lab: IndexLab) -> list[str]:
        small = lab.post(ann, "small")
        last = fat[0]
        quoting: list[StrongRef] = []
        for _ in range(25):
            embed = {"$type": "app.bsky.embed.record", "record": last}
            last = lab.post(ann, "and", ballast=FAT, embed=embed)
            quoting.append(last)
        return [post["uri"] for post in quoting[1:]] + [small["uri"]]

    uris = await house.write(more)
    found = await house.get(None, "app.bsky.feed.getPosts", uris=uris)
    assert len(dumps(found)) < MOST_BYTES * 1.1
    shown = [post["uri"] for post in found["posts"]]
    assert uris[-1] in shown
    assert 15 < len(shown) < len(uris)


async def test_who_follows_very_many_knows_the_newest_of_them(
    house: AppViewHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        ids = actor_ids(lab, crowd(lab, 6_000))
        pairs(lab, "follow", "target_id", ann, ids)
        (target,) = actor_ids(lab, [bob])
        lab.conn.executemany(
            "INSERT INTO follow (actor_id, rkey, target_id, counts, created_us, indexed_us,"
            " sort_us) VALUES (?, '3b', ?, 1, 1, 1, 1)",
            [(each, target) for each in (*ids[:3], *ids[-3:])],
        )
        return ann, bob

    monkeypatch.setattr(actors, "MOST_KNOWN", 2_000, raising=False)
    ann, bob = await house.write(scene)
    profile = await house.get(ann, "app.bsky.actor.getProfile", actor=bob)
    assert profile["viewer"]["knownFollowers"]["count"] == 3
    nsid = "app.bsky.graph.getKnownFollowers"
    page = await house.get(ann, nsid, actor=bob, limit=3)
    found = page["followers"]
    assert len(found) == 3
    async with counted(house) as steps:
        page = await house.get(ann, nsid, actor=bob, limit=1, cursor=page["cursor"])
    assert page["followers"] == []
    assert steps.count < 1_200
    # Asked on and on, the list ends with the oldest.
    while "cursor" in page:
        page = await house.get(ann, nsid, actor=bob, limit=1, cursor=page["cursor"])
        found += page["followers"]
    assert len(found) == 6
