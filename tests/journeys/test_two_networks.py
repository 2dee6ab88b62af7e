"""Two Hearths whose relays follow each other: what one carries the other has, once."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from appliance.firehose.events import AccountEvent, CommitEvent, IdentityEvent, RepoEvent
from tests.support.appliance import Appliance
from tests.support.client import Client, Operator, join, soon
from tests.support.stream import events_after

pytestmark = pytest.mark.slow


def follow_relay(data: Path, relay: str) -> None:
    data.mkdir(exist_ok=True)
    (data / "hearth.toml").write_text(f'[relay]\nrelays = ["{relay}"]\n', encoding="utf-8")


async def told_of(http: aiohttp.ClientSession, relay: str, did: str) -> list[RepoEvent]:
    """Give what a relay's stream tells of one account."""
    return [event for event in await events_after(http, relay, 0, quiet=0.2) if event.did == did]


async def test_relays_that_follow_each_other_pass_everything_on_once(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    one = await asyncio.to_thread(lambda: Appliance(data=tmp_path / "one"))
    follow_relay(tmp_path / "two", one.relay)
    start_two = ["--plc", one.plc]
    two = await asyncio.to_thread(lambda: Appliance(*start_two, data=tmp_path / "two"))
    await asyncio.to_thread(one.finish)
    follow_relay(tmp_path / "one", two.relay)
    one = await asyncio.to_thread(lambda: Appliance(data=tmp_path / "one"))
    operator = Operator(http, two.relay, two.operator_token)

    async def connected() -> list[str]:
        found = await operator.get("internal.hearth.relay.listHosts")
        return [host["status"] for host in found["hosts"]]

    await soon(connected, lambda seen: seen == ["active", "active"])

    ann, bob = await join(http, one.pds, "ann"), await join(http, two.pds, "bob")
    posts = [await ann.write_post(f"post {number}") for number in range(3)]
    await ann.post("com.atproto.server.deactivateAccount")
    await ann.post("com.atproto.server.activateAccount")
    posts.append(await ann.write_post("back again"))

    def whole(seen: list[RepoEvent]) -> bool:
        paths = {op.path for event in seen if isinstance(event, CommitEvent) for op in event.ops}
        return {f"app.bsky.feed.post/{post.rkey}" for post in posts} <= paths

    hers = await soon(lambda: told_of(http, two.relay, ann.did), whole)
    await asyncio.sleep(1)
    for relay in (one.relay, two.relay):
        again = await told_of(http, relay, ann.did)
        assert len(again) == len(hers)
        revs = [event.rev for event in again if isinstance(event, CommitEvent)]
        assert revs == sorted(set(revs))
        statuses = [e.status for e in again if isinstance(e, AccountEvent)]
        assert statuses == [None, "deactivated", None]
        assert any(isinstance(event, IdentityEvent) for event in again)
    # Whom a member follows is heard directly from then on, and is still told of once.
    await bob.follow(ann)
    home = one.pds.removeprefix("http://")

    async def direct() -> dict[str, str]:
        found = await operator.get("internal.hearth.relay.listHosts")
        return {host["hostname"]: host["status"] for host in found["hosts"]}

    await soon(direct, lambda seen: seen.get(home) == "active")
    last = await ann.write_post("straight to you")
    await bob.sees(last)
    revs = [
        event.rev
        for event in await told_of(http, two.relay, ann.did)
        if isinstance(event, CommitEvent)
    ]
    assert revs == sorted(set(revs))
    status = await Client(http, two.relay).get("com.atproto.sync.getRepoStatus", did=ann.did)
    assert status["active"]
    two.finish()
    one.finish()
