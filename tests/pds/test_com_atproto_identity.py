"""Handles and DIDs over HTTP."""

import asyncio
from typing import Any

import pytest

from appliance.atproto.crypto import PrivateKey
from appliance.atproto.identity import plc
from appliance.atproto.identity.plc_client import PlcClient
from appliance.firehose.events import IdentityEvent
from tests.support.pds_box import Answer, Box, Member

UPDATE = "com.atproto.identity.updateHandle"
SIGN = "com.atproto.identity.signPlcOperation"
SUBMIT = "com.atproto.identity.submitPlcOperation"


async def test_a_handle_resolves_in_any_case(box: Box, alice: Member) -> None:
    nsid = "com.atproto.identity.resolveHandle"
    assert (await box.get(nsid, handle="Alice.TEST")).json == {"did": alice.did}
    unknown = await box.get(nsid, handle="nobody.test")
    assert (unknown.status, unknown.error) == (400, "HandleNotFound")
    malformed = await box.get(nsid, handle="no_handle")
    assert (malformed.status, malformed.error) == (400, "InvalidRequest")


async def test_an_identity_is_told_whole(box: Box, alice: Member) -> None:
    for identifier in (alice.did, alice.handle):
        info = await box.get("com.atproto.identity.resolveIdentity", identifier=identifier)
        assert (info.json["did"], info.json["handle"]) == (alice.did, "alice.test")
        assert info.json["didDoc"]["id"] == alice.did
    document = await box.get("com.atproto.identity.resolveDid", did=alice.did)
    assert document.json["didDoc"]["alsoKnownAs"] == ["at://alice.test"]
    missing = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
    unknown = await box.get("com.atproto.identity.resolveDid", did=missing)
    assert (unknown.status, unknown.error) == (400, "DidNotFound")
    refreshed = await box.post(
        "com.atproto.identity.refreshIdentity", alice.access, identifier=alice.did
    )
    assert refreshed.json["handle"] == "alice.test"


async def test_a_new_handle_stands_in_the_did_document_and_is_announced(
    box: Box, alice: Member
) -> None:
    seq = box.pds.event_log.head()
    assert (await box.post(UPDATE, alice.access, handle="Alicia.test")).status == 200
    document = await box.get("com.atproto.identity.resolveDid", did=alice.did)
    assert document.json["didDoc"]["alsoKnownAs"] == ["at://alicia.test"]
    assert (await box.post(UPDATE, alice.access, handle="alicia.test")).status == 200
    first, second = box.announced(seq)
    assert isinstance(first, IdentityEvent)
    assert isinstance(second, IdentityEvent)
    assert first.handle == second.handle == "alicia.test"
    await box.sign_up(email="other@example.com")


@pytest.mark.parametrize(
    ("handle", "name"),
    [
        ("bob.test", "HandleNotAvailable"),
        ("admin.test", "HandleNotAvailable"),
        ("a.b.test", "InvalidHandle"),
        ("alice.localhost", "InvalidHandle"),
        ("alice.nowhere.test.invalid", "InvalidHandle"),
    ],
)
async def test_a_handle_that_cannot_be_had_changes_nothing(
    box: Box, alice: Member, handle: str, name: str
) -> None:
    await box.sign_up("bob")
    seq = box.pds.event_log.head()
    answer = await box.post(UPDATE, alice.access, handle=handle)
    assert (answer.status, answer.error) == (400, name)
    assert box.pds.event_log.head() == seq


async def test_the_operator_gives_reserved_handles(box: Box, alice: Member) -> None:
    nsid = "com.atproto.admin.updateAccountHandle"
    assert (await box.operate("POST", nsid, did=alice.did, handle="admin.test")).status == 200
    found = await box.get("com.atproto.identity.resolveHandle", handle="admin.test")
    assert found.json["did"] == alice.did


async def said(box: Box, member: Member) -> Any:
    """What the directory says of an account now."""
    return await box.pds.identities.state(member.did)


async def test_of_many_who_want_one_handle_at_once_one_gets_it(box: Box, alice: Member) -> None:
    bob = await box.sign_up("bob")
    given = {"handle": "carol.test", "email": "c@example.com", "password": "secret"}
    answers = await asyncio.gather(
        box.post(UPDATE, alice.access, handle="carol.test"),
        box.post(UPDATE, bob.access, handle="carol.test"),
        box.post("com.atproto.server.createAccount", **given),
    )
    assert sorted(answer.status for answer in answers) == [200, 400, 400]
    # Nobody is called in the directory what they are not called here.
    for member in (alice, bob):
        found = box.pds.accounts.require(member.did)
        assert (await said(box, member))["alsoKnownAs"] == [f"at://{found.handle}"]


