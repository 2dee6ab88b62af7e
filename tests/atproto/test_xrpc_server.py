import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.xrpc.errors import AuthRequired, RateLimitExceeded
from appliance.atproto.xrpc.limits import Limits, Policy, Rule
from appliance.atproto.xrpc.methods import MethodTable
from appliance.atproto.xrpc.server import DeclaredTwice, add_methods
from tests.support.xrpc_service import CATALOG, JSON, SIGNED, Client, Role, methods, serving


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with serving(validate_outputs=True) as made:
        yield made


async def test_a_query_gets_its_parameters_parsed_with_defaults(client: Client) -> None:
    status, body, headers = await client.get("t.a.echo?did=did:web:a.test&more=1", headers=SIGNED)
    assert (status, body) == (200, {"did": "did:web:a.test", "limit": 50, "caller": "Bearer x"})
    assert headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    "query", ["", "did=nonsense", "did=did:web:a&limit=0", "did=did:web:a&flag=yes"]
)
async def test_parameters_are_checked_before_the_caller(client: Client, query: str) -> None:
    status, body, _ = await client.get(f"t.a.echo?{query}")
    assert (status, body["error"]) == (400, "InvalidRequest")


async def test_the_caller_is_checked_before_the_body(client: Client) -> None:
    status, body, headers = await client.post("t.a.write", data=b"{broken", headers=JSON)
    assert (status, body["error"]) == (401, "AuthMissing")
    assert headers["Cache-Control"] == "private"
    status, body, _ = await client.post("t.a.write", data=b"{broken", headers={**JSON, **SIGNED})
    assert (status, body["error"]) == (400, "InvalidRequest")


async def test_answers_to_callers_are_private(client: Client) -> None:
    _, _, headers = await client.get("t.a.echo?did=did:web:a.test", headers=SIGNED)
    assert (headers["Cache-Control"], headers["Vary"]) == ("private", "Authorization")
    _, _, headers = await client.get("t.a.big")
    assert "Cache-Control" not in headers


async def test_a_reply_may_carry_headers(client: Client) -> None:
    status, body, headers = await client.post(
        "t.a.write", data=b'{"text": "a"}', headers={**JSON, **SIGNED}
    )
    assert (status, body, headers["Atproto-Repo-Rev"]) == (200, {"text": "a"}, "3")
    assert "Atproto-Repo-Rev" in headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    ("verb", "path", "expected"),
    [("GET", "t.a.touch", "POST"), ("POST", "t.a.big", "GET"), ("PUT", "t.a.touch", "POST")],
)
async def test_the_wrong_verb_is_an_invalid_request(
    client: Client, verb: str, path: str, expected: str
) -> None:
    status, body, _ = await client.send(verb, path)
    assert (status, body["error"]) == (400, "InvalidRequest")
    assert body["message"] == f"Incorrect HTTP method ({verb}) expected {expected}"


async def test_a_head_request_gets_the_headers_only(client: Client) -> None:
    status, body, headers = await client.send(
        "HEAD", "t.a.big", headers={"Accept-Encoding": "identity"}
    )
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 100_000
    assert (await client.send("HEAD", "t.a.export"))[0] == 200


@pytest.mark.parametrize("name", ["nope", "a/b/c", "", "..%2f..", "t.a.x%00", "x" * 400])
async def test_what_is_no_method_name_is_an_invalid_request(client: Client, name: str) -> None:
    status, body, _ = await client.get(name)
    assert (status, body["error"]) == (400, "InvalidRequest")


async def test_an_unknown_method_is_not_implemented_or_goes_to_the_fallback(
    client: Client,
) -> None:
    status, body, _ = await client.get("t.a.unknown")
    assert (status, body["error"]) == (501, "MethodNotImplemented")

    async def proxy(request: web.Request, nsid: str) -> web.StreamResponse:
        if request.query_string == "refuse":
            raise AuthRequired
        return web.Response(text=f"proxied {nsid}")

    async with serving(fallback=proxy) as proxying:
        assert (await proxying.get("t.a.unknown"))[1] == b"proxied t.a.unknown"
        assert (await proxying.get("t.a.unknown?refuse"))[0] == 401


async def test_a_procedure_without_output_answers_an_empty_body(client: Client) -> None:
    status, body, headers = await client.post("t.a.touch")
    assert (status, body, headers["Content-Length"], client.role.touched) == (200, b"", "0", 1)


