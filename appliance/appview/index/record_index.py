"""What one collection provides to the indexer."""

from collections.abc import Callable
from dataclasses import dataclass

from appliance.appview.records import IndexedRecord, RecordRef
from appliance.base.connection import Connection


@dataclass(frozen=True, slots=True)
class RecordIndex:
    """One collection: how its records become rows and how these go away again.

    The indexer calls `insert` only for records not held, and `delete` only for records held; an
    update is both, `delete` first. Counts must come out exact in any order of calls.
    """

    collection: str
    insert: Callable[[Connection, IndexedRecord], None]
    delete: Callable[[Connection, RecordRef], None]
