"""Lines 40-43: uploads, sniffing, references, downloads."""

import gzip
import zlib
from typing import Any

from tests.interop.asking import Ask, Scene, Step, get, opened, post, post_record, upload
from tests.interop.sides import BLOB_LIMIT

SYNC = "com.atproto.sync."
CREATE = "com.atproto.repo.createRecord"
UPLOAD = "com.atproto.repo.uploadBlob"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000") + b"\0" * 40
GIF = b"GIF89a" + b"\1\0\1\0\x80\0\0" + b"\0" * 30
WEBP = b"RIFF\x24\0\0\0WEBPVP8 " + b"\0" * 40
MP4 = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + b"\0" * 40
PDF = b"%PDF-1.4\n" + b"x" * 40
MP3 = b"ID3\x03\0\0\0\0\0\0" + b"\xff\xfb\x90\0" + b"\0" * 40
ZIP = b"PK\3\4" + b"\0" * 40
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"></svg>'
AVIF = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + b"\0" * 40
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + b"\0" * 40
WEBM = bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f381084282847765626d") + b"\0" * 40
OGG = b"OggS\0\2" + b"\0" * 20 + b"\1\x13OpusHead" + b"\0" * 40
WAV = b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40
BMP = b"BM" + b"\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0" + b"\0" * 40
TIFF = b"II*\0\x08\0\0\0" + b"\0" * 40
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"


def sent(what: str, data: bytes, kind: str, keep: str = "", **more: Any) -> Ask:
    kept = {"keep": {f"{keep}.cid": "blob.ref.$link"}} if keep else {}
    return upload(40, f"upload {what}", "xia", data, kind, **kept, **more)


_SNIFFED = (
    ("png", PNG), ("jpeg", JPEG), ("gif", GIF), ("webp", WEBP), ("mp4", MP4), ("pdf", PDF),
    ("mp3", MP3), ("zip", ZIP), ("svg", SVG), ("avif", AVIF), ("heic", HEIC), ("webm", WEBM),
    ("ogg", OGG), ("wav", WAV), ("bmp", BMP), ("tiff", TIFF), ("html", HTML),
)  # fmt: skip

_UPLOADS: list[Step] = [
    opened("xia"),
    *(sent(f"{name} as text", data, "text/plain") for name, data in _SNIFFED),
    *(sent(f"{name} as anything", data, "*/*") for name, data in _SNIFFED[:4]),
    sent("text", b"hello", "text/plain"),
    sent("text with charset", b"hello", "text/plain; charset=utf-8"),
    sent("text as image", b"hello", "image/png"),
    sent("text in upper case", b"hello", "TEXT/Plain"),
    sent("a type of your own", b"hello", "application/x-my-type+json"),
    sent("json", b'{"a":1}', "application/json"),
    sent("broken json", b"{", "application/json"),
    sent("a form", b"a=b", "application/x-www-form-urlencoded"),
    sent("bytes", b"\1\2\3", "application/octet-stream"),
    sent("nonsense for a type", b"hello", "nonsense"),
    sent("an empty type", b"hello", ""),
    Ask(40, "upload without a type", UPLOAD, "POST", who="xia", body=b"hello"),
    sent("nothing", b"", "text/plain"),
    Ask(40, "upload no body", UPLOAD, "POST", who="xia"),
    sent("as much as allowed", b"x" * BLOB_LIMIT, "text/plain"),
    sent("a byte more", b"x" * (BLOB_LIMIT + 1), "text/plain"),
    sent("a byte more, chunked", b"x" * (BLOB_LIMIT + 1), "text/plain", chunked=True),
    sent("much more", b"x" * (BLOB_LIMIT * 3), "text/plain"),
    sent("chunked", b"in chunks", "text/plain", chunked=True),
    sent("gzip", gzip.compress(PNG), "image/png", headers={"Content-Encoding": "gzip"}),
    sent("deflate", zlib.compress(PNG), "image/png", headers={"Content-Encoding": "deflate"}),
    sent("too much gzip", gzip.compress(b"x" * (BLOB_LIMIT + 1)), "text/plain",
         headers={"Content-Encoding": "gzip"}),
    sent("false gzip", b"hello", "text/plain", headers={"Content-Encoding": "gzip"}),
    sent("cut gzip", gzip.compress(PNG)[:-9], "image/png", headers={"Content-Encoding": "gzip"}),
    sent("an unknown encoding", b"hello", "text/plain", headers={"Content-Encoding": "rot13"}),
    sent("a gzip file", gzip.compress(b"hello", mtime=0), "application/gzip"),
    Ask(40, "upload by nobody", UPLOAD, "POST", body=b"x", headers={"Content-Type": "text/plain"}),
    Ask(40, "upload with GET", UPLOAD, who="xia"),
]  # fmt: skip


