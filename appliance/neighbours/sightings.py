"""Which Hearths were seen nearby: a small table that strangers write. Nothing here is believed.

A house is known by its key, so two of one name are two. Each address may show a few, all together
so many; when the table is full, strangers who were seen longest ago make room, paired houses never.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from appliance.base.machine import is_near
from appliance.neighbours.cards import plain

MOST: Final = 128
MOST_FROM_ONE_ADDRESS: Final = 4
SECONDS_KEPT: Final = 3600.0
_KEY: Final = re.compile(r"[0-9a-f]{64}")
_DID: Final = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,200}")


@dataclass(frozen=True)
class Sighting:
    """A house as it announces itself; only that something did so at this address is certain."""

    key: str
    name: str
    did: str
    address: str
    port: int
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
        new = key not in self._seen
        if new and not self._has_room(key, address):
            self.dropped += 1
            return False
        safe_did = did if _DID.fullmatch(did) else ""
        self._seen[key] = Sighting(key, plain(name), safe_did, address, port, self._now())
        return True

    def lost(self, key: str) -> None:
        """A house says that it goes."""
        self._seen.pop(key, None)

    def clear(self) -> None:
        self._seen.clear()

    def _has_room(self, key: str, address: str) -> bool:
        if self._is_paired(key):
            return True
        self._forget_old()
        by_address = Counter(one.address for one in self._seen.values())
        if by_address[address] >= MOST_FROM_ONE_ADDRESS:
            return False
        if len(self._seen) < MOST:
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
