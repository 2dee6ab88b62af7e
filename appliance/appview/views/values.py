"""Small pieces of views: times, blob references, the labels an author gives."""

from functools import lru_cache
from typing import Any, Final

import orjson

from appliance.atproto.syntax import Datetime, Json, JsonObject

# What clients do with times before this (records may claim any year) is not worth finding out.
EARLIEST_US = 0
MS_PER_MINUTE: Final = 60_000
SELF_LABELS = "com.atproto.label.defs#selfLabels"


def iso(us: int) -> str:
    """Write microseconds since 1970 as an RFC 3339 text; a year before 1970 becomes 1970."""
    minute, rest = divmod(max(us, EARLIEST_US) // 1000, MS_PER_MINUTE)
    return f"{_minute(minute)}{rest // 1000:02}.{rest % 1000:03}Z"


@lru_cache(maxsize=1024)
def _minute(minute: int) -> str:
    """Write a time up to its seconds: what stands on one page is often of one hour."""
    return Datetime.from_us(minute * MS_PER_MINUTE * 1000)[:17]


def fragment(record: str) -> orjson.Fragment:
    """Put stored JSON into an answer as it is."""
    return orjson.Fragment(record)


def blob_cid(blob: Any) -> str | None:
    """Give the CID text of a blob reference, also of the form used before 2023."""
    if not isinstance(blob, dict):
        return None
    ref = blob.get("ref")
    cid = ref.get("$link") if isinstance(ref, dict) else blob.get("cid")
    return cid if isinstance(cid, str) else None


def self_labels(did: str, uri: str, cid: str, record: str, at_us: int) -> list[Json]:
    """Give the labels a record carries itself (com.atproto.label.defs#selfLabels) as labels."""
    if '"labels"' not in record:
        return []
    labels = orjson.loads(record).get("labels")
    # The field may hold other types too, whose content nobody has checked.
    if not isinstance(labels, dict) or labels.get("$type") != SELF_LABELS:
        return []
    return [
        {"src": did, "uri": uri, "cid": cid, "val": label["val"], "cts": iso(at_us)}
        for label in labels["values"]
    ]


def present(**fields: Json) -> JsonObject:
    """Make an object of those fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}
