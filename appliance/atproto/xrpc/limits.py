"""Rate limits: how often one address or one account may call a method.

Buckets that refill steadily: `points` at once, and as many again over `seconds`.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Final

from aiohttp import web

from appliance.atproto.xrpc.errors import RateLimitExceeded

MOST_BUCKETS: Final = 100_000
MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400


@dataclass(frozen=True)
class Rule:
    """At most `points` in `seconds`."""

    points: int
    seconds: int


ANY_METHOD: Final = (Rule(3000, 5 * MINUTE),)
PER_ADDRESS: Final[Mapping[str, Sequence[Rule]]] = {
    "com.atproto.server.createAccount": (Rule(100, 5 * MINUTE),),
    "com.atproto.server.createSession": (Rule(300, 5 * MINUTE),),
    "com.atproto.server.deleteAccount": (Rule(50, 5 * MINUTE),),
    "com.atproto.server.resetPassword": (Rule(50, 5 * MINUTE),),
    "com.atproto.server.requestPasswordReset": (Rule(15, HOUR), Rule(50, DAY)),
    "com.atproto.server.confirmEmail": (Rule(50, 5 * MINUTE),),
    "com.atproto.identity.updateHandle": (Rule(10, 5 * MINUTE), Rule(50, DAY)),
    "com.atproto.sync.getRepo": (Rule(500, 5 * MINUTE),),
}


class Limits:
    """Token buckets by name and key, bounded in number; the least recently used go first."""

    def __init__(
        self,
        now: Callable[[], float],
        per_address: Mapping[str, Sequence[Rule]] = PER_ADDRESS,
        any_method: Sequence[Rule] = ANY_METHOD,
        trusted_proxies: int = 0,
    ) -> None:
        self._now = now
        self._per_address = per_address
        self._any_method = any_method
        self._trusted_proxies = trusted_proxies
        self._buckets: OrderedDict[tuple[str, str, Rule], tuple[float, float]] = OrderedDict()

    def check_request(self, nsid: str, request: web.Request) -> None:
        """Count one call of a method from the request's address. Raises RateLimitExceeded.

        Our own roles come through UNIX sockets, which have no address: they are not counted.
        """
        address = client_address(request, self._trusted_proxies)
        if not address:
            return
        key = address_key(address)
        self.take("", key, self._any_method)
        rules = self._per_address.get(nsid)
        if rules:
            self.take(nsid, key, rules)

    def take(self, name: str, key: str, rules: Sequence[Rule], points: int = 1) -> None:
        """Take points from the buckets of a key, from all or from none.

        Raises RateLimitExceeded, with the headers that say when to come back.
        """
        now = self._now()
        levels = [self._level((name, key, rule), now) for rule in rules]
        for rule, level in zip(rules, levels, strict=True):
            if level < points:
                raise RateLimitExceeded(_headers(rule, level, points, now))
        for rule, level in zip(rules, levels, strict=True):
            self._buckets[name, key, rule] = (level - points, now)
            self._buckets.move_to_end((name, key, rule))
        while len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)

    def _level(self, bucket: tuple[str, str, Rule], now: float) -> float:
        rule = bucket[2]
        level, since = self._buckets.get(bucket, (float(rule.points), now))
        # The clock may have been set back; then nothing is refilled.
        refilled = level + max(0.0, now - since) * rule.points / rule.seconds
        return min(float(rule.points), refilled)


def client_address(request: web.Request, trusted_proxies: int) -> str:
    """Tell who is calling: the peer, or what the nearest trusted proxies say about it.

    Each proxy appends the address it saw to X-Forwarded-For, so with n trusted ones the n-th from
    the end is the last that nobody outside could have written.
    """
    peer = request.remote or ""
    if trusted_proxies == 0:
        return peer
    hops = [
        hop.strip()
        for line in request.headers.getall("X-Forwarded-For", ())
        for hop in line.split(",")
    ]
    return hops[-trusted_proxies] if len(hops) >= trusted_proxies else peer


def address_key(address: str) -> str:
    """Name what is counted as one: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return parsed.packed[:8].hex()
    return str(parsed)


def _headers(rule: Rule, level: float, points: int, now: float) -> dict[str, str]:
    wait = ceil((min(points, rule.points) - level) * rule.seconds / rule.points)
    return {
        "RateLimit-Limit": str(rule.points),
        "RateLimit-Remaining": str(int(level)),
        "RateLimit-Reset": str(int(now) + wait),
        "RateLimit-Policy": f"{rule.points};w={rule.seconds}",
        "Retry-After": str(wait),
    }
