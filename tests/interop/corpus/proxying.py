"""Lines 51-53: what is passed on, to whom, and what comes back."""

import gzip
from typing import Any

from tests.interop.asking import Ask, Scene, Step, get, opened, post, post_record

FEED = "app.bsky.feed.getTimeline"
PROFILE = "app.bsky.actor.getProfile"
UP = "<up.did>#some_service"
_LOOK = (
    "x-upstream",
    "set-cookie",
    "atproto-content-labelers",
    "content-language",
    "retry-after",
    "atproto-repo-rev",
)
_SENT = {
    "Accept-Language": "eo",
    "atproto-accept-labelers": "did:plc:one;redact",
    "x-bsky-topics": "cats",
    "X-Secret": "s",
    "Cookie": "a=b",
}


def through(what: str, nsid: str = FEED, who: str = "ivy", line: int = 51, **more: Any) -> Ask:
    return get(line, what, nsid, who, look=_LOOK, **more)


def header(what: str, value: str, nsid: str = "com.example.some.query") -> Ask:
    return get(52, f"header: {what}", nsid, "ivy", headers={"atproto-proxy": value}, look=_LOOK)


def raw(what: str, body: bytes, kind: str = "application/json", nsid: str = "com.example.some.call",
        **headers: str) -> Ask:  # fmt: skip
    given = {"Content-Type": kind, "atproto-proxy": UP, **headers}
    return Ask(51, f"body: {what}", nsid, "POST", who="ivy", body=body, headers=given)


