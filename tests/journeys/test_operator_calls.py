"""What commands and the panel ask of the roles, asked here as they do and measured."""

import pytest
from aiohttp import ClientSession

from tests.support.appliance import Appliance
from tests.support.client import Client, Member, Operator, Refused, join, soon

INSIDE = "internal.hearth."


async def test_the_index_is_made_anew_from_the_repos(http: ClientSession) -> None:
    """On a network of its own: the shared one has accounts whose documents lead nowhere."""
    network = Appliance()
    try:
        ann = await join(http, network.pds, "ann")
        post = await ann.write_post("a fox that is found twice")
        await ann.finds(post)
        appview = Operator(http, network.appview, network.operator_token)
        begun = await appview.post(f"{INSIDE}appview.rebuildIndex")
        assert begun["accounts"] >= 1

        async def left() -> int:
            status = await appview.get(f"{INSIDE}upkeep.getStatus")
            return int(status["counts"]["rebuild"]["left"])

        await soon(left, lambda count: count == 0)
        assert post.uri in await ann.author_feed()
    finally:
        network.finish()


async def test_a_feed_is_put_and_taken_away(network: Appliance, ann: Member) -> None:
    appview = Operator(ann.http, network.appview, network.operator_token)
    feed = {"name": "foxes", "title": "Foxes", "kind": "words", "words": ["fox"]}
    put = await appview.post(f"{INSIDE}feeds.putFeed", feed=feed)
    assert put["uri"].endswith("/app.bsky.feed.generator/foxes")
    listed = await appview.get(f"{INSIDE}feeds.listFeeds")
    assert "foxes" in [each["name"] for each in listed["feeds"]]
    await appview.post(f"{INSIDE}feeds.deleteFeed", name="foxes")
    assert "foxes" not in str(await appview.get(f"{INSIDE}feeds.listFeeds"))


async def test_the_relay_tells_how_busy_it_is_and_whom_it_follows(
    network: Appliance, ann: Member
) -> None:
    relay = Operator(ann.http, network.relay, network.operator_token)
    rate = await relay.get(f"{INSIDE}relay.getStreamRate")
    assert all(hour["events"] >= 0 for hour in rate["hours"])
    assert await relay.post(f"{INSIDE}relay.setNeighbours", urls=[]) == {"followed": []}
    for nsid in ("relay.setNeighbours", "relay.compareHost"):
        with pytest.raises(Refused, match="401"):
            await Client(ann.http, network.relay).post(INSIDE + nsid, urls=[], hostname="x")


async def test_a_setting_is_kept_or_refused_with_the_reason(
    network: Appliance, ann: Member
) -> None:
    pds, nsid = Operator(ann.http, network.pds, network.operator_token), f"{INSIDE}pds.putSettings"
    told = [(await pds.post(nsid, values={"backup.hour": hour})) for hour in (4, 4, 3)]
    assert [answer["changed"] for answer in told] == [True, False, True]
    with pytest.raises(Refused, match="65535"):
        await pds.post(nsid, values={"relay.port": 70_000})
    with pytest.raises(Refused, match="401"):
        await Client(ann.http, network.pds).post(nsid, values={})


async def test_what_failed_and_waits_is_tried_again_at_once(
    network: Appliance, ann: Member
) -> None:
    pds = Operator(ann.http, network.pds, network.operator_token)
    # A trial neither speaks HTTPS nor tells an address.
    assert await pds.post(f"{INSIDE}upkeep.tryAgain") == {"tried": []}
    with pytest.raises(Refused, match="401"):
        await Client(ann.http, network.pds).post(f"{INSIDE}upkeep.tryAgain")
