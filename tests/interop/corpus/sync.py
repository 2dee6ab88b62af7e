"""Lines 32-39: archives, proofs, lists of repos, the stream."""

import asyncio
from typing import Any

import aiohttp

from appliance.atproto import car
from appliance.atproto.xrpc.frames import decode_frame
from tests.interop.asking import Do, Scene, Step, call, get, opened, post
from tests.interop.sides import Side

SYNC = "com.atproto.sync."
THING = "com.example.thing"
CREATE = "com.atproto.repo.createRecord"
QUIET_SECONDS = 0.5
_NOBODY = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
_CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
_CAR = ("content-length", "content-disposition", "cache-control")


def wrote(name: str, rkey: str, keep: str = "", **record: Any) -> Step:
    kept = {f"{keep}.cid": "cid", f"{keep}.commit": "commit.cid", f"{keep}.rev": "commit.rev"}
    return post(36, f"{name} writes {rkey}", CREATE, name, repo=f"<{name}.did>", collection=THING,
                rkey=rkey, record=record, keep=kept if keep else {})  # fmt: skip


_ARCHIVES: list[Step] = [
    opened("vic"),
    get(36, "an empty repo", f"{SYNC}getRepo", did="<vic.did>"),
    get(37, "a proof in an empty repo", f"{SYNC}getRecord", did="<vic.did>", collection=THING,
        rkey="x"),
    wrote("vic", "one", "v1", n=1),
    wrote("vic", "two", "v2", n=2),
    wrote("vic", "three", "v3", n=3),
    get(36, "the whole repo", f"{SYNC}getRepo", did="<vic.did>", look=_CAR[1:]),
    get(36, "HEAD of the repo", f"{SYNC}getRepo", did="<vic.did>", verb="HEAD"),
    get(36, "since the first", f"{SYNC}getRepo", did="<vic.did>", since="<v1.rev>"),
    get(36, "since the second", f"{SYNC}getRepo", did="<vic.did>", since="<v2.rev>"),
    get(36, "since the head", f"{SYNC}getRepo", did="<vic.did>", since="<v3.rev>"),
    get(36, "since the future", f"{SYNC}getRepo", did="<vic.did>", since="7zzzzzzzzzzzz"),
    get(36, "since long ago", f"{SYNC}getRepo", did="<vic.did>", since="2222222222222"),
    get(36, "since nonsense", f"{SYNC}getRepo", did="<vic.did>", since="x"),
    get(36, "since nothing", f"{SYNC}getRepo", did="<vic.did>", since=""),
    get(36, "without DID", f"{SYNC}getRepo"),
    get(36, "of nobody", f"{SYNC}getRepo", did=_NOBODY),
    get(36, "getCheckout", f"{SYNC}getCheckout", did="<vic.did>"),
    get(36, "getHead", f"{SYNC}getHead", did="<vic.did>"),
    get(36, "getHead of nobody", f"{SYNC}getHead", did=_NOBODY),
    get(36, "getLatestCommit", f"{SYNC}getLatestCommit", did="<vic.did>"),
    get(36, "getLatestCommit of nobody", f"{SYNC}getLatestCommit", did=_NOBODY),
    get(37, "a record", f"{SYNC}getRecord", did="<vic.did>", collection=THING, rkey="two"),
    get(37, "a missing record", f"{SYNC}getRecord", did="<vic.did>", collection=THING, rkey="zz"),
    get(37, "a missing collection", f"{SYNC}getRecord", did="<vic.did>", collection="a.b.c",
        rkey="x"),
    get(37, "a record of nobody", f"{SYNC}getRecord", did=_NOBODY, collection=THING, rkey="two"),
    get(37, "a record with a bad key", f"{SYNC}getRecord", did="<vic.did>", collection=THING,
        rkey="a/b"),
    get(37, "a record with the old parameter", f"{SYNC}getRecord", did="<vic.did>",
        collection=THING,
        rkey="one", commit="<v1.commit>"),
    get(37, "blocks", f"{SYNC}getBlocks", did="<vic.did>", cids=["<v1.cid>", "<v3.commit>"]),
    get(37, "a block twice", f"{SYNC}getBlocks", did="<vic.did>", cids=["<v1.cid>", "<v1.cid>"]),
    get(37, "an old commit block", f"{SYNC}getBlocks", did="<vic.did>", cids=["<v1.commit>"]),
    get(37, "a block not there", f"{SYNC}getBlocks", did="<vic.did>", cids=["<v1.cid>", _CID]),
    get(37, "blocks of nobody", f"{SYNC}getBlocks", did=_NOBODY, cids=["<v1.cid>"]),
    get(37, "bad cid", f"{SYNC}getBlocks", did="<vic.did>", cids=["x"]),
    get(37, "empty cid", f"{SYNC}getBlocks", did="<vic.did>", cids=[""]),
    post(36, "a deletion", "com.atproto.repo.deleteRecord", "vic", repo="<vic.did>",
         collection=THING, rkey="two"),
    get(36, "the repo after it", f"{SYNC}getRepo", did="<vic.did>"),
    get(36, "since before it", f"{SYNC}getRepo", did="<vic.did>", since="<v3.rev>"),
    get(38, "status", f"{SYNC}getRepoStatus", did="<vic.did>"),
    get(38, "status of nobody", f"{SYNC}getRepoStatus", did=_NOBODY),
    get(38, "status of nonsense", f"{SYNC}getRepoStatus", did="x"),
    get(38, "blobs", f"{SYNC}listBlobs", did="<vic.did>"),
    get(38, "blobs of nobody", f"{SYNC}listBlobs", did=_NOBODY),
    get(38, "blobs, limit 0", f"{SYNC}listBlobs", did="<vic.did>", limit=0),
    get(38, "blobs, limit 1001", f"{SYNC}listBlobs", did="<vic.did>", limit=1001),
    get(38, "blobs, bad since", f"{SYNC}listBlobs", did="<vic.did>", since="x"),
    get(38, "blobs, bad cursor", f"{SYNC}listBlobs", did="<vic.did>", cursor="x"),
    get(38, "by collection", f"{SYNC}listReposByCollection", collection="com.example.nobody.has"),
    get(38, "notify", f"{SYNC}notifyOfUpdate", hostname="x"),
    call(38, "request a crawl", f"{SYNC}requestCrawl", body=b'{"hostname":"x.test"}',
         headers={"Content-Type": "application/json"}),
    get(38, "hosts", f"{SYNC}listHosts"),
]  # fmt: skip


