"""Rate limits: how often one address or one account may call a method.

Buckets that refill steadily: `points` at once, and as many again over `seconds`.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Final

from aiohttp import web

from appliance.atproto.xrpc.errors import RateLimitExceeded

MOST_BUCKETS: Final = 100_000
MOST_KNOWN: Final = 10_000
MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400


@dataclass(frozen=True)
class Rule:
    """At most `points` in `seconds`."""

    points: int
    seconds: int


ANY_METHOD: Final = (Rule(3000, 5 * MINUTE),)
BYPASS_HEADER: Final = "X-RateLimit-Bypass"
# Where the server keeps, with a request, the headers that tell how much of a limit is left.
STATUS: Final = web.RequestKey("rate_limit_status", dict)


@dataclass(frozen=True)
class CallerLimit:
    """What each account may do of a kind, whatever the method; a call costs `points`."""

    name: str
    rules: Sequence[Rule]
    points: int = 1


@dataclass(frozen=True)
class Policy:
    """Who is limited in what. Whoever knows `bypass_key`, or calls from there, is not.

    `per_address`: by method. `per_caller`: by method, counted for the account that calls.
    """

    enabled: bool = True
    per_address: Mapping[str, Sequence[Rule]] = field(default_factory=dict)
    per_caller: Mapping[str, CallerLimit] = field(default_factory=dict)
    any_method: Sequence[Rule] = ANY_METHOD
    trusted_proxies: int = 0
    bypass_key: str = field(default="", repr=False)
    bypass_addresses: Sequence[str] = ()


class Limits:
    """Token buckets by name and key, bounded in number; the least recently used go first."""

    def __init__(self, now: Callable[[], float], policy: Policy) -> None:
        self._now = now
        self._policy = policy
        self._buckets: OrderedDict[tuple[str, str, Rule], tuple[float, float]] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()

    def check_request(self, nsid: str, request: web.Request) -> None:
        """Count one call of a method from the request's address. Raises RateLimitExceeded.

        Our own roles come through UNIX sockets, which have no address: they are not counted.
        """
        if not self._counts(request):
            return
        key = self.address_key(request)
        status = self._take("", key, self._policy.any_method)
        rules = self._policy.per_address.get(nsid)
        if rules:
            status = _tighter(status, self._take(nsid, key, rules))
        request[STATUS] = status

    def check_caller(self, nsid: str, did: str, request: web.Request) -> None:
        """Count one call of a method by an account. Raises RateLimitExceeded."""
        limit = self._policy.per_caller.get(nsid)
        if limit is not None:
            self.take_for(request, limit.name, did, limit.rules, limit.points)

    def take_for(
        self, request: web.Request, name: str, key: str, rules: Sequence[Rule], points: int = 1
    ) -> None:
        """Take points for a request that has passed `check_request`. Raises RateLimitExceeded."""
        if self._counts(request):
            status = self._take(name, key, rules, points)
            request[STATUS] = _tighter(request.get(STATUS), status)

    def require(self, request: web.Request, name: str, key: str, rules: Sequence[Rule]) -> None:
        """See that a point is left, without taking it. Raises RateLimitExceeded."""
        if self._counts(request):
            self._levels(name, key, rules, 1)

    def address_key(self, request: web.Request) -> str:
        """Name what a request's address is counted as."""
        return address_key(client_address(request, self._policy.trusted_proxies))

    def know(self, request: web.Request, key: str) -> None:
        """Note that whoever has this key has come from the request's address."""
        known = self._at(request, key)
        self._known[known] = None
        self._known.move_to_end(known)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def key_of(self, request: web.Request, key: str) -> str:
        """Name what is counted for a key: apart for an address from which its owner has come."""
        known = self._at(request, key)
        return known if known in self._known else key

    def _at(self, request: web.Request, key: str) -> str:
        return f"{key} {self.address_key(request)}"

    def take(self, name: str, key: str, rules: Sequence[Rule], points: int = 1) -> None:
        """Take points from the buckets of a key, from all or from none.

        Raises RateLimitExceeded, with the headers that say when to come back.
        """
        if self._policy.enabled:
            self._take(name, key, rules, points)

    def _counts(self, request: web.Request) -> bool:
        policy = self._policy
        if not policy.enabled:
            return False
        address = client_address(request, policy.trusted_proxies)
        if not address or address in policy.bypass_addresses:
            return False
        given = request.headers.get(BYPASS_HEADER)
        return given is None or not policy.bypass_key or not _same(given, policy.bypass_key)

    def _take(self, name: str, key: str, rules: Sequence[Rule], points: int = 1) -> dict[str, str]:
        """Take points; give the headers of the rule of which least is left."""
        now = self._now()
        levels = self._levels(name, key, rules, points)
        for rule, level in zip(rules, levels, strict=True):
            self._buckets[name, key, rule] = (level - points, now)
            self._buckets.move_to_end((name, key, rule))
        while len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        level, rule = min(zip(levels, rules, strict=True), key=lambda pair: pair[0])
        return _headers(rule, level - points, now)

    def _levels(self, name: str, key: str, rules: Sequence[Rule], points: int) -> list[float]:
        """Tell what is left by each rule, if it is enough. Raises RateLimitExceeded."""
        now = self._now()
        levels = [self._level((name, key, rule), now) for rule in rules]
        for rule, level in zip(rules, levels, strict=True):
            if level < points:
                raise RateLimitExceeded(_refusal(rule, level, points, now))
        return levels

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


def _headers(rule: Rule, level: float, now: float) -> dict[str, str]:
    """Say how much is left of a rule, and when it will be whole again (seconds since 1970)."""
    wait = ceil((rule.points - level) * rule.seconds / rule.points)
    return {
        "RateLimit-Limit": str(rule.points),
        "RateLimit-Remaining": str(int(level)),
        "RateLimit-Reset": str(int(now) + wait),
        "RateLimit-Policy": f"{rule.points};w={rule.seconds}",
    }


def _refusal(rule: Rule, level: float, points: int, now: float) -> dict[str, str]:
    """Say when there will be enough."""
    wait = ceil((min(points, rule.points) - level) * rule.seconds / rule.points)
    return {
        **_headers(rule, level, now),
        "RateLimit-Reset": str(int(now) + wait),
        "Retry-After": str(wait),
    }


def _tighter(one: dict[str, str] | None, other: dict[str, str]) -> dict[str, str]:
    if one is None:
        return other
    return min(one, other, key=lambda each: int(each["RateLimit-Remaining"]))


def _same(given: str, expected: str) -> bool:
    return compare_digest(given.encode(), expected.encode())
