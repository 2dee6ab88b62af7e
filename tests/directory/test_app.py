"""The directory over HTTP: the standard PLC interface, by its own client and by hand."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import ClientResponse, encode_basic_auth, web
from aiohttp.test_utils import TestClient, TestServer

from appliance.atproto.identity.errors import DidNotFound, IdentityUnreachable, OperationRefused
from appliance.atproto.identity.plc import did_for, sign_operation, tombstone_operation
from appliance.atproto.identity.plc_client import PlcClient
from appliance.atproto.identity.plc_log import validate_log
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.lexicon.catalog import load_catalog
from appliance.atproto.lexicon.validate import Validator
from appliance.atproto.syntax import Did, JsonObject
from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.base.workers import Workers
from appliance.directory.app import MAX_BODY_BYTES, build_app
from appliance.directory.role import open_directory
from appliance.settings import defaults
from tests.support.clock import FakeClock
from tests.support.plc_lab import SERVER, SIGNING, genesis, rename

TOKEN = "operator-token-of-this-test"


@dataclass
class Lab:
    web: TestClient[web.Request, web.Application]
    plc: PlcClient
    http: HttpClient
    address: str
    clock: FakeClock

    async def register(self, handle: str = "alice.test") -> tuple[Did, JsonObject]:
        first = genesis(alsoKnownAs=[f"at://{handle}"])
        did = did_for(first)
        await self.plc.submit(did, first)
        return did, first


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    settings = defaults("dev", tmp_path)
    settings.paths.secrets.mkdir()
    settings.paths.secret("operator-token").write_text(f"{TOKEN}\n", encoding="ascii")
    clock, validator = FakeClock(), Validator(load_catalog())
    async with (
        HttpClient.open(OutboundPolicy(allow_loopback=True)) as http,
        open_directory(settings, http, Workers(), clock, validator) as directory,
        TestClient(TestServer(build_app(directory, settings))) as client,
    ):
        socket = tmp_path / "directory.sock"
        await web.UnixSite(client.server.runner, socket).start()  # type: ignore[arg-type]
        address = f"unix:{socket}"
        yield Lab(client, PlcClient(http, address), http, address, clock)


async def message(response: ClientResponse) -> Any:
    assert response.content_type == "application/json"
    body = await response.json()
    assert list(body) == ["message"]
    return body["message"]


async def test_our_own_client_goes_all_the_way(lab: Lab) -> None:
    did, first = await lab.register()
    assert (await lab.plc.document(did))["id"] == did
    assert (await lab.plc.data(did))["did"] == did
    assert await lab.plc.last_op(did) == first
    renamed = rename(first, "bob.test", SERVER)
    await lab.plc.submit(did, renamed)
    assert await lab.plc.last_op(did) == renamed
    log = validate_log(did, await lab.plc.audit_log(did))
    assert [entry.operation for entry in log] == [first, renamed]


async def test_our_client_tells_refusals_apart(lab: Lab) -> None:
    did, first = await lab.register()
    with pytest.raises(OperationRefused, match="signature"):
        await lab.plc.submit(did, rename(first, "eve.test", SIGNING))
    with pytest.raises(DidNotFound):
        await lab.plc.document(did_for(genesis(alsoKnownAs=[])))
    with pytest.raises(DidNotFound):
        await lab.plc.document(Did("did:web:example.com"))
    with pytest.raises(IdentityUnreachable):
        await PlcClient(lab.http, "http://localhost:1").document(did)
    with pytest.raises(IdentityUnreachable):
        await PlcClient(lab.http, "http://localhost:1").submit(did, first)


async def test_the_resolver_reads_from_the_directory(lab: Lab) -> None:
    did, _ = await lab.register()
    resolver = IdentityResolver(lab.http, lab.address, lab.clock.now)
    document = await resolver.document(did)
    assert document.signing_key == SIGNING.public
    assert document.pds == "https://pds.example.com"


async def test_a_document_is_typed_as_one_and_open_to_browsers(lab: Lab) -> None:
    did, _ = await lab.register()
    response = await lab.web.get(f"/{did}", headers={"Origin": "https://app.example"})
    assert response.status == 200
    assert response.content_type == "application/did+ld+json"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert (await lab.web.head(f"/{did}")).status == 200


async def test_a_registration_is_answered_ok(lab: Lab) -> None:
    first = genesis()
    response = await lab.web.post(f"/{did_for(first)}", json=first)
    assert (response.status, await response.text()) == (200, "OK")


@pytest.mark.parametrize("path", ["", "/data", "/log", "/log/audit", "/log/last"])
async def test_an_unknown_did_is_404(lab: Lab, path: str) -> None:
    did = did_for(genesis())
    response = await lab.web.get(f"/{did}{path}")
    assert response.status == 404
    assert await message(response) == f"DID not registered: {did}"


async def test_a_tombstoned_did_is_410_and_keeps_its_logs(lab: Lab) -> None:
    did, first = await lab.register()
    await lab.plc.submit(did, sign_operation(tombstone_operation(first), SERVER))
    for path in ("", "/data"):
        response = await lab.web.get(f"/{did}{path}")
        assert response.status == 410
        assert await message(response) == f"DID not available: {did}"
    for path, entries in (("/log", 2), ("/log/audit", 2)):
        response = await lab.web.get(f"/{did}{path}")
        assert len(await response.json()) == entries
    assert (await (await lab.web.get(f"/{did}/log/last")).json())["type"] == "plc_tombstone"


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"[]", b"null", b"1", b'{"type":"x"}', b"[" * 1000, b'{"a":"\\ud800"}'],
)
async def test_what_is_no_operation_is_400(lab: Lab, body: bytes) -> None:
    response = await lab.web.post(f"/{did_for(genesis())}", data=body)
    assert response.status == 400
    assert await message(response)


async def test_a_body_beyond_measure_is_413(lab: Lab) -> None:
    response = await lab.web.post(f"/{did_for(genesis())}", data=b"x" * (MAX_BODY_BYTES + 1))
    assert response.status == 413
    assert await message(response) == "Request body too large"


async def test_what_is_no_did_is_404(lab: Lab) -> None:
    for path in ("/", "/nothing", "/did", "/nothing/log"):
        response = await lab.web.get(path)
        assert response.status == 404
        assert await message(response) == "Not found"


async def lines(response: ClientResponse) -> list[Any]:
    assert response.status == 200
    assert response.content_type == "application/jsonlines"
    return [orjson.loads(line) for line in (await response.read()).splitlines()]


async def test_exports_are_json_lines_by_seq(lab: Lab) -> None:
    dids = [(await lab.register(f"n{number}.test"))[0] for number in range(3)]
    entries = await lines(await lab.web.get("/export?after=0"))
    assert [entry["did"] for entry in entries] == dids
    assert list(entries[0]) == ["type", "did", "operation", "cid", "createdAt", "seq"]
    rest = await lines(await lab.web.get(f"/export?after={entries[0]['seq']}&count=1"))
    assert [entry["did"] for entry in rest] == [dids[1]]
    assert await lines(await lab.web.get("/export?after=999999999999999999")) == []


async def test_exports_by_time_are_in_the_older_form(lab: Lab) -> None:
    dids = [(await lab.register(f"n{number}.test"))[0] for number in range(3)]
    entries = await lines(await lab.web.get("/export"))
    assert [entry["did"] for entry in entries] == dids
    assert list(entries[0]) == ["did", "operation", "cid", "nullified", "createdAt"]
    rest = await lines(await lab.web.get("/export", params={"after": entries[1]["createdAt"]}))
    assert [entry["did"] for entry in rest] == dids[2:]
    assert await lines(await lab.web.get("/export?after=2100-01-01")) == []


@pytest.mark.parametrize("query", ["count=0", "count=-1", "count=x", "after=yesterday", "after=-1"])
async def test_an_export_of_nonsense_is_400(lab: Lab, query: str) -> None:
    response = await lab.web.get(f"/export?{query}")
    assert response.status == 400
    assert (await message(response)).startswith("Invalid")


async def test_health_tells_the_version(lab: Lab) -> None:
    response = await lab.web.get("/_health")
    assert list(await response.json()) == ["version"]


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": encode_basic_auth(user, password)}


async def test_only_the_operator_sees_the_status(lab: Lab) -> None:
    await lab.register()
    path = "/xrpc/internal.hearth.upkeep.getStatus"
    response = await lab.web.get(path, headers=basic("admin", TOKEN))
    status = await response.json()
    assert (status["name"], status["counts"]) == ("directory", {"dids": 1, "operations": 1})
    right = basic("admin", TOKEN)["Authorization"]
    for headers in (
        {},
        basic("admin", "wrong"),
        basic("root", TOKEN),
        basic("admin", ""),
        {"Authorization": "Basic !"},
        {"Authorization": right.replace("Basic", "Bearer")},
    ):
        assert (await lab.web.get(path, headers=headers)).status == 401


async def test_operations_outlive_a_restart(tmp_path: Path) -> None:
    settings = defaults("dev", tmp_path)
    first = genesis()
    clock, validator = FakeClock(), Validator(load_catalog())
    async with HttpClient.open(OutboundPolicy()) as http:
        async with open_directory(settings, http, Workers(), clock, validator) as directory:
            await directory.operations.submit(did_for(first), first)
        async with open_directory(settings, http, Workers(), clock, validator) as directory:
            assert directory.operations.last(did_for(first)) == first
