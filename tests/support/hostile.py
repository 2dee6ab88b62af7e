"""Records that their lexicon allows and nobody would write: made at random, from a seed.

Every string format, length and union is taken to its edges; what may be left out is, or is not;
open unions hold types that nobody knows; references point to each other, and to nothing.
"""

import random
from typing import Any, Final

from appliance.atproto.cid import Cid
from appliance.atproto.lexicon.catalog import Catalog, full_ref

COLLECTIONS: Final = (
    "app.bsky.feed.post",
    "app.bsky.feed.post",
    "app.bsky.feed.post",
    "app.bsky.feed.like",
    "app.bsky.feed.repost",
    "app.bsky.feed.threadgate",
    "app.bsky.feed.postgate",
    "app.bsky.feed.generator",
    "app.bsky.graph.follow",
    "app.bsky.graph.block",
    "app.bsky.graph.list",
    "app.bsky.graph.listitem",
    "app.bsky.graph.listblock",
    "app.bsky.graph.starterpack",
    "app.bsky.graph.verification",
    "app.bsky.actor.profile",
    "app.bsky.actor.status",
    "app.bsky.labeler.service",
    "app.bsky.notification.declaration",
    "chat.bsky.actor.declaration",
    "com.germnetwork.declaration",
)
TEXTS: Final = (
    "",
    " ",
    "\u0000",
    "plain words",
    '"; DROP TABLE post; --',
    "NEAR(a b) OR col:x*",
    "\u202eright to left\u202c",
    "e\u0301\u0301\u0301 zalgo",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
    "<script>alert(1)</script>",
    "\ufeff\u200b\u00ad",
    "天気\U00020000",
    "\U0001f4cc",
    "did:plc:nobody at://x/y/z",
)
DATES: Final = (
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999+14:00",
    "1985-04-12T23:20:50.123456789Z",
    "2026-11-20T10:00:00-00:30",
    "9999-12-31T23:59:59.999Z",
)
WORDS: Final = {
    "language": ("en", "pt-BR", "zh-Hant-TW", "x-private"),
    "handle": ("a.test", "handle.invalid", f"{'a' * 63}.{'b' * 63}.test"),
    "nsid": ("app.bsky.feed.post", "com.example.x"),
    "uri": (
        "https://a.test/?q=%00&x=\u00e4",
        "http://[::1",
        "javascript:alert(1)",
        "at://did:plc:nobody",
        "data:,x",
        f"https://{'a' * 200}.test/{'b' * 2000}",
        "https://www.a.test./",
    ),
    "tid": ("3labaaaaaaaa2",),
    "record-key": ("self", "3labaaaaaaaa2", "a:b~c.d-e_f"),
    "cid": (str(Cid.for_block(b"nothing")),),
    "datetime": DATES,
}


