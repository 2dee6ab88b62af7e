"""Until when are the domains rented that this network stands on? Their registries say so (RDAP).

With a domain go the server's name, every handle below it and every did:web for good: whoever rents
it next decides what stands there.

Which registry to ask: https://www.rfc-editor.org/rfc/rfc9224; how, and what it says:
https://www.rfc-editor.org/rfc/rfc9082, https://www.rfc-editor.org/rfc/rfc9083
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from appliance.base.http import HttpClient, OutboundFailed
from appliance.upkeep.checkup import Finding, Level

SECONDS: Final = 8.0
MOST_SECONDS: Final = 30.0
MOST_DOMAINS: Final = 20
# Under some endings domains are rented one or two labels further in (example.co.uk).
MOST_LABELS: Final = 4
# Registries count who asks often.
KEPT_SECONDS: Final = 20 * 3600.0
SOON_DAYS, AT_ONCE_DAYS = 30, 7
# https://www.rfc-editor.org/rfc/rfc8056
_ENDING: Final = frozenset({"redemption period", "pending delete"})


@dataclass(frozen=True)
class Rental:
    """A domain, until when it is rented (seconds since 1970), and whether it is being ended."""

    domain: str
    until: float
    is_ending: bool


class DomainChecks:
    """Ask registries, each domain once a day; what nobody tells is left out."""

    def __init__(self, http: HttpClient, registries: str, now: Callable[[], float]) -> None:
        """Take the URL of the list that says which registry has which ending; empty: ask nobody."""
        self._http = http
        self._registries = registries
        self._now = now
        self._kept: dict[str, tuple[float, Rental]] = {}
        self._list: tuple[float, Any] = (0.0, None)

    async def look(self, names: Iterable[str]) -> list[Finding]:
        """Say until when the domains of these names are rented."""
        wanted = list(dict.fromkeys(name.strip(".").lower() for name in names))[:MOST_DOMAINS]
        found: dict[str, Finding] = {}
        # Whether the internet is there at all is told by others.
        with suppress(OutboundFailed, TimeoutError):
            async with asyncio.timeout(MOST_SECONDS):
                for name in wanted if self._registries else ():
                    rental = await self._rental(name)
                    if rental is not None:
                        found[rental.domain] = judge(rental, self._now())
        return list(found.values())

    async def _rental(self, name: str) -> Rental | None:
        """Find the domain that a name lies in. Raises OutboundFailed where the list is away."""
        labels = name.split(".")
        for count in range(2, min(len(labels), MOST_LABELS) + 1):
            domain = ".".join(labels[-count:])
            at, rental = self._kept.get(domain, (0.0, None))
            if rental is None or not 0 <= self._now() - at < KEPT_SECONDS:
                rental = await self._ask(domain)
            if rental is not None:
                self._kept[domain] = (self._now(), rental)
                return rental
        return None

    async def _ask(self, domain: str) -> Rental | None:
        for registry in await self._registries_of(domain.rpartition(".")[2]):
            with suppress(OutboundFailed):
                told = await self._http.get_json(
                    f"{registry.rstrip('/')}/domain/{domain}",
                    headers={"Accept": "application/rdap+json"},
                    timeout=SECONDS,
                )
                return read_rental(domain, told)
        return None

    async def _registries_of(self, ending: str) -> list[str]:
        at, told = self._list
        if told is None or not 0 <= self._now() - at < KEPT_SECONDS:
            told = await self._http.get_json(self._registries, timeout=SECONDS)
            self._list = self._now(), told
        return list(_registries_of(ending, told))


def _registries_of(ending: str, told: Any) -> Iterator[str]:
    services = told.get("services") if isinstance(told, Mapping) else None
    for service in services if isinstance(services, list) else ():
        match service:
            case [list(endings), list(urls), *_] if ending in endings:
                yield from (url for url in urls if isinstance(url, str))
            case _:
                pass


def read_rental(domain: str, told: Any) -> Rental | None:
    """Read what a registry says of a domain; None where it names no end."""
    match told:
        case {"events": list(events)}:
            ends = [_end(each) for each in events]
        case _:
            return None
    known = [end for end in ends if end is not None]
    statuses = told.get("status")
    is_ending = isinstance(statuses, list) and any(each in _ENDING for each in statuses)
    return Rental(domain, max(known), is_ending) if known else None


def _end(event: Any) -> float | None:
    match event:
        case {"eventAction": "expiration", "eventDate": str(date)}:
            with suppress(ValueError, OverflowError):
                end = datetime.fromisoformat(date)
                return (end if end.tzinfo else end.replace(tzinfo=UTC)).timestamp()
        case _:
            pass
    return None


def judge(rental: Rental, now: float) -> Finding:
    """Say how long a domain is still rented."""
    days = int((rental.until - now) // 86_400)
    date = datetime.fromtimestamp(rental.until, UTC).strftime("%Y-%m-%d")
    subject = f"Domain {rental.domain}"
    if rental.is_ending:
        return _running_out(subject, "bad", "its registry is about to give it up")
    if days < 0:
        return _running_out(subject, "bad", f"it ran out on {date}")
    if days < SOON_DAYS:
        level: Level = "bad" if days < AT_ONCE_DAYS else "warn"
        return _running_out(subject, level, f"it is rented until {date}, {days} more days")
    return Finding(subject, "good", f"it is rented until {date}")


def _running_out(subject: str, level: Level, seen: str) -> Finding:
    return Finding(
        subject,
        level,
        seen,
        f"a domain that is rented for at least {SOON_DAYS} days more",
        "renew it where it is rented, and have it renewed by itself; once somebody else has it,"
        " the handles and did:web identities under it are theirs",
        "domain-ending",
    )
