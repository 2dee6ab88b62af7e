"""What is known of services elsewhere: which are away, and how many calls of a member wait there.

Clients ask on every page. So while a service is away they hear it at once, and later one call tries
whether it is back. What is asked elsewhere takes a place of its member's, so that no silent service
takes the connections that everybody shares.
"""

from asyncio import Semaphore, timeout
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

from appliance.atproto.syntax import Did

AWAY_SECONDS: Final = 30.0
# Of one member at a time: less than are opened to one host, which others may use too.
MOST_AT_ONCE: Final = 24
PLACE_SECONDS: Final = 30.0
_MOST_NAMES: Final = 256


class UpstreamFailed(Exception):
    """The service does not answer, or only with its own failure."""

    xrpc_name = "UpstreamFailure"


class ServicesElsewhere:
    """Services by name, which is an address or whatever else they are looked up by."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._away_until: dict[str, float] = {}
        self._places: WeakValueDictionary[Did | None, Semaphore] = WeakValueDictionary()

    def is_away(self, name: str) -> bool:
        return self._away_until.get(name, 0.0) > self._now()

    def check(self, name: str) -> None:
        """Raises UpstreamFailed while a service is away."""
        if self.is_away(name):
            raise UpstreamFailed("Upstream service unreachable")

    @asynccontextmanager
    async def tried(self, name: str) -> AsyncIterator["Trial"]:
        """Ask a service, and note what comes of it. Raises UpstreamFailed while it is away.

        Of a service that was away, only one call at a time finds out whether it is back.
        """
        self.check(name)
        trial = Trial(self, name)
        was_away = name in self._away_until
        if was_away:
            self.note_away(name)
        try:
            yield trial
        finally:
            if was_away and not trial.is_over:
                self._away_until[name] = 0.0  # it was given up: the next one finds out

    def note_away(self, name: str) -> None:
        if name.startswith("unix:"):
            return  # our own, which waits for nobody
        if len(self._away_until) >= _MOST_NAMES:
            self._away_until.clear()
        self._away_until[name] = self._now() + AWAY_SECONDS

    def note_back(self, name: str) -> None:
        self._away_until.pop(name, None)

    @asynccontextmanager
    async def place(self, caller: Did | None) -> AsyncIterator[None]:
        """Take one of a caller's places while a call is under way. Raises UpstreamFailed."""
        places = self._places.get(caller)
        if places is None:
            places = self._places[caller] = Semaphore(MOST_AT_ONCE)
        try:
            async with timeout(PLACE_SECONDS):
                await places.acquire()
        except TimeoutError as full:
            raise UpstreamFailed("too many calls wait for services elsewhere") from full
        try:
            yield
        finally:
            places.release()


class Trial:
    """A call to a service."""

    def __init__(self, services: ServicesElsewhere, name: str) -> None:
        self._services = services
        self._name = name
        self.is_over = False

    def answered(self) -> None:
        self.is_over = True
        self._services.note_back(self._name)

    def failed(self) -> None:
        self.is_over = True
        self._services.note_away(self._name)
