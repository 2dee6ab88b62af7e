"""Whatever a valid record holds, every answer fits its lexicon and no page fails for it.

The house measures every answer by its lexicon: one that does not fit is a 500.
"""

from typing import Any

import pytest

from appliance.appview.app import METHODS
from appliance.atproto.data import InvalidData
from appliance.atproto.lexicon.catalog import load_catalog
from tests.support.appview_house import AppViewHouse
from tests.support.hostile import COLLECTIONS, Hostile
from tests.support.index_lab import IndexLab

RECORDS = 500
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


def given(hostile: Hostile, name: str, schema: dict[str, Any]) -> Any:
    """Choose a value for a required parameter."""
    if schema["type"] == "array":
        most = min(20, schema.get("maxLength", 20))
        return [given(hostile, name, schema["items"]) for _ in range(most)]
    if schema["type"] == "integer":
        return 1
    kind = schema.get("format")
    if kind == "at-uri":
        wanted = {"list": "graph.list/", "feed": "feed.generator/", "starterPack": "starterpack/"}
        fitting = [ref["uri"] for ref in hostile.refs if wanted.get(name, "/") in ref["uri"]]
        return hostile.random.choice(fitting)
    if kind in ("did", "at-identifier"):
        return hostile.random.choice(hostile.dids)
    return {"uri": "https://a.test", "nsid": "app.bsky.feed.post", "record-key": "self"}.get(
        str(kind), "plain words"
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_query_answers_for_hostile_records(house: AppViewHouse, seed: int) -> None:
    hostile = await house.write(lambda lab: populate(lab, seed))
    indexed = house.role.index.read_one("SELECT count(*) FROM record WHERE actor_id > 0")
    assert indexed is not None
    assert indexed[0] > RECORDS * 0.5
    catalog = load_catalog()
    nsids = [nsid for table in METHODS for nsid in table.methods if "internal" not in nsid]
    answered = 0
    for nsid in sorted(nsids):
        main = catalog.definition(nsid)
        if main["type"] != "query":
            continue
        schema = main.get("parameters", {"properties": {}})
        for _ in range(6):
            params = {
                name: given(hostile, name, schema["properties"][name])
                for name in schema.get("required", ())
            }
            if "limit" in schema["properties"]:
                params["limit"] = schema["properties"]["limit"]["maximum"]
            viewer = hostile.random.choice(hostile.dids)
            status, value, _ = await house.ask(viewer, nsid, params)
            assert status < 500 or nsid.endswith(("getFeed", "resolveHandle")), (
                nsid,
                params,
                value,
            )
            answered += status == 200
    assert answered > 300


async def test_no_hostile_record_fails_to_be_indexed(house: AppViewHouse) -> None:
    def scene(lab: IndexLab) -> dict[str, int]:
        for seed in range(4, 8):
            populate(lab, seed)
        return dict(lab.indexer.counts)

    counts = await house.write(scene)
    assert counts.get("failed", 0) == 0
    assert counts["indexed"] > 4 * RECORDS * 0.5
