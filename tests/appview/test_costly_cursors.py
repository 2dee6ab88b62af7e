"""No cursor, wherever it comes from, makes a page much dearer than the first one."""

from typing import Any

from appliance.appview.skeletons import feeds
from appliance.atproto.lexicon.catalog import load_catalog
from appliance.base.connection import Connection
from tests.appview.test_bad_input import paged
from tests.appview.test_costly_answers import actor_ids, counted, crowd, pairs
from tests.support.appview_house import AppViewHouse
from tests.support.index_lab import IndexLab

MANY = 1_500
FAR = 10**18 - 1
CURSORS = (
    "0_0",
    "1_1",
    f"{FAR}_0",
    f"{FAR - 1}_{FAR}",
    "1790000000000000_1",
    "100000000_0",
    f"1790000000000000_at://did:plc:{'z' * 24}/app.bsky.feed.post/3",
    f"{FAR}_\x00",
    "9" * 2_000,
    f"{FAR}_{'x' * 2_000}",
    "\ufffe_\U0001f468",
)


def busy(lab: IndexLab) -> dict[str, Any]:
    """Let one account write, be followed, be told and be liked very often."""
    ann = lab.account("ann")
    dids = crowd(lab, MANY)
    lab.conn.execute("UPDATE actor SET rev = '3aaaaaaaaaaa2'")
    ids, (me,) = actor_ids(lab, dids), actor_ids(lab, [ann])
    pairs(lab, "follow", "target_id", ann, ids)
    lab.conn.executemany(
        "INSERT INTO follow (actor_id, rkey, target_id, counts, created_us, indexed_us, sort_us)"
        " VALUES (?, '3f', ?, 1, 1, 1, ?)",
        [(each, me, at) for at, each in enumerate(ids)],
    )
    lab.flushes = False
    posts = [lab.post(ann, "hello") for _ in range(MANY // 5)]
    lab.conn.executemany(
        "INSERT INTO notification (target_id, author_id, reason, uri, cid, sort_us, record)"
        " VALUES (?, ?, 'like', ?, ?, ?, '{}')",
        [
            (me, each, f"at://{did}/app.bsky.feed.like/3l", posts[0]["cid"], at)
            for at, (did, each) in enumerate(zip(dids, ids, strict=True))
        ],
    )
    people = lab.make_list(ann)
    for did in dids[:300]:
        lab.add_to_list(ann, people, did)
    lab.flushes = True
    feed = lab.put(ann, "app.bsky.feed.generator", {"did": "did:web:f.test", "displayName": "F"})
    known = {"actor": ann, "uri": posts[-1]["uri"], "list": people["uri"], "feed": feed["uri"]}
    return {**known, "q": "hello"}


async def test_no_cursor_makes_a_page_dear(house: AppViewHouse) -> None:
    known = await house.write(busy)
    asked = 0
    for nsid in paged():
        if nsid == "app.bsky.feed.getFeedSkeleton":
            continue
        wanted = load_catalog().definition(nsid)["parameters"].get("required", ())
        given = {name: known[name] for name in wanted}
        async with counted(house) as steps:
            status, first, _ = await house.ask(known["actor"], nsid, given)
        assert status == 200, first
        # Most of a page is what it shows: some ten steps of a hundred for each of fifty.
        most = 2 * steps.count + 300
        for cursor in (*CURSORS, first.get("cursor", "")):
            async with counted(house) as steps:
                status, value, _ = await house.ask(
                    known["actor"], nsid, {**given, "cursor": cursor}
                )
            assert status in (200, 400), (nsid, cursor, value)
            assert steps.count < most, (nsid, cursor)
            asked += status == 200
    assert asked > 150


async def test_bytes_that_are_no_text_are_no_cursor(house: AppViewHouse) -> None:
    known = await house.write(busy)
    for nsid in paged():
        wanted = load_catalog().definition(nsid)["parameters"].get("required", ())
        given = "&".join(f"{name}={known[name]}" for name in wanted)
        for cursor in ("%ED%A0%80_1", "1_%ED%A0%80", "%00", "1_%00", "%FF%FE", "1_%C3"):
            path = f"/xrpc/{nsid}?{given}&cursor={cursor}"
            viewer = None if nsid == "app.bsky.feed.getFeedSkeleton" else known["actor"]
            status, value = await house.send(viewer, nsid, ("GET", path, None, {}))
            assert status in (200, 400), (nsid, cursor, value)


async def test_friends_of_who_follows_very_many_are_found_without_all_of_them(
    house: AppViewHouse,
) -> None:
    count = 3_000

    def scene(lab: IndexLab) -> tuple[int, list[int], int]:
        ann, bob = lab.account("ann"), lab.account("bob")
        ids = actor_ids(lab, crowd(lab, count + 2))
        (reader, friend) = actor_ids(lab, [ann, bob])
        pairs(lab, "follow", "target_id", ann, [*ids[:count], friend])
        pairs(lab, "follow", "target_id", bob, [ids[0], reader, *ids[count:]])
        return reader, ids[count:], friend

    reader, strangers, _ = await house.write(scene)

    def circle(conn: Connection) -> tuple[list[int], int]:
        steps = 0

        def step() -> bool:
            nonlocal steps
            steps += 1
            return False

        conn.set_progress_handler(step, 100)
        return feeds._circle(conn, reader), steps

    found, steps = await house.role.index.scan(circle)
    assert sorted(found) == sorted(strangers)
    assert steps < 100
