from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import RateLimitExceeded, UpstreamFailure, XrpcError
from appliance.base.http import HttpClient, OutboundPolicy


async def answer(request: web.Request) -> web.StreamResponse:
    match request.match_info["nsid"]:
        case "t.echo":
            body = await request.json() if request.can_read_body else None
            kind = request.headers.get("Content-Type")
            pairs = list(request.query.items())
            return web.json_response({"pairs": pairs, "body": body, "kind": kind})
        case "t.empty":
            return web.Response()
        case "t.named":
            body = {"error": "RecordNotFound", "message": "no such record"}
            return web.json_response(body, status=400)
        case "t.limited":
            return web.json_response({}, status=429, headers={"Retry-After": "7"})
        case "t.odd":
            return web.json_response({"error": {"a": 1}, "message": 5}, status=401)
        case "t.crash":
            return web.json_response({"error": "InternalServerError"}, status=500)
        case "t.moved":
            return web.Response(status=302, headers={"Location": "/xrpc/t.echo"})
        case "t.html":
            return web.Response(text="<html>")
        case "t.bytes":
            return web.Response(body=b"CAR", content_type="application/vnd.ipld.car")
        case other:
            raise AssertionError(other)


@pytest.fixture
async def client() -> AsyncIterator[XrpcClient]:
    app = web.Application()
    app.router.add_route("*", "/xrpc/{nsid}", answer)
    async with TestServer(app) as server, HttpClient.open(OutboundPolicy(True)) as http:
        yield XrpcClient(http, f"http://localhost:{server.port}")


async def test_a_query_sends_its_parameters(client: XrpcClient) -> None:
    params: dict[str, Any] = {"uris": ["a", "b&c"], "limit": 5, "flag": True, "cursor": None}
    found = await client.query("t.echo", params)
    assert found["pairs"] == [["uris", "a"], ["uris", "b&c"], ["limit", "5"], ["flag", "true"]]


async def test_a_procedure_sends_json_or_nothing(client: XrpcClient) -> None:
    found = await client.procedure("t.echo", {"a": [1]})
    assert (found["body"], found["kind"]) == ({"a": [1]}, "application/json")
    assert (await client.procedure("t.echo"))["body"] is None
    assert await client.procedure("t.empty") is None


@pytest.mark.parametrize(
    ("nsid", "status", "name"),
    [
        ("t.named", 400, "RecordNotFound"),
        ("t.limited", 429, "InvalidRequest"),
        ("t.odd", 401, "InvalidRequest"),
        ("t.crash", 502, "UpstreamFailure"),
        ("t.moved", 502, "UpstreamFailure"),
        ("t.html", 502, "UpstreamFailure"),
    ],
)
async def test_errors_keep_their_name_and_failures_become_ours(
    client: XrpcClient, nsid: str, status: int, name: str
) -> None:
    with pytest.raises(XrpcError) as caught:
        await client.query(nsid)
    assert (caught.value.status, caught.value.name) == (status, name)


async def test_a_limit_upstream_says_when_to_come_back(client: XrpcClient) -> None:
    with pytest.raises(XrpcError) as caught:
        await client.query("t.limited")
    assert caught.value.headers == {"Retry-After": "7"}
    assert not isinstance(caught.value, RateLimitExceeded)


async def test_a_raw_call_gives_whatever_comes(client: XrpcClient) -> None:
    async with client.raw("GET", "t.bytes") as response:
        assert (response.status, await response.read()) == (200, b"CAR")


async def test_nobody_there_is_an_upstream_failure(unused_tcp_port: int) -> None:
    async with HttpClient.open(OutboundPolicy(True)) as http:
        with pytest.raises(UpstreamFailure):
            await XrpcClient(http, f"http://localhost:{unused_tcp_port}").query("t.echo")


async def test_an_endpoint_that_others_named_is_never_a_socket_of_ours() -> None:
    async with HttpClient.open(OutboundPolicy()) as http:
        for base in ("unix:/run/pds.sock", "file:///x", ""):
            with pytest.raises(UpstreamFailure):
                XrpcClient.outside(http, base)
