"""Lines 1-9: errors, verbs, bodies, headers."""

from collections.abc import Callable
from typing import Any

from appliance.atproto import jwt
from tests.interop.asking import Ask, Do, Scene, Step, call, get, opened, post, post_record
from tests.interop.sides import Side

SESSION = "com.atproto.server.getSession"
LOGIN = "com.atproto.server.createSession"
CREATE = "com.atproto.repo.createRecord"
PROFILE = "app.bsky.actor.getProfile"
JSON = {"Content-Type": "application/json"}
FUTURE = 4_000_000_000
PAST = 1_700_000_000


def token(kept: str, typ: str = "at+jwt", **claims: Any) -> Do:
    """Forge a token with the server's own secret; claims that are None are left out."""

    async def mint(side: Side) -> None:
        said = {
            "scope": "com.atproto.access",
            "aud": "did:web:localhost",
            "sub": "<ann.did>",
            "iat": PAST,
            "exp": FUTURE,
            **claims,
        }
        said = {name: value for name, value in side.fill(said).items() if value is not None}
        side.known[kept] = jwt.encode_hs256(side.jwt_secret, typ, said)

    return Do(1, f"forge {kept}", mint)


def damaged(kept: str, change: Callable[[str], str]) -> Do:
    async def bend(side: Side) -> None:
        side.known[kept] = change(side.known["ann.access"])

    return Do(1, f"bend {kept}", bend)


def stranger(kept: str) -> Do:
    """A token that another secret signed."""

    async def mint(side: Side) -> None:
        said = {"scope": "com.atproto.access", "sub": side.known["ann.did"], "exp": FUTURE}
        side.known[kept] = jwt.encode_hs256(b"x" * 32, "at+jwt", said)

    return Do(1, f"forge {kept}", mint)


def auth(what: str, header: str) -> Ask:
    return get(1, f"authorization: {what}", SESSION, headers={"Authorization": header})


def bearer(what: str, who: str) -> Ask:
    return get(1, f"token: {what}", SESSION, who)


_TOKENS: list[Step] = [
    opened("ann"),
    get(1, "no authorization", SESSION),
    auth("empty", ""),
    auth("scheme alone", "Bearer"),
    auth("scheme and a space", "Bearer "),
    auth("two spaces", "Bearer  x"),
    auth("garbage", "Bearer garbage"),
    auth("three words", "Bearer a b"),
    auth("three dots", "Bearer a.b.c"),
    auth("long garbage", "Bearer " + "x" * 5000),
    auth("another scheme", "Digest abc"),
    auth("basic", "Basic YWRtaW46eA=="),
    auth("basic that is not base64", "Basic %%%"),
    auth("lower case", "bearer <ann.access>"),
    auth("upper case", "BEARER <ann.access>"),
    auth("trailing space", "Bearer <ann.access> "),
    auth("DPoP scheme with a bearer token", "DPoP <ann.access>"),
    bearer("good", "ann"),
    bearer("refresh instead of access", "ann.refresh"),
    token("t.expired", exp=PAST + 10),
    bearer("expired", "t.expired"),
    token("t.aud", aud="did:web:elsewhere.test"),
    bearer("other audience", "t.aud"),
    token("t.scope", scope="com.atproto.nothing"),
    bearer("unknown scope", "t.scope"),
    token("t.noscope", scope=None),
    bearer("no scope", "t.noscope"),
    token("t.typ", typ="JWT"),
    bearer("other typ", "t.typ"),
    token("t.nosub", sub=None),
    bearer("no sub", "t.nosub"),
    token("t.badsub", sub="alice"),
    bearer("sub is no DID", "t.badsub"),
    token("t.unknown", sub="did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"),
    bearer("sub is nobody", "t.unknown"),
    token("t.noexp", exp=None),
    bearer("no exp", "t.noexp"),
    token("t.nan", exp="soon"),
    bearer("exp is text", "t.nan"),
    token("t.cnf", cnf={"jkt": "abc"}),
    bearer("bound to a key", "t.cnf"),
    stranger("t.stranger"),
    bearer("signed by another", "t.stranger"),
    damaged("t.cut", lambda text: text[:-3]),
    bearer("cut", "t.cut"),
    damaged("t.none", lambda text: "eyJhbGciOiJub25lIn0." + text.split(".")[1] + "."),
    bearer("alg none", "t.none"),
    call(1, "refresh with access", "com.atproto.server.refreshSession", "ann"),
    call(1, "refresh without", "com.atproto.server.refreshSession"),
    token("t.oldrefresh", "refresh+jwt", scope="com.atproto.refresh", exp=PAST, jti="abc"),
    call(1, "refresh with expired", "com.atproto.server.refreshSession", "t.oldrefresh"),
    call(11, "end an expired session", "com.atproto.server.deleteSession", "t.oldrefresh"),
    token("t.lost", "refresh+jwt", scope="com.atproto.refresh", jti="abc"),
    call(11, "refresh with a jti unknown", "com.atproto.server.refreshSession", "t.lost"),
    token("t.nojti", "refresh+jwt", scope="com.atproto.refresh"),
    call(11, "refresh without jti", "com.atproto.server.refreshSession", "t.nojti"),
]


