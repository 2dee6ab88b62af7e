"""What our own AppView alone knows of a viewer, row for row; other AppViews give lists instead."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from appliance.atproto.data import dumps
from appliance.atproto.xrpc.errors import XrpcError
from appliance.operator import Operator

PAPERS: Final = "private/papers.json"
KINDS: Final = (
    "mutes",
    "muted-lists",
    "muted-threads",
    "bookmarks",
    "drafts",
    "activity-subscriptions",
    "settings",
)
_TOGETHER: Final = 200
_BYTES_TOGETHER: Final = 400_000
# Our members may use somebody else's AppView: then nobody is at this door.
_NOBODY: Final = frozenset({"UpstreamFailure", "MethodNotImplemented"})


class Vault:
    """The private rows of viewers here, for the operator who moves them."""

    def __init__(self, appview: Operator) -> None:
        self._appview = appview

    async def read(self, did: str) -> dict[str, Any] | None:
        """Give the rows by kind; None where the AppView is not ours."""
        try:
            return {kind: await self._rows(did, kind) for kind in KINDS}
        except XrpcError as refusal:
            if refusal.name not in _NOBODY:
                raise
            return None

    async def write(self, did: str, papers: dict[str, Any]) -> int | None:
        """Put rows that are not there yet; give how many, or None where the AppView is not ours."""
        put = 0
        try:
            for kind in KINDS:
                rows = papers.get(kind) or []
                for some in _parcels(rows):
                    answer = await self._appview.call(
                        "internal.hearth.appview.putPrivateState", did=did, kind=kind, rows=some
                    )
                    put += answer["put"]
        except XrpcError as refusal:
            if refusal.name not in _NOBODY:
                raise
            return None
        return put

    async def _rows(self, did: str, kind: str) -> list[Any]:
        nsid = "internal.hearth.appview.getPrivateState"
        return [row async for row in self._appview.pages(nsid, "rows", did=did, kind=kind)]


def _parcels(rows: Sequence[Any]) -> Iterator[list[Any]]:
    """Give rows together as far as a server takes them in one body: drafts may be long."""
    some: list[Any] = []
    size = 0
    for row in rows:
        weight = len(dumps(row))
        if some and (len(some) == _TOGETHER or size + weight > _BYTES_TOGETHER):
            yield some
            some, size = [], 0
        some.append(row)
        size += weight
    if some:
        yield some
