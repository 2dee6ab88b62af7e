"""How many may listen at once, in all and from one address."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from appliance.atproto.xrpc.errors import RateLimitExceeded
from appliance.atproto.xrpc.limits import address_key, client_address
from appliance.settings import Settings

RETRY_SECONDS = 60


class Seats:
    """The places for subscribers; 0 is no limit. Our own roles, on UNIX sockets, need none."""

    def __init__(self, most: int = 0, most_per_address: int = 0, trusted_proxies: int = 0) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._trusted_proxies = trusted_proxies
        self._taken: Counter[str] = Counter()

    @classmethod
    def of(cls, settings: Settings) -> "Seats":
        """Make the places that the settings give."""
        limits = settings.limits
        if not limits.enabled:
            return cls()
        proxies = settings.network.trusted_proxies
        return cls(limits.subscribers, limits.subscribers_per_address, proxies)

    @property
    def taken(self) -> int:
        """Count the subscribers from outside."""
        return self._taken.total()

    @contextmanager
    def taken_by(self, request: web.Request) -> Iterator[None]:
        """Hold a place as long as a connection lasts. Raises RateLimitExceeded."""
        address = client_address(request, self._trusted_proxies)
        if not address:
            yield
            return
        key = address_key(address)
        if 0 < self._most <= self.taken or 0 < self._most_per_address <= self._taken[key]:
            raise RateLimitExceeded({"Retry-After": str(RETRY_SECONDS)})
        self._taken[key] += 1
        try:
            yield
        finally:
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]
