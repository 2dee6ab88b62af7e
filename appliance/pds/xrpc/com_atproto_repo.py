"""com.atproto.repo.*: read and write the records of hosted repos, upload blobs, import a repo."""

import re
from collections.abc import AsyncIterator, Iterable
from typing import Final

from aiohttp import StreamReader, web

from appliance.atproto.cid import Cid
from appliance.atproto.identity.did_doc import DidDocument
from appliance.atproto.repo.commit import Commit
from appliance.atproto.syntax import (
    AtIdentifier,
    Json,
    JsonObject,
    Nsid,
    RecordKey,
)
from appliance.atproto.xrpc.errors import InvalidRequest, PayloadTooLarge
from appliance.atproto.xrpc.methods import MethodTable
from appliance.pds import rates
from appliance.pds.accounts import Account
from appliance.pds.blob_files import BlobTooLarge
from appliance.pds.oauth.permissions_kinds import (
    AccountPermission,
    BlobPermission,
    RepoPermission,
)
from appliance.pds.records import Record, RecordNotFound
from appliance.pds.role import Pds
from appliance.pds.writes import Expected, PreparedWrite
from appliance.pds.xrpc.auth import (
    Caller,
    account,
    account_full,
    looked_at_inside,
    reader,
    service_or,
    signed_in,
    writable,
)
from appliance.pds.xrpc.availability import readable
from appliance.pds.xrpc.fallback import forward

methods: MethodTable[Pds] = MethodTable()

_GET_RECORD: Final = Nsid("com.atproto.repo.getRecord")
_MIME_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_RESULT: Final = {"create": "#createResult", "update": "#updateResult", "delete": "#deleteResult"}
_WHOLE_REPO: Final = AccountPermission("repo", frozenset({"manage"}))
# Tells an absent field from a null one: null means that no record may be there.
_ABSENT: Final = Cid.for_block(b"")


def _file(_pds: Pds, request: web.Request) -> BlobPermission:
    """The need of an upload: a file of the type that it is said to be."""
    return _file_of(_declared_type(request))


@methods.query("com.atproto.repo.describeRepo", auth=reader)
async def describe_repo(pds: Pds, caller: Caller | None, *, repo: AtIdentifier) -> Json:
    found = readable(pds, caller, repo)
    document = await pds.resolver.document(found.did)
    return {
        "handle": found.handle,
        "did": found.did,
        "didDoc": document.raw,
        "collections": await pds.records.collections(found.did),
        "handleIsCorrect": await _is_correct(pds, found, document),
    }


@methods.query("com.atproto.repo.getRecord")
async def get_record(
    pds: Pds,
    *,
    repo: AtIdentifier,
    collection: Nsid,
    rkey: RecordKey,
    cid: Cid | None,
    request: web.Request,
) -> Json | web.StreamResponse:
    found = pds.accounts.find(repo)
    if found is None:
        return await forward(pds, request, Nsid.unchecked("com.atproto.repo.getRecord"))
    if not found.is_active:
        raise RecordNotFound(f"at://{repo}/{collection}/{rkey}")
    return _shown(pds.records.get(found.did, collection, rkey, cid))


@methods.query("com.atproto.repo.listRecords")
async def list_records(
    pds: Pds,
    *,
    repo: AtIdentifier,
    collection: Nsid,
    limit: int,
    cursor: str | None,
    reverse: bool | None,
) -> Json:
    found = pds.accounts.find(repo)
    if found is None or not found.is_active:
        raise InvalidRequest(f"Could not find repo: {repo}")
    page = pds.records.listed(found.did, collection, limit, cursor, bool(reverse))
    if not page:
        return {"records": []}
    return {"records": page, "cursor": str(page[-1]["uri"]).rpartition("/")[2]}


@methods.procedure("com.atproto.repo.createRecord", auth=account.for_apps(looked_at_inside))
async def create_record(
    pds: Pds,
    caller: Caller,
    *,
    repo: AtIdentifier,
    collection: Nsid,
    rkey: RecordKey | None,
    validate: bool | None,
    record: Json,
    swap_commit: Cid | None,
) -> Json:
    did = writable(pds, caller, repo).did
    caller.require(_to("create", collection))
    await _learn(pds, validate, collection)
    write = pds.writes.create_replacing(did, collection, rkey, record, validate)
    return _written(write, await pds.repos.write(did, [write], swap_commit))


@methods.procedure("com.atproto.repo.putRecord", auth=account.for_apps(looked_at_inside))
async def put_record(
    pds: Pds,
    caller: Caller,
    *,
    repo: AtIdentifier,
    collection: Nsid,
    rkey: RecordKey,
    validate: bool | None,
    record: Json,
    swap_record: Cid | None = _ABSENT,
    swap_commit: Cid | None,
) -> Json:
    did = writable(pds, caller, repo).did
    caller.require(_to("create", collection), _to("update", collection))
    expected = None if swap_record is _ABSENT else Expected(swap_record)
    await _learn(pds, validate, collection)
    write = pds.writes.put(did, (collection, rkey), record, validate, expected)
    return _written(write, await pds.repos.write(did, [write], swap_commit))


