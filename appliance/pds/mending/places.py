"""Whoever may have the same bytes. Nobody needs to be trusted: a CID says what bytes it is of."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import aiohttp

from appliance.atproto import cbor, data
from appliance.atproto.car import InvalidCar, read_car
from appliance.atproto.cid import Cid
from appliance.atproto.data import InvalidData
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import UpstreamFailure, XrpcError
from appliance.base.database import Database, DeadlineExceeded
from appliance.base.http import HttpClient
from appliance.firehose import event_log
from appliance.pds.mending.damage import BadRecord
from appliance.pds.move_reports import MoveReports

_LOG_SECONDS: Final = 60.0
_REDIRECTS: Final = 3


class Places:
    """Our own event log, the AppView, and servers outside that may have a repo or its blobs."""

    def __init__(
        self,
        db: Database,
        http: HttpClient,
        moves: MoveReports,
        appview: str,
        outside: Sequence[str],
    ) -> None:
        """`outside`: what is asked of any account; where one moved to or from is asked too."""
        self._db = db
        self._http = http
        self._moves = moves
        self._appview = appview
        self._outside = outside

    async def block(self, bad: BadRecord, cid: Cid, more: str) -> tuple[bytes, str] | None:
        """Find the bytes of a record, and say where; `more` is one more server to ask."""
        found = None
        with suppress(DeadlineExceeded):
            found = await self._db.scan(event_log.find_block, bad.did, cid, deadline=_LOG_SECONDS)
        if found is not None:
            return found, "the log of changes"
        found = await self._shown(XrpcClient(self._http, self._appview), bad, cid)
        if found is not None:
            return found, "the index of the AppView"
        for url, client in self._servers(bad.did, more):
            found = await self._served(client, bad, cid)
            if found is not None:
                return found, url
        return None

    @asynccontextmanager
    async def blob(
        self, url: str, client: XrpcClient, did: Did, cid: Cid
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask one server for a blob. Raises OSError."""
        asked = [("did", did), ("cid", str(cid))]
        plain = {"Accept-Encoding": "identity"}
        async with client.raw(
            "GET",
            "com.atproto.sync.getBlob",
            params=asked,
            headers=plain,
            redirects=_REDIRECTS,
        ) as answer:
            if answer.status != 200:
                raise UpstreamFailure(f"{url} has no such blob")
            yield answer

    def servers(self, did: Did, more: str) -> Sequence[tuple[str, XrpcClient]]:
        """Name the servers outside that may know an account, the one that was named first."""
        return list(self._servers(did, more))

    def _servers(self, did: Did, more: str) -> Sequence[tuple[str, XrpcClient]]:
        peers = [report.peer for report, _ in self._moves.newest() if report.did == did]
        urls = dict.fromkeys(each.rstrip("/") for each in (more, *peers, *self._outside) if each)
        web = ("https://", "http://")
        return [(url, XrpcClient(self._http, url)) for url in urls if url.startswith(web)]

    async def _served(self, client: XrpcClient, bad: BadRecord, cid: Cid) -> bytes | None:
        """Ask a server for the block itself, for the proof of the record, for the record."""
        collection, _, rkey = bad.path.partition("/")
        ways: tuple[tuple[str, dict[str, Any]], ...] = (
            ("getBlocks", {"did": bad.did, "cids": [str(cid)]}),
            ("getRecord", {"did": bad.did, "collection": collection, "rkey": rkey}),
        )
        for name, asked in ways:
            try:
                answer = await client.call("GET", f"com.atproto.sync.{name}", params=asked)
                found = read_car(answer.body).blocks.get(cid)
            except (XrpcError, InvalidCar):
                continue
            if found is not None:
                return found
        return await self._shown(client, bad, cid)

    async def _shown(self, client: XrpcClient, bad: BadRecord, cid: Cid) -> bytes | None:
        """Make the bytes of what is shown as JSON: the same, or it is not the record."""
        collection, _, rkey = bad.path.partition("/")
        asked = {"repo": bad.did, "collection": collection, "rkey": rkey}
        try:
            view: Any = await client.query("com.atproto.repo.getRecord", asked)
            block = cbor.encode(data.record_from_json(view["value"]))
        except (XrpcError, InvalidData, KeyError, TypeError):
            return None
        return block if Cid.for_block(block) == cid else None
