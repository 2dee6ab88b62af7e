"""Requests made from the lexicons: sensible ones, and ones that nobody in their senses sends."""

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

from appliance.atproto.lexicon.catalog import Catalog, Definition, full_ref

Request: TypeAlias = tuple[str, str, bytes | None, dict[str, str]]  # verb, path, body, headers

DEEPEST = 5
NONSENSE: Final[Sequence[str]] = (
    "",
    " ",
    "x",
    "\x00",
    "a\nb\r\nc",
    "\ufeff\u202e\u0000",
    "0" * 9_000,
    "🦊" * 2_000,
    "../../../etc/passwd",
    "did:web:..%2f..%2fetc",
    "did:plc:" + "a" * 3_000,
    "at://",
    "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/..",
    "' OR 1=1 --",
    '"; DROP TABLE records; --',
    'NEAR("a" "b", 99999999999)',
    "* AND (NOT",
    "%s%n{0}{{7*7}}",
    "http://127.0.0.1:1/",
    "http://169.254.169.254/latest/meta-data",
    "9" * 400,
    "-1",
    "1e400",
    "NaN",
    "9999-12-31T23:59:60.999999999+23:59",
    "0000-00-00T00:00:00Z",
    "eyJhbGciOiJub25lIn0.e30.",
)
_ODD: Final[Sequence[Any]] = (None, True, -1, 0, 2**53, 2**63, 10**40, 0.5, [], {}, [[]], [None])


