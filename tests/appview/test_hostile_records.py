"""Whatever a valid record holds, every answer fits its lexicon and no page fails for it.

The house measures every answer by its lexicon: one that does not fit is a 500.
"""

from collections import Counter
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlencode

from appliance.appview.app import METHODS
from appliance.appview.feeds.rules import FIRST
from appliance.appview.indexer import LARGEST_BLOCK
from appliance.atproto.data import InvalidData
from appliance.atproto.lexicon.catalog import Catalog, load_catalog
from appliance.atproto.syntax import AtUri, Did
from tests.support.answered import ALWAYS_REFUSED
from tests.support.appview_house import AppViewHouse, Sent
from tests.support.hostile import COLLECTIONS, TEXTS, WORDS, Hostile
from tests.support.index_lab import IndexLab
from tests.support.lexicon_values import Requests

SEEDS = (1, 2, 3)
RECORDS = 500
# So often each method is asked of each generation of records, and more often until it succeeds.
QUERIES, CALLS, MOST_ATTEMPTS = 8, 3, 60
SKELETON = "app.bsky.feed.getFeedSkeleton"
NAMES = ("ann", "bob", "cat", "dan", "eve")
# With no directory to look up what these are asked for, 502 is the right answer.
ASKS_OUTSIDE = ("app.bsky.feed.getFeed", "com.atproto.identity.resolveHandle")
SINGLE = ("profile", "status", "service", "declaration")


def populate(lab: IndexLab, seed: int) -> Hostile:
    """Let five accounts write records nobody would write, and some that are refused."""
    dids = [lab.account(name) for name in NAMES]
    hostile = Hostile(load_catalog(), seed, dids)
    for number in range(RECORDS):
        collection = hostile.random.choice(COLLECTIONS)
        did = hostile.random.choice(dids)
        make = hostile.broken if number % 9 == 0 else hostile.record
        rkey = "self" if collection.endswith(SINGLE) else None
        value = make(collection)
        parts = str(value.get("post")).split("/")
        if "gate" in collection and len(parts) == 5:
            did, rkey = parts[2], parts[4]
        try:
            hostile.refs.append(lab.put(did, collection, value, rkey))
        except InvalidData:
            continue
        if number % 40 == 0:
            lab.delete(hostile.refs.pop())
    for did in dids:
        lab.conn.execute("UPDATE actor SET rev = '3aaaaaaaaaaa2' WHERE did = ?", (did,))
    return hostile


class Questions:
    """Asks for what hostile records hold: by name where a parameter is required, else by form."""

    def __init__(self, catalog: Catalog, hostile: Hostile, feed: str) -> None:
        self._catalog = catalog
        self._feed = feed
        self._hostile = hostile
        self._random = hostile.random
        uris = [ref["uri"] for ref in hostile.refs]
        known = {
            "did": hostile.dids,
            "handle": ["ann.test", "nobody.test"],
            "at-identifier": hostile.dids,
            "at-uri": uris,
            "cid": [ref["cid"] for ref in hostile.refs],
            "nsid": ["app.bsky.feed.post"],
            "record-key": [uri.rpartition("/")[2] for uri in uris],
            "text": [text for text in TEXTS if text.isprintable()] + ["label:x", "from:me"],
            **{form: list(WORDS[form]) for form in ("uri", "language", "datetime", "tid")},
        }
        self._requests = Requests(catalog, self._random, known)

    def make(self, nsid: str) -> Sent:
        """Make verb, path, body and headers."""
        method = self._catalog.definition(nsid)
        verb, path, body, headers = self._requests.make(nsid, wild=False)
        schema = method.get("parameters", {})
        query = parse_qs(path.partition("?")[2], keep_blank_values=True)
        for name in schema.get("required", ()):
            query[name] = self._required(name, schema["properties"][name])
        if nsid == SKELETON:
            query["feed"] = [self._feed]
        if nsid == "com.atproto.repo.getRecord":
            parts = str(self._random.choice(self._hostile.refs)["uri"]).split("/")
            query = {"repo": [parts[2]], "collection": [parts[3]], "rkey": [parts[4]]}
        if "cursor" in query and self._random.random() < 0.8:
            del query["cursor"]
        path = f"/xrpc/{nsid}?{urlencode(query, doseq=True)}"
        return verb, path, body, headers

    def _required(self, name: str, schema: dict[str, Any]) -> list[str]:
        if schema["type"] == "array":
            most = min(20, schema.get("maxLength", 20))
            return [each for _ in range(most) for each in self._required(name, schema["items"])]
        if schema["type"] == "integer":
            return ["1"]
        kind = schema.get("format")
        if kind == "at-uri":
            ending = {"list": "graph.list/", "feed": "feed.generator/", "starterPack": "pack/"}
            refs = [ref["uri"] for ref in self._hostile.refs if ending.get(name, "/") in ref["uri"]]
            return [self._random.choice(refs)]
        if kind in ("did", "at-identifier"):
            return [self._random.choice(self._hostile.dids)]
        named = {"uri": "https://a.test", "nsid": "app.bsky.feed.post", "record-key": "self"}
        return [named.get(str(kind), "plain words")]


