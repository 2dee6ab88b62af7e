"""What Jetstream makes of an event: an item for each record that changed, or for the event itself.

Each item has a number of its own: the event's seq times 256, plus its place within the commit,
which has at most 200 operations. So numbers are as lasting as the log, and nothing more is stored.
Likewise `time_us`: no two items have the same, for the log leaves room between its events.
"""

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import orjson

from appliance.atproto.car import read_car
from appliance.atproto.cid import Cid
from appliance.atproto.data import record_json
from appliance.atproto.repo.repo import RecordOp
from appliance.firehose.events import (
    AccountEvent,
    CommitEvent,
    IdentityEvent,
    InfoEvent,
    SyncEvent,
    parse,
)
from appliance.relay.jetstream.compression import EVENTS, LEGACY, compressor

NUMBERS_PER_EVENT = 256
# A cursor below is a number, one at or above it microseconds since 1970.
FIRST_TIME = 10**15
NSID = "network.bsky.jetstream.subscribeEvents"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Item:
    """One message to be, of kind commit, identity, account or sync.

    `body` is what stands under the name of the kind.
    """

    number: int
    time_us: int
    kind: str
    did: str
    body: dict[str, Any]

    @property
    def collection(self) -> str:
        """The collection of a commit; empty for other kinds."""
        return str(self.body["collection"]) if self.kind == "commit" else ""

    @cached_property
    def legacy_json(self) -> bytes:
        """The message of /subscribe; it has none for a #sync."""
        return orjson.dumps(
            {
                "did": self.did,
                "time_us": self.time_us,
                "cursor": self.number,
                "kind": self.kind,
                self.kind: self.body,
            }
        )

    @cached_property
    def json(self) -> bytes:
        """The message of subscribeEvents."""
        common = {
            "$type": f"{NSID}#{self.kind}",
            "seq": self.number,
            "did": self.did,
            "time": wire_time(self.time_us),
        }
        own = self.body if self.kind == "commit" else {self.kind: self.body}
        return message(common | own)

    @cached_property
    def legacy_compressed(self) -> bytes:
        """The same as one zstd frame."""
        return compressor(LEGACY)(self.legacy_json)

    @cached_property
    def compressed(self) -> bytes:
        """The same as one zstd frame."""
        return compressor(EVENTS)(self.json)


def items_of(seq: int, time_us: int, frame: bytes) -> list[Item]:
    """Translate an event of our own log, whose frames were verified when they came."""
    event = parse(frame)
    first = seq * NUMBERS_PER_EVENT
    if isinstance(event, InfoEvent):
        return []
    if not isinstance(event, CommitEvent):
        return [Item(first, time_us, event.kind, event.did, _body(event))]
    blocks = read_car(event.blocks).blocks
    return [
        Item(first + at, time_us + at, "commit", event.did, _operation(event.rev, op, blocks))
        for at, op in enumerate(event.ops)
    ]


def _operation(rev: str, op: RecordOp, blocks: dict[Cid, bytes]) -> dict[str, Any]:
    collection, _, rkey = op.path.partition("/")
    body = {"rev": rev, "operation": op.action, "collection": collection, "rkey": rkey}
    if op.cid is None:
        return body
    record = orjson.dumps(record_json(blocks[op.cid]), option=orjson.OPT_SORT_KEYS)
    return {**body, "record": orjson.Fragment(record), "cid": str(op.cid)}


def _body(event: IdentityEvent | AccountEvent | SyncEvent) -> dict[str, Any]:
    """Give the event as JSON, its fields in the order of the alphabet."""
    fields: dict[str, Any] = {"did": event.did, "seq": event.seq, "time": event.time}
    if isinstance(event, IdentityEvent):
        fields |= {"handle": event.handle}
    elif isinstance(event, AccountEvent):
        fields |= {"active": event.active, "status": event.status}
    else:
        blocks = b64encode(event.blocks).decode().rstrip("=")
        fields |= {"blocks": {"$bytes": blocks}, "rev": event.rev}
    return {name: fields[name] for name in sorted(fields) if fields[name] is not None}


def message(payload: dict[str, Any]) -> bytes:
    """Make a message of subscribeEvents."""
    return orjson.dumps({"$type": "message", "payload": payload})


def wire_time(time_us: int) -> str:
    """Write a time with six digits behind the point, always."""
    return f"{_EPOCH + timedelta(microseconds=time_us):%Y-%m-%dT%H:%M:%S.%fZ}"
