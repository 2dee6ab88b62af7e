"""Every kind of text and number of the lexicons, at its edges, in a record or as a parameter."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.interop.asking import Ask, Scene, Step, get, opened, post, post_record
from tests.interop.corpus.records import CREATE, GET, LIST, NOW, POST

_DID: Final = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
_CID: Final = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
_TEXTS: Final[dict[str, Sequence[str]]] = {
    "DID": (
        _DID, "did:web:localhost%3A1234", "did:web:a.test", "did:method:val:two", "did:m:v%BB",
        "did:m:-:_:.", "did:m:v-", "did:m:" + "v" * 2000, "did:m:" + "v" * 2100, "did", "did:",
        "did:m", "did:m:", "did:m:v:", "did:m:v%", "did:m:v/", "did:m:v?x", "did:m:v#x", "DID:m:v",
        "did:M:v", "did:m1:v", "did:m:v v", "did:m:\u00fc", " did:m:v", "did:m:v ", "did::v", "",
        "did:plc:aaaa", "did:plc:AAAAAAAAAAAAAAAAAAAAAAAA", "did:web:", "did:key:zQ3sh",
    ),
    "AT URI": (
        f"at://{_DID}", f"at://{_DID}/{POST}", f"at://{_DID}/{POST}/3jzfcijpj2z2a",
        "at://a.test/b.c.d/e", "at://a.test/b.c.d/e/", "at://a.test/", "at://", "at:///b.c.d",
        f"at://{_DID}/{POST}/..", f"at://{_DID}/{POST}/a b", f"at://{_DID}/{POST}/a%20b",
        f"at://{_DID}/{POST}/a/b", f"at://{_DID}/{POST}/a#b", f"at://{_DID}/{POST}/a#/b",
        f"at://{_DID}/{POST}/a?b=c", f"at://{_DID}/nothing/a", f"AT://{_DID}", "a://b.test",
        f"at:{_DID}", f"at:/{_DID}", "at://A.test/b.c.d/e", "at://a.test/B.c.d/e", "x", "",
        f"at://{_DID}/{POST}/" + "a" * 512, f"at://{_DID}/{POST}/" + "a" * 513,
        f"at://{_DID}/{POST}/" + "a" * 8_200, "at://did:x", f" at://{_DID}", f"at://{_DID}\n",
    ),
    "CID": (
        _CID, _CID.replace("bafyrei", "bafkrei"), "b", "", _CID.upper(), _CID[:-1], _CID + "a",
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG",
        "zdpuAyvkgEDQm9TenwGkd5eNaosSxjgEYd8QatfPe",
        f" {_CID}", f"{_CID} ", "f0155", "x" * 300, "bafyreí",
    ),
    "date": (
        NOW, "1985-04-12T23:20:50Z", "1985-04-12T23:20:50.1Z", "1985-04-12T23:20:50.123456Z",
        "1985-04-12T23:20:50+00:00", "1985-04-12T23:20:50-07:00", "1985-04-12T23:20:50.1-23:59",
        "1985-04-12T23:20:50+24:00", "1985-04-12T23:20Z", "1985-04-12T23Z", "1985-04-12", "1985",
        "1985-4-12T23:20:50Z", "85-04-12T23:20:50Z", "1985-04-12T23:20:50.Z", "1985-04-12T23:20:50",
        "1985-04-12T24:00:00Z", "1985-13-12T23:20:50Z", "1985-04-31T23:20:50Z",
        "1985-00-12T23:20:50Z",
        "1985-04-12T23:60:50Z", "1985-04-12T23:20:61Z", "1985-04-12T23:20:50z",
        "1985-04-12t23:20:50Z",
        "+001985-04-12T23:20:50.123Z", "-001985-04-12T23:20:50.123Z", "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z", "1985-04-12T23:20:50+0100", "1985-04-12T23:20:50+01", "1985-W15-5",
        " 1985-04-12T23:20:50Z", "1985-04-12T23:20:50Z ", "1985-04-12T23:20:50,1Z", "", "now",
        "2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "1985-04-12T23:20:50.123 Z",
    ),
    "language": (
        "en", "en-GB", "zh-Hant-TW", "x-private", "i-klingon", "de-CH-1901", "sl-rozaj-biske",
        "e", "english", "en_GB", "en-", "-en", "", "en-GB-", "123", "en gb", "EN", "a-DE",
        "de-419-DE", "ar-a-aaa-b-bbb-a-ccc", "abcdefghi", "\u00fc",
    ),
    "address": (
        "https://a.test", "https://a.test/b?c#d", "http://a", "ftp://a", "mailto:a@b.test", "a:b",
        "https://", "https:", "//a.test", "a.test", "", "https://a b", "https://\u00fc.test",
        "HTTPS://a.test", "1a:b", "a+b:c", "https://a.test/" + "x" * 8_200, "https://[",
        "javascript:alert(1)", "data:,x", "at://a.test", " https://a.test", "https://a.test\n",
        "dns:a.test", "tag:a,2026:b", "h-t.t+p:x", "https://a.test/%", "::",
    ),
}  # fmt: skip
_PARAMETERS: Final[dict[str, Sequence[str]]] = {
    "repo": (
        "zora2.test", "ZORA2.TEST", "zora.test.", ".zora.test", "zora..test", "zora", "-zora.test",
        "zora-.test",
        "z_a.test", "zora.t", "zora.1", "1.zora.test", "@zora.test", "zora.test ",
        "a." * 126 + "test",
        "a" * 64 + ".test", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", "did:x", "did:web:zora.test",
        "f\u00e4y.test", "xn--fy-xia.test", "127.0.0.1", "localhost", "zora.local", "zora.onion",
    ),
    "collection": (
        POST, "a.b.c", "A.B.c", "a.b.C", "a.b", "a", "a..b", ".a.b.c", "a.b.c.", "a.b.c-d",
        "a.b.1c",
        "1a.b.c", "a-b.c.d", "-a.b.c", "a.b.c*", "a.b.*", "a.b.c d", "a.b.\u00e4",
        "a.b." + "c" * 63,
        "a.b." + "c" * 64, "a." * 160 + "b.c", "a.b.c_d", "a.b.c#d", "%61.b.c",
    ),
    "rkey": (
        "self", "3jzfcijpj2z2a", "a", ".", "..", "...", "a:b", "a~b", "_", "-", "a/b", "a b", "a@b",
        "a#b", "a?b", "a%b", "\u00e4", "x" * 512, "x" * 513, "*", "(a)", "a+b", "[a]", "a,b",
    ),
}  # fmt: skip
_NUMBERS: Final = (
    "1", "0", "-1", "100", "101", "1000", "1.0", "1.5", "1e2", "0x10", "+5", " 5", "5 ", "05", "",
    "a", "true", "null", "9007199254740992", "99999999999999999999", "NaN", "Infinity", "-0",
)  # fmt: skip
_BOOLEANS: Final = ("true", "false", "True", "TRUE", "1", "0", "yes", "", "null", "t")


def _record(kind: str, text: str) -> tuple[str, dict[str, Any]]:
    """Put a text into a record where its kind is wanted."""
    like = {"$type": "app.bsky.feed.like", "createdAt": NOW}
    match kind:
        case "DID":
            follow = "app.bsky.graph.follow"
            return follow, {"$type": follow, "subject": text, "createdAt": NOW}
        case "AT URI":
            return "app.bsky.feed.like", {**like, "subject": {"uri": text, "cid": _CID}}
        case "CID":
            return "app.bsky.feed.like", {**like, "subject": {"uri": f"at://{_DID}", "cid": text}}
        case "date":
            return POST, {**post_record("x"), "createdAt": text}
        case "language":
            return POST, {**post_record("x"), "langs": [text]}
        case _:
            link = {"uri": text, "title": "", "description": ""}
            embed = {"$type": "app.bsky.embed.external", "external": link}
            return POST, {**post_record("x"), "embed": embed}


def _short(text: str) -> str:
    return ascii(text) if len(text) < 90 else f"{ascii(text[:24])} of {len(text)}"


def _in_records() -> Iterator[Ask]:
    for kind, texts in _TEXTS.items():
        for text in texts:
            collection, record = _record(kind, text)
            yield post(23, f"{kind} {_short(text)}", CREATE, "zora", repo="<zora.did>",
                       collection=collection, record=record)  # fmt: skip


def _as_parameters() -> Iterator[Ask]:
    place = {"repo": "<zora.did>", "collection": POST, "rkey": "x"}
    for name, texts in _PARAMETERS.items():
        for text in texts:
            yield get(29, f"getRecord, {name} {_short(text)}", GET, **{**place, name: text})
    for text in _PARAMETERS["repo"]:
        nsid = "com.atproto.repo.describeRepo"
        yield get(29, f"describeRepo of {_short(text)}", nsid, repo=text)
    listed = {"repo": "<zora.did>", "collection": "a.b.c"}
    for text in _NUMBERS:
        yield get(30, f"listRecords, limit {text!r}", LIST, limit=text, **listed)
    for text in _BOOLEANS:
        yield get(30, f"listRecords, reverse {text!r}", LIST, reverse=text, **listed)


_RECORDS: Final[Sequence[Step]] = (opened("zora"), *_in_records())
_ASKED: Final[Sequence[Step]] = (
    opened("zora", handle="zora2.test", email="zora2@mail.test"), *_as_parameters()
)  # fmt: skip
SCENES: Final = (Scene("formats", _RECORDS), Scene("forms", _ASKED))