def image(ref: str, mime: str = "image/png", size: int = len(PNG)) -> dict[str, Any]:
    return {"$type": "blob", "ref": {"$link": ref}, "mimeType": mime, "size": size}


def picture(what: str, blob: Any, rkey: str | None = None, **more: Any) -> Ask:
    embed = {"$type": "app.bsky.embed.images", "images": [{"image": blob, "alt": ""}]}
    key = {"rkey": rkey} if rkey else {}
    return post(41, what, CREATE, "yan", repo="<yan.did>", collection="app.bsky.feed.post",
                record=post_record(what, embed=embed), **key, **more)  # fmt: skip


def kept(what: str, data: bytes, kind: str, name: str) -> Ask:
    return upload(41, what, "yan", data, kind, keep={f"{name}.cid": "blob.ref.$link"})


def blob(what: str, line: int = 41, **params: Any) -> Ask:
    given = {"did": "<yan.did>", "cid": "<b.cid>", **params}
    look = (
        "content-length",
        "x-content-type-options",
        "content-security-policy",
        "content-disposition",
        "accept-ranges",
        "content-range",
    )
    taken = {name: given.pop(name) for name in ("headers", "verb", "who") if name in given}
    chosen = {name: value for name, value in given.items() if value is not None}
    return get(line, f"blob {what}", f"{SYNC}getBlob", look=look, **taken, **chosen)


def blobs(what: str, **params: Any) -> Ask:
    return get(41, what, f"{SYNC}listBlobs", did="<yan.did>", **params)


_NOT_THERE = "bafkreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
_DELETE = "com.atproto.repo.deleteRecord"
_FIRST, _SECOND = "3jzfcijpj2z2a", "3jzfcijpj2z2b"
_PLACE = {"repo": "<yan.did>", "collection": "app.bsky.feed.post"}


def _status(applied: bool) -> Ask:
    subject = {
        "$type": "com.atproto.admin.defs#repoBlobRef",
        "did": "<yan.did>",
        "cid": "<h.cid>",
    }
    nsid = "com.atproto.admin.updateSubjectStatus"
    what = f"take a blob {'down' if applied else 'up'}"
    return post(49, what, nsid, "operator", subject=subject, takedown={"applied": applied})