def _place(side: Side) -> str:
    return f"{side.url}/xrpc/{SYNC}subscribeRepos"


async def _frames(side: Side, params: dict[str, str], first: float = 5.0) -> list[Any]:
    """Read a stream until nothing comes for a while; `first` is how long to wait for anything."""
    seen: list[Any] = []
    had_its_turn = False
    async with side.http.ws_connect(_place(side), params=params, max_msg_size=0) as socket:
        while True:
            try:
                message = await socket.receive(timeout=QUIET_SECONDS if seen else first)
            except TimeoutError:
                if had_its_turn:
                    return seen
                async with side.http.get(f"{side.url}/xrpc/_health"):
                    had_its_turn = True
                continue
            had_its_turn = False
            if message.type is not aiohttp.WSMsgType.BINARY:
                return [*seen, "closed"]
            seen.append(decode_frame(message.data))


def heads(name: str) -> Do:
    """Keep where the stream stands."""

    async def look(side: Side) -> None:
        seen = await _frames(side, {"cursor": "0"})
        side.known[name] = str(seen[-1].body["seq"]) if seen else f"nothing on {side.name}"

    return Do(34, f"where the stream stands: {name}", look)


def events(line: int, what: str, name: str, since: str) -> Do:
    """Compare the events of one account since a place."""

    async def read(side: Side) -> Any:
        seen = await _frames(side, {"cursor": side.known[since]})
        did = side.known[f"{name}.did"]
        mine = [each for each in seen if did in (each.body.get("did"), each.body.get("repo"))]
        return [_event(each) for each in mine]

    return Do(line, what, read)


def _event(frame: Any) -> Any:
    told = dict(frame.body)
    for name in ("seq", "rev"):
        if name in told:
            told[name] = type(told[name]).__name__
    if "blocks" in told:
        read = car.read_car(told["blocks"])
        told["blocks"] = f"roots={len(read.roots)} commit={read.roots[0] in read.blocks}"
    told["ops"] = [
        {**op, **{part: op[part] and str(op[part]) for part in ("cid", "prev") if part in op}}
        for op in told.get("ops", [])
    ]
    for part in ("commit", "prevData"):
        if part in told:
            told[part] = str(told[part])
    return {"op": frame.op, "t": frame.t, "body": told}


