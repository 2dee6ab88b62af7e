"""Attacks on what strangers and members can send; docs/security.md tells which is which."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.cid import Cid
from appliance.base.addresses import OutboundPolicy
from tests.pds.test_fallback import registered
from tests.support.pds_box import PASSWORD, Box, Member, open_box
from tests.support.pds_house import House, open_house

# Every way to write an address that is not of the public internet.
INSIDE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",  # noqa: S104
    "localhost",
    "localhost.",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fd00::1]",
    "router.local",
    "printer.lan",
    "box.internal",
]


class Sentinel:
    """Listens on this machine and counts who comes."""

    def __init__(self) -> None:
        self.visits = 0
        self.port = 0

    async def start(self) -> asyncio.Server:
        async def visited(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.visits += 1
            writer.close()

        server = await asyncio.start_server(visited, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[tuple[Box, Member, Sentinel]]:
    """A PDS that may ask the public internet alone, its member, and who listens inside."""
    sentinel = Sentinel()
    async with await sentinel.start(), open_box(tmp_path, OutboundPolicy()) as box:
        yield box, await box.sign_up(), sentinel


@pytest.mark.parametrize("host", INSIDE)
async def test_no_way_in_leads_to_an_address_inside(
    guarded: tuple[Box, Member, Sentinel], host: str
) -> None:
    box, alice, sentinel = guarded
    named = f"{host}:{sentinel.port}"
    web_did = f"did:web:{host.strip('[]')}%3A{sentinel.port}"
    for scheme in ("http", "https"):
        url = f"{scheme}://{named}"
        await _proxies(box, alice, url, web_did)
        await _names(box, alice, url, host, web_did)
    assert sentinel.visits == 0


async def _proxies(box: Box, alice: Member, url: str, web_did: str) -> None:
    """Have the PDS pass something on: to a service by its DID, by a redirect, by choice."""
    did = await registered(box, url, "evil")
    for service in (f"{did}#evil", f"{web_did}#evil"):
        headers = {"atproto-proxy": service}
        path = "/xrpc/app.bsky.feed.getTimeline"
        answer = await box.ask("GET", path, token=alice.access, headers=headers)
        assert answer.status in (400, 502), answer
    choice = {"did": alice.did, "appView": f"{did}#evil"}
    await box.operate("POST", "internal.hearth.pds.setAppView", **choice)
    answer = await box.get("app.bsky.feed.getTimeline", alice.access)
    assert answer.status in (400, 502), answer
    await box.operate("POST", "internal.hearth.pds.setAppView", did=alice.did, appView="server")


async def _names(box: Box, alice: Member, url: str, host: str, web_did: str) -> None:
    """Have the PDS look something up, or ask a server that is named."""
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "com.atproto.identity.resolveDid", {"did": web_did}),
        ("GET", "com.atproto.identity.resolveHandle", {"handle": host.strip("[]")}),
        ("GET", "com.atproto.identity.resolveIdentity", {"identifier": web_did}),
        ("POST", "com.atproto.identity.updateHandle", {"handle": host.strip("[]")}),
        ("GET", "com.atproto.lexicon.resolveLexicon", {"nsid": "com.example.evil"}),
    ]
    for verb, nsid, fields in asked:
        body: dict[str, Any] = {"params": fields} if verb == "GET" else {"json": fields}
        answer = await box.ask(verb, f"/xrpc/{nsid}", token=alice.access, **body)
        assert 400 <= answer.status < 500 or answer.status == 502, (nsid, answer)
    joining = {"handle": "evil.test", "email": "e@example.com", "password": PASSWORD}
    answer = await box.post("com.atproto.server.createAccount", **joining, did=web_did)
    assert 400 <= answer.status < 500, answer
    asked_relays = await box.operate("POST", "internal.hearth.pds.requestCrawl", relays=[url])
    assert asked_relays.status == 400 or asked_relays.json["relays"][0]["failure"]
    with pytest.raises((OSError, ValueError)):
        await box.pds.moves.begin(alice.did, url)


# What browsers have been got to run: pages, pictures with scripts, and two kinds in one file.
POLYGLOTS = {
    "html": (b"<script>alert(1)</script>", "text/html"),
    "html in capitals": (b"<!DOCTYPE HTML><SCRIPT>alert(1)</SCRIPT>", "TEXT/HTML"),
    "html without a type": (b"<html><script>alert(1)</script>", "application/octet-stream"),
    "html as a picture": (b"<svg/onload=alert(1)>", "image/png"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml"),
    "xhtml": (b"<html xmlns='http://www.w3.org/1999/xhtml'/>", "application/xhtml+xml"),
    "xml": (b"<?xml version='1.0'?><?xml-stylesheet href='x'?><a/>", "text/xml"),
    "script": (b"alert(1)", "text/javascript"),
    "module": (b"export default 1", "application/javascript"),
    "style": (b"@import 'https://evil.test'", "text/css"),
    "gif and script": (b"GIF89a=1;alert(1)//", "text/javascript"),
    "png and html": (b"\x89PNG\r\n\x1a\n<script>alert(1)</script>", "text/html"),
    "jpeg and html": (b"\xff\xd8\xff<!--<script>alert(1)</script>", "text/html"),
    "pdf and html": (b"%PDF-1.7 <script>app.alert(1)</script>", "text/html"),
    "flash": (b"FWS\x09", "application/x-shockwave-flash"),
    "applet": (b"\xca\xfe\xba\xbe", "application/java-archive"),
    "manifest": (b"CACHE MANIFEST\n/", "text/cache-manifest"),
    "mail of pages": (b"MIME-Version: 1.0\n", "multipart/related"),
    "mhtml": (b"MIME-Version: 1.0\nContent-Type: text/html\n", "message/rfc822"),
    "utf-7": (b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-", "text/plain; charset=utf-7"),
    "utf-16": ("<script>alert(1)</script>".encode("utf-16"), "text/html; charset=utf-16"),
    "type of two lines": (b"x", "text/plain\tevil"),
    "no type at all": (b"<script>", "nonsense"),
    "wasm": (b"\0asm\1\0\0\0", "application/wasm"),
    "ico and html": (b"\0\0\1\0<script>alert(1)</script>", "image/x-icon"),
    "webp and html": (b"RIFF\xff\xff\xff\xffWEBP<script>", "text/html"),
    "mp4 and html": (b"\0\0\0\x18ftypmp42<script>", "text/html"),
    "nothing": (b"", "text/html"),
}
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


async def test_no_blob_runs_in_a_browser_whatever_it_is_and_says_it_is(house: House) -> None:
    alice = await house.member()
    for name, (content, declared) in POLYGLOTS.items():
        kind = {"Content-Type": declared}
        taken = await house.send("repo.uploadBlob", alice, content, kind)
        assert taken.status in (200, 400), (name, taken)
        if taken.status == 400:
            continue
        blob = taken.json["blob"]
        await house.create(alice, "com.example.note", {"b": blob})
        cid = blob["ref"]["$link"]
        path = f"/xrpc/com.atproto.sync.getBlob?did={alice.did}&cid={cid}"
        for verb, headers in (("GET", {}), ("HEAD", {}), ("GET", {"Range": "bytes=0-3"})):
            served = await house._box.ask(verb, path, headers=headers)
            assert served.status == 200, (name, verb)
            assert SAFE.items() <= served.headers.items(), (name, verb)
            assert served.headers["Content-Disposition"] == f'attachment; filename="{cid}"'
            assert "\n" not in served.headers["Content-Type"]
            assert verb == "HEAD" or served.body == content
    missing = await house.get("sync.getBlob", did=alice.did, cid=str(Cid.for_blob(b"gone")))
    assert missing.headers["Content-Type"].startswith("application/json")


# What has walked out of folders elsewhere.
PATHS = [
    "..",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f",
    "....//",
    "/etc/passwd",
    "C:\\boot.ini",
    "..\\..\\secrets",
    "a\0b",
    "did:web:..%2f..%2fsecrets",
    "did:web:../../secrets",
    "did:plc:../../secrets",
    "at://../../secrets",
    "bafkrei/../../../secrets",
    "\u2025/secrets",
]


@pytest.mark.parametrize("name", PATHS)
async def test_no_name_leads_out_of_the_folder(house: House, name: str) -> None:
    alice = await house.member()
    secret = house.pds.settings.paths.secret("jwt-secret").read_bytes().strip()
    known_cid = str(Cid.for_blob(b"gone"))
    answers = [
        await house.get("sync.getBlob", did=alice.did, cid=name),
        await house.get("sync.getBlob", did=name, cid=known_cid),
        await house.get("sync.getRepo", did=name),
        await house.get("sync.getRecord", did=alice.did, collection=name, rkey=name),
        await house.get("repo.getRecord", repo=name, collection="a.b.c", rkey="self"),
        await house.get("repo.getRecord", repo=alice.did, collection="a.b.c", rkey=name),
        await house.get("repo.listRecords", repo=alice.did, collection=name),
        await house.get("identity.resolveHandle", handle=name),
        await house.get("lexicon.resolveLexicon", nsid=name),
        await house.create(alice, "com.example.note", {"a": 1}, rkey=name),
    ]
    for answer in answers:
        # A repo that is not here is asked for at the AppView, which says yes to everything.
        passed_on = answer.body == house._box.appview.body
        assert passed_on or 400 <= answer.status < 500, answer
    for path in (f"/static/{name}", f"/account/{name}", f"/.well-known/{name}"):
        answer = await house._box.ask("GET", path.replace("\0", "%00"))
        assert secret not in answer.body
        assert answer.status < 500, (path, answer)