class Requests:
    """Makes requests for methods.

    `known` has texts of each format that mean something here; `fixed` what fields of a method are
    to be so that it gets through: half of the requests begin with them.
    """

    def __init__(
        self,
        catalog: Catalog,
        random: Random,
        known: Mapping[str, list[str]],
        fixed: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._catalog = catalog
        self._fixed = fixed or {}
        self._random = random
        self._known = known
        self._makers: dict[str, Callable[[Definition, str, int], Any]] = {
            "string": self._string,
            "integer": self._integer,
            "boolean": lambda *_: random.random() < 0.5,
            "array": self._array,
            "object": self._object,
            "params": self._object,
            "ref": self._ref,
            "union": self._union,
            "blob": lambda *_: self._blob(),
            "bytes": lambda *_: {"$bytes": "aGVsbG8"},
            "cid-link": lambda *_: {"$link": random.choice(known["cid"])},
            "unknown": lambda *_: self._record(),
            "token": lambda *_: "x",
            "null": lambda *_: None,
            "record": lambda schema, nsid, depth: self._object(schema["record"], nsid, depth),
        }

    def make(self, nsid: str, *, wild: bool) -> Request:
        """Make verb, path, body and headers of a request; `wild`: with something wrong in it."""
        method = self._catalog.definition(nsid)
        fixed = self._fixed.get(nsid, {}) if self._random.random() < 0.5 else {}
        params = self._value(method.get("parameters", {"type": "params"}), nsid, 0)
        if "input" not in method:
            params = {**params, **fixed}
        body, headers = self._body(method.get("input"), nsid, fixed, wild=wild)
        if wild and params and (body is None or self._random.random() < 0.5):
            params = self._spoilt(params)
        return _request(method, nsid, params, body, headers)

    def plain(self, nsid: str, given: Mapping[str, Any]) -> Request:
        """Make the request of somebody who knows what they want: these fields, or these bytes.

        What is required besides is the first of what is known; what is not is left out.
        """
        method = self._catalog.definition(nsid)
        plain = Requests(self._catalog, _First(), self._known)
        declared = method.get("input") or {}
        params = plain._value(method.get("parameters", {"type": "params"}), nsid, 0)
        if "body" in given and "schema" not in declared:
            headers = {"Content-Type": given.get("type", declared.get("encoding"))}
            return _request(method, nsid, params, given["body"], headers)
        if "schema" not in declared:
            return _request(method, nsid, {**params, **given}, None, {})
        body = {**plain._value(declared["schema"], nsid, 0), **given}
        headers = {"Content-Type": "application/json"}
        return _request(method, nsid, params, json.dumps(body).encode(), headers)

    def _body(
        self,
        declared: Mapping[str, Any] | None,
        nsid: str,
        fixed: Mapping[str, Any],
        *,
        wild: bool,
    ) -> tuple[bytes | None, dict[str, str]]:
        if declared is None:
            return (b"{}", {"Content-Type": "application/json"}) if wild else (None, {})
        encoding = declared["encoding"]
        if encoding != "application/json":
            mime = "text/plain" if encoding == "*/*" else encoding
            return self._random.randbytes(self._random.choice((1, 200))), {"Content-Type": mime}
        value = {**self._value(declared.get("schema", {"type": "object"}), nsid, 0), **fixed}
        if wild:
            value = self._spoilt(value)
        return json.dumps(value).encode(), {"Content-Type": "application/json"}

    def _value(self, schema: Definition, nsid: str, depth: int) -> Any:
        return self._makers[schema["type"]](schema, nsid, depth)

    def _string(self, schema: Definition, *_: object) -> str:
        for given in ("const", "default"):
            if given in schema:
                return str(schema[given])
        choices = schema.get("enum") or schema.get("knownValues")
        if choices:
            return str(self._random.choice(choices))
        if "format" in schema:
            return self._random.choice(self._known[schema["format"]])
        text = self._random.choice(self._known["text"])
        return text[: schema.get("maxLength", 1_000)].ljust(schema.get("minLength", 0), "x")

    def _integer(self, schema: Definition, *_: object) -> int:
        least = schema.get("minimum", 0)
        return int(self._random.choice((least, schema.get("maximum", least + 50))))

    def _array(self, schema: Definition, nsid: str, depth: int) -> list[Any]:
        if depth > DEEPEST:
            return []
        count = max(schema.get("minLength", 0), self._random.choice((1, 0, 2)))
        count = min(count, schema.get("maxLength", count))
        return [self._value(schema["items"], nsid, depth + 1) for _ in range(count)]

    def _object(self, schema: Definition, nsid: str, depth: int) -> dict[str, Any]:
        wanted = schema.get("required", ())
        return {
            key: self._value(each, nsid, depth + 1)
            for key, each in schema.get("properties", {}).items()
            if key in wanted or (depth <= DEEPEST and self._random.random() < 0.5)
        }

    def _ref(self, schema: Definition, nsid: str, depth: int) -> Any:
        ref = full_ref(schema["ref"], nsid)
        home = ref.partition("#")[0]
        return self._value(self._catalog.lookup(ref), home, depth + 1)

    def _union(self, schema: Definition, nsid: str, depth: int) -> Any:
        if not schema["refs"] or depth > DEEPEST:
            return {"$type": "test.hearth.unknown"}
        ref = full_ref(self._random.choice(schema["refs"]), nsid)
        found = self._value(self._catalog.lookup(ref), ref.partition("#")[0], depth + 1)
        named = ref.removesuffix("#main")
        return {**found, "$type": named} if isinstance(found, dict) else {"$type": named}

    def _blob(self) -> dict[str, Any]:
        link = {"$link": self._random.choice(self._known["cid"])}
        return {"$type": "blob", "ref": link, "mimeType": "image/png", "size": 10}

    def _record(self) -> dict[str, Any]:
        return {
            "$type": self._random.choice(("app.bsky.feed.post", "test.hearth.note")),
            "text": self._random.choice(self._known["text"]),
            "createdAt": "2026-11-20T10:00:00.000Z",
        }

    def _spoilt(self, value: Any) -> Any:
        """Change something, somewhere."""
        inner = isinstance(value, dict | list) and value and self._random.random() < 0.85
        if inner and isinstance(value, dict):
            key = self._random.choice(list(value))
            if self._random.random() < 0.15:
                return {other: each for other, each in value.items() if other != key}
            return {**value, key: self._spoilt(value[key])}
        if inner:
            at = self._random.randrange(len(value))
            return [*value[:at], self._spoilt(value[at]), *value[at + 1 :]]
        if self._random.random() < 0.1:
            return [value] * 1_001
        return self._random.choice((*NONSENSE, *NONSENSE, *_ODD))


class _First(Random):
    """Chance that always takes the first, and nothing that may be left out."""

    def choice(self, seq: Any) -> Any:
        return seq[0]

    def random(self) -> float:
        return 1.0


def _request(
    method: Definition, nsid: str, params: Any, body: bytes | None, headers: dict[str, str]
) -> Request:
    query = urlencode(_pairs(params), errors="surrogatepass")
    verb = "GET" if method["type"] == "query" else "POST"
    return verb, f"/xrpc/{nsid}" + (f"?{query}" if query else ""), body, headers


def _pairs(params: Any) -> list[tuple[str, str]]:
    if not isinstance(params, dict):
        return [("x", str(params))]
    pairs = []
    for key, value in params.items():
        for each in value if isinstance(value, list) else [value]:
            pairs.append((key, str(each).lower() if isinstance(each, bool) else str(each)))
    return pairs
