"""Lines 23-31: records, swaps, keys, lists, batches."""

from typing import Any

from tests.interop.asking import Ask, Scene, Step, get, opened, post, post_record

CREATE = "com.atproto.repo.createRecord"
PUT = "com.atproto.repo.putRecord"
DELETE = "com.atproto.repo.deleteRecord"
APPLY = "com.atproto.repo.applyWrites"
GET = "com.atproto.repo.getRecord"
LIST = "com.atproto.repo.listRecords"
POST = "app.bsky.feed.post"
THING = "com.example.thing"
NOW = "2026-01-02T03:04:05.678Z"
_CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
_SUBJECT = {"uri": "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/3jzfcijpj2z2a",
            "cid": _CID}  # fmt: skip


def create(what: str, record: Any, collection: str = THING, line: int = 23, **more: Any) -> Ask:
    more = {"repo": "<rae.did>", **more}
    return post(line, what, CREATE, "rae", collection=collection, record=record, **more)


def thing(what: str, line: int = 23, **fields: Any) -> Ask:
    return create(f"a thing with {what}", {"$type": THING, **fields}, line=line)


def a_post(what: str, **more: Any) -> Ask:
    return create(f"a post with {what}", {**post_record("x"), **more}, POST, 29)


def without(what: str, name: str) -> Ask:
    record = {key: value for key, value in post_record("x").items() if key != name}
    return create(what, record, POST)


_BLOB: dict[str, Any] = {"$type": "blob", "ref": {"$link": _CID.replace("bafyrei", "bafkrei")},
         "mimeType": "image/png", "size": 5}  # fmt: skip


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


