"""Find the blobs of a record and what its schema asks of each."""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from appliance.atproto.data import BlobRef, find_blobs
from appliance.atproto.lexicon.catalog import Catalog, Definition, full_ref

BlobRule: TypeAlias = tuple[BlobRef, tuple[str, ...], int | None]

_ANY: Final = ("*/*",)


def blob_rules(catalog: Catalog, nsid: str, value: Any) -> list[BlobRule]:
    """Return each blob a record names, the MIME types accepted, and the most bytes allowed.

    Blobs where the schema says nothing (unknown collection, open union, extra property) may be of
    any type and size. The record is taken to be valid.
    """
    blobs = find_blobs(value)
    if not blobs:
        return []
    ruled = list(_walk_record(catalog, nsid, value)) if catalog.is_record(nsid) else []
    seen = {blob for blob, _, _ in ruled}
    return ruled + [(blob, _ANY, None) for blob in blobs if blob not in seen]


def _walk_record(catalog: Catalog, nsid: str, value: Any) -> Iterator[BlobRule]:
    return _Walk(catalog).schema(catalog.definition(nsid)["record"], nsid, value)


class _Walk:
    """Follow a value and its schema side by side, down to the blobs."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def schema(self, schema: Definition, nsid: str, value: Any) -> Iterator[BlobRule]:
        match schema["type"], value:
            case "blob", dict():
                accept = tuple(schema.get("accept", _ANY))
                for blob in find_blobs(value):
                    yield blob, accept, schema.get("maxSize")
            case "object", dict():
                yield from self._object(schema, nsid, value)
            case "array", list():
                for item in value:
                    yield from self.schema(schema["items"], nsid, item)
            case "ref", _:
                yield from self._named(full_ref(schema["ref"], nsid), value)
            case "union", dict():
                kind = full_ref(str(value.get("$type")), nsid)
                if kind in {full_ref(ref, nsid) for ref in schema["refs"]}:
                    yield from self._named(kind, value)
            case _:
                pass  # no other schema has blobs inside

    def _object(self, schema: Definition, nsid: str, value: Definition) -> Iterator[BlobRule]:
        for name, item in schema.get("properties", {}).items():
            if name in value:
                yield from self.schema(item, nsid, value[name])

    def _named(self, ref: str, value: Any) -> Iterator[BlobRule]:
        definition = self._catalog.lookup(ref)
        return self.schema(definition, ref.partition("#")[0], value)
