"""com.atproto.label.*: the labels of this labeler, by subject and as a stream."""

import re
from typing import Final

import orjson
from aiohttp import web

from appliance.atproto.syntax import Did, Json
from appliance.atproto.xrpc.errors import InvalidRequest
from appliance.atproto.xrpc.methods import MethodTable
from appliance.firehose.serve import serve_subscribe_repos
from appliance.labeler.labels import Standing
from appliance.labeler.role import Labeler

methods: MethodTable[Labeler] = MethodTable()

_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


@methods.query("com.atproto.label.queryLabels")
async def query_labels(
    labeler: Labeler,
    *,
    uri_patterns: list[str],
    sources: list[Did] | None,
    limit: int,
    cursor: str | None,
) -> Json:
    """Give what stands on these subjects; a pattern may end in `*`."""
    if sources and labeler.identity.did not in sources:
        return {"labels": []}
    found = await labeler.labels.query(uri_patterns, position(cursor), limit)
    return page_of(found, limit)


@methods.subscription("com.atproto.label.subscribeLabels")
async def subscribe_labels(
    labeler: Labeler, *, cursor: int | None, request: web.Request
) -> web.StreamResponse:
    return await serve_subscribe_repos(request, labeler.log, labeler.seats)


def position(cursor: str | None) -> int:
    """Read a cursor that `page_of` gave. Raises InvalidRequest."""
    if not cursor:
        return 0
    if not _NUMBER.fullmatch(cursor):
        raise InvalidRequest("the cursor is none of ours")
    return int(cursor)


def page_of(found: list[Standing], limit: int) -> Json:
    """Make an answer of labels; the last page has no cursor."""
    page: dict[str, Json] = {"labels": [orjson.Fragment(one.json) for one in found]}
    if len(found) == limit:
        page["cursor"] = str(found[-1].id)
    return page
