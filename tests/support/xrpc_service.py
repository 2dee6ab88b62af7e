"""A small XRPC service with one method of each kind, for the tests of the server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
import orjson
from aiohttp import StreamReader, web
from aiohttp.test_utils import TestServer

from appliance.atproto.lexicon.catalog import Catalog
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.syntax import Did
from appliance.atproto.xrpc.errors import AuthRequired, XrpcError
from appliance.atproto.xrpc.methods import MethodTable, Reply, Stream
from appliance.atproto.xrpc.server import add_methods

TEXT = {"type": "string", "maxLength": 200_000}


def method(kind: str, **parts: Any) -> dict[str, Any]:
    return {"lexicon": 1, "defs": {"main": {"type": kind, **parts}}}


def json_body(**properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "required": list(properties), "properties": properties}
    return {"encoding": "application/json", "schema": schema}


CATALOG = Catalog(
    {
        "t.a.echo": method(
            "query",
            parameters={
                "type": "params",
                "required": ["did"],
                "properties": {
                    "did": {"type": "string", "format": "did"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
                    "flag": {"type": "boolean"},
                },
            },
            output=json_body(did=TEXT, limit={"type": "integer"}, caller=TEXT),
        ),
        "t.a.write": method("procedure", input=json_body(text=TEXT), output=json_body(text=TEXT)),
        "com.atproto.repo.createRecord": method(
            "procedure",
            input=json_body(text={"type": "string"}),
            output=json_body(size={"type": "integer"}),
        ),
        "t.a.touch": method("procedure"),
        "t.a.upload": method(
            "procedure", input={"encoding": "*/*"}, output=json_body(size={"type": "integer"})
        ),
        "t.a.car": method("procedure", input={"encoding": "application/vnd.ipld.car"}),
        "t.a.export": method("query", output={"encoding": "application/vnd.ipld.car"}),
        "t.a.fail": method(
            "query",
            parameters={"type": "params", "properties": {"how": {"type": "string"}}},
            output=json_body(),
        ),
        "t.a.big": method("query", output=json_body(text=TEXT)),
        "t.a.stream": method("subscription", message={"schema": {"type": "union", "refs": []}}),
    }
)


class RecordNotFound(Exception):
    xrpc_name = "RecordNotFound"


class Upstream(ConnectionError):
    xrpc_name = "UpstreamFailure"


class Role:
    def __init__(self) -> None:
        self.touched = 0
        self.closed: list[str] = []


async def who(role: Role, request: web.Request) -> str:
    header = request.headers.get("Authorization")
    if header is None:
        raise AuthRequired
    return header


methods: MethodTable[Role] = MethodTable(CATALOG)


@methods.query("t.a.echo", auth=who)
async def echo(role: Role, caller: str, *, did: Did, limit: int, flag: bool | None) -> Any:
    assert isinstance(did, Did)
    return {"did": did, "limit": limit, "caller": caller}


@methods.procedure("t.a.write", auth=who)
async def write(role: Role, caller: str, *, text: str) -> Any:
    return Reply({"text": text}, headers={"Atproto-Repo-Rev": "3"})


@methods.procedure("com.atproto.repo.createRecord")
async def create_record(role: Role, *, text: str) -> Any:
    return {"size": len(text)}


@methods.procedure("t.a.touch")
async def touch(role: Role) -> None:
    role.touched += 1


@methods.procedure("t.a.upload")
async def upload(role: Role, *, body: StreamReader) -> Any:
    first = len(await body.read(3))
    return {"size": first + sum([len(chunk) async for chunk in body.iter_chunked(1000)])}


@methods.procedure("t.a.car")
async def car(role: Role, *, body: StreamReader) -> None:
    await body.read()


class Blocks:
    """A stream that notes when it is closed."""

    def __init__(self, role: Role) -> None:
        self._role = role
        self._left = 20

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        return b"block" * 1000

    async def aclose(self) -> None:
        self._role.closed.append("export")


@methods.query("t.a.export")
async def export(role: Role) -> Stream:
    return Stream("application/vnd.ipld.car", Blocks(role))


@methods.query("t.a.fail")
async def fail(role: Role, *, how: str | None) -> Any:
    match how:
        case "domain":
            raise RecordNotFound("Could not locate record")
        case "upstream":
            raise Upstream("the other side is gone")
        case "xrpc":
            raise XrpcError(403, "AccountNotFound", "no such account", {"X-Why": "gone"})
        case "reset":
            raise ConnectionResetError("another connection, not the client's")
        case "output":
            return {"unwritable": {1, 2}}
        case "midway":

            async def chunks() -> AsyncIterator[bytes]:
                yield b"x" * 100
                raise KeyError("midway")

            return Stream("text/plain", chunks())
        case _:
            raise KeyError("the secret of the house")


@methods.query("t.a.big")
async def big(role: Role) -> Any:
    return {"text": "x" * 100_000}


@methods.subscription("t.a.stream")
async def stream(role: Role, *, request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_bytes(b"frame")
    await socket.close()
    return socket


class Client:
    def __init__(self, session: aiohttp.ClientSession, role: Role, port: int) -> None:
        self._session = session
        self.port = port
        self.role = role

    async def send(self, verb: str, path: str, **more: Any) -> tuple[int, Any, Any]:
        async with self._session.request(verb, f"/xrpc/{path}", **more) as response:
            body = await response.read()
            kind = response.headers.get("Content-Type", "")
            return (
                response.status,
                orjson.loads(body) if kind.startswith("application/json") and body else body,
                response.headers,
            )

    async def get(self, path: str, **more: Any) -> tuple[int, Any, Any]:
        return await self.send("GET", path, **more)

    async def post(self, path: str, **more: Any) -> tuple[int, Any, Any]:
        return await self.send("POST", path, **more)

    def socket(self, path: str) -> Any:
        return self._session.ws_connect(f"/xrpc/{path}")


@asynccontextmanager
async def serving(**more: Any) -> AsyncIterator[Client]:
    app, role = web.Application(), Role()
    add_methods(app, role, [methods], validator=Validator(CATALOG), **more)
    server = TestServer(app)
    await server.start_server(auto_decompress=False)
    try:
        async with aiohttp.ClientSession(
            base_url=str(server.make_url("/")), skip_auto_headers=("Content-Type",)
        ) as session:
            yield Client(session, role, server.port or 0)
    finally:
        await server.close()


SIGNED = {"Authorization": "Bearer x"}
JSON = {"Content-Type": "application/json"}
