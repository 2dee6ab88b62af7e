"""Two houses on one machine: the neighbours' role of each, and its port for the other."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.lexicon.validate import Validator
from appliance.base.addresses import OutboundPolicy
from appliance.base.clock import Clock
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.neighbours.cards import Card
from appliance.neighbours.pairing import Caller, Course
from appliance.neighbours.peer_app import build_peer_app
from appliance.neighbours.role import Neighbours, open_neighbours
from appliance.settings import Settings, defaults

HERE = "127.0.0.1"
VALIDATOR = Validator(load_catalog())


@dataclass(frozen=True)
class Home:
    """One house: its role, and where the other reaches it."""

    role: Neighbours
    settings: Settings
    port: int

    @property
    def key(self) -> str:
        return self.role.house.key.fingerprint

    @property
    def caller(self) -> Caller:
        """The house as others see it."""
        house = self.role.house
        return Caller(self.key, house.key.certificate, house.card, HERE, self.port)

    def course(self, other: "Home") -> Course:
        found = self.role.introductions.pairings.find(other.key)
        assert found is not None
        return found

    def state(self, other: "Home") -> str:
        found = self.role.introductions.pairings.find(other.key)
        return "" if found is None else found.state

    def is_paired_with(self, other: "Home") -> bool:
        return self.role.store.find(other.key) is not None

    async def want(self, other: "Home") -> None:
        await self.role.introductions.want(other.key, [(HERE, other.port)])

    async def looks_only_when_told(self) -> None:
        """End the worker that looks at paired houses by itself."""
        for worker in list(self.role.workers._workers.values()):
            if worker.name == "neighbours: company":
                await worker.stop()


def card(name: str) -> Card:
    return Card(name, f"did:web:{name}.home", f"http://{name}.home:2580", (f".{name}.home",))


@asynccontextmanager
async def home(folder: Path, name: str, **changes: Any) -> AsyncIterator[Home]:
    """Open a house; `changes` are settings, "__" in the place of the dot."""
    listener = socket.create_server((HERE, 0))
    port = listener.getsockname()[1]
    given = {key.replace("__", "."): value for key, value in changes.items()}
    values: dict[str, object] = {
        "network.name": name,
        "network.handle_domains": (f".{name}.home",),
        "pds.hostname": f"{name}.home",
        "pds.public_url": f"http://{name}.home:2580",
        "neighbours.port": port,
        "neighbours.announce": False,
        **given,
    }
    settings = defaults("home", folder / name).with_values(values)
    for path in (settings.paths.data, settings.paths.secrets, settings.paths.run):
        path.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(HttpClient.open(OutboundPolicy()))
        workers = await stack.enter_async_context(Workers())
        role = await stack.enter_async_context(
            open_neighbours(settings, http, workers, Clock(), VALIDATOR)
        )
        runner = web.AppRunner(build_peer_app(role), shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, listener, ssl_context=role.house.key.server_context()).start()
        yield Home(role, settings, port)
