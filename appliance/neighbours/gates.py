"""The doors of our own roles to paired houses: a UNIX socket for each, named by the PDS there.

The relay and the AppView find a door by the address that a DID document names; where there is
none, the address is an address like any other, and the guarded client judges it. Through a door
goes what a PDS tells anybody, to the one house that it is for.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from appliance.base.addresses import OutboundFailed
from appliance.base.serving import end, shut
from appliance.neighbours.line import Lines
from appliance.neighbours.passing import pass_on
from appliance.neighbours.store import Neighbour, NeighbourStore, NoSuchNeighbour
from appliance.settings_groups import Paths

LONGEST_LINE: Final = 8190
SECONDS_TO_FINISH: Final = 1.0


@dataclass(frozen=True)
class _Gate:
    """An open door: the PDS that it leads to, and what answers there."""

    pds: str
    runner: web.AppRunner
    server: asyncio.Server


class Gates:
    """The open doors, by the key of the house."""

    def __init__(
        self, paths: Paths, lines: Lines, store: NeighbourStore, now_us: Callable[[], int]
    ) -> None:
        self._now_us = now_us
        self._paths = paths
        self._lines = lines
        self._store = store
        self._open: dict[str, _Gate] = {}
        self._lock = asyncio.Lock()

    async def open(self, key: str) -> None:
        """Open the door to a house, unless it is open under the address it has now.

        It may have been unpaired a moment ago: then there is none.

        A house that goes by a public name gets one only where its key was found under that name:
        what a neighbour says of itself must not speak for somebody out there.
        """
        async with self._lock:
            house, held = self._store.find(key), self._open.get(key)
            if house is not None and not house.is_who_it_says(self._now_us()):
                house = None
            if house is not None and held is not None and held.pds == house.card.pds:
                return
            await self._shut(key)
            if house is not None:
                await self._make(house)

    async def _make(self, house: Neighbour) -> None:
        app = web.Application(client_max_size=0)

        async def passed(request: web.Request) -> web.StreamResponse:
            return await self._pass(request, house.key)

        app.router.add_get("/xrpc/{nsid}", passed)
        runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=SECONDS_TO_FINISH,
            auto_decompress=False,
            max_line_size=LONGEST_LINE,
        )
        await runner.setup()
        path = self._paths.gate(house.card.pds)
        with suppress(FileNotFoundError):
            path.unlink()
        assert runner.server is not None  # noqa: S101
        loop = asyncio.get_running_loop()
        # It is noted before anything is awaited: whoever is ended meanwhile can close it.
        server = await loop.create_unix_server(runner.server, path, start_serving=False)
        self._open[house.key] = _Gate(house.card.pds, runner, server)
        path.chmod(0o600)
        await server.start_serving()

    async def close(self, key: str) -> None:
        """Shut the door to a house; whatever goes through it is cut."""
        async with self._lock:
            await self._shut(key)

    async def _shut(self, key: str) -> None:
        held = self._open.pop(key, None)
        if held is not None:
            self._paths.gate(held.pds).unlink(missing_ok=True)
            await shut(held.server)
            await end(held.runner)

    async def close_all(self) -> None:
        for key in list(self._open):
            await self.close(key)

    async def _pass(self, request: web.Request, key: str) -> web.StreamResponse:
        try:
            house = self._store.named(key)
            line = await self._lines.to(key, house.address, house.port)
        except (NoSuchNeighbour, OutboundFailed) as reason:
            told = {"error": "UpstreamFailure", "message": str(reason)}
            return web.json_response(told, status=502)
        return await pass_on(request, line.http, line.url, line.headers(house.certificate))