def odd(what: str, path: str, verb: str = "GET", line: int = 3, **more: Any) -> Ask:
    return Ask(line, what, path, verb, **more)


_VERBS: list[Step] = [
    opened("bea"),
    odd("GET on a procedure", LOGIN),
    odd("POST on a query", SESSION, "POST", who="bea"),
    odd("POST on a query without auth", SESSION, "POST"),
    odd("PUT on a query", SESSION, "PUT"),
    odd("DELETE on a procedure", LOGIN, "DELETE"),
    odd("PATCH on a procedure", LOGIN, "PATCH"),
    odd("HEAD on a query", "com.atproto.server.describeServer", "HEAD"),
    odd("HEAD on a procedure", LOGIN, "HEAD"),
    odd("not an NSID", "/xrpc/nothing"),
    odd("not an NSID, POST", "/xrpc/nothing", "POST"),
    odd("not an NSID, dots", "/xrpc/a..b"),
    odd("not an NSID, underscore", "/xrpc/com.example.do_it"),
    odd("empty NSID", "/xrpc/"),
    odd("xrpc alone", "/xrpc"),
    odd("slash behind", "/xrpc/com.atproto.server.describeServer/"),
    odd("more path behind", "/xrpc/com.atproto.server.describeServer/x"),
    odd("escaped NSID", "/xrpc/com.atproto.server.describe%53erver"),
    odd("NSID in other case", "/xrpc/com.atproto.server.DescribeServer"),
    odd("unknown NSID, nobody", "com.example.nothing.here"),
    odd("unknown NSID, POST, nobody", "com.example.nothing.here", "POST"),
    odd("unknown NSID, somebody", "com.example.nothing.here", who="bea"),
    odd("unknown NSID, PUT", "com.example.nothing.here", "PUT", who="bea"),
    odd("unknown NSID, bad token", "com.example.nothing.here",
        headers={"Authorization": "Bearer x"}),
    odd("AppView's, nobody", "app.bsky.feed.getTimeline"),
    odd("local app.bsky, nobody", "app.bsky.actor.getPreferences"),
    odd("health", "/xrpc/_health"),
    odd("health, POST", "/xrpc/_health", "POST"),
    odd("front page", "/"),
    odd("unknown page", "/nothing/here"),
    odd("robots", "/robots.txt"),
    odd("stream without websocket", "com.atproto.sync.subscribeRepos"),
    # the order of checks
    odd("bad parameter, no auth", "com.atproto.server.getServiceAuth", line=2),
    odd("bad parameter, bad auth", "com.atproto.server.getServiceAuth", line=2,
        headers={"Authorization": "Bearer x"}),
    odd("bad body, no auth", CREATE, "POST", line=2, body=b"{", headers=JSON),
    odd("bad body, bad auth", CREATE, "POST", line=2, body=b"{",
        headers={**JSON, "Authorization": "Bearer x"}),
    odd("wrong verb, bad auth", SESSION, "POST", line=2, headers={"Authorization": "Bearer x"}),
    odd("no body, no auth", CREATE, "POST", line=2),
]  # fmt: skip


def limit(what: str, *values: str, nsid: str = "com.atproto.repo.listRecords") -> Ask:
    more: dict[str, Any] = {"repo": "dan.test", "collection": _POSTS, "limit": list(values)}
    return get(6, f"limit {what}", nsid, **more)


def reverse(value: str) -> Ask:
    more = {"repo": "dan.test", "collection": "app.bsky.feed.post", "reverse": value}
    return get(6, f"reverse {value!r}", "com.atproto.repo.listRecords", **more)


def named(what: str, **params: Any) -> Ask:
    return get(6, what, "com.atproto.repo.listRecords", **params)


