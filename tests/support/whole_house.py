"""All roles in the process of the test, on ports of their own: quick to open, and to open again."""

import argparse
import gc
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web_app

from appliance.appview.identities import INVALID_US
from appliance.listeners import bind_named, close_all, copies
from appliance.node import Listeners, Node, open_node
from appliance.roles import roles_of
from appliance.settings import Settings
from appliance.trial import LOOPBACK, NAMES, trial_settings
from tests.support.catching_up import appview_caught_up
from tests.support.client import Operator
from tests.support.ports import free_port
from tests.support.waiting import until

_OPTIONS: dict[str, Any] = {
    "handle_domain": None,
    "appview_did": None,
    "plc": None,
    "bare": True,
    "crawl": [],
    "invites": False,
    "limits": False,
    "smtp": None,
    "appview": None,
    "client": None,
}


@dataclass(frozen=True)
class Place:
    """Ports that stay the same while folders change: identities name them."""

    ports: dict[str, int]
    listeners: Listeners

    def settings(self, data: Path) -> Settings:
        return trial_settings(argparse.Namespace(**_OPTIONS), data, self.ports)


@dataclass(frozen=True)
class House:
    """A running network, and its operator."""

    settings: Settings
    node: Node
    http: aiohttp.ClientSession

    @property
    def pds_url(self) -> str:
        return self.settings.pds.url

    @property
    def data(self) -> Path:
        return self.settings.paths.data

    @property
    def pds(self) -> Any:
        return self.node.roles["pds"]

    @property
    def operator(self) -> Operator:
        return _operator(self.settings, self.http)

    async def appview_is_up_to_date(self) -> None:
        """Wait until the AppView has indexed what the repos hold.

        Whom it could not look up is asked for later and later; here nobody waits for that.
        """
        appview = self.node.roles["appview"]
        await appview.actors.take_up_identities(0, appview.clock.now_us() + INVALID_US)
        appview.identities.wake()
        assert await appview_caught_up(self.data) == []

    async def rebuild(self) -> None:
        """Let the AppView index everything anew."""
        appview = self.node.roles["appview"]
        await appview.rebuilds.start()
        await until(lambda: not appview.index.read("SELECT 1 FROM actor WHERE anew = 1 LIMIT 1"))


@dataclass(frozen=True)
class FarHouse:
    """A network in another process."""

    settings: Settings
    http: aiohttp.ClientSession

    @property
    def pds_url(self) -> str:
        return self.settings.pds.url

    @property
    def data(self) -> Path:
        return self.settings.paths.data

    @property
    def operator(self) -> Operator:
        return _operator(self.settings, self.http)


def _operator(settings: Settings, http: aiohttp.ClientSession) -> Operator:
    token = settings.paths.secret("operator-token").read_text().strip()
    return Operator(http, settings.pds.url, token)


@contextmanager
def place() -> Iterator[Place]:
    """Take ports for a house."""
    listeners = bind_named(NAMES, LOOPBACK, free_port(), Path())
    try:
        ports = {name: bound[0].getsockname()[1] for name, bound in listeners.items()}
        yield Place(ports, listeners)
    finally:
        close_all(listeners)


@asynccontextmanager
async def opened(
    where: Place,
    data: Path,
    more: Mapping[str, Sequence[socket.socket]] | None = None,
    **changes: Any,
) -> AsyncIterator[House]:
    """Open all roles over a data folder.

    more: what else listens, by role. changes: settings, "__" in the place of the dot.
    """
    given = {name.replace("__", "."): value for name, value in changes.items()}
    settings = where.settings(data).with_values(given)
    held = {
        name: copies(bound) for name, bound in where.listeners.items() if name in roles_of(settings)
    }
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        open_node(settings, {**held, **(more or {})}) as node,
    ):
        yield House(settings, node, http)
    _forget()


def _forget() -> None:
    """Let go of a house that is closed, in a process that opens many."""
    web_app._cached_build_middleware.cache_clear()  # the handlers of aiohttp's applications
    gc.unfreeze()
