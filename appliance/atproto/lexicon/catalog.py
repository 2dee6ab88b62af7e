"""Load the lexicon documents and look up definitions in them."""

from collections.abc import Mapping
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Final, TypeAlias

import orjson

from appliance.atproto.lexicon.errors import UnknownLexicon

Definition: TypeAlias = dict[str, Any]

METHOD_TYPES: Final = frozenset({"query", "procedure", "subscription"})


class Catalog:
    """Hold lexicon documents by NSID.

    A reference is written "nsid#name" in full; "nsid" means "nsid#main", and "#name" a definition
    of the document it stands in. https://atproto.com/specs/lexicon
    """

    def __init__(self, documents: Mapping[str, Definition]) -> None:
        self._documents = dict(documents)

    @property
    def nsids(self) -> tuple[str, ...]:
        """Return the NSIDs of all documents."""
        return tuple(self._documents)

    def has(self, nsid: str, name: str = "main") -> bool:
        document = self._documents.get(nsid)
        return document is not None and name in document["defs"]

    def document(self, nsid: str) -> Definition:
        """Return a whole document. Raises UnknownLexicon."""
        try:
            return self._documents[nsid]
        except KeyError:
            raise UnknownLexicon(nsid) from None

    def definition(self, nsid: str, name: str = "main") -> Definition:
        """Return one definition of a document. Raises UnknownLexicon."""
        try:
            found: Definition = self._documents[nsid]["defs"][name]
        except KeyError:
            raise UnknownLexicon(nsid if name == "main" else f"{nsid}#{name}") from None
        return found

    def lookup(self, ref: str) -> Definition:
        """Return what a full reference ("nsid#name" or "nsid") names. Raises UnknownLexicon."""
        nsid, _, name = ref.partition("#")
        return self.definition(nsid, name or "main")

    def is_record(self, nsid: str) -> bool:
        return self.has(nsid) and self.definition(nsid).get("type") == "record"

    @cached_property
    def methods(self) -> dict[str, Definition]:
        """Map the NSID of each query, procedure and subscription to its main definition."""
        return {
            nsid: main
            for nsid, document in self._documents.items()
            if (main := document["defs"].get("main")) and main["type"] in METHOD_TYPES
        }

    def with_documents(self, documents: Mapping[str, Definition]) -> "Catalog":
        """Return a catalog that also holds these documents."""
        return Catalog({**self._documents, **documents})


def full_ref(ref: str, nsid: str) -> str:
    """Write a reference found in document nsid in full: always "nsid#name"."""
    target, _, name = ref.partition("#")
    return f"{target or nsid}#{name or 'main'}"


@cache
def load_catalog() -> Catalog:
    """Read the documents that come with the package: one JSON file per authority."""
    documents: dict[str, Definition] = {}
    for entry in files("appliance").joinpath("lexicons").iterdir():
        if entry.name.endswith(".json"):
            documents.update(orjson.loads(entry.read_bytes()))
    return Catalog(documents)