async def test_errors_of_the_domain_are_answered_by_name(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    status, body, _ = await client.get("t.a.fail?how=domain")
    assert (status, body["error"]) == (400, "RecordNotFound")
    assert body["message"] == "Could not locate record"
    assert (await client.get("t.a.fail?how=upstream"))[0] == 502
    status, body, headers = await client.get("t.a.fail?how=xrpc")
    assert (status, body["error"], headers["X-Why"]) == (403, "AccountNotFound", "gone")
    assert not caplog.records


@pytest.mark.parametrize("how", ["crash", "output", "reset"])
async def test_a_crash_is_logged_once_and_tells_the_client_nothing(
    client: Client, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    status, body, headers = await client.get(f"t.a.fail?how={how}")
    assert status == 500
    assert body == {"error": "InternalServerError", "message": "Internal Server Error"}
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert caplog.records[0].exc_info is not None


async def test_an_answer_that_differs_from_its_lexicon_is_a_crash_in_dev_mode() -> None:
    table: MethodTable[Role] = MethodTable(CATALOG)

    @table.query("t.a.big")
    async def big(role: Role) -> Any:
        return {"text": 5}

    for strict, expected in ((True, 500), (False, 200)):
        app = web.Application()
        add_methods(app, Role(), [table], validator=Validator(CATALOG), validate_outputs=strict)
        async with (
            TestServer(app) as server,
            aiohttp.ClientSession() as session,
            session.get(server.make_url("/xrpc/t.a.big")) as response,
        ):
            assert response.status == expected


async def test_a_stream_that_breaks_midway_breaks_the_connection(client: Client) -> None:
    with pytest.raises(aiohttp.ClientError):
        await client.get("t.a.fail?how=midway")


async def test_large_answers_are_compressed_on_request_and_small_ones_not(client: Client) -> None:
    for path in ("t.a.big", "t.a.export"):
        _, plain, headers = await client.get(path, headers={"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in headers
        _, packed, headers = await client.get(path, headers={"Accept-Encoding": "br, gzip;q=0.5"})
        assert headers["Content-Encoding"] == "gzip"
        assert packed == plain
        _, _, headers = await client.get(path, headers={"Accept-Encoding": "gzip;q=0"})
        assert "Content-Encoding" not in headers
    headers = (await client.get("t.a.fail", headers={"Accept-Encoding": "gzip"}))[2]
    assert "Content-Encoding" not in headers


async def test_a_stream_is_closed_when_it_was_sent(client: Client) -> None:
    assert len((await client.get("t.a.export"))[1]) == 100_000
    assert client.role.closed == ["export"]


async def test_a_stream_nobody_wants_is_closed_too(client: Client) -> None:
    await client.send("HEAD", "t.a.export")
    assert client.role.closed == ["export"]


async def test_a_preflight_allows_what_is_asked(client: Client) -> None:
    asked = {
        "Origin": "https://app.test",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "dpop,atproto-proxy",
    }
    for path in ("t.a.write", "no.such.method"):
        status, _, headers = await client.send("OPTIONS", path, headers=asked)
        assert status == 204
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Access-Control-Allow-Headers"] == "dpop,atproto-proxy"
        assert "POST" in headers["Access-Control-Allow-Methods"]
        assert int(headers["Access-Control-Max-Age"]) > 0


async def test_every_answer_may_be_read_by_any_origin(client: Client) -> None:
    for path in ("t.a.big", "t.a.echo", "t.a.unknown", "_health", "t.a.export", "../nothing-here"):
        _, _, headers = await client.get(path)
        assert headers["Access-Control-Allow-Origin"] == "*", path
        for name in ("DPoP-Nonce", "WWW-Authenticate"):
            assert name in headers["Access-Control-Expose-Headers"]


async def test_health_names_the_version(client: Client) -> None:
    status, body, _ = await client.get("_health")
    assert (status, list(body)) == (200, ["version"])


async def test_a_subscription_is_a_websocket(client: Client) -> None:
    async with client.socket("t.a.stream") as socket:
        assert await socket.receive_bytes(timeout=60) == b"frame"
    status, body, _ = await client.get("t.a.stream")
    assert (status, body["error"]) == (426, "InvalidRequest")


async def test_a_caller_over_the_limit_is_told_when_to_come_back() -> None:
    limits = Limits(lambda: 1000.0, Policy(any_method=(Rule(2, 60),)))
    async with serving(limits=limits) as limited:
        assert [(await limited.get("t.a.big"))[0] for _ in range(3)] == [200, 200, 429]
        status, body, headers = await limited.get("t.a.big")
        assert (status, body["error"], headers["Retry-After"]) == (429, "RateLimitExceeded", "30")


def test_one_method_in_two_tables_is_refused() -> None:
    with pytest.raises(DeclaredTwice, match=r"t\.a\."):
        add_methods(web.Application(), Role(), [methods, methods], validator=Validator(CATALOG))


def test_rate_limit_errors_carry_their_status() -> None:
    assert RateLimitExceeded().status == 429
