"""What strangers write, or one viewer keeps, makes no page dear for anybody, and no answer huge.

Cost is counted in steps of SQLite on the event loop, which are the same on every machine.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from appliance.appview import labels
from appliance.appview.hydrate.relations import MOST_BLOCK_LISTS
from appliance.appview.skeletons import graphs
from appliance.appview.skeletons.queries import MOST_TERMS, parse_post_query
from appliance.appview.skeletons.slices import NEWEST
from appliance.appview.skeletons.threads import MOST_REPLIES
from appliance.appview.viewer_state import MOST_MUTED_LISTS
from appliance.appview.views.weights import MOST_BYTES
from appliance.atproto.data import dumps
from appliance.base.connection import Connection
from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab, StrongRef

PER_CHECK = 100
LISTS = 4 * MOST_BLOCK_LISTS
CROWD = 60
FAT = "x" * 60_000


class Steps:
    """Steps of the reader on the loop, in hundreds."""

    count = 0


@asynccontextmanager
async def counted(house: AppViewHouse) -> AsyncIterator[Steps]:
    """Count what the loop reads of the index and of what viewers keep."""
    steps = Steps()

    def step() -> bool:
        steps.count += 1
        return False

    readers = [house.role.index._reader, house.role.viewers._db._reader]
    for reader in readers:
        reader.set_progress_handler(step, PER_CHECK)
    try:
        yield steps
    finally:
        for reader in readers:
            reader.set_progress_handler(None)


def crowd(lab: IndexLab, count: int = CROWD) -> list[str]:
    """Make accounts that the index has heard of."""
    names = (f"c{number:05}".translate(str.maketrans("0189", "wxyz")) for number in range(count))
    dids = [lab.account(name) for name in names]
    lab.conn.execute("UPDATE actor SET rev = '3aaaaaaaaaaa2' WHERE rev IS NULL")
    return dids


def many_lists(lab: IndexLab, did: str, count: int) -> list[tuple[int, str]]:
    """Write lists for moderation straight into the index; give their ids and addresses."""
    (actor,) = lab.conn.row("SELECT id FROM actor WHERE did = ?", did) or (0,)
    (last,) = lab.conn.row("SELECT max(id) FROM subject") or (0,)
    made = [
        ((last or 0) + at, f"at://{did}/app.bsky.graph.list/3many{at:08}")
        for at in range(1, count + 1)
    ]
    lab.conn.executemany(
        "INSERT INTO subject (id, uri, actor_id) VALUES (?, ?, ?)",
        [(list_id, uri, actor) for list_id, uri in made],
    )
    lab.conn.executemany(
        "INSERT INTO list (id, actor_id, cid, purpose, name, created_us, indexed_us, sort_us,"
        " record) VALUES (?, ?, 'bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a',"
        " 'app.bsky.graph.defs#modlist', 'people', 1, 1, 1, '{}')",
        [(list_id, actor) for list_id, _ in made],
    )
    return made


def pairs(lab: IndexLab, table: str, column: str, did: str, targets: list[int]) -> None:
    """Write relations of an account, the last of them the newest."""
    (actor,) = lab.conn.row("SELECT id FROM actor WHERE did = ?", did) or (0,)
    lab.conn.executemany(
        f"INSERT INTO {table} (actor_id, rkey, {column}, counts, created_us, indexed_us, sort_us)"  # noqa: S608
        " VALUES (?, ?, ?, 1, 1, 1, ?)",
        [(actor, f"3{table}{at:08}", target, at) for at, target in enumerate(targets)],
    )


def actor_ids(lab: IndexLab, dids: list[str]) -> list[int]:
    found: dict[str, int] = dict(lab.conn.rows("SELECT did, id FROM actor"))
    return [found[did] for did in dids]


async def test_who_blocks_by_very_many_lists_makes_no_page_dear(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, list[str], StrongRef]:
        ann = lab.account("ann")
        dids = crowd(lab)
        lists = many_lists(lab, ann, LISTS)
        everywhere = [list_id for list_id, _ in lists]
        root = lab.post(ann, "root")
        for did in dids:
            lab.reply(did, root)
            lab.follow(did, ann)
        # Three block by all lists; on the newest stands one of the crowd, on the oldest another.
        for did in (dids[0], dids[1], ann):
            pairs(lab, "listblock", "list_id", did, everywhere)
        by_age = {"oldest": everywhere[0], "newest": everywhere[-1]}
        for at, (name, list_id) in enumerate(by_age.items(), start=5):
            uri = dict(lists)[list_id]
            lab.put(
                ann, "app.bsky.graph.listitem", {"list": uri, "subject": dids[at]}, f"3item{name}"
            )
        return ann, dids, root

    ann, dids, root = await house.write(scene)
    async with counted(house) as steps:
        page = await house.get(ann, "app.bsky.graph.getFollowers", actor=ann, limit=100)
        for viewer in (dids[1], dids[9], None):
            await house.get(viewer, "app.bsky.feed.getPostThread", uri=root["uri"])
        await house.get(None, "app.bsky.graph.getRelationships", actor=ann, others=dids[:30])
    # The newest of the lists blocks, the oldest of so many does not.
    shown = {follower["did"] for follower in page["followers"]}
    assert dids[5] in shown
    assert dids[6] not in shown
    assert steps.count < 30_000


async def test_who_mutes_very_many_pays_for_those_on_the_page(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, list[str], list[str]]:
        ann = lab.account("ann")
        dids = crowd(lab)
        lists = many_lists(lab, ann, 4 * MOST_MUTED_LISTS)
        for did in dids:
            lab.follow(did, ann)
        for at, (_, uri) in ((5, lists[0]), (6, lists[-1])):
            lab.put(ann, "app.bsky.graph.listitem", {"list": uri, "subject": dids[at]})
        return ann, dids, [uri for _, uri in lists]

    ann, dids, lists = await house.write(scene)

    def keep(conn: Connection) -> None:
        conn.executemany(
            "INSERT INTO mute (viewer, target, created_us) VALUES (?, ?, 1)",
            [(ann, f"did:plc:{at:a<24}") for at in range(50_000)],
        )
        conn.execute(
            "INSERT INTO mute (viewer, target, created_us) VALUES (?, ?, 1)", (ann, dids[0])
        )
        conn.executemany(
            "INSERT INTO list_mute (viewer, list, created_us) VALUES (?, ?, ?)",
            [(ann, uri, at) for at, uri in enumerate(lists)],
        )

    await house.role.viewers._db.write(keep)
    async with counted(house) as steps:
        page = await house.get(ann, "app.bsky.graph.getFollowers", actor=ann, limit=100)
    muted = {follower["did"] for follower in page["followers"] if follower["viewer"]["muted"]}
    assert muted == {dids[0], dids[6]}
    assert steps.count < 4_000


async def test_of_very_many_replies_only_those_shown_are_read(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[StrongRef, list[str]]:
        ann = lab.account("ann")
        root = lab.post(ann, "root")
        lab.flushes = False
        return root, [lab.reply(ann, root)["uri"] for _ in range(4 * MOST_REPLIES)]

    root, replies = await house.write(scene)
    async with counted(house) as steps:
        thread = (await house.get(None, "app.bsky.feed.getPostThread", uri=root["uri"]))["thread"]
    shown = [reply["post"]["uri"] for reply in thread["replies"]]
    assert shown == replies[:MOST_REPLIES][::-1]
    few = steps.count
    async with counted(house) as steps:
        await house.get(None, "app.bsky.feed.getPostThread", uri=replies[0])
    # A post without replies, for comparison: the rest is what the 500 cost.
    assert few - steps.count < 450


async def test_who_follows_everybody_is_suggested_nobody_soon(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> int:
        ann = lab.account("ann")
        dids = crowd(lab, 4_000)
        ids = actor_ids(lab, dids)
        pairs(lab, "follow", "target_id", ann, ids)
        lab.conn.execute("UPDATE actor SET followers_count = 1 WHERE did <> ?", (ann,))
        return actor_ids(lab, [ann])[0]

    ann = await house.write(scene)
    async with counted(house) as steps:
        found = graphs.suggestions(house.role.index, ann, NEWEST, 25)
    assert found.rows == []
    assert found.after is not None
    assert steps.count < 700
    # Asked on and on, the list ends.
    pages, after = 1, found.after
    while True:
        found = graphs.suggestions(house.role.index, ann, after, 25)
        if found.after is None:
            break
        pages, after = pages + 1, found.after
        assert pages < 12


async def test_of_who_follows_very_many_the_newest_follows_suggest(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[int, int, list[int]]:
        ann, bob, cat = (lab.account(name) for name in ("ann", "bob", "cat"))
        ids = actor_ids(lab, crowd(lab, graphs.MOST_OF_EACH + 10))
        pairs(lab, "follow", "target_id", bob, [*ids, *actor_ids(lab, [cat])])
        first, second = actor_ids(lab, [ann, cat])
        return first, second, ids

    ann, cat, ids = await house.write(scene)
    found = await graphs.followed_by_followers(house.role.index, ann, cat, 10_000)
    # Oldest first, so that the first eleven are beyond what counts; one of the newest is cat.
    assert sorted(found) == sorted(ids)[11:]


async def test_starter_packs_by_one_list_count_it_once(house: AppViewHouse) -> None:
    packs, listed = 40, 3_000

    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        people = lab.make_list(ann, "people", "referencelist")
        (list_id,) = lab.conn.row("SELECT id FROM subject WHERE uri = ?", people["uri"]) or (0,)
        (actor,) = actor_ids(lab, [ann])
        lab.conn.executemany(
            "INSERT INTO listitem (actor_id, rkey, list_id, target_id, counts, created_us,"
            " indexed_us, sort_us) VALUES (?, ?, ?, ?, 1, 1, 1, 1)",
            [(actor, f"3item{at:08}", list_id, 10_000 + at) for at in range(listed)],
        )
        for at in range(packs):
            value = {"name": f"pack {at}", "list": people["uri"]}
            lab.put(ann, "app.bsky.graph.starterpack", value)
        return ann

    ann = await house.write(scene)
    async with counted(house) as steps:
        page = await house.get(None, "app.bsky.graph.getActorStarterPacks", actor=ann, limit=packs)
    assert [pack["listItemCount"] for pack in page["starterPacks"]] == [listed] * packs
    assert steps.count < 900


def test_a_search_has_so_many_words_and_no_more() -> None:
    long = " ".join(["word"] * 4_000)
    for text in (f'"{long}"', long, f"one -{'.'.join(['two'] * 4_000)}"):
        assert (parse_post_query(text, None).match or "").count("o") <= MOST_TERMS
    assert parse_post_query('one "two three" -four', None).match == (
        '"one" AND "two three" NOT "four"'
    )


def fat_posts(lab: IndexLab) -> tuple[str, str, StrongRef, list[StrongRef]]:
    """Let one account write large posts that quote large posts, in one thread; another follows."""
    ann, bob = lab.account("ann"), lab.account("bob")
    lab.follow(bob, ann)
    lab.flushes = False
    quoted = lab.post(ann, "quoted", ballast=FAT)
    embed = {"$type": "app.bsky.embed.record", "record": quoted}
    root = lab.post(ann, "root", ballast=FAT, embed=embed)
    reply = {"root": root, "parent": root}
    said = {"ballast": FAT, "embed": embed, "reply": reply}
    return ann, bob, root, [lab.post(ann, f"@bob {at}", **said) for at in range(70)]


def every_page(pages: list[Any], name: str) -> Iterator[Any]:
    for page in pages:
        assert len(dumps(page)) < MOST_BYTES * 1.25
        assert page[name]
        yield from page[name]


async def read_all(house: AppViewHouse, viewer: str | None, nsid: str, **params: Any) -> list[Any]:
    """Ask for page after page."""
    pages = [await house.get(viewer, nsid, limit=100, **params)]
    while "cursor" in pages[-1]:
        assert len(pages) < 100
        cursor = pages[-1]["cursor"]
        pages.append(await house.get(viewer, nsid, limit=100, cursor=cursor, **params))
    return pages


async def test_pages_of_large_posts_end_early_and_leave_nothing_out(house: AppViewHouse) -> None:
    ann, bob, root, replies = await house.write(fat_posts)
    written = {post["uri"] for post in replies}
    feeds = {
        "app.bsky.feed.getTimeline": (bob, {}),
        "app.bsky.feed.getAuthorFeed": (None, {"actor": ann}),
    }
    for nsid, (viewer, params) in feeds.items():
        pages = await read_all(house, viewer, nsid, **params)
        found = [item["post"]["uri"] for item in every_page(pages, "feed")]
        assert len(pages) > 5
        assert len(found) == len(set(found))
        assert set(found) - {root["uri"]} >= written
    for post in replies:
        await house.role.viewers.bookmark(bob, post["uri"], post["cid"])
        house.clock.advance(1)
    pages = await read_all(house, bob, "app.bsky.bookmark.getBookmarks")
    kept = [mark["subject"]["uri"] for mark in every_page(pages, "bookmarks")]
    assert len(pages) > 1
    assert sorted(kept) == sorted(written)


async def test_a_page_of_large_notifications_ends_early(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> tuple[str, list[str]]:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.flushes = False
        post = lab.post(bob, "hello")
        return bob, [
            lab.post(ann, "yes", ballast=FAT, reply={"root": post, "parent": post})["uri"]
            for _ in range(80)
        ]

    bob, written = await house.write(scene)
    pages = await read_all(house, bob, "app.bsky.notification.listNotifications")
    told = [each["uri"] for each in every_page(pages, "notifications")]
    assert len(pages) > 1
    assert told == written[::-1]


async def test_a_thread_of_large_posts_shows_some_and_says_that_there_are_more(
    house: AppViewHouse,
) -> None:
    ann, _, root, replies = await house.write(fat_posts)
    tree = await house.get(None, "app.bsky.feed.getPostThread", uri=root["uri"])
    assert len(dumps(tree)) < MOST_BYTES * 1.25
    assert 10 < len(tree["thread"]["replies"]) < len(replies)
    flat = await house.get(None, "app.bsky.unspecced.getPostThreadV2", anchor=root["uri"])
    assert len(dumps(flat)) < MOST_BYTES * 1.25
    first = flat["thread"][0]["value"]
    assert len(flat["thread"]) > 11
    assert first["moreReplies"] == len(replies) - (len(flat["thread"]) - 1)

    def chain(lab: IndexLab) -> StrongRef:
        last = root
        for _ in range(30):
            reply = {"root": root, "parent": last}
            last = lab.post(ann, "and", ballast=FAT, reply=reply)
        return last

    last = await house.write(chain)
    tree = await house.get(None, "app.bsky.feed.getPostThread", uri=last["uri"], parentHeight=80)
    assert len(dumps(tree)) < MOST_BYTES * 1.25
    node, height = tree["thread"], 0
    while "parent" in node:
        node, height = node["parent"], height + 1
    assert 10 < height < 30


async def test_what_stands_beside_every_post_is_short(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> str:
        ann = lab.account("ann")
        live = {"status": "app.bsky.actor.status#live"}
        lab.put(ann, "app.bsky.actor.status", {**live, "ballast": "x" * 2_000}, "self")
        assert lab.indexer.counts["too_large"] == 0
        lab.put(ann, "app.bsky.actor.status", {**live, "ballast": "x" * 5_000}, "self")
        people = {"name": "people", "purpose": "app.bsky.graph.defs#curatelist"}
        lab.put(ann, "app.bsky.graph.list", {**people, "ballast": "x" * 20_000})
        assert lab.indexer.counts["too_large"] == 2
        return ann

    ann = await house.write(scene)
    assert "status" not in await house.get(None, "app.bsky.actor.getProfile", actor=ann)
    assert (await house.get(None, "app.bsky.graph.getLists", actor=ann))["lists"] == []


async def test_of_one_subject_a_labeler_says_few_values(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> list[str]:
        ann = lab.account("ann")
        said = [
            {"src": "did:web:labels.test", "uri": ann, "val": f"v{at}", "cts": cts}
            for at in range(labels.MOST_VALUES + 50)
        ]
        labels.put_told(lab.conn, "did:web:labels.test", said, 1, most=500_000)
        again = [{**said[0], "neg": True, "cts": later}]
        labels.put_told(lab.conn, "did:web:labels.test", again, 2, most=500_000)
        return [value for (value,) in lab.conn.rows("SELECT val FROM label WHERE neg = 0")]

    cts, later = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"
    values = await house.write(scene)
    # Those that stand can still be taken back.
    assert len(values) == labels.MOST_VALUES - 1
    assert "v0" not in values