_PROXY: list[Step] = [
    opened("ivy"),
    through("to the AppView"),
    through("headers on and back", headers=_SENT),
    through("parameters as they are", params_x="ä &=", b=["1", "2"]),
    through("unknown parameters", "com.example.some.query", headers={"atproto-proxy": UP}, a="b"),
    through("unknown method, no header", "com.example.some.query"),
    through("HEAD", verb="HEAD"),
    through("packed", headers={"Accept-Encoding": "gzip"}),
    post(51, "a procedure", "app.bsky.notification.updateSeen", "ivy",
         seenAt="2026-01-01T00:00:00Z"),
    Ask(51, "a procedure without a body", "app.bsky.graph.unmuteThread", "POST", who="ivy"),
    raw("JSON", b'{"a":1}'),
    raw("broken JSON", b"{"),
    raw("binary", b"\0\1\2", "application/octet-stream"),
    raw("gzip as it is", gzip.compress(b"{}", mtime=0), **{"Content-Encoding": "gzip"}),
    raw("brotli as it is", b"not looked at", **{"Content-Encoding": "br"}),
    raw("large", b"x" * 2_000_000, "video/mp4"),
    raw("to the AppView, unknown method", b"{}", **{"atproto-proxy": "<up.did>#bsky_appview"}),
    Ask(51, "body: chunked", "com.example.some.call", "POST", who="ivy", body=b"x" * 50_000,
        headers={"Content-Type": "text/plain", "atproto-proxy": UP}, chunked=True),
    Ask(51, "body: none", "com.example.some.call", "POST", who="ivy",
        headers={"atproto-proxy": UP}),
    header("good", UP),
    header("no fragment", "<up.did>"),
    header("empty fragment", "<up.did>#"),
    header("two fragments", "<up.did>#a#b"),
    header("a space", "<up.did> #some_service"),
    header("a space behind", "<up.did>#some_service "),
    header("fragment alone", "#some_service"),
    header("no DID", "nobody#x"),
    header("empty", ""),
    header("an unknown service", "<up.did>#other"),
    header("an unknown DID", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa#x"),
    header("a DID of no known method", "did:example:abc#x"),
    header("a DID that does not answer", "<dead.did>#x"),
    header("this server", "<server.did>#atproto_pds"),
    header("a member", "<ivy.did>#atproto_pds"),
    header("local method", UP, "com.atproto.server.getSession"),
    header("local method, bad header", "x", "com.atproto.server.getSession"),
    header("protected method", UP, "com.atproto.server.getAccountInviteCodes"),
    header("getRecord elsewhere", UP, "com.atproto.repo.getRecord"),
    through("profile at another AppView", PROFILE, line=52, actor="<ivy.did>",
        headers={"atproto-proxy": UP}),
    header("preferences elsewhere", UP, "app.bsky.actor.getPreferences"),
    get(52, "header without auth", "com.example.some.query", headers={"atproto-proxy": UP}),
    get(52, "bad header without auth", "com.example.some.query", headers={"atproto-proxy": "x"}),
    get(52, "getRecord of a stranger", "com.atproto.repo.getRecord", repo="stranger.example.com",
        collection="app.bsky.feed.post", rkey="x"),
    get(52, "getRecord of a stranger by a member", "com.atproto.repo.getRecord", "ivy",
        repo="did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", collection="app.bsky.feed.post", rkey="x"),
    *(through(f"upstream says {code}", "app.bsky.graph.getFollows", line=52,
        actor=f"status-{code}.test")
      for code in (400, 401, 403, 404, 429, 500, 501, 502, 503)),
    post(52, "upstream POST says 500", "app.bsky.graph.muteActor", "ivy", params=(("actor",
         "status-500.test"),),
         actor="x"),
    through("profile", PROFILE, line=53, actor="<ivy.did>"),
    through("a broken profile", PROFILE, line=53, actor="broken.test"),
    through("profile with an error", PROFILE, line=53, actor="status-404.test"),
    through("profiles", "app.bsky.actor.getProfiles", line=53, actors="<ivy.did>"),
    through("author feed", "app.bsky.feed.getAuthorFeed", line=53, actor="<ivy.did>"),
    through("thread", "app.bsky.feed.getPostThread", line=53,
        uri="at://<ivy.did>/app.bsky.feed.post/x"),
    through("likes", "app.bsky.feed.getActorLikes", line=53, actor="<ivy.did>"),
    get(53, "preferences", "app.bsky.actor.getPreferences", "ivy"),
    post(53, "put preferences", "app.bsky.actor.putPreferences", "ivy", preferences=[
        {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": True}]),
    get(53, "preferences now", "app.bsky.actor.getPreferences", "ivy"),
    post(53, "put preferences without $type", "app.bsky.actor.putPreferences", "ivy",
         preferences=[{"enabled": True}]),
    post(53, "put foreign preferences", "app.bsky.actor.putPreferences", "ivy",
         preferences=[{"$type": "com.example.pref"}]),
    post(53, "put unknown preferences", "app.bsky.actor.putPreferences", "ivy",
         preferences=[{"$type": "app.bsky.actor.defs#nothing"}]),
    post(53, "put no list", "app.bsky.actor.putPreferences", "ivy", preferences={}),
    post(53, "report", "com.atproto.moderation.createReport", "ivy", reasonType=
         "com.atproto.moderation.defs#reasonSpam", subject={
             "$type": "com.atproto.admin.defs#repoRef", "did": "<ivy.did>"}),
    post(53, "a post", "com.atproto.repo.createRecord", "ivy", repo="<ivy.did>",
         collection="app.bsky.feed.post", record=post_record("hi")),
    get(53, "sign-up queue", "com.atproto.temp.checkSignupQueue"),
    get(53, "sign-up queue by a member", "com.atproto.temp.checkSignupQueue", "ivy"),
    post(53, "register push", "app.bsky.notification.registerPush", "ivy", serviceDid="<up.did>",
         token="x", platform="ios", appId="y"),
    post(53, "register push nowhere", "app.bsky.notification.registerPush", "ivy",
         serviceDid="did:web:nowhere.invalid", token="x", platform="ios", appId="y"),
]  # fmt: skip

SCENES = (Scene("proxy", _PROXY),)
