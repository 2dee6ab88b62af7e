"""Any cursor, limit, query or name: the right 400 or an answer, never a 500, in bounded time."""

from typing import Any

import pytest

from appliance.appview.app import METHODS
from appliance.appview.feeds.rules import FIRST
from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.syntax import Did
from tests.support.appview_house import AppViewHouse
from tests.support.hostile import TEXTS
from tests.support.index_lab import IndexLab

CURSORS = (
    "",
    "x",
    "::",
    "1767225630000::bafyreidzdhi2shwdayhev7xjvovb2st4ib7723jf4dzeomt7mi5b4kxnom",
    "1767225630000__bafyreidzdhi2shwdayhev7xjvovb2st4ib7723jf4dzeomt7mi5b4kxnom",
    "2026-01-01T00:00:00.000Z",
    "0_0",
    "999999999999999999_999999999999999999",
    "9999999999999999999_1",
    "-1_-1",
    "1_a b",
    "\u0661_\u0661",
    "_" * 5000,
)
QUERIES = (
    *TEXTS,
    '"',
    '""',
    "*",
    "a*",
    "(((",
    "NOT",
    "a AND",
    "text:x",
    "^x",
    "-",
    "-a",
    "#",
    "from:",
    "from:me",
    "from:@@",
    "from:nobody.test",
    "did:",
    "https://",
    "lang:xx-",
    "since:2026-13-45",
    "until:0001-01-01",
    "domain:[::1",
    "mentions:me " * 200,
    "a " * 3000,
    "天" * 500,
    "{text} : x",
    "NEAR(a b, 99999999999999999999)",
    "\U0001f468\u200d\U0001f469",
)


def scene(lab: IndexLab) -> dict[str, Any]:
    ann = lab.account("ann")
    lab.conn.execute("UPDATE actor SET rev = '3aaaaaaaaaaa2' WHERE did = ?", (ann,))
    feed = lab.put(ann, "app.bsky.feed.generator", {"did": "did:web:f.test", "displayName": "F"})
    return {"actor": ann, "uri": lab.post(ann)["uri"], "list": lab.make_list(ann)["uri"]} | {
        "feed": feed["uri"],
        "q": "hello",
    }


def paged() -> list[str]:
    catalog = load_catalog()
    nsids = [nsid for table in METHODS for nsid in table.methods]
    return sorted(
        nsid
        for nsid in nsids
        if "cursor" in catalog.definition(nsid).get("parameters", {}).get("properties", {})
        # A feed service has cursors of its own.
        and nsid not in ("app.bsky.feed.getFeed", "com.atproto.label.queryLabels")
        and not nsid.startswith("internal.")
    )


async def test_a_foreign_cursor_is_a_400_or_a_page(house: AppViewHouse) -> None:
    known = await house.write(scene)
    house.role.feeds.did = Did("did:plc:network")
    await house.role.feed_store.put(FIRST[0])
    known["feed"] = house.role.feeds.uri(FIRST[0])
    for nsid in paged():
        wanted = load_catalog().definition(nsid)["parameters"].get("required", ())
        given = {name: known[name] for name in wanted}
        for cursor in CURSORS:
            params = {**given, "cursor": cursor}
            # A token for the service of a feed is another than one for the AppView.
            who = None if nsid == "app.bsky.feed.getFeedSkeleton" else known["actor"]
            status, value, _ = await house.ask(who, nsid, params)
            assert status in (200, 400), (nsid, cursor, value)
            assert status == 200 or value["error"] == "InvalidRequest"


async def test_a_limit_out_of_range_is_a_400(house: AppViewHouse) -> None:
    known = await house.write(scene)
    for nsid in paged():
        wanted = load_catalog().definition(nsid)["parameters"].get("required", ())
        given = {name: known[name] for name in wanted}
        for limit in (0, -1, 101, 2**63, "x", "1.5"):
            who = None if nsid == "app.bsky.feed.getFeedSkeleton" else known["actor"]
            status, value, _ = await house.ask(who, nsid, {**given, "limit": limit})
            assert (status, value.get("error")) == (400, "InvalidRequest"), (nsid, limit)


@pytest.mark.parametrize("sort", ["latest", "top"])
async def test_what_is_typed_never_reaches_the_index_as_syntax(
    house: AppViewHouse, sort: str
) -> None:
    known = await house.write(scene)
    for query in QUERIES:
        for nsid, params in (
            ("app.bsky.feed.searchPosts", {"q": query, "sort": sort}),
            ("app.bsky.feed.searchPostsV2", {"query": query, "sort": sort}),
            ("app.bsky.actor.searchActors", {"q": query}),
            ("app.bsky.actor.searchActorsTypeahead", {"q": query}),
            ("app.bsky.graph.searchStarterPacks", {"q": query}),
            ("app.bsky.unspecced.getPopularFeedGenerators", {"query": query}),
        ):
            status, value, _ = await house.ask(known["actor"], nsid, params)
            assert status == 200 or value["error"] in ("BadQueryString", "InvalidRequest"), (
                nsid,
                query,
                value,
            )
            assert status in (200, 400), (nsid, query, value)


async def test_names_of_nobody_are_a_400(house: AppViewHouse) -> None:
    ann = (await house.write(scene))["actor"]
    for name in ("nobody.test", "did:plc:nobody", "did:web:x%3A80", "@ann.test", "", "x" * 300):
        for nsid in ("app.bsky.actor.getProfile", "app.bsky.feed.getAuthorFeed"):
            status, value, _ = await house.ask(ann, nsid, {"actor": name})
            assert (status, value["error"]) == (400, "InvalidRequest"), (nsid, name)