async def test_changes_of_one_identity_at_once_are_made_one_after_the_other(
    box: Box, alice: Member
) -> None:
    names = [f"name{number}.test" for number in range(5)]
    keys = [PrivateKey.generate().public.did_key for _ in range(3)]
    answers = await asyncio.gather(
        *(box.post(UPDATE, alice.access, handle=name) for name in names),
        *(box.pds.identities.declare(alice.did, {}, {f"k{n}": key}) for n, key in enumerate(keys)),
    )
    assert [answer.status for answer in answers if isinstance(answer, Answer)] == [200] * 5
    state = await said(box, alice)
    assert state["alsoKnownAs"] == [f"at://{box.pds.accounts.require(alice.did).handle}"]
    assert set(keys) <= set(state["verificationMethods"].values())


async def test_an_identity_may_be_its_owners_alone(box: Box, alice: Member) -> None:
    own = PrivateKey.generate()
    directory = PlcClient(box.pds.identities._directory._http, box.directory_url)

    async def by_owner(**changes: Any) -> None:
        change = plc.update_operation(await directory.last_op(alice.did), **changes)
        await directory.submit(alice.did, plc.sign_operation(change, own))

    given = {"rotationKeys": [own.public.did_key]}
    await directory.submit(alice.did, await box.pds.identities.sign(alice.did, given))
    seq = box.pds.event_log.head()
    refused = await box.post(UPDATE, alice.access, handle="alicia.test")
    assert (refused.status, refused.error) == (400, "InvalidRequest")
    assert box.pds.event_log.head() == seq
    await by_owner(handle="alicia.test")
    assert (await box.post(UPDATE, alice.access, handle="alicia.test")).status == 200
    await box.deactivate(alice)
    assert (await box.post("com.atproto.server.activateAccount", alice.access)).status == 200
    await by_owner(pds_url="https://elsewhere.example")
    moved = await box.post("com.atproto.server.activateAccount", alice.access)
    assert (moved.status, moved.error) == (400, "InvalidRequest")


async def operation(box: Box, member: Member, **changes: Any) -> Any:
    """Have an operation signed with a mailed code."""
    await box.post("com.atproto.identity.requestPlcOperationSignature", member.access)
    code = await box.mailed_code()
    answer = await box.post(SIGN, member.access, token=code, **changes)
    assert answer.status == 200, answer
    again = await box.post(SIGN, member.access, token=code, **changes)
    assert (again.status, again.error) == (400, "InvalidToken")
    return answer.json["operation"]


async def test_a_signed_operation_is_submitted(box: Box, alice: Member) -> None:
    wanted = await box.get("com.atproto.identity.getRecommendedDidCredentials", alice.access)
    mine = PrivateKey.generate().public.did_key
    keys = [mine, *wanted.json["rotationKeys"]]
    signed = await operation(box, alice, rotationKeys=keys)
    seq = box.pds.event_log.head()
    assert (await box.post(SUBMIT, alice.access, operation=signed)).status == 200
    state = await box.pds.identities._directory.data(alice.did)
    assert state["rotationKeys"] == keys
    assert [type(event) for event in box.announced(seq)] == [IdentityEvent]
    twice = await box.post(SUBMIT, alice.access, operation=signed)
    assert (twice.status, twice.error) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    "changes",
    [
        {"rotationKeys": [PrivateKey.generate().public.did_key]},
        {"alsoKnownAs": ["at://other.test"]},
        {"verificationMethods": {"atproto": PrivateKey.generate().public.did_key}},
        {"services": {"atproto_pds": {"type": "Other", "endpoint": "http://localhost:2583"}}},
        {
            "services": {
                "atproto_pds": {
                    "type": "AtprotoPersonalDataServer",
                    "endpoint": "https://elsewhere.example.com",
                }
            }
        },
    ],
)
async def test_no_operation_takes_the_account_from_this_server(
    box: Box, alice: Member, changes: Any
) -> None:
    signed = await operation(box, alice, **changes)
    answer = await box.post(SUBMIT, alice.access, operation=signed)
    assert (answer.status, answer.error) == (400, "InvalidRequest")


@pytest.mark.parametrize("given", [{}, "text", {"type": "plc_tombstone", "prev": "x"}, 7])
async def test_nonsense_is_no_operation(box: Box, alice: Member, given: Any) -> None:
    answer = await box.post(SUBMIT, alice.access, operation=given)
    assert (answer.status, answer.error) == (400, "InvalidRequest")


async def test_signing_needs_a_code(box: Box, alice: Member) -> None:
    answer = await box.post(SIGN, alice.access, alsoKnownAs=["at://x.test"])
    assert (answer.status, answer.error) == (400, "InvalidRequest")
