"""What is compared of an answer: status, error name, shape of the output, headers that matter."""

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from appliance.atproto import car, cbor
from tests.interop.sides import Side

_USUAL: Final = (
    "content-type",
    "access-control-allow-origin",
    "content-encoding",
    "www-authenticate",
)
# What differs from server to server and from time to time; the first that fits names the kind.
_KINDS: Final = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("jwt", r"ey[\w-]+\.[\w-]+\.[\w-]+"),
        ("at-uri", r"at://\S+/3[2-7a-z]{12}"),
        ("did", r"did:plc:[2-7a-z]{24}(#\w+)?"),
        ("did-key", r"did:key:z\w+"),
        ("multikey", r"z[1-9A-HJ-NP-Za-km-z]{40,60}"),
        ("cid", r"baf[2-7a-z]{50,60}"),
        ("tid", r"3[2-7a-z]{12}"),
        ("datetime", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
        ("invite code", r"localhost-[2-7a-z]{5}-[2-7a-z]{5}"),
        ("app password", r"[2-7a-z]{4}(-[2-7a-z]{4}){3}"),
        ("signature", r"[\w-]{86}"),
        ("place", r"\d+(::|__)\S+|[0-9]{1,6}|[0-9a-f]{6,}"),
    )
)
# The names of Express's own errors, which are none of XRPC, by what ours calls them.
_EXPRESS: Final = {
    "SyntaxError": "InvalidRequest",
    "Error": "InvalidRequest",
    "PayloadTooLargeError": "PayloadTooLarge",
    "UnsupportedMediaTypeError": "UnsupportedMediaType",
}
_CAR: Final = "application/vnd.ipld.car"


@dataclass(frozen=True)
class Answer:
    """An answer as it came, its body unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


@dataclass(frozen=True)
class Outcome:
    """What is compared."""

    status: int
    error: str
    shape: Any
    headers: Mapping[str, Any]

    @property
    def short(self) -> str:
        """Status and error name, as the table of differences has them."""
        return f"{self.status} {self.error}".rstrip()

    def parts(self) -> dict[str, Any]:
        return {"status": self.short, "shape": self.shape, **self.headers}


def unpacked(body: bytes, headers: Mapping[str, str]) -> bytes:
    packed = headers.get("Content-Encoding", "") == "gzip" and bool(body)
    return gzip.decompress(body) if packed else body


def outcome(side: Side, answer: Answer, look: tuple[str, ...]) -> Outcome:
    """Tell what is to be compared of an answer."""
    told = answer.json if "json" in answer.headers.get("Content-Type", "") else None
    error = ""
    shape: Any = _body(side, answer) if told is None else value_shape(side, told)
    if answer.status >= 400 and isinstance(told, dict):
        error = str(told.get("error", ""))
        error = _EXPRESS.get(error, error)
        shape = sorted(told)
    return Outcome(answer.status, error, shape, _headers(side, answer, look))


def value_shape(side: Side, value: Any) -> Any:
    """Replace in a JSON value what differs by nature."""
    if isinstance(value, dict):
        shape = {
            value_shape(side, key): value_shape(side, each) for key, each in sorted(value.items())
        }
        # Invite codes made in one moment, and accounts asked for together, come in any order.
        for name in {"codes", "infos"} & shape.keys():
            shape[name] = sorted(shape[name], key=str)
        return shape
    if isinstance(value, list):
        return [value_shape(side, each) for each in value]
    return _text(side, value) if isinstance(value, str) else value


def _text(side: Side, text: str) -> str:
    for known in sorted(side.known.values(), key=len, reverse=True):
        if len(known) > 6 and known in text and not known.startswith("ey"):
            text = text.replace(known, f"<{_canonical(side, known)}>")
    for kind, pattern in _KINDS:
        if pattern.fullmatch(text):
            return f"({kind})"
    return text


def _canonical(side: Side, known: str) -> str:
    """The first name under which something was kept."""
    return next(name for name, value in side.known.items() if value == known)


def _body(side: Side, answer: Answer) -> Any:
    if answer.headers.get("Content-Type", "").startswith(_CAR) and answer.body:
        read = car.read_car(answer.body)
        # How many nodes a tree has hangs on its keys, some of which each server makes itself.
        nodes = sum(map(_is_node, read.blocks.values()))
        others = len(read.blocks) - nodes
        return f"CAR roots={len(read.roots)} nodes={nodes > 0} others={others}"
    if _is_page(answer):
        return "a page"
    return _text(side, answer.body[:200].decode(errors="replace"))


def _is_node(block: bytes) -> bool:
    value = cbor.decode(block)
    return isinstance(value, dict) and value.keys() == {"e", "l"}


def _is_page(answer: Answer) -> bool:
    """Tell whether an answer is for people: an error outside XRPC."""
    kind = answer.headers.get("Content-Type", "")
    return answer.status >= 400 and kind.startswith(("text/html", "text/plain"))


def _headers(side: Side, answer: Answer, look: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: _text(side, answer.headers[name].lower().replace("; ", ";"))
        for name in (*_USUAL, *look)
        if name in answer.headers
    }
    if _is_page(answer):
        found["content-type"] = "a page"
    # Every error may be called private: ours says so before it knows who is asking.
    if answer.status < 400:
        found["private"] = "private" in answer.headers.get("Cache-Control", "")
        found["vary"] = "authorization" in answer.headers.get("Vary", "").lower()
    return found
