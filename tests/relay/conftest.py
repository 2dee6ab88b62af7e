import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import BaseTestServer, TestServer

from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.lexicon.validate import Validator
from appliance.base.clock import Clock
from appliance.base.http import HttpClient, OutboundPolicy
from appliance.base.workers import Workers
from appliance.firehose.events import Event, parse
from appliance.relay.app import build_app
from appliance.relay.role import Relay, open_relay
from appliance.settings import Settings, defaults
from tests.support.hosts import FakeAccount, FakeDirectory, FakeHost, fake_host


class LateClock(Clock):
    """The time of day, moved on at will; it may stand still."""

    def __init__(self) -> None:
        self.ahead_us = 0
        self._stands_at_us: int | None = None

    def stand_still(self) -> None:
        """From now on only the test moves it: how fast the machine is matters no more."""
        self._stands_at_us = super().now_us()

    def now_us(self) -> int:
        stands = self._stands_at_us
        return (super().now_us() if stands is None else stands) + self.ahead_us


@dataclass
class Lab:
    """A directory, the PDS beside the relay, and what is needed to open the relay itself."""

    path: Path
    clock: LateClock
    directory: FakeDirectory
    home: FakeHost
    upstreams: tuple[str, ...] = ()

    def account(self, name: str, host: FakeHost | None = None) -> FakeAccount:
        account = FakeAccount(name, self.clock)
        at = host or self.home
        self.directory.put(account, at.url)
        at.handles[account.handle] = account.did
        at.status[account.did] = {"did": account.did, "active": True}
        at.accounts[account.did] = account
        return account

    def settings(self, *crawl: str, mode: str = "dev", **values: object) -> Settings:
        settings = defaults("dev", self.path)
        values = {
            "pds.public_url": self.home.url,
            "pds.plc_url": self.directory.url,
            "pds.relays": self.upstreams,
            "relay.crawl": crawl,
            "dev.allow_loopback": mode == "dev",
            "relay.open": mode == "dev",
            **values,
        }
        return settings.with_values(values)

    @asynccontextmanager
    async def relay(
        self,
        *crawl: str,
        mode: str = "dev",
        open_to_all: bool = True,
        peers: tuple[str, ...] = (),
        relays: tuple[str, ...] = (),
    ) -> AsyncIterator["Running"]:
        """Run the relay and serve it."""
        chosen = {
            "relay.peers": peers,
            "relay.relays": relays,
            "relay.open": mode == "dev" and open_to_all,
        }
        settings = self.settings(*crawl, mode=mode, **chosen)
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(
                HttpClient.open(OutboundPolicy(allow_loopback=True))
            )
            validator = Validator(load_catalog())
            workers = Workers()
            relay = await stack.enter_async_context(
                open_relay(settings, http, workers, self.clock, validator)
            )
            await stack.enter_async_context(workers)
            server = await stack.enter_async_context(TestServer(build_app(relay, settings)))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            yield Running(relay, server, session)


@dataclass
class Running:
    """A relay as its clients see it."""

    role: Relay
    server: BaseTestServer
    session: aiohttp.ClientSession

    async def get(self, nsid: str, **params: str) -> tuple[int, dict[str, object]]:
        url = self.server.make_url(f"/xrpc/{nsid}")
        async with self.session.get(url, params=params, allow_redirects=False) as response:
            if response.content_type != "application/json":
                return response.status, dict(response.headers)
            return response.status, await response.json()

    async def ask(self, name: str, /, **params: str) -> tuple[int, Any]:
        """Call a query of internal.hearth.relay as the operator."""
        url = self.server.make_url(f"/xrpc/internal.hearth.relay.{name}")
        headers = {"Authorization": self.role.access.header}
        async with self.session.get(url, params=params, headers=headers) as response:
            is_json = response.content_type == "application/json"
            return response.status, await response.json() if is_json else await response.read()

    async def order(self, name: str, /, **fields: object) -> tuple[int, Any]:
        """Call a procedure of internal.hearth.relay as the operator."""
        url = self.server.make_url(f"/xrpc/internal.hearth.relay.{name}")
        headers = {"Authorization": self.role.access.header}
        async with self.session.post(url, json=fields or None, headers=headers) as response:
            body = await response.read()
            return response.status, json.loads(body) if body else None

    async def request_crawl(self, hostname: str) -> tuple[int, bytes]:
        url = self.server.make_url("/xrpc/com.atproto.sync.requestCrawl")
        async with self.session.post(url, json={"hostname": hostname}) as response:
            return response.status, await response.read()

    @asynccontextmanager
    async def stream(self, cursor: int | None = 0) -> AsyncIterator["Subscription"]:
        url = self.server.make_url("/xrpc/com.atproto.sync.subscribeRepos")
        params = {} if cursor is None else {"cursor": str(cursor)}
        async with self.session.ws_connect(url, params=params, max_msg_size=0) as ws:
            yield Subscription(ws)


@dataclass
class Subscription:
    ws: aiohttp.ClientWebSocketResponse

    async def frame(self) -> bytes:
        async with asyncio.timeout(60):  # its own timeout begins anew with every ping
            return await self.ws.receive_bytes()

    async def event(self) -> Event:
        return parse(await self.frame())

    async def kinds(self, count: int) -> list[str]:
        return [(await self.event()).kind for _ in range(count)]


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    (tmp_path / "run").mkdir()
    async with (
        FakeDirectory().serve() as directory,
        fake_host(tmp_path / "home.sqlite", tmp_path / "run" / "pds.sock") as home,
    ):
        yield Lab(tmp_path, LateClock(), directory, home)
