"""The lexicons records are measured by: those that come with us, and those that others publish."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from appliance.atproto.identity.lexicon_resolver import (
    LexiconDocument,
    LexiconNotFound,
    LexiconResolver,
    LexiconUnreachable,
)
from appliance.atproto.identity.names import OFFLINE
from appliance.atproto.lexicon.catalog import Definition
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.syntax import Nsid

MAX_LEARNED: Final = 200
MAX_DOCUMENTS: Final = 20  # that one lexicon may need
# How long the first write to an unknown collection waits for its lexicon.
PATIENCE_SECONDS: Final = 2.5


class Lexicons:
    """Gives the validator to measure a collection's records by.

    A lexicon that cannot be had, or that refers to one that cannot be had, is unknown: its records
    are taken as they are. `asking`: whether lexicons of others are looked for at all.
    """

    def __init__(self, own: Validator, resolver: LexiconResolver, *, asking: bool) -> None:
        self._own = own
        self._resolver = resolver
        self._asking = asking
        self._learned: OrderedDict[Nsid, Validator] = OrderedDict()

    def of(self, collection: str) -> Validator:
        """Give the validator that knows a collection, or ours, which then does not."""
        return self._learned.get(Nsid.unchecked(collection), self._own)

    async def learn(self, collections: Iterable[Nsid]) -> None:
        """Look for the lexicons of collections that we do not know; never fails."""
        if not self._asking:
            return
        for collection in dict.fromkeys(collections):
            if not (self._own.knows_record(collection) or self._is_settled(collection)):
                await self._learn(collection)

    def _is_settled(self, collection: Nsid) -> bool:
        if collection in self._learned:
            return self._resolver.known(collection) is not None
        return self._resolver.is_missing(collection) or collection.partition(".")[0] in OFFLINE

    async def _learn(self, collection: Nsid) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                documents = await self._with_all_it_needs(collection)
        except (LexiconNotFound, LexiconUnreachable, TimeoutError):
            if collection not in self._learned:
                self._resolver.give_up(collection)
            return
        catalog = self._own.catalog.with_documents(
            {found.nsid: found.schema for found in documents}
        )
        self._learned[collection] = Validator(catalog)
        self._learned.move_to_end(collection)
        if len(self._learned) > MAX_LEARNED:
            self._learned.popitem(last=False)

    async def _with_all_it_needs(self, collection: Nsid) -> list[LexiconDocument]:
        """Resolve a lexicon and those it refers to. Raises LexiconNotFound, LexiconUnreachable."""
        found: dict[str, LexiconDocument] = {}
        wanted = [collection]
        while wanted:
            nsid = wanted.pop()
            if nsid in found or self._own.catalog.has(nsid):
                continue
            if len(found) == MAX_DOCUMENTS:
                raise LexiconNotFound(f"{collection} needs more than {MAX_DOCUMENTS} lexicons")
            found[nsid] = await self._resolver.resolve(nsid)
            wanted.extend(_references(found[nsid].schema["defs"]))
        _check_references(self._own, found)
        return list(found.values())


def _check_references(own: Validator, found: dict[str, LexiconDocument]) -> None:
    """See that each reference leads to a definition. Raises LexiconNotFound."""
    catalog = own.catalog.with_documents({nsid: each.schema for nsid, each in found.items()})
    for nsid, document in found.items():
        for ref in _refs(document.schema["defs"]):
            target, _, name = ref.partition("#")
            if not catalog.has(target or nsid, name or "main"):
                raise LexiconNotFound(f"{nsid} refers to {ref}, which is nowhere")


def _references(definitions: Definition) -> Iterator[Nsid]:
    for ref in _refs(definitions):
        target = ref.partition("#")[0]
        if target:
            yield Nsid.unchecked(target)


def _refs(part: Any) -> Iterator[str]:
    """Give the references in a schema, whose depth and form have been checked."""
    if isinstance(part, list):
        for each in part:
            yield from _refs(each)
    if not isinstance(part, dict):
        return
    if part.get("type") == "ref":
        yield part["ref"]
    elif part.get("type") == "union":
        yield from part["refs"]
    for each in part.values():
        yield from _refs(each)
