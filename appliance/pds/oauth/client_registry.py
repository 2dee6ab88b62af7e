"""Find what clients say of themselves: fetched by the guarded client, and kept for ten minutes.

What was fetched still counts for an hour while its server does not answer: a short trouble there
must not shut its users out here.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from appliance.base.http import HttpClient, OutboundFailed
from appliance.pds.oauth.client_ids import check_client_id, is_local
from appliance.pds.oauth.clients import Client, local_client, read_client, read_keys
from appliance.pds.oauth.errors import ClientUnreachable, InvalidClientMetadata

KEPT_SECONDS: Final = 600.0
STALE_SECONDS: Final = 3600.0
# A key that is not known may be new: looked for again, but not at every knock.
AGAIN_AFTER_SECONDS: Final = 30.0
MOST_KEPT: Final = 500
MOST_BYTES: Final = 64 * 1024
_JSON: Final = ("application/json", "application/jwk-set+json")


@dataclass(frozen=True)
class _Kept:
    client: Client
    fetched_at: float


class ClientRegistry:
    """The clients that have asked here."""

    def __init__(self, http: HttpClient, now: Callable[[], float]) -> None:
        self.http = http
        self._now = now
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._busy: dict[str, asyncio.Lock] = {}

    async def find(self, client_id: str, *, newest: bool = False) -> Client:
        """Find a client; `newest` asks again, if that was not done a moment ago.

        Raises InvalidClientId, InvalidClientMetadata, ClientUnreachable.
        """
        if is_local(client_id):
            return local_client(client_id)
        check_client_id(client_id)
        lock = self._busy.setdefault(client_id, asyncio.Lock())
        try:
            async with lock:
                return await self._fresh(client_id, AGAIN_AFTER_SECONDS if newest else KEPT_SECONDS)
        finally:
            if not lock.locked():
                self._busy.pop(client_id, None)

    async def _fresh(self, client_id: str, max_age: float) -> Client:
        kept, now = self._kept.get(client_id), self._now()
        if kept is not None and now < kept.fetched_at + max_age:
            self._kept.move_to_end(client_id)
            return kept.client
        try:
            client = await self._fetch(client_id)
        except ClientUnreachable:
            if kept is None or now >= kept.fetched_at + STALE_SECONDS:
                raise
            return kept.client
        self._kept[client_id] = _Kept(client, now)
        self._kept.move_to_end(client_id)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return client

    async def _fetch(self, client_id: str) -> Client:
        client = read_client(client_id, await self._document(client_id))
        if client.jwks_uri:
            return replace(client, keys=read_keys(await self._document(client.jwks_uri)))
        return client

    async def _document(self, url: str) -> Any:
        """Fetch JSON that is published as such. Raises ClientUnreachable, InvalidClientMetadata."""
        try:
            answer = await self.http.request(
                "GET",
                url,
                headers={"Accept": "application/json"},
                max_bytes=MOST_BYTES,
                redirects=0,
            )
            if answer.status >= 500:
                raise OutboundFailed(f"answer has status {answer.status}")
        except OutboundFailed as failed:
            raise ClientUnreachable(f"{url} could not be fetched: {failed}") from failed
        if answer.status != 200:
            raise InvalidClientMetadata(f"{url} answers with status {answer.status}")
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind not in _JSON:
            raise InvalidClientMetadata(f"{url} is not published as application/json")
        try:
            return answer.json()
        except OutboundFailed as bad:
            raise InvalidClientMetadata(f"{url}: {bad}") from bad
