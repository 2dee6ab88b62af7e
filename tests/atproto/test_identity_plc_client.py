"""The directory's client: answers taken, answers not believed."""

from typing import Any

import pytest

from appliance.atproto.identity.errors import DidNotFound, IdentityUnreachable, OperationRefused
from appliance.atproto.identity.plc_client import PlcClient
from appliance.atproto.syntax import Did
from tests.support.fake_http import FakeHttp

DID = Did("did:plc:yk4dd2qkboz2yv6tpubpc6co")
URL = "https://plc.example"


def client(path: str, value: Any, status: int = 200) -> PlcClient:
    http = FakeHttp()
    http.put(f"{URL}/{DID}{path}", value, status)
    return PlcClient(http, URL)


async def test_each_answer_is_found_at_its_place() -> None:
    assert await client("", {"id": DID}).document(DID) == {"id": DID}
    assert await client("/data", {"did": DID}).data(DID) == {"did": DID}
    assert await client("/log/last", {"type": "x"}).last_op(DID) == {"type": "x"}
    assert await client("/log/audit", [{"cid": "x"}]).audit_log(DID) == [{"cid": "x"}]
    await client("", b"OK").submit(DID, {})


@pytest.mark.parametrize("status", [400, 404, 410])
async def test_what_is_not_there_is_not_found(status: int) -> None:
    with pytest.raises(DidNotFound):
        await client("", {"message": "no"}, status).document(DID)


@pytest.mark.parametrize(
    ("value", "status"), [({}, 500), ({}, 302), ({}, 429), (b"", 200), ([], 200), (b"{", 200)]
)
async def test_nonsense_counts_as_no_answer(value: Any, status: int) -> None:
    with pytest.raises(IdentityUnreachable):
        await client("/data", value, status).data(DID)


@pytest.mark.parametrize("value", [{}, [1], "x"])
async def test_an_audit_log_is_a_list_of_entries(value: Any) -> None:
    with pytest.raises(IdentityUnreachable, match="no audit log"):
        await client("/log/audit", value).audit_log(DID)


@pytest.mark.parametrize("status", [400, 404, 409, 410, 413, 429])
async def test_a_refusal_carries_the_reason(status: int) -> None:
    with pytest.raises(OperationRefused, match=r"^too old$"):
        await client("", {"message": "too old"}, status).submit(DID, {})


@pytest.mark.parametrize("body", [b"", b"<html>", [], {"message": 1}, {"message": ""}])
async def test_a_refusal_without_a_reason_is_one_too(body: Any) -> None:
    with pytest.raises(OperationRefused, match="status 400"):
        await client("", body, 400).submit(DID, {})


async def test_a_long_reason_is_cut() -> None:
    with pytest.raises(OperationRefused) as caught:
        await client("", {"message": "x" * 5000}, 400).submit(DID, {})
    assert len(str(caught.value)) == 200


@pytest.mark.parametrize("status", [500, 503, 301])
async def test_a_directory_in_trouble_has_not_refused(status: int) -> None:
    with pytest.raises(IdentityUnreachable):
        await client("", {"message": "later"}, status).submit(DID, {})


async def test_only_a_did_plc_is_asked_for() -> None:
    http = FakeHttp()
    for did in ("did:web:example.com", "did:plc:../../admin", f"{DID}/data"):
        with pytest.raises(DidNotFound):
            await PlcClient(http, URL).document(Did.unchecked(did))
        with pytest.raises(DidNotFound):
            await PlcClient(http, URL).submit(Did.unchecked(did), {})
    assert http.requests == []