_POSTS = "app.bsky.feed.post"
_PARAMETERS: list[Step] = [
    opened("dan"),
    limit("0", "0"),
    limit("1", "1"),
    limit("100", "100"),
    limit("101", "101"),
    limit("-1", "-1"),
    limit("1.5", "1.5"),
    limit("1e1", "1e1"),
    limit("0x10", "0x10"),
    limit("text", "ten"),
    limit("empty", ""),
    limit("space", " 5"),
    limit("plus", "+5"),
    limit("huge", "9" * 40),
    limit("twice", "5", "6"),
    reverse("true"),
    reverse("false"),
    reverse("1"),
    reverse("yes"),
    reverse("TRUE"),
    reverse(""),
    named("no parameters"),
    named("no collection", repo="dan.test"),
    named("unknown parameter", repo="dan.test", collection=_POSTS, nothing="x"),
    named("old parameter rkeyStart", repo="dan.test", collection=_POSTS, rkeyStart="a"),
    named("repo twice", repo=["dan.test", "dan.test"], collection=_POSTS),
    named("bad collection", repo="dan.test", collection="nothing"),
    named("empty collection", repo="dan.test", collection=""),
    named("bad repo", repo="not a repo", collection=_POSTS),
    named("empty repo", repo="", collection=_POSTS),
    named("at-handle", repo="@dan.test", collection=_POSTS),
    named("upper case handle", repo="DAN.test", collection=_POSTS),
    named("DID with a fragment", repo="did:plc:abc#x", collection=_POSTS),
    named("unknown handle", repo="nobody.test", collection=_POSTS),
    named("parameter in another case", Repo="dan.test", collection=_POSTS),
    named("a query of 6 kB", repo="dan.test", collection=_POSTS, nothing="x" * 6_000),
    named("a query of 100 kB", repo="dan.test", collection=_POSTS, nothing="x" * 100_000),
    Ask(6, "a header of 100 kB", SESSION, headers={"X-Long": "x" * 100_000}),
    Ask(6, "an authorization of 100 kB", SESSION,
        headers={"Authorization": "Bearer " + "x" * 100_000}),
    named("zero byte", repo="dan.test\0", collection=_POSTS),
    Ask(6, "broken escape", "/xrpc/com.atproto.repo.listRecords", params=(("repo", "dan.test"),
        ("collection", _POSTS), ("cursor", "%zz"))),
    Ask(6, "array parameter with brackets", "com.atproto.sync.getBlocks",
        params=(("did", "<dan.did>"), ("cids[]", "x"))),
    get(6, "cid is none", "com.atproto.sync.getBlocks", did="<dan.did>", cids="x"),
    get(6, "no cids", "com.atproto.sync.getBlocks", did="<dan.did>"),
    get(6, "did is a handle", "com.atproto.sync.getLatestCommit", did="dan.test"),
    get(6, "did with a slash", "com.atproto.sync.getLatestCommit", did="did:plc:a/b"),
    get(6, "did of no method", "com.atproto.sync.getLatestCommit", did="did:x"),
    get(6, "did of another method", "com.atproto.sync.getLatestCommit", did="did:example:abc"),
    get(6, "did very long", "com.atproto.sync.getLatestCommit", did="did:plc:" + "a" * 3000),
]  # fmt: skip

_CORS = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
_ALLOWED = (
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-max-age",
    "access-control-allow-credentials",
)

_HEADERS: list[Step] = [
    opened("eve"),
    Ask(8, "preflight", CREATE, "OPTIONS", headers={**_CORS, "Access-Control-Request-Headers":
        "authorization,content-type,dpop,atproto-proxy"}, look=_ALLOWED),
    Ask(8, "preflight without request headers", CREATE, "OPTIONS", headers=_CORS,
        look=("access-control-allow-methods", "access-control-max-age")),
    Ask(8, "preflight of an unknown method", "com.example.nothing", "OPTIONS", headers={**_CORS,
        "Access-Control-Request-Headers": "x-one"}, look=_ALLOWED),
    Ask(8, "OPTIONS without origin", SESSION, "OPTIONS"),
    Ask(8, "OPTIONS of a page", "/robots.txt", "OPTIONS", headers=_CORS),
    get(8, "an error has CORS", SESSION, headers={"Origin": "https://app.example"},
        look=("access-control-allow-credentials",)),
    get(7, "authenticated", SESSION, "eve", look=("cache-control",)),
    get(7, "authenticated error", "com.atproto.server.getServiceAuth", "eve", aud="x"),
    get(7, "not authenticated", "com.atproto.server.describeServer", look=("cache-control",)),
    get(7, "optional authentication, without", "com.atproto.sync.getLatestCommit", did="<eve.did>"),
    get(7, "optional authentication, with", "com.atproto.sync.getLatestCommit", "eve",
        did="<eve.did>"),
    get(7, "a small answer is not packed", "com.atproto.server.describeServer",
        headers={"Accept-Encoding": "gzip"}),
    post(7, "much to list", CREATE, "eve", repo="<eve.did>", collection="com.example.big",
        rkey="one", record={"$type": "com.example.big", "text": "abc " * 2000}),
    get(7, "a large answer is packed", "com.atproto.repo.listRecords", repo="<eve.did>",
        collection="com.example.big", headers={"Accept-Encoding": "gzip"}),
    get(7, "a CAR is packed", "com.atproto.sync.getRepo", did="<eve.did>",
        headers={"Accept-Encoding": "gzip"}),
    get(7, "a large answer is not packed unasked", "com.atproto.repo.listRecords", repo="<eve.did>",
        collection="com.example.big", headers={"Accept-Encoding": "identity"}),
    get(7, "gzip;q=0", "com.atproto.repo.listRecords", repo="<eve.did>",
        collection="com.example.big", headers={"Accept-Encoding": "gzip;q=0"}),
    call(9, "no output, no body", "com.atproto.server.deactivateAccount", "eve", body=b"{}",
         headers=JSON),
    call(9, "activate again", "com.atproto.server.activateAccount", "eve"),
    get(4, "describeServer", "com.atproto.server.describeServer"),
    post(4, "a cursor that is no place", "com.atproto.repo.createRecord", "eve", repo="<eve.did>",
         collection="app.bsky.feed.post", record=post_record("x\u0000y")),
]  # fmt: skip

SCENES = (
    Scene("tokens", _TOKENS),
    Scene("verbs", _VERBS),
    Scene("parameters", _PARAMETERS),
    Scene("headers", _HEADERS),
)
