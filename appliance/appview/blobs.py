"""Blobs of records, passed on from the PDS of their account, with their hash checked on the way."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.appview.images import BlobGate, NoSuchImage
from appliance.appview.repo_hosts import RepoHosts
from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Did

# Types a browser may show by itself; anything else is a download.
_SHOWN = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "video/mp4")


class WrongBlob(Exception):
    """The PDS gave other bytes than the CID names."""


class Blobs:
    """Streams blobs that a visible record refers to."""

    def __init__(self, gate: BlobGate, hosts: RepoHosts) -> None:
        self._gate = gate
        self._hosts = hosts

    @asynccontextmanager
    async def open(self, did: Did, cid: Cid) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """Give a blob's MIME type and its chunks.

        The last chunk comes only when the whole has the right hash; else WrongBlob is raised.
        Raises NoSuchImage, and what fetching raises.
        """
        if not self._gate.may_show(did, cid):
            raise NoSuchImage("no visible record refers to this blob")
        document = await self._hosts.document(did)
        params = [("did", did), ("cid", str(cid))]
        async with self._hosts.get(document, "com.atproto.sync.getBlob", params) as response:
            claimed = response.content_type
            mime_type = claimed if claimed in _SHOWN else "application/octet-stream"
            yield mime_type, _checked(response.content.iter_chunked(1 << 16), cid)


async def _checked(chunks: AsyncIterator[bytes], cid: Cid) -> AsyncIterator[bytes]:
    """Pass chunks on, one behind, so that the last can be held back."""
    digest = hashlib.sha256()
    before = b""
    async for chunk in chunks:
        digest.update(chunk)
        if before:
            yield before
        before = chunk
    if digest.digest() != cid.digest:
        raise WrongBlob(str(cid))
    yield before