_VALIDATION: list[Step] = [
    opened("rae"),
    create("a known record", post_record("hello"), POST),
    create("a known record, validate", post_record("hello 1"), POST, validate=True),
    create("a known record, unchecked", post_record("hello 2"), POST, validate=False),
    create("an unknown record", {"$type": THING, "a": 1}),
    create("an unknown record, validate", {"$type": THING, "a": 1}, validate=True),
    create("an unknown record, unchecked", {"$type": THING, "a": 1}, validate=False),
    without("a post without $type", "$type"),
    without("a post without text", "text"),
    without("a post without createdAt", "createdAt"),
    create("a post without text, unchecked", {"$type": POST, "createdAt": NOW}, POST,
           validate=False),
    create("another $type", {"$type": "com.example.other"}),
    create("another $type, unchecked", {"$type": "com.example.other"}, validate=False),
    create("empty $type", {"$type": ""}),
    create("$type is a number", {"$type": 1}),
    create("$type is null", {"$type": None}),
    create("a record that is a list", []),
    create("a record that is a text", "x"),
    create("a record that is null", None),
    create("$type with #main", {"$type": f"{THING}#main"}),
    create("a collection that is a query", {"$type": "app.bsky.actor.getProfile"},
           "app.bsky.actor.getProfile"),
    create("a collection that is defs", {"$type": "app.bsky.actor.defs"}, "app.bsky.actor.defs"),
    create("a bad collection", {"$type": "x"}, "nothing"),
    create("validate is a text", {"$type": THING}, validate="true"),
    thing("unicode", text="héllo 👩‍👧 \u0000 \u2028"),
    thing("a float", a=1.5),
    thing("an integral float", a=1.0),
    thing("a big number", a=2**53),
    thing("the largest safe number", a=2**53 - 1),
    thing("a larger number", a=2**60),
    thing("a negative number", a=-(2**53) + 1),
    thing("null", a=None),
    thing("true", a=True),
    thing("a good link", a={"$link": _CID}),
    thing("a bad link", a={"$link": "x"}),
    thing("a link of v0", a={"$link": "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG"}),
    thing("a link with more", a={"$link": _CID, "b": 1}),
    thing("good bytes", a={"$bytes": "aGVsbG8"}),
    thing("padded bytes", a={"$bytes": "aGVsbG8="}),
    thing("url-safe bytes", a={"$bytes": "_-8"}),
    thing("bad bytes", a={"$bytes": "%%"}),
    thing("bytes that are a number", a={"$bytes": 5}),
    thing("an unknown $-field", **{"$what": 1}),
    thing("an empty key", **{"": 1}),
    thing("a blob nobody has", a=_BLOB, line=41),
    thing("a blob without size", a={k: v for k, v in _BLOB.items() if k != "size"}),
    thing("a blob with a bad ref", a={**_BLOB, "ref": "x"}),
    thing("a blob with a text as size", a={**_BLOB, "size": "5"}),
    thing("a blob of size -1", a={**_BLOB, "size": -1}),
    thing("a legacy blob", a={"cid": _BLOB["ref"]["$link"], "mimeType": "image/png"}),
    thing("a $type within that is a number", a={"$type": 5}),
    thing("60 levels", a=_nested(55)),
    thing("90 levels", a=_nested(90)),
    a_post("3000 characters", text="x" * 3000),
    a_post("301 graphemes", text="x" * 301),
    a_post("300 graphemes of many bytes", text="👩‍👧" * 150),
    a_post("a date without zone", createdAt="2026-01-02T03:04:05"),
    a_post("a date with a space", createdAt="2026-01-02 03:04:05Z"),
    a_post("a date that is none", createdAt="2026-02-30T03:04:05Z"),
    a_post("a date with -00:00", createdAt="2026-01-02T03:04:05-00:00"),
    a_post("a date with an offset", createdAt="2026-01-02T03:04:05.1+01:30"),
    a_post("a date in small letters", createdAt="2026-01-02t03:04:05z"),
    a_post("a date of year 0", createdAt="0000-01-01T00:00:00Z"),
    a_post("a date without seconds", createdAt="2026-01-02T03:04Z"),
    a_post("a leap second", createdAt="2016-12-31T23:59:60Z"),
    a_post("many digits", createdAt="2026-01-02T03:04:05.123456789012345678901Z"),
    a_post("langs", langs=["en", "eo"]),
    a_post("bad langs", langs=["english language"]),
    a_post("four langs", langs=["en", "eo", "de", "fr"]),
    a_post("an unknown field", nothing={"x": [1]}),
    a_post("an old blob", embed={"$type": "app.bsky.embed.images", "images": [
        {"alt": "", "image": {"cid": _BLOB["ref"]["$link"], "mimeType": "image/png"}}]}),
    a_post("a blob of a wrong type", embed={"$type": "app.bsky.embed.images", "images": [
        {"alt": "", "image": {**_BLOB, "mimeType": "text/plain"}}]}),
    a_post("a blob too large", embed={"$type": "app.bsky.embed.images", "images": [
        {"alt": "", "image": {**_BLOB, "size": 50_000_000}}]}),
    a_post("five images", embed={"$type": "app.bsky.embed.images", "images": [
        {"alt": "", "image": _BLOB}] * 5}),
    a_post("an external link that is none", embed={"$type": "app.bsky.embed.external",
        "external": {"uri": "not a uri", "title": "", "description": ""}}),
    a_post("a facet of an unknown kind", facets=[{"index": {"byteStart": 0, "byteEnd": 1},
        "features": [{"$type": "com.example.feature"}]}]),
    a_post("a strong ref with a bad cid", embed={"$type": "app.bsky.embed.record", "record": {
        "uri": _SUBJECT["uri"], "cid": "x"}}),
    a_post("a strong ref with a bad uri", embed={"$type": "app.bsky.embed.record", "record": {
        "uri": "https://x.test", "cid": _CID}}),
    a_post("text that is a number", text=5),
    a_post("text that is null", text=None),
    a_post("an unknown embed", embed={"$type": "com.example.embed"}),
    a_post("an embed without $type", embed={"a": 1}),
    a_post("a bad record embed", embed={"$type": "app.bsky.embed.record", "record": {}}),
    a_post("a bad facet", facets=[{"index": {"byteStart": 5, "byteEnd": 1}, "features": []}]),
    a_post("a facet of -1", facets=[{"index": {"byteStart": -1, "byteEnd": 1}, "features": []}]),
    a_post("a reply without parent", reply={"root": _SUBJECT}),
    a_post("self labels", labels={"$type": "com.atproto.label.defs#selfLabels",
                                  "values": [{"val": "nsfw"}]}),
    a_post("tags", tags=["a", "b"]),
    a_post("an empty tag list", tags=[]),
    a_post("too many tags", tags=["x"] * 9),
]  # fmt: skip


def key(what: str, rkey: str, collection: str = THING, **record: Any) -> Ask:
    value = {"$type": collection, **record}
    place = {"repo": "<sam.did>", "collection": collection, "rkey": rkey}
    return post(24, f"key: {what}", CREATE, "sam", record=value, **place)


