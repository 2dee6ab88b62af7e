"""Identities that lead elsewhere, sign with another key, were changed by others: each is named."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity import plc
from appliance.atproto.identity.errors import InvalidOperation
from appliance.atproto.identity.plc_client import PlcClient
from appliance.atproto.identity.resolver import IdentityResolver
from appliance.atproto.syntax import Did, Handle, JsonObject
from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.pds.accounts import Account
from appliance.pds.doctor import identity_rounds
from appliance.pds.doctor.identity_checks import IdentityChecks
from appliance.pds.signing_keys import NoSigningKey, SigningKeys
from appliance.upkeep.checkup import Finding
from tests.support.pds_box import Box, Member, open_box

DAY = 86_400


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path, network_own_account=False) as found:
        yield found


@pytest.fixture
async def directory(box: Box) -> AsyncIterator[PlcClient]:
    async with HttpClient.open(OutboundPolicy(allow_loopback=True)) as http:
        yield PlcClient(http, box.directory_url)


async def only(box: Box) -> Finding:
    (finding,) = await box.pds.doctor.examine()
    return finding


async def look(box: Box, account: Account) -> list[Finding]:
    key = PrivateKey.generate().public.did_key
    found = await box.pds.doctor.identities.checks.look(account, key)
    return [finding for finding in found if "another key" not in finding.seen]


async def change(box: Box, member: Member, **changes: object) -> None:
    """Change an identity by our own key, whatever sense it makes."""
    pds = box.pds
    credentials = pds.identities.credentials(pds.accounts.require(member.did))
    operation = await pds.identities.sign(member.did, {**credentials, **changes})
    await pds.identities.hand_over(member.did, operation)


async def test_identities_that_lead_here_are_well(box: Box) -> None:
    await box.sign_up("alice")
    closed = await box.sign_up("closed")
    await change(box, closed, services={})
    await box.deactivate(closed)
    assert (await only(box)).level == "good"


async def test_one_that_names_another_server_is_told(box: Box) -> None:
    alice = await box.sign_up("alice")
    service = {"type": "AtprotoPersonalDataServer", "endpoint": "https://elsewhere.example"}
    await change(box, alice, services={"atproto_pds": service})
    finding = await only(box)
    assert finding.subject == "Identity of alice.test"
    assert "https://elsewhere.example" in finding.seen
    assert "moved" in finding.remedy


async def test_one_that_names_another_signing_key_is_told(box: Box) -> None:
    alice = await box.sign_up("alice")
    other = PrivateKey.generate().public.did_key
    await change(box, alice, verificationMethods={"atproto": other})
    assert "another key than the one that signs here" in (await only(box)).seen


async def test_a_handle_that_the_document_does_not_name_is_told(box: Box) -> None:
    alice = await box.sign_up("alice")
    await change(box, alice, alsoKnownAs=["at://queen.test"])
    assert "its document names queen.test" in (await only(box)).seen


async def test_a_handle_that_leads_to_somebody_else_is_told(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await box.sign_up("alice")
    bob = await box.sign_up("bobby")
    await change(box, alice, alsoKnownAs=["at://alice.example.org"])

    async def did_for(_self: IdentityResolver, _handle: Handle) -> str:
        return bob.did

    monkeypatch.setattr(IdentityResolver, "did_for", did_for)
    name = Handle("alice.example.org")
    (finding,) = await look(box, replace(box.pds.accounts.require(alice.did), handle=name))
    assert finding.seen == f"{name} leads to {bob.did}"
    assert f"_atproto.{name}" in finding.remedy


async def test_one_that_is_in_no_directory_is_told(box: Box) -> None:
    alice = await box.sign_up("alice")
    unknown = Did("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")
    found = replace(box.pds.accounts.require(alice.did), did=unknown)
    (finding,) = await look(box, found)
    assert "is not in the directory" in finding.seen


async def changed_by(
    directory: PlcClient, member: Member, key: PrivateKey, **changes: object
) -> None:
    last = await directory.last_op(member.did)
    operation: JsonObject = {**plc.update_operation(last), **changes}
    await directory.submit(member.did, plc.sign_operation(operation, key))


async def test_a_change_by_a_key_behind_ours_is_told_while_we_can_undo_it(
    box: Box, directory: PlcClient
) -> None:
    alice = await box.sign_up("alice")
    thief = PrivateKey.generate()
    own = box.pds.identities.rotation_key
    await change(box, alice, rotationKeys=[own, thief.public.did_key])
    assert (await only(box)).level == "good"
    await changed_by(directory, alice, thief, rotationKeys=[thief.public.did_key])
    box.pds.resolver.purge(alice.did)
    findings = await box.pds.doctor.examine()
    seen = " ".join(finding.seen for finding in findings)
    assert "rotation key of this server is not in it" in seen
    assert "which is not ours" in seen
    assert "this server can undo it for 72 hours" in findings[-1].remedy
    box.clock.advance(3 * DAY + 60)
    (finding,) = await box.pds.doctor.examine()
    assert "rotation key" in finding.seen


async def test_a_change_by_the_members_own_recovery_key_is_hers_to_know(
    box: Box, directory: PlcClient
) -> None:
    hers = PrivateKey.generate()
    alice = await box.sign_up("alice", recoveryKey=hers.public.did_key)
    box.clock.advance(3600)
    await changed_by(directory, alice, hers)
    finding = await only(box)
    assert finding.level == "warn"
    assert "if it was not the member" in finding.remedy


async def test_a_directory_that_is_away_is_told_for_each(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    await box.sign_up("alice")
    await box.sign_up("bobby")

    async def away(*_: object, **__: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(HttpClient, "request", away)
    findings = await box.pds.doctor.examine()
    assert [finding.level for finding in findings] == ["warn", "warn"]
    assert "cannot be looked at" in findings[0].seen


async def test_an_account_without_its_key_and_a_log_that_cannot_be_true_are_told(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    await box.sign_up("alice")

    def no_key(_self: SigningKeys, did: Did) -> None:
        raise NoSigningKey(did)

    async def forged(_self: IdentityChecks, *_: object) -> None:
        raise InvalidOperation("the signature does not hold")

    with monkeypatch.context() as patch:
        patch.setattr(SigningKeys, "get", no_key)
        assert (await only(box)).cause == "key-missing"
    monkeypatch.setattr(IdentityChecks, "look", forged)
    assert (await only(box)).cause == "plc-forged"


async def test_a_look_that_takes_too_long_ends(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    await box.sign_up("alice")

    async def slow(_self: IdentityChecks, *_: object) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(IdentityChecks, "look", slow)
    monkeypatch.setattr(identity_rounds, "SECONDS", 0.1)
    assert (await only(box)).cause == "look-slow"
