"""Every endpoint that the design asks of an AppView is answered, the way apps ask for it."""

from collections.abc import Mapping
from random import Random

import pytest

from appliance.atproto.lexicon.catalog import load_catalog
from tests.support.appliance import Appliance
from tests.support.appview_audit import NAMED, PAGES, REFUSED
from tests.support.client import Client, Member, now
from tests.support.lexicon_values import Requests

MOST_ATTEMPTS = 40


@pytest.fixture
async def known(ann: Member, bob: Member) -> Mapping[str, list[str]]:
    """Names of things that are there."""
    post = await ann.write_post("the first fox")
    people = await ann.create(
        "app.bsky.graph.list", name="L", purpose="app.bsky.graph.defs#modlist"
    )
    pack = await ann.create("app.bsky.graph.starterpack", name="P", list=people.uri)
    feed = await ann.create("app.bsky.feed.generator", did="did:web:f.test", displayName="F")
    await bob.like(post)
    return {
        "did": [ann.did, bob.did],
        "handle": [ann.handle, bob.handle],
        "at-identifier": [ann.did, ann.handle, bob.did],
        "at-uri": [post.uri, people.uri, pack.uri, feed.uri],
        "cid": [post.cid],
        "nsid": ["app.bsky.feed.post"],
        "record-key": [post.rkey],
        "tid": [post.rkey],
        "datetime": [now()],
        "uri": ["https://example.com/a"],
        "language": ["en"],
        "text": ["fox", "10"],
    }


async def test_every_endpoint_of_the_design_is_answered_through_the_pds(
    network: Appliance, bob: Member, known: Mapping[str, list[str]]
) -> None:
    """Each of them well at least once, but for what is refused here by name."""
    requests = Requests(load_catalog(), Random(6), known)  # noqa: S311
    failed: dict[str, str] = {}
    for nsid in NAMED:
        if not nsid.startswith("app.bsky.") or nsid == "app.bsky.feed.getFeed":
            continue  # the PDS's own have tests of their own; that feed's service is nowhere
        for _ in range(MOST_ATTEMPTS):
            answer = await bob.raw(*requests.make(nsid, wild=False))
            if answer.status == 200:
                failed.pop(nsid, None)
                break
            failed[nsid] = str(answer.json["error"])
            if nsid in REFUSED:
                break
    assert failed.keys() == REFUSED, failed
    assert "MethodNotImplemented" not in failed.values()


async def test_the_appview_serves_its_document_and_tells_how_it_is(
    network: Appliance, bob: Member
) -> None:
    for path in PAGES:
        assert (await Client(bob.http, network.appview).raw("GET", path)).status == 200