@methods.procedure("com.atproto.repo.deleteRecord", auth=account.for_apps(looked_at_inside))
async def delete_record(
    pds: Pds,
    caller: Caller,
    *,
    repo: AtIdentifier,
    collection: Nsid,
    rkey: RecordKey,
    swap_record: Cid | None,
    swap_commit: Cid | None,
) -> Json:
    did = writable(pds, caller, repo).did
    caller.require(_to("delete", collection))
    expected = None if swap_record is None else Expected(swap_record)
    write = pds.writes.discard(did, collection, rkey, expected)
    return _with_commit({}, await pds.repos.write(did, [write], swap_commit))


@methods.procedure("com.atproto.repo.applyWrites", auth=account.for_apps(looked_at_inside))
async def apply_writes(
    pds: Pds,
    caller: Caller,
    *,
    repo: AtIdentifier,
    validate: bool | None,
    writes: list[JsonObject],
    swap_commit: Cid | None,
    request: web.Request,
) -> Json:
    did = writable(pds, caller, repo).did
    caller.require(*_needed(writes))
    cost = rates.points(writes)
    pds.limits.take_for(request, rates.REPO_WRITE, did, rates.REPO_WRITES, cost)
    written = [Nsid.unchecked(write["collection"]) for write in writes if "value" in write]
    await _learn(pds, validate, *written)
    prepared = pds.writes.batch(did, writes, validate)
    commit = await pds.repos.write(did, prepared, swap_commit)
    return _with_commit({"results": [_result(write) for write in prepared]}, commit)


@methods.procedure("com.atproto.repo.uploadBlob", auth=service_or(account.for_apps(_file)))
async def upload_blob(
    pds: Pds, caller: Caller, *, body: StreamReader, request: web.Request
) -> Json:
    try:
        blob = await pds.blobs.upload(
            caller.did,
            _chunks(body),
            _declared_type(request),
            lambda found_type: caller.require(_file_of(found_type)),
        )
    except BlobTooLarge as error:
        raise PayloadTooLarge(error.limit) from error
    return {
        "blob": {
            "$type": "blob",
            "ref": {"$link": str(blob.cid)},
            "mimeType": blob.mime_type,
            "size": blob.size,
        }
    }


@methods.procedure("com.atproto.repo.importRepo", auth=account_full.for_apps(_WHOLE_REPO))
async def import_repo(
    pds: Pds, caller: Caller, *, body: StreamReader, request: web.Request
) -> None:
    size = request.content_length or 0
    await pds.imports.take(caller.did, _chunks(body), size=size)


@methods.query("com.atproto.repo.listMissingBlobs", auth=account.for_apps(signed_in))
async def list_missing_blobs(pds: Pds, caller: Caller, *, limit: int, cursor: str | None) -> Json:
    after = None if cursor is None else Cid.parse(cursor)
    page = await pds.blobs.missing(caller.did, limit, after)
    answer: JsonObject = {
        "blobs": [{"cid": str(blob.cid), "recordUri": blob.record} for blob in page]
    }
    if page:
        answer["cursor"] = str(page[-1].cid)
    return answer


def _file_of(media_type: str) -> BlobPermission:
    return BlobPermission(frozenset({media_type}))


def _to(action: str, collection: Nsid) -> RepoPermission:
    return RepoPermission(frozenset({collection}), frozenset({action}))


def _needed(writes: list[JsonObject]) -> Iterable[RepoPermission]:
    """Name what an app needs for these writes, each once."""
    kinds = ((write["$type"].rpartition("#")[2], write["collection"]) for write in writes)
    return (_to(action, collection) for action, collection in dict.fromkeys(kinds))


async def _learn(pds: Pds, validate: bool | None, *collections: Nsid) -> None:
    """Have the lexicons of collections at hand, if records are to be measured by them."""
    if validate is not False:
        await pds.lexicons.learn(collections)


async def _is_correct(pds: Pds, found: Account, document: DidDocument) -> bool:
    """Tell whether handle and DID name each other; for handles of our own we are the authority."""
    if document.handle != found.handle or pds.handles.domain_of(found.handle) is not None:
        return document.handle == found.handle
    return (await pds.resolver.resolve(found.did)).handle == found.handle


def _shown(record: Record) -> JsonObject:
    return {"uri": record.uri, "cid": str(record.cid), "value": record.value}


def _written(write: PreparedWrite, commit: Commit | None) -> JsonObject:
    answer: JsonObject = {"uri": write.uri}
    if write.row is not None:
        answer["cid"] = str(write.row.cid)
    if write.status is not None:
        answer["validationStatus"] = write.status
    return _with_commit(answer, commit)


def _with_commit(answer: JsonObject, commit: Commit | None) -> JsonObject:
    if commit is not None:
        answer["commit"] = {"cid": str(commit.cid), "rev": commit.rev}
    return answer


def _result(write: PreparedWrite) -> JsonObject:
    kind = f"com.atproto.repo.applyWrites{_RESULT[write.action]}"
    return {"$type": kind} if write.row is None else {"$type": kind, **_written(write, None)}


def _declared_type(request: web.Request) -> str:
    """Read the media type without its parameters; anything odd is just bytes."""
    declared = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return declared if _MIME_TYPE.fullmatch(declared) else "application/octet-stream"


async def _chunks(body: StreamReader) -> AsyncIterator[bytes]:
    """Yield a body as it comes. Raises InvalidRequest if it is not compressed as it claims."""
    try:
        async for chunk in body.iter_any():
            yield chunk
    except web.RequestPayloadError as error:
        raise InvalidRequest("The request body cannot be decoded") from error
