"""com.atproto.sync.*: hosted repos and blobs for everybody who mirrors, checks or indexes them."""

from collections.abc import Mapping
from typing import BinaryIO, Final

from aiohttp import web

from appliance.atproto.cid import Cid
from appliance.atproto.syntax import Did, Json, JsonObject, Nsid, RecordKey
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable, Stream
from appliance.firehose.serve import serve_subscribe_repos
from appliance.pds.blob_files import FileChunks
from appliance.pds.repos import HostedRepo
from appliance.pds.role import Pds
from appliance.pds.xrpc.auth import Caller, reader
from appliance.pds.xrpc.availability import readable

methods: MethodTable[Pds] = MethodTable()

_CAR: Final = "application/vnd.ipld.car"
# A blob is a stranger's file under our name: browsers are to store it, never to run it.
_BLOB_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


@methods.query("com.atproto.sync.getBlob", auth=reader)
async def get_blob(pds: Pds, caller: Caller | None, *, did: Did, cid: Cid) -> Stream:
    readable(pds, caller, did)
    blob = pds.blobs.find(did, cid)
    headers = {
        **_BLOB_HEADERS,
        "Content-Length": str(blob.size),
        "Content-Disposition": f'attachment; filename="{cid}"',
    }
    return Stream(blob.mime_type, FileChunks(pds.blobs.open(cid), cid), headers)


@methods.query("com.atproto.sync.getBlocks", auth=reader)
async def get_blocks(pds: Pds, caller: Caller | None, *, did: Did, cids: list[Cid]) -> Stream:
    readable(pds, caller, did)
    return _car(await pds.exports.blocks(did, cids))


@methods.query("com.atproto.sync.getCheckout", auth=reader)
async def get_checkout(pds: Pds, caller: Caller | None, *, did: Did) -> Stream:
    readable(pds, caller, did)
    return _car(await pds.exports.repo(did))


@methods.query("com.atproto.sync.getHead", auth=reader)
async def get_head(pds: Pds, caller: Caller | None, *, did: Did) -> Json:
    readable(pds, caller, did)
    return {"root": str(pds.repos.head(did).commit_cid)}


@methods.query("com.atproto.sync.getLatestCommit", auth=reader)
async def get_latest_commit(pds: Pds, caller: Caller | None, *, did: Did) -> Json:
    readable(pds, caller, did)
    head = pds.repos.head(did)
    return {"cid": str(head.commit_cid), "rev": head.rev}


@methods.query("com.atproto.sync.getRecord", auth=reader)
async def get_record(
    pds: Pds, caller: Caller | None, *, did: Did, collection: Nsid, rkey: RecordKey
) -> Stream:
    readable(pds, caller, did)
    return _car(await pds.exports.record(did, f"{collection}/{rkey}"))


@methods.query("com.atproto.sync.getRepo", auth=reader)
async def get_repo(pds: Pds, caller: Caller | None, *, did: Did, since: Tid | None) -> Stream:
    readable(pds, caller, did)
    return _car(await pds.exports.repo(did, since))


@methods.query("com.atproto.sync.getRepoStatus")
async def get_repo_status(pds: Pds, *, did: Did) -> Json:
    found = pds.accounts.find(did)
    if found is None:
        raise InvalidRequest(f"Could not find repo: {did}", "RepoNotFound")
    answer: JsonObject = {"did": did, "active": found.is_active}
    if found.status is None:
        answer["rev"] = pds.repos.head(did).rev
    else:
        answer["status"] = found.status
    return answer


@methods.query("com.atproto.sync.listBlobs", auth=reader)
async def list_blobs(
    pds: Pds,
    caller: Caller | None,
    *,
    did: Did,
    since: Tid | None,
    limit: int,
    cursor: str | None,
) -> Json:
    readable(pds, caller, did)
    after = None if cursor is None else Cid.parse(cursor)
    page = [str(cid) for cid in await pds.blobs.page(did, limit, after, since)]
    return {"cids": page, "cursor": page[-1]} if page else {"cids": []}


@methods.query("com.atproto.sync.listRepos")
async def list_repos(pds: Pds, *, limit: int, cursor: str | None) -> Json:
    page = pds.repos.page(_place(cursor), limit)
    answer: JsonObject = {"repos": [_listed(pds, repo) for repo in page]}
    if len(page) == limit:
        answer["cursor"] = str(page[-1].id)
    return answer


@methods.query("com.atproto.sync.listReposByCollection")
async def list_repos_by_collection(
    pds: Pds, *, collection: Nsid, limit: int, cursor: str | None
) -> Json:
    page = await pds.records.repos_with(collection, _place(cursor), limit)
    answer: JsonObject = {"repos": [{"did": did} for _, did in page if _is_active(pds, did)]}
    if len(page) == limit:
        answer["cursor"] = str(page[-1][0])
    return answer


@methods.subscription("com.atproto.sync.subscribeRepos")
async def subscribe_repos(
    pds: Pds, *, cursor: int | None, request: web.Request
) -> web.StreamResponse:
    del cursor  # the firehose reads it from the request, to answer inside the stream
    return await serve_subscribe_repos(request, pds.event_log, pds.seats, pds.inside.haste)


def _car(archive: BinaryIO) -> Stream:
    return Stream(_CAR, FileChunks(archive))


def _place(cursor: str | None) -> int:
    """Read the place in the order of creation that a cursor names. Raises InvalidRequest."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidRequest("Malformed cursor")
    return int(cursor)


def _listed(pds: Pds, repo: HostedRepo) -> JsonObject:
    found = pds.accounts.find(repo.did)
    line: JsonObject = {"did": repo.did, "head": str(repo.head), "rev": repo.rev}
    line["active"] = found is not None and found.is_active
    if found is not None and found.status is not None:
        line["status"] = found.status
    return line


def _is_active(pds: Pds, did: Did) -> bool:
    found = pds.accounts.find(did)
    return found is not None and found.is_active
