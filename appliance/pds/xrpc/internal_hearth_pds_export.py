"""internal.hearth.pds.exportAccount: what an account has published, before it is taken away."""

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Iterator
from typing import Final

from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Did, Json
from appliance.atproto.xrpc.methods import MethodTable, Stream
from appliance.pds.account_pages import archive
from appliance.pds.blobs import BlobNotFound
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, operator

methods: MethodTable[Pds] = MethodTable()

_BLOBS_AT_ONCE: Final = 500


@methods.query("internal.hearth.pds.exportAccount", auth=operator)
async def export_account(pds: Pds, caller: Caller, *, did: Did) -> Stream:
    """Give the repo and the pictures in one ZIP file; what is private is the member's to export."""
    account = pds.accounts.require(did)
    blobs = await _blobs(pds, did)
    documents: dict[str, Json] = {
        "account.json": {"did": did, "handle": account.handle},
        "blobs.json": [{"cid": str(cid), "mimeType": kind} for cid, kind in blobs],
    }
    contents = archive.Contents(
        texts={},
        documents=documents,
        files={"repo.car": await pds.exports.repo(did)},
        blobs=[(cid, mimetypes.guess_extension(kind) or "") for cid, kind in blobs],
    )
    return Stream("application/zip", _pieces(archive.pieces(contents, pds.blobs)))


async def _pieces(made: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await asyncio.to_thread(next, made, None)) is not None:
        if piece:
            yield piece


async def _blobs(pds: Pds, did: Did) -> list[tuple[Cid, str]]:
    """Name the blobs that are here, with their types."""
    found: list[tuple[Cid, str]] = []
    cursor: Cid | None = None
    while page := await pds.blobs.page(did, _BLOBS_AT_ONCE, cursor, None):
        for cid in page:
            try:
                found.append((cid, pds.blobs.find(did, cid).mime_type))
            except BlobNotFound:  # a record refers to what never arrived
                continue
        cursor = page[-1]
    return found
