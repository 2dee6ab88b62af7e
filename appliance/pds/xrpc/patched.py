"""Between an AppView of somebody else and a member: put in what they wrote last."""

import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from appliance.atproto import data
from appliance.atproto.lexicon.errors import InvalidValue
from appliance.atproto.syntax import Did, InvalidSyntax, Nsid
from appliance.atproto.tid import Tid
from appliance.atproto.xrpc.answers import json_answer, takes_gzip
from appliance.atproto.xrpc.server import PRIVATE
from appliance.pds.own_views import Ask, View
from appliance.pds.proxy import Answer, Call, Target
from appliance.pds.read_after_write import PATCHES, Patched, Question
from appliance.pds.records import NewRecord
from appliance.pds.role import Pds
from appliance.pds.services_elsewhere import UpstreamFailed

# What is larger, packed or not, goes through as it is.
LARGEST_PATCHED: Final = 2 * 1024 * 1024
_GZIP_OR_ZLIB: Final = 47
_PACKED: Final = ("gzip", "deflate")
_KEPT: Final = ("atproto-repo-rev", "atproto-content-labelers", "retry-after")


def may_be_patched(call: Call) -> bool:
    """Whether answers to a call can lack what the caller wrote last."""
    return call.method == "GET" and call.nsid in PATCHES


def readable(request: web.Request, call: Call) -> Call:
    """Ask for an answer that can be read here, whatever else the client could read."""
    headers = CIMultiDict(call.headers)
    headers["Accept-Encoding"] = "gzip" if takes_gzip(request) else "identity"
    return replace(call, headers=headers)


async def patched(
    pds: Pds, request: web.Request, target: Target, call: Call, did: Did, answer: Answer
) -> web.Response | Answer:
    """Give a whole new answer, or the one that came where nothing is missing or it is not sound."""
    rev = _rev(answer)
    if rev is None or answer.status not in (200, 400) or pds.repos.head(did).rev <= rev:
        return answer
    newer = pds.own_writes.newer(did, rev)
    if not newer or not answer.headers.get("content-type", "").startswith("application/json"):
        return answer
    body, whole = await _beginning(answer.chunks)
    unread = replace(answer, chunks=_again(body, answer.chunks))
    plain = _unpacked(body, answer.headers.get("content-encoding", "")) if whole else None
    if plain is None:
        return unread
    params = dict(reversed(call.params))
    nsid = Nsid.unchecked(call.nsid)
    question = Question(nsid, params, did, rev, _asker(pds, target, call.headers, did))
    found = await _patch(pds, question, newer, answer.status, plain)
    if found is None:
        return unread
    lag_ms = max(0, pds.clock.now_us() - found.oldest_us) // 1000
    headers = {"Atproto-Upstream-Lag": str(lag_ms), **PRIVATE}
    headers |= {name: answer.headers[name] for name in _KEPT if name in answer.headers}
    return await json_answer(request, found.body, 200, headers)


async def _patch(
    pds: Pds, question: Question, newer: list[NewRecord], status: int, body: bytes
) -> Patched | None:
    if status == 200:
        return await pds.own_writes.patch(question, newer, body)
    if question.nsid == "app.bsky.feed.getPostThread" and _error(body) == "NotFound":
        return await pds.own_writes.found_here(question, newer)
    return None


def _asker(pds: Pds, target: Target, headers: Mapping[str, str], did: Did) -> Ask:
    """Ask the same AppView in the same member's name; give sound answers only."""

    async def ask(nsid: str, params: Mapping[str, str]) -> View | None:
        call = Call("GET", Nsid.unchecked(nsid), list(params.items()), headers, None)
        try:
            return await sound_answer(pds, target, call, did)
        except UpstreamFailed:
            return None

    return ask


async def sound_answer(pds: Pds, target: Target, call: Call, did: Did | None) -> View | None:
    """Ask a service something; None for what is too large, refused, or not by its lexicon.

    Raises UpstreamFailed where it cannot tell: it is away, in trouble, or answers no JSON.
    """
    async with pds.proxy.send(target, call, did, None) as answer:
        if answer.status >= 500:
            raise UpstreamFailed("Upstream service failed")
        body, whole = await _beginning(answer.chunks)
        plain = _unpacked(body, answer.headers.get("content-encoding", ""))
        if answer.status != 200 or not whole or plain is None:
            return None
    try:
        found = data.loads(plain)
    except data.InvalidData as bad:
        raise UpstreamFailed("Upstream service failed") from bad
    try:
        pds.validator.output(call.nsid, found)
    except InvalidValue:
        return None
    return found if isinstance(found, dict) else None


def _rev(answer: Answer) -> Tid | None:
    try:
        return Tid(answer.headers.get("atproto-repo-rev", ""))
    except InvalidSyntax:
        return None


def _error(body: bytes) -> object:
    try:
        error = data.loads(body)
    except data.InvalidData:
        return None
    return error.get("error") if isinstance(error, dict) else None


async def _beginning(chunks: AsyncIterator[bytes]) -> tuple[bytes, bool]:
    """Read until the end or the limit; tell which it was by True for the end."""
    found = bytearray()
    async for chunk in chunks:
        found += chunk
        if len(found) > LARGEST_PATCHED:
            return bytes(found), False
    return bytes(found), True


async def _again(body: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield body
    async for chunk in rest:
        yield chunk


def _unpacked(body: bytes, encoding: str) -> bytes | None:
    """Undo what an answer was packed with; None if that is unknown, broken, or holds too much."""
    unpack = _UNPACKERS.get(encoding)
    return unpack(body) if unpack is not None else None


def _inflated(body: bytes) -> bytes | None:
    packed = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        plain = packed.decompress(body, LARGEST_PATCHED)
    except zlib.error:
        return None
    return plain if packed.eof else None


_UNPACKERS: Final[Mapping[str, Callable[[bytes], bytes | None]]] = {
    "": lambda body: body,
    "identity": lambda body: body,
    **dict.fromkeys(_PACKED, _inflated),
}
