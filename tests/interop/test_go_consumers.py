"""The network's own consumers read a busy stream of ours to its end without a complaint."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.conftest import Join
from tests.interop.test_stream import be_busy
from tests.support.appliance import Appliance, Process
from tests.support.client import Client, Member, soon
from tests.support.go_programs import Goat, Program
from tests.support.node import FOLDER, node
from tests.support.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.go]

WRITES = 40


class TapClient(Process):
    """The published client of a Tap."""

    def __init__(self, url: str, dids: list[str]) -> None:
        super().__init__([node(), str(FOLDER / "tap.mjs"), "--url", url, "--dids", ",".join(dids)])

    def events(self) -> list[dict[str, Any]]:
        complete, _, _ = self.stdout().rpartition("\n")
        return [line for line in map(orjson.loads, complete.splitlines()) if "ready" not in line]

    def records(self) -> set[str]:
        """Give the records that are there after all it was told."""
        there: dict[str, None] = {}
        for event in self.events():
            if event.get("event") in ("create", "update"):
                there[event["uri"]] = None
            elif event.get("event") == "delete":
                there.pop(event["uri"], None)
        return set(there)


@asynccontextmanager
async def tapped(network: Appliance, folder: Path, dids: list[str]) -> AsyncIterator[TapClient]:
    """Run a Tap on our relay, and its client."""
    port = free_port()
    options = {
        "--db-url": f"sqlite://{folder / 'tap.sqlite'}",
        "--bind": f"127.0.0.1:{port}",
        "--plc-url": network.plc,
        "--relay-url": network.relay,
    }
    tap = Program("tap", ["run", *(text for pair in options.items() for text in pair)], folder)
    try:
        await asyncio.to_thread(tap.until_logged, "connected to firehose")
        client = TapClient(f"http://127.0.0.1:{port}", dids)
        yield client
        client.stop()
        assert '"level":"ERROR"' not in tap.log()
    finally:
        tap.stop()


async def records_of(network: Appliance, members: list[Member]) -> set[str]:
    found = set()
    for member in members:
        reader = Client(member.http, network.pds)
        about = await reader.get("com.atproto.repo.describeRepo", repo=member.did)
        for collection in about["collections"]:
            page = await reader.get(
                "com.atproto.repo.listRecords", repo=member.did, collection=collection, limit=100
            )
            found |= {record["uri"] for record in page["records"]}
    return found


async def tells(client: TapClient, wanted: set[str]) -> None:
    """Wait until what it told comes to these records."""

    async def there() -> set[str]:
        return client.records()

    await soon(there, lambda seen: seen == wanted)


async def test_a_tap_holds_every_repo_as_we_hold_it(
    network: Appliance, newcomer: Join, tmp_path: Path
) -> None:
    members = [await newcomer(name) for name in ("tapa", "tapb", "tapc")]
    for member in members:
        await member.write_post("before anybody listens")
    async with tapped(network, tmp_path, [member.did for member in members]) as client:
        await tells(client, await records_of(network, members))
        for number in range(WRITES):
            member = members[number % 3]
            post = await member.write_post(f"post {number}")
            if number % 4 == 0:
                await member.delete(post)
            await member.put("app.bsky.actor.profile", "self", displayName=f"name {number}")
        await tells(client, await records_of(network, members))
        assert not [event for event in client.events() if "complaint" in event]
        assert any(event.get("live") for event in client.events())


async def test_goat_undoes_every_commit_of_a_busy_run(network: Appliance, newcomer: Join) -> None:
    readers = [Goat(base, 1) for base in (network.pds, network.relay)]
    members = [await newcomer(name) for name in ("goata", "goatb", "goatc")]
    runs = [
        be_busy(each, [other for other in members if other is not each], WRITES) for each in members
    ]
    uris = [uri for run in await asyncio.gather(*runs) for uri in run]
    created = {uri.split("/", 3)[3] for uri in uris}
    try:
        for reader in readers:

            async def missing(reader: Goat = reader) -> int:
                return len(created - reader.paths())

            await soon(missing, lambda count: count == 0)
            assert reader.complaints() == []
    finally:
        for reader in readers:
            reader.stop()
