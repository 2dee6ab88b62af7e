"""Telling relays that there is news."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.pds import crawl_requests
from appliance.pds.crawl_requests import CrawlRequests
from tests.support.pds_box import AppViewStub, open_box
from tests.support.waiting import until


@asynccontextmanager
async def relay(stub: AppViewStub) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/xrpc/{nsid}", stub.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_every_relay_is_told_once_there_is_news(tmp_path: Path) -> None:
    stub = AppViewStub(body=b"")
    async with (
        open_box(tmp_path) as box,
        relay(stub) as url,
        HttpClient.open(OutboundPolicy(allow_loopback=True)) as http,
        Workers() as workers,
    ):
        await box.sign_up()
        relays = ["http://127.0.0.1:1", url]
        db = box.pds.repos._db
        asking = CrawlRequests(db, http, relays, "pds.example.com", box.clock)
        workers.start("crawl requests", asking.run)
        await asyncio.wait_for(stub.asked.wait(), 60)
        await asyncio.sleep(0)
        # Another process, a moment later, asks nobody again.
        again = CrawlRequests(db, http, relays, "pds.example.com", box.clock)
        assert [asked.failure for asked in await again.tell()] == ["AskedLately"] * 2
        box.clock.advance(20 * 60)
        unreachable, told = await again.tell()
        assert (unreachable.failure, told.failure) == ("UpstreamFailure", None)
    assert stub.bodies == [b'{"hostname":"pds.example.com"}'] * 2
    assert stub.requests[0].path == "/xrpc/com.atproto.sync.requestCrawl"


async def test_news_that_nobody_could_be_told_of_are_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawl_requests, "PAUSE_SECONDS", 0.05)
    stub = AppViewStub(body=b"", status=503)
    async with (
        open_box(tmp_path) as box,
        relay(stub) as url,
        HttpClient.open(OutboundPolicy(allow_loopback=True)) as http,
        Workers() as workers,
    ):
        await box.sign_up()
        asking = CrawlRequests(box.pds.repos._db, http, [f"{url}/"], "pds.example.com", box.clock)
        workers.start("crawl requests", asking.run)
        await until(lambda: len(stub.bodies) == 1)
        stub.status = 200
        # By the clock it is too soon, whoever asks and however the relay is written.
        assert [one.failure for one in await asking.tell([url])] == ["AskedLately"]
        box.clock.advance(1)
        await until(lambda: len(stub.bodies) == 2)
        box.clock.advance(1)
        await asyncio.sleep(0.2)
    assert len(stub.bodies) == 2


async def test_without_relays_there_is_nothing_to_do(tmp_path: Path) -> None:
    async with (
        open_box(tmp_path) as box,
        HttpClient.open(OutboundPolicy(allow_loopback=False)) as http,
    ):
        asking = CrawlRequests(box.pds.repos._db, http, [], "pds.example.com", box.clock)
        await asyncio.wait_for(asking.run(), 60)
