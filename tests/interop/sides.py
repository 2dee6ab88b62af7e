"""Two servers that are asked the same: ours and the reference, with a mailbox for each.

Both share our embedded directory and one AppView that answers with what it was asked.
"""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import aiohttp
from aiohttp import web

from appliance.atproto import jwt
from tests.support.appliance import Appliance
from tests.support.node import ReferencePds
from tests.support.ports import free_port
from tests.support.smtp import SmtpStub, listening

BLOB_LIMIT: Final = 100_000
# Seconds in which a request of a differential run must be answered.
PATIENCE: Final = 60.0

_CODE: Final = re.compile(r"\b[A-Z2-7a-z]{5}-[A-Z2-7a-z]{5}\b")
_NAME: Final = re.compile(r"<([a-z0-9_]+(?:\.[a-z0-9_]+)+)>")
_ECHOED: Final = (
    "accept-language",
    "atproto-accept-labelers",
    "x-bsky-topics",
    "x-secret",
    "cookie",
    "content-type",
    "content-encoding",
    "content-length",
    "atproto-proxy",
)


@dataclass
class Side:
    """One of the two servers, and what its answers have told so far, by name."""

    name: str
    url: str
    operator_token: str
    jwt_secret: bytes
    post: SmtpStub
    http: aiohttp.ClientSession
    known: dict[str, str] = field(default_factory=dict)

    async def mailed_code(self, address: str) -> str:
        """Take the code out of the newest letter to an address; wait for it."""
        for _ in range(200):
            for number in reversed(range(len(self.post.mails))):
                letter = self.post.mails[number].replace("=\r\n", "")
                headers, _, text = letter.partition("\r\n\r\n")
                found = _CODE.search(text) if f"To: {address}" in headers else None
                if found:
                    del self.post.mails[number]
                    return found[0]
            await asyncio.sleep(0.05)
        return "no letter"

    def fill(self, value: Any) -> Any:
        """Put what is known into the `<names>` of a text, or of the texts in a value."""
        if isinstance(value, str):
            return _NAME.sub(lambda found: self.known.get(found[1], found[0]), value)
        if isinstance(value, dict):
            return {self.fill(key): self.fill(each) for key, each in value.items()}
        return [self.fill(each) for each in value] if isinstance(value, list) else value


@asynccontextmanager
async def two_sides(*, invites: bool = False) -> AsyncIterator[tuple[Side, Side]]:
    """Start both servers; `invites` says whether an account needs an invite code.

    At the end ours must stop well, and not have complained of anything it was sent.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hearth-two-")))
        upstream = await _echo(stack)
        posts = SmtpStub(), SmtpStub()
        mail = [await stack.enter_async_context(listening(post)) for post in posts]
        ours = await asyncio.to_thread(_ours, folder / "ours", mail[0], upstream, invites)
        stack.callback(ours.finish)
        secret = token_hex(16)
        settings = _settings(secret, mail[1], upstream, invites)
        theirs = await asyncio.to_thread(
            ReferencePds, ours.plc, folder / "reference", None, settings
        )
        stack.callback(theirs.stop)
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=PATIENCE),
            )
        )
        own_secret = (ours.data / "secrets" / "jwt-secret").read_bytes().strip()
        sides = (
            Side("ours", ours.pds, ours.operator_token, own_secret, posts[0], http),
            Side(
                "reference",
                theirs.pds,
                theirs.report["adminPassword"],
                secret.encode(),
                posts[1],
                http,
            ),
        )
        dead = f"did:web:localhost%3A{free_port()}"
        for side in sides:
            side.known |= {"up.did": _did(upstream), "dead.did": dead, "plc.url": ours.plc}
            side.known |= {"server.url": side.url, "server.did": "did:web:localhost"}
        yield sides


def _did(upstream: int) -> str:
    return f"did:web:localhost%3A{upstream}"


def _ours(data: Path, mail: str, upstream: int, invites: bool) -> Appliance:
    data.mkdir()
    (data / "hearth.toml").write_text(f"[pds]\nblob_limit = {BLOB_LIMIT}\n", encoding="utf-8")
    options = ["--smtp", mail, "--appview", f"http://localhost:{upstream}"]
    options += ["--appview-did", _did(upstream), *(["--invites"] if invites else [])]
    return Appliance(*options, data=data)


def _settings(jwt_secret: str, mail: str, upstream: int, invites: bool) -> list[str]:
    """Give the settings of the reference that make it what ours is."""
    return [
        f"PDS_JWT_SECRET={jwt_secret}",
        f"PDS_BLOB_UPLOAD_LIMIT={BLOB_LIMIT}",
        f"PDS_EMAIL_SMTP_URL={mail}",
        "PDS_EMAIL_FROM_ADDRESS=pds@mail.test",
        f"PDS_BSKY_APP_VIEW_URL=http://localhost:{upstream}",
        f"PDS_BSKY_APP_VIEW_DID={_did(upstream)}",
        f"PDS_INVITE_REQUIRED={str(invites).lower()}",
        "PDS_ACCEPTING_REPO_IMPORTS=true",
        "PDS_ENABLE_DID_DOC_WITH_SESSION=true",
    ]


async def _echo(stack: AsyncExitStack) -> int:
    """Run an AppView that answers with what it was asked; return its port."""
    port = free_port()
    app = web.Application(client_max_size=2**24)
    app.router.add_get("/.well-known/did.json", _document)
    app.router.add_route("*", "/xrpc/{nsid}", _answer)
    runner = web.AppRunner(app, auto_decompress=False)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    for host in ("127.0.0.1", "::1"):
        await web.TCPSite(runner, host, port).start()
    return port


async def _document(request: web.Request) -> web.Response:
    port = int(request.host.rpartition(":")[2])
    service = {
        "id": "#some_service",
        "type": "SomeService",
        "serviceEndpoint": f"http://localhost:{port}",
    }
    return web.json_response({"id": _did(port), "service": [service]})


async def _answer(request: web.Request) -> web.Response:
    """Say what was asked; or, by the parameter `actor`, answer with that status."""
    wanted = request.query.get("actor", "")
    if wanted.startswith("status-"):
        status = int(wanted.removeprefix("status-").removesuffix(".test"))
        body = {"error": "ItsOwnName", "message": "as it likes"}
        return web.json_response(body, status=status, headers={"Retry-After": "7"})
    if wanted == "broken.test":
        return web.Response(body=b"{not json", headers={"Atproto-Repo-Rev": "3jzfcijpj2z2a"})
    content = await request.read()
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    claims = dict(jwt.parse(token).claims) if token else {}
    claims["seconds"] = claims.get("exp", 0) - claims.get("iat", 0)
    told = {
        "verb": request.method,
        "path": request.path,
        "query": sorted(request.query.items()),
        "headers": {name: request.headers[name] for name in _ECHOED if name in request.headers},
        "claims": {
            name: claims[name] for name in ("iss", "aud", "lxm", "seconds") if name in claims
        },
        "size": len(content),
        "body": content[:50].hex(),
    }
    headers = {
        "X-Upstream": "secret",
        "Set-Cookie": "a=b",
        "Atproto-Content-Labelers": "did:plc:someone",
        "Content-Language": "eo",
    }
    return web.json_response(told, headers=headers)
