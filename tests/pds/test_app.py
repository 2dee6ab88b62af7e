"""What the PDS serves beside XRPC, and which host gets what."""

import pytest

from tests.support.pds_box import Box, Member

DOCUMENT = "/.well-known/atproto-did"


@pytest.mark.parametrize("host", ["alice.test", "ALICE.test", "alice.test:8080"])
async def test_a_handles_host_tells_its_did(box: Box, alice: Member, host: str) -> None:
    answer = await box.ask("GET", DOCUMENT, headers={"Host": host})
    assert (answer.status, answer.body) == (200, alice.did.encode())
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("host", ["nobody.test", "localhost", "[::1]:80", "1.2.3.4"])
async def test_other_hosts_have_no_did(box: Box, alice: Member, host: str) -> None:
    answer = await box.ask("GET", DOCUMENT, headers={"Host": host})
    assert (answer.status, answer.body) == (404, b"User not found")


async def test_a_deactivated_members_host_tells_nothing(box: Box, alice: Member) -> None:
    await box.deactivate(alice)
    answer = await box.ask("GET", DOCUMENT, headers={"Host": alice.handle})
    assert answer.status == 404


@pytest.mark.parametrize("path", ["/", "/xrpc/_health", "/.well-known/did.json", "/robots.txt"])
async def test_a_handles_host_serves_nothing_else(box: Box, alice: Member, path: str) -> None:
    for host in (alice.handle, f"{alice.handle}.", f"{alice.handle.upper()}.:2583"):
        assert (await box.ask("GET", path, headers={"Host": host})).status == 404
    assert (await box.ask("GET", path)).status == 200


async def test_the_service_has_a_did_document(box: Box) -> None:
    document = (await box.ask("GET", "/.well-known/did.json")).json
    assert document["id"] == "did:web:localhost"
    assert document["service"][0]["serviceEndpoint"] == "http://localhost:2583"


async def test_health_names_the_version_for_every_origin(box: Box) -> None:
    answer = await box.ask("GET", "/xrpc/_health")
    assert answer.json["version"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_no_inline_read_goes_through_a_whole_table(box: Box, alice: Member) -> None:
    await box.log_in(alice.handle)
    await box.log_in(alice.email)
    token = await box.app_password(alice)
    await box.get("app.bsky.actor.getPreferences", token)
    await box.get("com.atproto.server.listAppPasswords", alice.access)
    await box.get("com.atproto.sync.listRepos")
    db = box.pds.accounts._db
    assert len(db.inline_statements) > 5
    assert db.full_scans() == []


@pytest.mark.parametrize(
    ("domain", "status"),
    [
        ("alice.test", 200),
        ("ALICE.test", 200),
        ("localhost", 200),
        ("nobody.test", 404),
        ("alice.elsewhere.example", 404),
        ("www.alice.test", 404),
        ("not a name", 400),
        ("", 400),
    ],
)
async def test_certificates_are_for_our_names_and_for_handles_that_somebody_has(
    box: Box, alice: Member, domain: str, status: int
) -> None:
    answer = await box.ask("GET", "/tls-check", params={"domain": domain})
    assert answer.status == status