_PROFILE = "app.bsky.actor.profile"
_GATE = "app.bsky.feed.threadgate"
_KEYS: list[Step] = [
    opened("sam"),
    key("simple", "simple"),
    key("taken", "simple"),
    key("all signs", "a.b-c_d:e~f"),
    key("one character", "x"),
    key("512 characters", "x" * 512),
    key("513 characters", "x" * 513),
    key("empty", ""),
    key("dot", "."),
    key("two dots", ".."),
    key("three dots", "..."),
    key("slash", "a/b"),
    key("space", "a b"),
    key("hash", "a#b"),
    key("percent", "a%20b"),
    key("unicode", "ä"),
    key("at", "@x"),
    key("post, no TID", "simple", POST, text="x", createdAt=NOW),
    key("post, TID", "3jzfcijpj2z2a", POST, text="x", createdAt=NOW),
    key("post, TID with high bit", "zzzzzzzzzzzzz", POST, text="x", createdAt=NOW),
    key("post, TID in upper case", "3JZFCIJPJ2Z2A", POST, text="x", createdAt=NOW),
    key("profile, self", "self", _PROFILE, displayName="Sam"),
    key("profile, other", "other", _PROFILE, displayName="Sam"),
    key("generator, any", "my-feed", "app.bsky.feed.generator", did="did:web:x.test",
        displayName="x", createdAt=NOW),
    key("lexicon schema, no NSID", "x", "com.atproto.lexicon.schema", lexicon=1),
    key("lexicon schema, NSID", "com.example.a.b", "com.atproto.lexicon.schema", lexicon=1),
    post(24, "profile without key", CREATE, "sam", repo="<sam.did>", collection=_PROFILE,
         record={"displayName": "Sam"}),
    post(24, "put with a bad key", PUT, "sam", repo="<sam.did>", collection=THING, rkey="a/b",
         record={}),
    post(24, "put a profile elsewhere", PUT, "sam", repo="<sam.did>", collection=_PROFILE,
         rkey="x", record={"displayName": "x"}),
    post(24, "put a profile elsewhere, unchecked", PUT, "sam", repo="<sam.did>", validate=False,
         collection=_PROFILE, rkey="x", record={"displayName": "x"}),
    post(24, "delete with a bad key", DELETE, "sam", repo="<sam.did>", collection=THING, rkey=".."),
    get(24, "get with a bad key", GET, repo="<sam.did>", collection=THING, rkey="a/b"),
]  # fmt: skip


def swap(line: int, what: str, nsid: str, **more: Any) -> Ask:
    fields = {"repo": "<tom.did>", "collection": THING, "rkey": "one", **more}
    sent = {name: value for name, value in fields.items() if name != "keep"}
    keep = {"keep": more["keep"]} if "keep" in more else {}
    return post(line, what, nsid, "tom", **sent, **keep)


