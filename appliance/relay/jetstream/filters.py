"""Who wants what: accounts, collections, kinds, and how large a message may be."""

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.atproto.syntax import Did, InvalidSyntax, Nsid
from appliance.relay.jetstream.items import Item

MAX_COLLECTIONS = 100
MAX_DIDS = 10_000
MOST_BYTES = (1 << 32) - 1


class InvalidFilter(ValueError):
    """What a subscriber wants cannot be understood, or is too much."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True, slots=True)
class Filter:
    """What one subscriber wants; whatever is empty, or 0, is no restriction.

    `prefixes` end in a dot. Collections restrict commits alone.
    """

    dids: frozenset[str] = frozenset()
    collections: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    max_bytes: int = 0

    @classmethod
    def of(
        cls,
        dids: Sequence[str],
        collections: Sequence[str],
        max_bytes: int = 0,
        kinds: Sequence[str] = (),
    ) -> "Filter":
        """Raises InvalidFilter."""
        whole = {each for each in collections if not each.endswith(".*")}
        prefixes = {each.removesuffix("*") for each in collections if each.endswith(".*")}
        if len(whole) + len(prefixes) > MAX_COLLECTIONS:
            raise InvalidFilter(f"more than {MAX_COLLECTIONS} collections")
        if len(wanted := frozenset(dids)) > MAX_DIDS:
            raise InvalidFilter(f"more than {MAX_DIDS} DIDs")
        try:
            for did in wanted:
                Did(did)
            for collection in whole:
                Nsid(collection)
        except InvalidSyntax as error:
            raise InvalidFilter(str(error)) from error
        return cls(wanted, frozenset(whole), tuple(prefixes), frozenset(kinds), max_bytes)

    def wants(self, item: Item) -> bool:
        """Decide by everything but the size, which only the message has."""
        if self.dids and item.did not in self.dids:
            return False
        if self.kinds and item.kind not in self.kinds:
            return False
        if not (self.collections or self.prefixes) or item.kind != "commit":
            return True
        collection = item.collection
        return collection in self.collections or collection.startswith(self.prefixes)

    def fits(self, size: int) -> bool:
        return not self.max_bytes or size <= self.max_bytes
