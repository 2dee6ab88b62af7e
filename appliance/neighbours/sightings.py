"""Which Hearths were seen nearby: a small table that strangers write. Nothing here is believed.

A house is known by its key, so two of one name are two. Each address may show a few, all together
so many; when the table is full, strangers who were seen longest ago make room, paired houses never.
Anybody can say that a key is at his address: so a key has several places, those said first, until
one turns out to be wrong.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from appliance.base.machine import is_near
from appliance.neighbours.cards import plain

MOST: Final = 128
MOST_FROM_ONE_ADDRESS: Final = 4
MOST_PLACES: Final = 4
SECONDS_KEPT: Final = 3600.0
# Anybody can say farewell for anybody: whoever is there says so again before this is over.
SECONDS_AFTER_FAREWELL: Final = 120.0
Place: TypeAlias = tuple[str, int]

_KEY: Final = re.compile(r"[0-9a-f]{64}")
_DID: Final = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,200}")


@dataclass(frozen=True)
class Sighting:
    """A house as it is announced, and where it is said to be."""

    key: str
    name: str
    did: str
    places: tuple[Place, ...]
    seen: float


class Sightings:
    """The table. `is_paired` tells of a key whether its house is."""

    def __init__(
        self, own_key: str, is_paired: Callable[[str], bool], now: Callable[[], float]
    ) -> None:
        self._own = own_key
        self._is_paired = is_paired
        self._now = now
        self._seen: dict[str, Sighting] = {}
        self.dropped = 0

    def all(self) -> list[Sighting]:
        """List houses by name."""
        self._forget_old()
        return sorted(self._seen.values(), key=lambda one: (one.name.casefold(), one.key))

    def find(self, key: str) -> Sighting | None:
        self._forget_old()
        return self._seen.get(key)

    def saw(self, key: str, name: str, did: str, address: str, port: int) -> bool:
        """Note an announcement, if it is one; tell whether it was taken."""
        fits = _KEY.fullmatch(key) and key != self._own and 0 < port < 65_536
        if not fits or not is_near(address) or address.startswith(("127.", "::1")):
            self.dropped += 1
            return False
        before = self._seen.get(key)
        places = before.places if before else ()
        if (address, port) not in places:
            if len(places) >= MOST_PLACES or not self._has_room(key, address):
                self.dropped += 1
                return False
            places = (*places, (address, port))
        # The first to say so gives the name; only what is shown depends on it.
        said = before or Sighting(key, plain(name), did if _DID.fullmatch(did) else "", (), 0.0)
        self._seen[key] = replace(said, places=places, seen=self._now())
        return True

    def wrong(self, key: str, place: Place) -> None:
        """A house is not where it was said to be."""
        found = self._seen.get(key)
        if found is not None:
            left = tuple(each for each in found.places if each != place)
            if left:
                self._seen[key] = replace(found, places=left)
            else:
                del self._seen[key]

    def lost(self, key: str) -> None:
        """Somebody says that a house goes."""
        found = self._seen.get(key)
        if found is not None:
            soon = self._now() - SECONDS_KEPT + SECONDS_AFTER_FAREWELL
            self._seen[key] = replace(found, seen=min(found.seen, soon))

    def _has_room(self, key: str, address: str) -> bool:
        if self._is_paired(key):
            return True
        self._forget_old()
        by_address = Counter(place[0] for one in self._seen.values() for place in one.places)
        if by_address[address] >= MOST_FROM_ONE_ADDRESS:
            return False
        if key in self._seen or len(self._seen) < MOST:
            return True
        strangers = [one for one in self._seen.values() if not self._is_paired(one.key)]
        if not strangers:
            return False
        del self._seen[min(strangers, key=lambda one: one.seen).key]
        return True

    def _forget_old(self) -> None:
        oldest = self._now() - SECONDS_KEPT
        for key in [key for key, one in self._seen.items() if one.seen < oldest]:
            del self._seen[key]