_REFERENCES: list[Step] = [
    opened("yan"),
    kept("a picture", PNG, "image/png", "b"),
    blob("without a reference"),
    blobs("no blobs yet"),
    picture("a picture nobody has", image(_NOT_THERE)),
    picture("a picture of another type", image("<b.cid>", "image/jpeg")),
    picture("a picture of another size", image("<b.cid>", size=5)),
    kept("a text", b"plain text", "text/plain", "t"),
    picture("a text as picture", image("<t.cid>", "text/plain", 10)),
    picture("a text as picture, unchecked", image("<t.cid>", "text/plain", 10), validate=False),
    picture("a picture too large by its own word", image("<b.cid>", size=3_000_000)),
    picture("a post with a picture", image("<b.cid>"), _FIRST),
    blob("with a reference", 42),
    blob("by HEAD", 42, verb="HEAD"),
    blob("in part", 42, headers={"Range": "bytes=0-3"}),
    blob("if changed", 42, headers={"If-None-Match": "*"}),
    blob("packed", 42, headers={"Accept-Encoding": "gzip"}),
    blob("of nobody", 42, did="did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"),
    blob("not there", 42, cid=_NOT_THERE),
    blob("no cid", 42, cid=None),
    blob("bad cid", 42, cid="x"),
    blob("a record's cid", 42, cid="bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"),
    blobs("one or two blobs"),
    blobs("blobs, one", limit=1, keep={"yan.cursor": "cursor"}),
    blobs("blobs, the next", limit=1, cursor="<yan.cursor>"),
    blobs("blobs since the future", since="7zzzzzzzzzzzz"),
    blobs("blobs since long ago", since="2222222222222"),
    picture("the picture again", image("<b.cid>"), _SECOND),
    post(41, "delete the first", _DELETE, "yan", rkey=_FIRST, **_PLACE),
    blob("with one reference left"),
    post(41, "delete the second", _DELETE, "yan", rkey=_SECOND, **_PLACE),
    blob("with none left"),
    picture("the picture once more", image("<b.cid>"), _FIRST),
    kept("the picture anew", PNG, "image/png", "b2"),
    picture("the picture at last", image("<b.cid>"), _FIRST),
    post(41, "delete and create in one", "com.atproto.repo.applyWrites", "yan", repo="<yan.did>",
         writes=[
             {"$type": "com.atproto.repo.applyWrites#delete", "rkey": _FIRST,
              "collection": "app.bsky.feed.post"},
             {"$type": "com.atproto.repo.applyWrites#create", "rkey": _SECOND,
              "collection": "app.bsky.feed.post", "value": post_record("again", embed={
                  "$type": "app.bsky.embed.images",
                  "images": [{"image": image("<b.cid>"), "alt": ""}]})},
         ]),
    blob("kept by it"),
    kept("a page", HTML, "text/html", "h"),
    post(42, "a record with a page", CREATE, "yan", repo="<yan.did>", collection="com.example.page",
         record={"page": image("<h.cid>", "text/html", len(HTML))}),
    blob("a page", 42, cid="<h.cid>"),
    get(42, "missing blobs", "com.atproto.repo.listMissingBlobs", "yan"),
    get(42, "missing blobs, bad cursor", "com.atproto.repo.listMissingBlobs", "yan", cursor="x"),
    _status(True),
    get(49, "its status", "com.atproto.admin.getSubjectStatus", "operator", did="<yan.did>",
        blob="<h.cid>"),
    blob("taken down", 49, cid="<h.cid>"),
    blob("taken down, for its owner", 49, cid="<h.cid>", who="yan"),
    blobs("blobs without the one taken down"),
    kept("the page again", HTML, "text/html", "h2"),
    post(49, "a record with the page taken down", CREATE, "yan", repo="<yan.did>",
         collection="com.example.page", record={"page": image("<h.cid>", "text/html", len(HTML))}),
    _status(False),
    blob("taken up", 49, cid="<h.cid>"),
]  # fmt: skip

_BY_SERVICE: list[Step] = [
    opened("zoe"),
    get(43, "a token", "com.atproto.server.getServiceAuth", "zoe", aud="<server.did>", lxm=UPLOAD,
        keep={"u.good": "token"}),
    upload(43, "upload by it", "u.good", b"by token", "text/plain"),
    get(43, "a token for another", "com.atproto.server.getServiceAuth", "zoe", lxm=UPLOAD,
        aud="did:web:other.test", keep={"u.aud": "token"}),
    upload(43, "upload by that", "u.aud", b"by token", "text/plain"),
    get(43, "a token for another method", "com.atproto.server.getServiceAuth", "zoe",
        aud="<server.did>", lxm="com.atproto.repo.getRecord", keep={"u.lxm": "token"}),
    upload(43, "upload by this", "u.lxm", b"by token", "text/plain"),
    get(43, "a token for all", "com.atproto.server.getServiceAuth", "zoe", aud="<server.did>",
        keep={"u.all": "token"}),
    upload(43, "upload by the one for all", "u.all", b"by token", "text/plain"),
    get(43, "a token for the service", "com.atproto.server.getServiceAuth", "zoe", lxm=UPLOAD,
        aud="<server.did>#atproto_pds", keep={"u.svc": "token"}),
    upload(43, "upload by the one for the service", "u.svc", b"by token", "text/plain"),
]  # fmt: skip

SCENES = (
    Scene("uploads", _UPLOADS),
    Scene("references", _REFERENCES),
    Scene("uploads by service", _BY_SERVICE),
)