_KEEP_1 = {"tom.cid1": "cid", "tom.commit1": "commit.cid"}
_KEEP_2 = {"tom.cid2": "cid", "tom.commit2": "commit.cid"}
_SWAPS: list[Step] = [
    opened("tom"),
    swap(26, "create", CREATE, record={"a": 1}, keep=_KEEP_1),
    swap(26, "put the same", PUT, record={"a": 1}),
    swap(26, "put the same, with $type", PUT, record={"$type": THING, "a": 1}),
    swap(26, "put another", PUT, record={"a": 2}, keep=_KEEP_2),
    swap(26, "put new", PUT, record={"a": 2}, rkey="two"),
    swap(26, "put with the right swapRecord", PUT, record={"a": 3}, swapRecord="<tom.cid2>"),
    swap(26, "put with a wrong swapRecord", PUT, record={"a": 4}, swapRecord="<tom.cid1>"),
    swap(26, "put with swapRecord null, there", PUT, record={"a": 4}, swapRecord=None),
    swap(26, "put with swapRecord null, not there", PUT, record={"a": 4}, rkey="six",
         swapRecord=None),
    swap(26, "put with swapRecord, not there", PUT, record={"a": 4}, rkey="seven", swapRecord=_CID),
    swap(26, "put with a malformed swapRecord", PUT, record={"a": 4}, swapRecord="x"),
    swap(26, "put with an empty swapRecord", PUT, record={"a": 4}, swapRecord=""),
    swap(26, "put the same with a wrong swapRecord", PUT, record={"a": 3}, swapRecord="<tom.cid1>"),
    swap(26, "put with a wrong swapCommit", PUT, record={"a": 5}, swapCommit=_CID),
    swap(26, "put the same with a wrong swapCommit", PUT, record={"a": 3}, swapCommit=_CID),
    swap(26, "put with a malformed swapCommit", PUT, record={"a": 5}, swapCommit="x"),
    swap(26, "create with a wrong swapCommit", CREATE, record={}, rkey="eight", swapCommit=_CID),
    swap(26, "create with an old swapCommit", CREATE, record={}, rkey="eight",
         swapCommit="<tom.commit1>"),
    swap(26, "delete with a wrong swapRecord", DELETE, swapRecord=_CID),
    swap(26, "delete with a wrong swapCommit", DELETE, swapCommit=_CID),
    swap(26, "delete with swapRecord null", DELETE, rkey="six", swapRecord=None),
    swap(26, "delete", DELETE, rkey="two"),
    swap(26, "delete what is gone", DELETE, rkey="two"),
    swap(26, "delete what is gone with swapRecord", DELETE, rkey="two", swapRecord=_CID),
    swap(26, "delete what is gone with a wrong swapCommit", DELETE, rkey="two", swapCommit=_CID),
    get(26, "the latest", "com.atproto.sync.getLatestCommit", did="<tom.did>",
        keep={"tom.head": "cid"}),
    swap(26, "put with the right swapCommit", PUT, record={"a": 6}, swapCommit="<tom.head>"),
    get(28, "get", GET, repo="tom.test", collection=THING, rkey="one", keep={"tom.cid6": "cid"}),
    get(28, "get by cid", GET, repo="tom.test", collection=THING, rkey="one", cid="<tom.cid6>"),
    get(28, "get by an old cid", GET, repo="tom.test", collection=THING, rkey="one",
        cid="<tom.cid1>"),
    get(28, "get by a bad cid", GET, repo="tom.test", collection=THING, rkey="one", cid="x"),
    get(28, "get what is not there", GET, repo="tom.test", collection=THING, rkey="nothing"),
    get(28, "get from a collection not there", GET, repo="<tom.did>", collection="com.example.no",
        rkey="x"),
    get(28, "get from nobody", GET, repo="nobody.test", collection=THING, rkey="one"),
    get(28, "get from an unknown DID", GET, repo="did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
        collection=THING,
        rkey="one"),
    get(28, "describe", "com.atproto.repo.describeRepo", repo="tom.test"),
    get(28, "describe nobody", "com.atproto.repo.describeRepo", repo="nobody.test"),
    get(28, "describe nonsense", "com.atproto.repo.describeRepo", repo="x"),
    # a second like replaces the first
    *(post(25, f"{what} {n}", CREATE, "tom", repo="<tom.did>", collection=nsid,
           record={"subject": subject, "createdAt": f"2026-01-02T03:04:0{n}.000Z"})
      for what, nsid, subject in (
          ("like", "app.bsky.feed.like", _SUBJECT),
          ("repost", "app.bsky.feed.repost", _SUBJECT),
          ("follow", "app.bsky.graph.follow", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"),
          ("block", "app.bsky.graph.block", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"))
      for n in (1, 2)),
    *(get(25, f"one {name}", LIST, repo="<tom.did>", collection=f"app.bsky.{name}")
      for name in ("feed.like", "feed.repost", "graph.follow", "graph.block")),
    post(25, "unchecked like", CREATE, "tom", repo="<tom.did>", collection="app.bsky.feed.like",
         validate=False, record={"subject": _SUBJECT, "createdAt": NOW}),
    get(25, "two likes", LIST, repo="<tom.did>", collection="app.bsky.feed.like"),
]  # fmt: skip


def batch(what: str, writes: Any, line: int = 27, **more: Any) -> Ask:
    return post(line, f"batch: {what}", APPLY, "uma", repo="<uma.did>", writes=writes, **more)


def w(action: str, **fields: Any) -> dict[str, Any]:
    given = {"$type": f"{APPLY}#{action}", "collection": THING, **fields}
    return {name: value for name, value in given.items() if value is not None}


_MANY = [w("create", rkey=f"many{n}", value={"n": n}) for n in range(200)]
_BATCHES: list[Step] = [
    opened("uma"),
    batch("nothing", []),
    batch("three", [w("create", rkey="a", value={"a": 1}), w("create", value={"a": 2}),
                    w("create", collection=POST, value=post_record("x"))]),
    batch("update and delete", [w("update", rkey="a", value={"a": 3}), w("create", rkey="b",
          value={}),
                                w("delete", rkey="b")]),
    batch("create and delete", [w("create", rkey="b", value={}), w("create", rkey="c", value={})]),
    batch("delete and create", [w("delete", rkey="b"), w("create", rkey="b", value={"b": 2})]),
    batch("twice the same key", [w("create", rkey="d", value={}), w("create", rkey="d", value={})]),
    batch("update twice", [w("update", rkey="c", value={"c": 1}), w("update", rkey="c",
          value={"c": 2})]),
    batch("update to the same", [w("update", rkey="a", value={"a": 3})]),
    batch("create what is there", [w("create", rkey="a", value={})]),
    batch("update what is missing", [w("update", rkey="zz", value={})]),
    batch("delete what is missing", [w("delete", rkey="zz")]),
    batch("one bad of two", [w("create", rkey="e", value={}), w("delete", rkey="zz")]),
    get(27, "nothing of it is written", GET, repo="<uma.did>", collection=THING, rkey="e"),
    batch("an invalid record", [w("create", collection=POST, value={"text": 1})]),
    batch("an invalid record, unchecked", [w("create", collection=POST, value={"text": 1})],
          validate=False),
    batch("an unknown record, validate", [w("create", value={})], validate=True),
    batch("unknown $type", [{"$type": f"{APPLY}#what", "collection": THING, "rkey": "x"}]),
    batch("no $type", [{"collection": THING, "rkey": "x", "value": {}}]),
    batch("short $type", [{"$type": "#create", "collection": THING, "rkey": "x", "value": {}}]),
    batch("no value", [w("create", rkey="x")]),
    batch("update without key", [w("update", value={})]),
    batch("delete without key", [w("delete")]),
    batch("bad key", [w("create", rkey="a/b", value={})]),
    batch("bad collection", [w("create", collection="x", value={})]),
    batch("no collection", [w("create", collection=None, value={})]),
    batch("no list", {}),
    batch("no object", ["x"]),
    batch("null", [None]),
    batch("wrong swapCommit", [w("create", value={})], swapCommit=_CID),
    batch("200 writes", _MANY),
    batch("201 writes", [w("create", value={"n": n}) for n in range(201)]),
    batch("two likes of the same", [w("create", collection="app.bsky.feed.like",
          value={"subject": _SUBJECT, "createdAt": NOW}) for n in (1, 2)]),
    batch("1 MB in all", [w("create", value={"text": "x" * 300_000}) for n in range(3)]),
    post(27, "batch: no writes", APPLY, "uma", repo="<uma.did>"),
    get(28, "the first page", LIST, repo="<uma.did>", collection=THING, limit=3,
        keep={"c.one": "cursor"}),
    get(28, "the second page", LIST, repo="<uma.did>", collection=THING, limit=3, cursor="<c.one>"),
    get(28, "backwards", LIST, repo="<uma.did>", collection=THING, limit=3, reverse="true",
        keep={"c.back": "cursor"}),
    get(28, "further back", LIST, repo="<uma.did>", collection=THING, limit=3, reverse="true",
        cursor="<c.back>"),
    get(28, "by 50", LIST, repo="<uma.did>", collection=THING),
    get(28, "the last page", LIST, repo="<uma.did>", collection=THING, cursor="b"),
    get(28, "after the last page", LIST, repo="<uma.did>", collection=THING, cursor="0"),
    get(28, "an odd cursor", LIST, repo="<uma.did>", collection=THING, cursor="/%", limit=2),
    get(28, "an empty cursor", LIST, repo="<uma.did>", collection=THING, cursor="", limit=2),
    get(28, "an empty collection", LIST, repo="<uma.did>", collection="com.example.no"),
    get(28, "a collection that is a prefix", LIST, repo="<uma.did>", collection="com.example.thin"),
    get(28, "describe with collections", "com.atproto.repo.describeRepo", repo="<uma.did>"),
    post(30, "a twin", PUT, "uma", repo="<uma.did>", collection=THING, rkey="t1", record={"t": 1}),
    post(30, "the other twin", PUT, "uma", repo="<uma.did>", collection=THING, rkey="t2",
         record={"t": 1}),
    post(30, "one twin goes", DELETE, "uma", repo="<uma.did>", collection=THING, rkey="t1"),
    get(30, "the other stays", GET, repo="<uma.did>", collection=THING, rkey="t2"),
    get(30, "in the archive too", "com.atproto.sync.getRecord", did="<uma.did>", collection=THING,
        rkey="t2"),
]  # fmt: skip

SCENES = (
    Scene("validation", _VALIDATION),
    Scene("keys", _KEYS),
    Scene("swaps", _SWAPS),
    Scene("batches", _BATCHES),
)