async def test_every_method_answers_for_hostile_records(house: AppViewHouse) -> None:
    catalog = load_catalog()
    methods = {nsid for table in METHODS for nsid in table.methods if "internal" not in nsid}
    methods -= {nsid for nsid in methods if catalog.definition(nsid)["type"] == "subscription"}
    house.role.feeds.did = Did("did:plc:network")
    await house.role.feed_store.put(FIRST[0])
    feed = house.role.feeds.uri(FIRST[0])
    answered: Counter[str] = Counter()
    for seed in SEEDS:
        hostile = await house.write(partial(populate, seed=seed))
        questions = Questions(catalog, hostile, feed)
        for nsid in sorted(methods):
            is_query = catalog.definition(nsid)["type"] == "query"
            for attempt in range(MOST_ATTEMPTS):
                if attempt >= (QUERIES if is_query else CALLS) and answered[nsid]:
                    break
                # The service of a feed is asked by nobody in particular.
                viewer = None if nsid == SKELETON else hostile.random.choice(hostile.dids)
                request = questions.make(nsid)
                status, value = await house.send(viewer, nsid, request)
                assert status < 500 or nsid in ASKS_OUTSIDE, (request, value)
                answered[nsid] += status == 200
    indexed = house.role.index.read_one("SELECT count(*) FROM record WHERE actor_id > 0")
    assert indexed is not None
    assert indexed[0] > RECORDS
    assert {nsid for nsid in methods if not answered[nsid]} - {*ASKS_OUTSIDE} == ALWAYS_REFUSED


async def test_no_hostile_record_fails_to_be_indexed(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> dict[str, int]:
        for seed in range(4, 8):
            populate(lab, seed)
        return dict(lab.indexer.counts)

    counts = await house.write(scene)
    assert counts.get("failed", 0) == 0
    assert counts["indexed"] > 4 * RECORDS * 0.5


async def test_records_too_large_to_be_shown_among_many_are_left_out(house: AppViewHouse) -> None:
    """An app writes some kilobytes; a hundred megabytes in one answer would be nobody's page."""
    ballast = {"ballast": "x" * LARGEST_BLOCK}

    def scene(lab: IndexLab) -> tuple[str, str]:
        ann, bob = lab.account("ann"), lab.account("bob")
        lab.follow(bob, ann)
        small = lab.post(bob, "small")
        lab.post(ann, "heavy", **ballast)
        lab.like(ann, small, **ballast)
        lab.put(ann, "app.bsky.graph.follow", {"subject": bob, **ballast})
        lab.profile(ann, "Ann", **ballast)
        lab.post(ann, "long", ballast="x" * (LARGEST_BLOCK - 1000))
        # What was small and is made heavy is left out as well.
        post = lab.post(ann, "light")
        lab.put(ann, "app.bsky.feed.post", {"text": "light", **ballast}, AtUri(post["uri"]).rkey)
        labels = [{"val": "x", "note": "x" * LARGEST_BLOCK}]
        lab.put(
            ann, "app.bsky.labeler.service", {"policies": {"labelValues": []}, "l": labels}, "self"
        )
        assert lab.indexer.counts["too_large"] == 5
        return ann, bob

    ann, bob = await house.write(scene)
    feed = (await house.get(bob, "app.bsky.feed.getAuthorFeed", actor=ann))["feed"]
    assert [item["post"]["record"]["text"] for item in feed] == ["long"]
    told = await house.get(bob, "app.bsky.notification.listNotifications")
    assert told["notifications"] == []
    views = (await house.get(bob, "app.bsky.labeler.getServices", dids=[ann]))["views"]
    assert len(views) == 1
