"""Two servers that are asked the same: ours and the reference, with a mailbox for each.

Both share our embedded directory and one AppView that answers with what it was asked.
"""

import asyncio
import re
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web

from appliance.atproto import jwt
from tests.support.appliance import Process

HERE: Final = Path(__file__).parent
NODE: Final = HERE / "node_modules" / ".bin" / "node22"
BLOB_LIMIT: Final = 100_000
# Seconds in which a request of a differential run must be answered.
PATIENCE: Final = 30.0

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


class Mailbox:
    """An SMTP server that keeps the text of each letter, by recipient."""

    def __init__(self) -> None:
        self.letters: dict[str, list[str]] = {}

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        to = ""
        while line := (await reader.readline()).decode().strip():
            word = line.upper()
            if word.startswith("RCPT"):
                to = line.partition("<")[2].partition(">")[0].lower()
            if word == "DATA":
                writer.write(b"354 go on\r\n")
                letter = await reader.readuntil(b"\r\n.\r\n")
                self.letters.setdefault(to, []).append(letter.decode(errors="replace"))
            writer.write(b"221 bye\r\n" if word == "QUIT" else b"250 here\r\n")
            if word == "QUIT":
                break
        writer.close()

    async def code(self, address: str) -> str:
        """Take the code out of the newest letter to an address; wait for it."""
        for _ in range(100):
            while waiting := self.letters.get(address, []):
                plain = waiting.pop().replace("=\r\n", "")
                if found := _CODE.search(plain.partition("\r\n\r\n")[2]):
                    return found[0]
            await asyncio.sleep(0.05)
        return "no-letter"


@dataclass
class Side:
    """One of the two servers, and what its answers have told so far, by name."""

    name: str
    url: str
    operator_token: str
    jwt_secret: bytes
    mailbox: Mailbox
    http: aiohttp.ClientSession
    known: dict[str, str] = field(default_factory=dict)

    def fill(self, value: Any) -> Any:
        """Put what is known into the `<names>` of a text, or of the texts in a value."""
        if isinstance(value, str):
            return _NAME.sub(lambda found: self.known.get(found[1], found[0]), value)
        if isinstance(value, dict):
            return {self.fill(key): self.fill(each) for key, each in value.items()}
        return [self.fill(each) for each in value] if isinstance(value, list) else value


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def is_installed() -> bool:
    return NODE.exists()


@asynccontextmanager
async def two_sides(*, invites: bool = False) -> AsyncIterator[tuple[Side, Side]]:
    """Start both servers; `invites` says whether an account needs an invite code."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=PATIENCE),
            )
        )
        upstream = await _echo(stack)
        boxes = Mailbox(), Mailbox()
        mail = [await _smtp(stack, box) for box in boxes]
        folder = Path(tempfile.mkdtemp(prefix="hearth-differential-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        here = _Starter(stack, folder, upstream, invites)
        ours = await asyncio.to_thread(here.ours, mail[0])
        report, secret = await asyncio.to_thread(here.reference, mail[1], ours["plc_url"])
        own_secret = (Path(ours["data"]) / "secrets" / "jwt-secret").read_bytes().strip()
        common = {
            "up.did": f"did:web:localhost%3A{upstream}",
            "dead.did": f"did:web:localhost%3A{free_port()}",
        }
        sides = (
            Side("ours", ours["pds_url"], ours["admin_password"], own_secret, boxes[0], http),
            Side("reference", report["url"], report["adminPassword"], secret, boxes[1], http),
        )
        for side in sides:
            side.known |= {**common, "server.url": side.url, "server.did": "did:web:localhost"}
            side.known |= {"plc.url": ours["plc_url"]}
        yield sides


class _Starter:
    """Start the processes; they end with the stack."""

    def __init__(
        self, stack: AsyncExitStack, folder: Path, upstream: int, invites: bool
    ) -> None:
        self._stack = stack
        self._folder = folder
        self._upstream = f"http://localhost:{upstream}"
        self._upstream_did = f"did:web:localhost%3A{upstream}"
        self._invites = invites

    def ours(self, mail: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "appliance", "try", "--json", "--port", "0"]
        command += ["--data", str(self._folder / "ours"), "--smtp", mail]
        command += ["--appview", self._upstream, "--appview-did", self._upstream_did]
        command += ["--invites"] if self._invites else []
        process = Process(command, {"HEARTH_PDS_BLOB_LIMIT": str(BLOB_LIMIT)})
        self._stack.callback(process.stop)
        return process.report

    def reference(self, mail: str, plc: str) -> tuple[dict[str, Any], bytes]:
        secret = secrets.token_hex(16)
        settings = {
            "PDS_JWT_SECRET": secret,
            "PDS_BLOB_UPLOAD_LIMIT": BLOB_LIMIT,
            "PDS_EMAIL_SMTP_URL": mail,
            "PDS_EMAIL_FROM_ADDRESS": "pds@mail.test",
            "PDS_BSKY_APP_VIEW_URL": self._upstream,
            "PDS_BSKY_APP_VIEW_DID": self._upstream_did,
            "PDS_INVITE_REQUIRED": str(self._invites).lower(),
            "PDS_ACCEPTING_REPO_IMPORTS": "true",
            "PDS_ENABLE_DID_DOC_WITH_SESSION": "true",
        }
        command = [str(NODE), str(HERE / "reference_pds.mjs"), "--plc", plc]
        command += ["--port", str(free_port()), "--data", str(self._folder / "reference")]
        for name, value in settings.items():
            command += ["--set", f"{name}={value}"]
        process = Process(command)
        self._stack.callback(process.stop)
        return process.report, secret.encode()


async def _smtp(stack: AsyncExitStack, box: Mailbox) -> str:
    server = await asyncio.start_server(box.talk, "127.0.0.1", 0)
    await stack.enter_async_context(server)
    return f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _echo(stack: AsyncExitStack) -> int:
    """Run an AppView that answers with what it was asked; return its port."""
    port = free_port()
    app = web.Application(client_max_size=2**24)
    app.router.add_get("/.well-known/did.json", lambda request: _document(request, port))
    app.router.add_route("*", "/xrpc/{nsid}", _answer)
    runner = web.AppRunner(app, auto_decompress=False)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    for host in ("127.0.0.1", "::1"):
        await web.TCPSite(runner, host, port).start()
    return port


async def _document(_request: web.Request, port: int) -> web.Response:
    service = {
        "id": "#some_service",
        "type": "SomeService",
        "serviceEndpoint": f"http://localhost:{port}",
    }
    return web.json_response({"id": f"did:web:localhost%3A{port}", "service": [service]})


async def _answer(request: web.Request) -> web.Response:
    """Say what was asked; or, by the parameter `actor`, answer with that status."""
    wanted = request.query.get("actor", "")
    if wanted.startswith("status-"):
        status = int(wanted.removeprefix("status-"))
        body = {"error": "ItsOwnName", "message": "as it likes"}
        return web.json_response(body, status=status, headers={"Retry-After": "7"})
    if wanted == "broken":
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
        "claims": {name: claims[name] for name in ("iss", "aud", "lxm", "seconds") if name in claims},
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