class Hostile:
    """Makes records. `uris` are what references may point to: add what was made."""

    def __init__(self, catalog: Catalog, seed: int, dids: list[str]) -> None:
        self._catalog = catalog
        self.random = random.Random(seed)  # noqa: S311
        self.dids = dids
        self.refs: list[dict[str, str]] = []

    def record(self, nsid: str) -> dict[str, Any]:
        """Make a record of a collection, without its $type."""
        made: dict[str, Any] = self._value(self._catalog.definition(nsid)["record"], nsid, 0)
        if nsid in ("app.bsky.feed.threadgate", "app.bsky.feed.postgate") and self.refs:
            made["post"] = self._ref_in("app.bsky.feed.post")["uri"]
        return made

    def broken(self, nsid: str) -> dict[str, Any]:
        """Make one that its lexicon refuses, as a rule."""
        made = self.record(nsid)
        for name in list(made):
            if self.random.random() < 0.5:
                made[name] = self.random.choice([None, -1, [], {}, "x", {"$type": 7}])
        return made

    def _value(self, schema: dict[str, Any], nsid: str, depth: int) -> Any:
        make = getattr(self, f"_{schema['type'].replace('-', '_')}")
        return make(schema, nsid, depth)

    def _object(self, schema: dict[str, Any], nsid: str, depth: int) -> dict[str, Any]:
        required = set(schema.get("required", ()))
        made = {
            name: self._value(field, nsid, depth + 1)
            for name, field in schema.get("properties", {}).items()
            if name in required or (depth < 6 and self.random.random() < 0.5)
        }
        if self.random.random() < 0.2:
            made["extra"] = {"$type": "com.example.extra", "deep": [[{}]]}
        return made

    def _array(self, schema: dict[str, Any], nsid: str, depth: int) -> list[Any]:
        most = min(schema.get("maxLength", 5), 5 if depth < 4 else 1)
        count = self.random.choice([schema.get("minLength", 0), most])
        return [self._value(schema["items"], nsid, depth + 1) for _ in range(count)]

    def _ref(self, schema: dict[str, Any], nsid: str, depth: int) -> Any:
        ref = full_ref(schema["ref"], nsid)
        target = ref.partition("#")[0]
        if target == "com.atproto.repo.strongRef":
            return self._ref_in("app.bsky.")
        return self._value(self._catalog.lookup(ref), target, depth + 1)

    def _union(self, schema: dict[str, Any], nsid: str, depth: int) -> Any:
        if not schema.get("closed") and self.random.random() < 0.15:
            return {"$type": "com.example.unknown", "record": 7, "media": None, "images": "x"}
        ref = full_ref(self.random.choice(schema["refs"]), nsid)
        target = ref.partition("#")[0]
        made = self._value(self._catalog.lookup(ref), target, depth + 1)
        return {**made, "$type": ref.removesuffix("#main")}

    def _string(self, schema: dict[str, Any], nsid: str, depth: int) -> str:
        if "format" in schema:
            return self._formatted(schema["format"])
        if "const" in schema:
            return str(schema["const"])
        known = schema.get("enum") or schema.get("knownValues")
        if known and (schema.get("enum") or self.random.random() < 0.8):
            return str(self.random.choice(known))
        text = self.random.choice(TEXTS)
        most = min(schema.get("maxGraphemes", 200), schema.get("maxLength", 2000) // 4)
        if self.random.random() < 0.2:
            text = (text or "x") * most
        cut = text[: max(1, most // 4)] if len(text) > most // 4 else text
        return cut or "x" * schema.get("minLength", 0)

    def _formatted(self, kind: str) -> str:
        if kind in ("did", "at-identifier"):
            return self.random.choice([*self.dids, "did:plc:nobody", "did:web:x.test%3A80"])
        if kind == "at-uri":
            strange = [f"at://{self.dids[0]}", "at://a.test/app.bsky.feed.post/3labaaaaaaaa2"]
            return self.random.choice([self._ref_in("app.bsky.")["uri"], *strange])
        return self.random.choice(WORDS[kind])

    def _ref_in(self, collection: str) -> dict[str, str]:
        fitting = [ref for ref in self.refs if f"/{collection}" in ref["uri"]]
        if fitting and self.random.random() < 0.9:
            return self.random.choice(fitting)
        missing = f"at://{self.dids[0]}/app.bsky.feed.post/3labmissing22"
        return {"uri": missing, "cid": WORDS["cid"][0]}

    def _integer(self, schema: dict[str, Any], nsid: str, depth: int) -> int:
        edges = [schema.get("minimum", -(2**53) + 1), schema.get("maximum", 2**53 - 1), 1]
        return int(self.random.choice(edges))

    def _boolean(self, schema: dict[str, Any], nsid: str, depth: int) -> bool:
        return bool(schema.get("const", self.random.random() < 0.5))

    def _blob(self, schema: dict[str, Any], nsid: str, depth: int) -> dict[str, Any]:
        cid = Cid.for_blob(self.random.randbytes(4))
        kind = schema.get("accept", ["application/octet-stream"])[0].replace("*", "png")
        return {"$type": "blob", "ref": {"$link": str(cid)}, "mimeType": kind, "size": 7}

    def _bytes(self, schema: dict[str, Any], nsid: str, depth: int) -> dict[str, str]:
        return {"$bytes": "AAAA"}

    def _cid_link(self, schema: dict[str, Any], nsid: str, depth: int) -> dict[str, str]:
        return {"$link": WORDS["cid"][0]}

    def _unknown(self, schema: dict[str, Any], nsid: str, depth: int) -> dict[str, Any]:
        return {"$type": "com.example.any", "x": [None, True, {"$link": WORDS["cid"][0]}]}
