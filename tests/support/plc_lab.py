"""A did:plc log as a directory would keep it, with keys of its own."""

from typing import Any

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity.plc import (
    cid_of,
    did_for,
    genesis_operation,
    sign_operation,
    update_operation,
)
from appliance.atproto.identity.plc_log import LogEntry, check_next
from appliance.atproto.syntax import Datetime, JsonObject

OWNER = PrivateKey.generate("p256")
SERVER = PrivateKey.generate("k256")
SIGNING = PrivateKey.generate("k256")
STRANGER = PrivateKey.generate("k256")
START_US = 1_700_000_000_000_000
HOUR_US = 3_600_000_000


def genesis(key: PrivateKey = SERVER, **changes: Any) -> JsonObject:
    operation = genesis_operation(
        rotation_keys=[OWNER.public.did_key, SERVER.public.did_key],
        signing_key=SIGNING.public.did_key,
        handle="alice.test",
        pds_url="https://pds.example.com",
    )
    return sign_operation({**operation, **changes}, key)


def legacy() -> JsonObject:
    operation = {
        "type": "create",
        "signingKey": SIGNING.public.did_key,
        "recoveryKey": OWNER.public.did_key,
        "handle": "alice.test",
        "service": "pds.example.com",
        "prev": None,
    }
    return sign_operation(operation, SIGNING)


class Log:
    """A DID's log as a directory would keep it."""

    def __init__(self, first: JsonObject | None = None) -> None:
        first = first or genesis()
        self.did = did_for(first)
        self.entries: list[LogEntry] = []
        self.add(first, START_US)

    def add(self, operation: JsonObject, created_us: int) -> tuple[Any, ...]:
        valid = [entry for entry in self.entries if not entry.nullified]
        undone = check_next(self.did, valid, operation, created_us)
        self.entries = [
            LogEntry(e.operation, e.cid, e.created_us, e.nullified or e.cid in undone)
            for e in self.entries
        ]
        self.entries.append(LogEntry(operation, cid_of(operation), created_us))
        return undone

    def audit(self) -> list[JsonObject]:
        return [
            {
                "did": self.did,
                "operation": entry.operation,
                "cid": str(entry.cid),
                "nullified": entry.nullified,
                "createdAt": Datetime.from_us(entry.created_us),
            }
            for entry in self.entries
        ]


def rename(last: JsonObject, handle: str, key: PrivateKey) -> JsonObject:
    return sign_operation(update_operation(last, handle=handle), key)
