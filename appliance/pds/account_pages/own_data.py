"""Download of everything: repo, blobs, preferences, and what else is kept of a member."""

import asyncio
import contextlib
import mimetypes
from typing import Final

from aiohttp import web

from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Datetime, Json
from appliance.pds.account_pages import archive
from appliance.pds.account_pages.visit import Visit
from appliance.pds.blobs import BlobNotFound
from appliance.pds.viewer_data import ViewerData

_BLOBS_AT_ONCE: Final = 500


async def show(visit: Visit) -> web.Response:
    counts = await visit.pds.blobs.counts(visit.did)
    records = await visit.pds.records.count(visit.did)
    return visit.page("data", counts=counts, records=records)


async def download(visit: Visit) -> web.StreamResponse:
    """Send the archive; a browser that goes away ends it."""
    pds, did = visit.pds, visit.did
    blobs = await _blobs(visit)
    documents: dict[str, Json] = {
        "account.json": await _account(visit),
        "preferences.json": pds.preferences.get(did, personal=True),
        "blobs.json": [{"cid": str(cid), "mimeType": kind} for cid, kind in blobs],
    }
    private = await ViewerData(pds.proxy, pds.appview_choices, pds.exports.tray).documents(did)
    contents = archive.Contents(
        texts={"README.txt": visit.words("data.readme", handle=visit.account.handle)},
        documents=documents,
        files={**private, "repo.car": await pds.exports.repo(did)},
        blobs=[(cid, mimetypes.guess_extension(kind) or "") for cid, kind in blobs],
    )
    name = f"{visit.account.handle}-{Datetime.from_us(pds.clock.now_us())[:10]}.zip"
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    response = web.StreamResponse(headers=headers)
    await response.prepare(visit.request)
    made = archive.pieces(contents, pds.blobs)
    while (piece := await asyncio.to_thread(next, made, None)) is not None:
        await response.write(piece)
    await response.write_eof()
    return response


async def _blobs(visit: Visit) -> list[tuple[Cid, str]]:
    """Name the blobs that are here, with their types; records may refer to others."""
    found: list[tuple[Cid, str]] = []
    cursor: Cid | None = None
    while page := await visit.pds.blobs.page(visit.did, _BLOBS_AT_ONCE, cursor, None):
        for cid in page:
            with contextlib.suppress(BlobNotFound):
                found.append((cid, visit.pds.blobs.find(visit.did, cid).mime_type))
        cursor = page[-1]
    return found


async def _account(visit: Visit) -> Json:
    pds, account = visit.pds, visit.account
    return {
        "did": account.did,
        "handle": account.handle,
        "email": account.email,
        "emailConfirmed": account.email_confirmed_at is not None,
        "createdAt": Datetime.from_us(account.created_at),
        "status": account.status or "active",
        "didDocument": await pds.identities.document(account.did),
        "appPasswords": [
            {"name": one.name, "createdAt": Datetime.from_us(one.created_at)}
            for one in pds.app_passwords.list(account.did)
        ],
        "devices": [
            {"agent": one.agent, "seenAt": Datetime.from_us(one.seen_at)}
            for one in pds.devices.devices_of(account.did)
        ],
        "passkeys": [
            {"name": one.name, "createdAt": Datetime.from_us(one.created_at)}
            for one in pds.passkeys.list(account.did)
        ],
    }
