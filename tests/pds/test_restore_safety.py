"""A PDS restored from a backup does not give a number twice, and is looked at anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.firehose.events import AccountEvent, SyncEvent, parse
from appliance.pds.restore_safety import MARGIN
from tests.support.pds_box import Box, open_box


class FakeRelay:
    """Says how far it has read."""

    def __init__(self, seq: object) -> None:
        self.seq = seq
        self.down = False
        self.asked: list[str] = []

    async def status(self, request: web.Request) -> web.Response:
        self.asked.append(request.query["hostname"])
        if self.down:
            return web.json_response({"error": "Down"}, status=503)
        if self.seq is None:
            return web.json_response({"error": "HostNotFound"}, status=400)
        return web.json_response({"hostname": request.query["hostname"], "seq": self.seq})


@asynccontextmanager
async def serving(relay: FakeRelay) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/xrpc/com.atproto.sync.getHostStatus", relay.status)
    async with TestServer(app, host="localhost") as server:
        yield f"http://localhost:{server.port}"


async def opened_before(folder: Path) -> tuple[int, str]:
    """Run a PDS with two members, one of them not active; give its newest seq and a rev."""
    async with open_box(folder) as box:
        alice, bob = await box.sign_up("alice"), await box.sign_up("bob")
        await box.pds.lifecycle.deactivate(bob.did, None)
        return box.pds.event_log.head(), str(box.pds.repos.head(alice.did).rev)


def told_after(box: Box, seq: int) -> list[object]:
    return [parse(frame) for _, frame in box.pds.event_log.after(seq)]


async def test_a_relay_that_is_ahead_makes_the_numbers_jump_and_every_repo_is_told_anew(
    tmp_path: Path,
) -> None:
    head, rev = await opened_before(tmp_path)
    relay = FakeRelay(head + 5_000)
    async with serving(relay) as url, open_box(tmp_path, pds_relays=(url,)) as box:
        told = told_after(box, head)
        seqs = [event.seq for event in told if isinstance(event, AccountEvent | SyncEvent)]
        assert min(seqs) == head + 5_000 + MARGIN + 1
        statuses = [event.status for event in told if isinstance(event, AccountEvent)]
        assert sorted(map(str, statuses)) == ["None", "deactivated"]
        [sync] = [event for event in told if isinstance(event, SyncEvent)]
        assert sync.rev > rev
        assert box.pds.repos.head(sync.did).rev == sync.rev
        assert relay.asked == [box.pds.site.url.removeprefix("http://")]


async def test_a_relay_that_is_not_ahead_changes_nothing(tmp_path: Path) -> None:
    head, _ = await opened_before(tmp_path)
    for seq in (head, head - 1, None, "many", -1, 1 << 60):
        async with (
            serving(FakeRelay(seq)) as url,
            open_box(tmp_path, pds_relays=(url,)) as box,
        ):
            assert box.pds.event_log.head() == head


async def test_a_relay_that_was_away_at_the_start_is_asked_again(tmp_path: Path) -> None:
    head, _ = await opened_before(tmp_path)
    relay = FakeRelay(head + 10)
    relay.down = True
    async with serving(relay) as url, open_box(tmp_path, pds_relays=(url,)) as box:
        assert box.pds.event_log.head() == head
        relay.down = False
        async with asyncio.timeout(60):
            async for _ in box.pds.event_log.tail(head):
                break
        assert box.pds.event_log.head() > head + 10 + MARGIN
