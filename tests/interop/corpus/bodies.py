"""Lines 5 and 6: what a body may be, how large, how packed."""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

from tests.interop.asking import PASSWORD, Ask, Scene, Step, opened, post

LOGIN = "com.atproto.server.createSession"
CREATE = "com.atproto.repo.createRecord"
JSON = {"Content-Type": "application/json"}
GOOD = json.dumps({"identifier": "cat.test", "password": PASSWORD}).encode()


def body(what: str, data: bytes, line: int = 6, nsid: str = LOGIN, **more: Any) -> Ask:
    headers = {**JSON, **more.pop("headers", {})}
    return Ask(line, what, nsid, "POST", body=data, headers=headers, **more)


def packed(what: str, encoding: str, pack: Callable[[bytes], bytes]) -> Ask:
    """A login whose body is packed."""
    return body(what, pack(GOOD), 5, headers={"Content-Encoding": encoding})


def _record_of(size: int) -> dict[str, Any]:
    record = {"$type": "com.example.big", "text": ""}
    sent = {"repo": "cat.test", "collection": "com.example.big", "record": record}
    record["text"] = "x" * (size - len(json.dumps(sent, separators=(",", ":"))))
    return sent


def _deflated(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


_BIG = 150 * 1024
_FILLER = json.dumps({"identifier": "x" * _BIG, "password": "y"}).encode()
_DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000

_BODIES: list[Step] = [
    opened("cat"),
    body("empty object", b"{}"),
    body("no body", b""),
    Ask(6, "no body at all", LOGIN, "POST"),
    body("not JSON", b"{"),
    body("not UTF-8", b'{"identifier":"\xff","password":"x"}'),
    body("a list", b"[]"),
    body("a number", b"1"),
    body("a text", b'"x"'),
    body("null", b"null"),
    body("two values", b"{}{}"),
    body("byte order mark", b'\xef\xbb\xbf{"identifier":"cat.test","password":"x"}'),
    body("wrong type of field", b'{"identifier":1,"password":"x"}'),
    body("null for a field", b'{"identifier":null,"password":"x"}'),
    body("missing field", b'{"identifier":"x"}'),
    body("extra fields", GOOD[:-1] + b',"x":{"y":[]}}'),
    body("twice the same field", b'{"identifier":"x",' + GOOD[1:]),
    body("nested 100000 deep", _DEEP),
    body("list nested deep", b"[" * 60_000 + b"]" * 60_000),
    body("form", b"identifier=cat.test",
         headers={"Content-Type": "application/x-www-form-urlencoded"}),
    body("text", b"{}", headers={"Content-Type": "text/plain"}),
    body("cbor", b"\xa0", headers={"Content-Type": "application/cbor"}),
    body("json with charset", GOOD,
         headers={"Content-Type": "application/json; charset=utf-8"}),
    body("json in upper case", GOOD,
         headers={"Content-Type": "Application/JSON"}),
    body("utf-16", '{"identifier":"x","password":"y"}'.encode("utf-16"),
         headers={"Content-Type": "application/json; charset=utf-16"}),
    body("latin-1", b'{"identifier":"x","password":"y"}',
         headers={"Content-Type": "application/json; charset=iso-8859-1"}),
    body("unknown charset", b'{"identifier":"x","password":"y"}',
         headers={"Content-Type": "application/json; charset=nonsense"}),
    body("json-like type", b'{"identifier":"x","password":"y"}',
         headers={"Content-Type": "application/vnd.api+json"}),
    body("malformed type", b"{}", headers={"Content-Type": ";;;"}),
    Ask(6, "no content type", LOGIN, "POST", body=b"{}"),
    Ask(6, "no content type, chunked", LOGIN, "POST", body=b"{}", chunked=True),
    Ask(6, "body where none is taken", "com.atproto.server.deactivateAccount", "POST", who="cat",
        body=b"{", headers=JSON),
    Ask(6, "json where none is taken", "com.atproto.server.requestAccountDelete", "POST", who="cat",
        body=b"{}", headers=JSON),
    Ask(6, "empty body with a type where none is taken", "com.atproto.server.requestAccountDelete",
        "POST", who="cat", body=b"", headers=JSON),
    body("chunked", GOOD, 5, chunked=True),
    packed("gzip", "gzip", gzip.compress),
    packed("GZIP", "GZIP", gzip.compress),
    packed("x-gzip", "x-gzip", gzip.compress),
    packed("deflate", "deflate", zlib.compress),
    packed("raw deflate", "deflate", _deflated),
    packed("brotli", "br", lambda data: data),
    packed("zstd", "zstd", lambda data: data),
    packed("identity", "identity", lambda data: data),
    packed("two encodings", "gzip, gzip", lambda data: gzip.compress(gzip.compress(data))),
    packed("gzip that is none", "gzip", lambda data: data),
    packed("gzip cut off", "gzip", lambda data: gzip.compress(data)[:-9]),
    packed("gzip with more behind", "gzip", lambda data: gzip.compress(data) + b"more"),
    packed("unknown encoding", "rot13", lambda data: data),
    body("over 150 kB", _FILLER, 5),
    body("over 150 kB, chunked", _FILLER, 5, chunked=True),
    body("over 150 kB after gzip", gzip.compress(_FILLER), 5, headers={"Content-Encoding": "gzip"}),
    post(5, "a record of 999,000 bytes", CREATE, "cat", **_record_of(999_000)),
    post(5, "a request of 1,000,001 bytes", CREATE, "cat", **_record_of(1_000_001)),
    post(5, "a request of 1,000,000 bytes", CREATE, "cat", **_record_of(1_000_000)),
    post(5, "a record of 900 kB", CREATE, "cat", **_record_of(900_000)),
]  # fmt: skip

SCENES = (Scene("bodies", _BODIES),)