def refused(what: str, **params: str) -> Do:
    """Compare how a stream ends that cannot be had."""

    async def read(side: Side) -> Any:
        try:
            seen = await asyncio.wait_for(_frames(side, side.fill(params), 1.0), 60)
        except aiohttp.WSServerHandshakeError as refusal:
            return {"status": refusal.status}
        return [
            each
            if isinstance(each, str)
            else {"op": each.op, "t": each.t, "error": each.body.get("error")}
            for each in seen
        ][-2:]

    return Do(34, f"stream: {what}", read)


def _subject(applied: bool) -> dict[str, Any]:
    return {
        "subject": {"$type": "com.atproto.admin.defs#repoRef", "did": "<wim.did>"},
        "takedown": {"applied": applied},
    }


_PUT = "com.atproto.repo.putRecord"
_STATUS = "com.atproto.admin.updateSubjectStatus"
_STREAM: list[Step] = [
    opened("willow"),
    heads("s.zero"),
    opened("wim"),
    events(32, "events of a new account", "wim", "s.zero"),
    heads("s.one"),
    wrote("wim", "a", "w1", n=1),
    wrote("wim", "b", "w2", n=2),
    post(33, "an update", _PUT, "wim", repo="<wim.did>", collection=THING, rkey="a",
         record={"n": 3}),
    post(33, "no update", _PUT, "wim", repo="<wim.did>", collection=THING, rkey="a",
         record={"n": 3}),
    post(33, "a deletion", "com.atproto.repo.deleteRecord", "wim", repo="<wim.did>",
         collection=THING, rkey="b"),
    post(33, "no deletion", "com.atproto.repo.deleteRecord", "wim", repo="<wim.did>",
         collection=THING, rkey="b"),
    events(33, "events of writes", "wim", "s.one"),
    heads("s.two"),
    post(32, "deactivate", "com.atproto.server.deactivateAccount", "wim"),
    call(32, "activate", "com.atproto.server.activateAccount", "wim"),
    post(32, "the same handle", "com.atproto.identity.updateHandle", "wim", handle="wim.test"),
    post(32, "another handle", "com.atproto.identity.updateHandle", "wim", handle="wimmy.test"),
    post(32, "take down", _STATUS, "operator", **_subject(True)),
    post(32, "take down again", _STATUS, "operator", **_subject(True)),
    post(32, "take up", _STATUS, "operator", **_subject(False)),
    post(32, "by the operator", "com.atproto.admin.updateAccountHandle", "operator",
         did="<wim.did>", handle="wim.test"),
    events(35, "events of its states", "wim", "s.two"),
    heads("s.three"),
    post(35, "delete", "com.atproto.admin.deleteAccount", "operator", did="<wim.did>"),
    events(35, "events of a deletion", "wim", "s.three"),
    events(22, "what stays of all", "wim", "s.zero"),
    refused("from the future", cursor="999999999"),
    refused("from a text", cursor="x"),
    refused("from below", cursor="-1"),
    refused("from far below", cursor="-99999999999999999999999"),
    refused("from now"),
]  # fmt: skip

_REPOS: list[Step] = [
    get(38, "repos", f"{SYNC}listRepos", keep={"r.all": "cursor"}),
    get(38, "the first repo", f"{SYNC}listRepos", limit=1, keep={"r.one": "cursor"}),
    get(38, "the second repo", f"{SYNC}listRepos", limit=1, cursor="<r.one>"),
    get(38, "repos, bad cursor", f"{SYNC}listRepos", cursor="x"),
    get(38, "repos, limit 0", f"{SYNC}listRepos", limit=0),
    get(38, "repos, limit 1000", f"{SYNC}listRepos", limit=1000),
    get(38, "repos, limit 1001", f"{SYNC}listRepos", limit=1001),
]

SCENES = (
    Scene("archives", _ARCHIVES),
    Scene("stream", _STREAM, alone=True),
    Scene("repos", _REPOS, invites=True, alone=True),
)
