"""Labels and feeds of a network, as published programs read them."""

from collections.abc import Iterator
from typing import Any

import aiohttp
import atproto as sdk
import orjson
import pytest

from tests.journeys.test_command_line import said
from tests.support.appliance import Appliance, wait_until
from tests.support.client import PASSWORD, Client, Member, Operator, join, soon, uris
from tests.support.node import run_script
from tests.support.reference_network import reference_network

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served() -> Iterator[Appliance]:
    """A network with an account, labels and feeds of its own."""
    appliance = Appliance(bare=False)
    yield appliance
    appliance.finish()


def test_the_typescript_client_reads_labels_and_feeds_and_reports(served: Appliance) -> None:
    for handle in ("ann.test", "bob.test"):
        said(served, "account", "create", handle, "--password", PASSWORD)
    ann = sdk.Client(f"{served.pds}/xrpc")
    ann.login("ann.test", PASSWORD)
    post = ann.send_post("buy my thing").uri
    shown = said(served, "label", "add", post, "spam")
    did = shown.split()[-1]
    wait_until(lambda: "everyone" in said(served, "feed", "list"), "the first feeds")
    done = run_script("services.mjs", served.pds, served.labeler, did, post, "bob.test", PASSWORD)
    assert done["verified"] == 1
    ann.request.close()


async def test_the_reference_appview_reads_our_feeds_and_its_members_report_to_our_labeler(
    http: aiohttp.ClientSession,
) -> None:
    with reference_network() as reference:
        ours = Appliance("--plc", reference.plc, "--crawl", reference.pds, bare=False)
        reference.follow(ours.relay.replace("http", "ws", 1))
        ann, bob = [await join(http, ours.pds, name) for name in ("ann", "bob")]
        carol = await join(http, reference.pds, "carol")
        await ann.follow(bob)
        await carol.follow(ann)
        post = await bob.write_post("hello, everybody everywhere")
        labeler = Operator(http, ours.labeler, ours.operator_token)

        async def opened() -> Any:
            return await labeler.get("internal.hearth.labeler.getLabeler")

        own = (await soon(opened, lambda found: "did" in found))["did"]
        world = Client(http, reference.appview)

        async def seen(who: Client, feed: str) -> list[str]:
            reference.settle()
            uri = f"at://{own}/app.bsky.feed.generator/{feed}"
            answer = await who.raw("GET", "/xrpc/app.bsky.feed.getFeed", params={"feed": uri})
            return uris(answer.json) if answer.status == 200 else []

        # By anybody; and by somebody who proves to our service who reads.
        await soon(lambda: seen(world, "everyone"), lambda found: found == [post.uri])
        await soon(lambda: seen(carol, "friends"), lambda found: found == [post.uri])
        assert await seen(world, "friends") == []
        view = await world.get("app.bsky.labeler.getServices", dids=[own], detailed=True)
        assert "spam" in view["views"][0]["policies"]["labelValues"]
        await _report(carol, f"{own}#atproto_labeler", bob.did)
        operator = Operator(http, ours.pds, ours.operator_token)
        reports = (await operator.get("internal.hearth.pds.listReports"))["reports"]
        assert [one["reportedBy"] for one in reports] == [carol.did]
        ours.finish()


async def _report(who: Member, service: str, did: str) -> None:
    given = {
        "reasonType": "com.atproto.moderation.defs#reasonRude",
        "subject": {"$type": "com.atproto.admin.defs#repoRef", "did": did},
    }
    answer = await who.raw(
        "POST",
        "/xrpc/com.atproto.moderation.createReport",
        body=orjson.dumps(given),
        headers={"atproto-proxy": service, "Content-Type": "application/json"},
    )
    assert answer.status == 200, answer.body
