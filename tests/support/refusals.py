"""Calls that must be refused, in tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.support.client import Client

JSON = {"Content-Type": "application/json"}
CAR = {"Content-Type": "application/vnd.ipld.car"}
INVALID = (400, "InvalidRequest")
CREATE = "com.atproto.repo.createRecord"
DEEP = 100_000
Table: TypeAlias = Mapping[str, tuple["Call", tuple[int, str]]]


@dataclass(frozen=True)
class Call:
    """A request as bytes."""

    nsid: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    verb: str = "POST"

    @classmethod
    def get(cls, nsid: str, query: str = "") -> "Call":
        return cls(f"{nsid}?{query}" if query else nsid, None, {}, "GET")

    @classmethod
    def of(cls, nsid: str, **fields: Any) -> "Call":
        return cls(nsid, json.dumps(fields).encode())


async def check(client: Client, table: Table) -> None:
    """Make every call; all must be refused as the table says."""
    got = {}
    for name, (call, _) in table.items():
        answer = await client.raw(call.verb, f"/xrpc/{call.nsid}", call.body, call.headers)
        got[name] = answer.error if answer.status >= 400 else (answer.status, "")
        assert answer.status == 413 or answer.headers["Access-Control-Allow-Origin"] == "*", name
    assert got == {name: expected for name, (_, expected) in table.items()}
