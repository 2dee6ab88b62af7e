"""Opening and closing accounts over HTTP."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.crypto import PrivateKey
from appliance.firehose.events import AccountEvent, CommitEvent, IdentityEvent, SyncEvent
from tests.support.pds_box import PASSWORD, Box, open_box

CREATE = "com.atproto.server.createAccount"


def wish(**changes: Any) -> dict[str, Any]:
    return {
        "handle": "bob.test",
        "email": "bob@example.com",
        "password": PASSWORD,
        **changes,
    }


async def test_a_new_account_has_a_session_and_a_did_that_names_this_server(box: Box) -> None:
    answer = await box.post(CREATE, **wish())
    assert answer.status == 200
    view = answer.json
    assert view.keys() == {"did", "handle", "didDoc", "accessJwt", "refreshJwt"}
    assert view["handle"] == "bob.test"
    assert view["didDoc"]["alsoKnownAs"] == ["at://bob.test"]
    assert view["didDoc"]["service"][0]["serviceEndpoint"] == "http://localhost:2583"
    session = await box.get("com.atproto.server.getSession", view["accessJwt"])
    assert session.json["did"] == view["did"]


async def test_creation_is_announced_as_identity_account_commit_and_sync(box: Box) -> None:
    alice = await box.sign_up()
    identity, account, commit, sync = box.announced()
    assert isinstance(identity, IdentityEvent)
    assert identity.handle == "alice.test"
    assert isinstance(account, AccountEvent)
    assert account.active
    assert account.status is None
    assert isinstance(commit, CommitEvent)
    assert (commit.ops, commit.since, commit.prev_data) == ((), None, None)
    assert isinstance(sync, SyncEvent)
    assert {event.did for event in box.announced()} == {alice.did}


async def test_the_recovery_key_goes_before_ours(box: Box) -> None:
    key = PrivateKey.generate("p256").public.did_key
    alice = await box.sign_up(recoveryKey=key)
    state = await box.pds.identities._directory.data(alice.did)
    assert state["rotationKeys"][0] == key
    assert len(state["rotationKeys"]) == 2


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"handle": "bo.test"}, "InvalidHandle"),
        ({"handle": "bob.smith.test"}, "InvalidHandle"),
        ({"handle": "b" * 19 + ".test"}, "InvalidHandle"),
        ({"handle": "admin.test"}, "HandleNotAvailable"),
        ({"handle": "bob.example.com"}, "UnsupportedDomain"),
        ({"handle": "bob.onion"}, "InvalidHandle"),
        ({"handle": "alice.test"}, "InvalidRequest"),
        ({"handle": "ALICE.test"}, "InvalidRequest"),
        ({"email": "Alice@Example.com"}, "InvalidRequest"),
        ({"email": "nobody"}, "InvalidRequest"),
        ({"email": ""}, "InvalidRequest"),
        ({"password": "x" * 257}, "InvalidPassword"),
        ({"password": ""}, "InvalidPassword"),
        ({"plcOp": {}}, "InvalidRequest"),
        ({"recoveryKey": "did:key:zNotAKey"}, "InvalidRequest"),
    ],
)
async def test_a_wish_that_cannot_be_met_is_named(
    box: Box, changes: dict[str, Any], name: str
) -> None:
    await box.sign_up()
    answer = await box.post(CREATE, **wish(**changes))
    assert (answer.status, answer.error) == (400, name)
    assert len(box.announced()) == 4


async def test_an_email_is_required(box: Box) -> None:
    given = wish()
    del given["email"]
    answer = await box.post(CREATE, **given)
    assert (answer.status, answer.error) == (400, "InvalidRequest")


async def test_two_who_want_one_handle_get_one_account(box: Box) -> None:
    answers = await asyncio.gather(
        *(box.post(CREATE, **wish(email=f"bob{n}@example.com")) for n in range(4))
    )
    assert sorted(answer.status for answer in answers) == [200, 400, 400, 400]


async def test_without_a_directory_nothing_is_opened(tmp_path: Path) -> None:
    async with open_box(tmp_path, pds_plc_url="http://127.0.0.1:1") as box:
        answer = await box.post(CREATE, **wish())
        assert (answer.status, answer.error) == (502, "UpstreamFailure")
        assert await box.pds.accounts.count() == 0
        assert box.announced() == []


async def test_a_did_from_elsewhere_needs_its_own_signature(box: Box) -> None:
    answer = await box.post(CREATE, **wish(did="did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"))
    assert (answer.status, answer.error) == (401, "AuthenticationRequired")


async def test_who_moves_here_starts_deactivated_and_unannounced(box: Box) -> None:
    alice = await box.sign_up()
    token = box.pds.proxy.service_token(alice.did, box.pds.did, CREATE)
    await box.operate("POST", "com.atproto.admin.deleteAccount", did=alice.did)
    seq = box.pds.event_log.head()
    answer = await box.ask(
        "POST", f"/xrpc/{CREATE}", token=token, json=wish(handle="alice.test", did=alice.did)
    )
    assert answer.status == 200
    session = await box.get("com.atproto.server.getSession", answer.json["accessJwt"])
    assert (session.json["active"], session.json["status"]) == (False, "deactivated")
    assert box.pds.event_log.head() == seq
    activated = await box.post("com.atproto.server.activateAccount", answer.json["accessJwt"])
    assert (activated.status, activated.error) == (400, "InvalidRequest")


async def test_deactivation_closes_the_account_and_activation_opens_it(box: Box) -> None:
    alice = await box.sign_up()
    seq = box.pds.event_log.head()
    await box.deactivate(alice)
    record = {"$type": "app.bsky.feed.post", "text": "hi", "createdAt": "2026-11-20T10:00:00Z"}
    write = {"repo": alice.did, "collection": "app.bsky.feed.post", "record": record}
    refused = await box.post("com.atproto.repo.createRecord", alice.access, **write)
    assert (refused.status, refused.error) == (401, "AccountDeactivated")
    hidden = await box.get("com.atproto.identity.resolveHandle", handle=alice.handle)
    assert (hidden.status, hidden.error) == (400, "HandleNotFound")
    again = await box.post("com.atproto.server.activateAccount", alice.access)
    assert (again.status, again.body) == (200, b"")
    closed, opened, identity, sync = box.announced(seq)
    assert isinstance(closed, AccountEvent)
    assert (closed.active, closed.status) == (False, "deactivated")
    assert isinstance(opened, AccountEvent)
    assert (opened.active, opened.status) == (True, None)
    assert isinstance(identity, IdentityEvent)
    assert isinstance(sync, SyncEvent)
    written = await box.post("com.atproto.repo.createRecord", alice.access, **write)
    assert written.status == 200


async def test_the_status_of_an_account_counts_what_it_has(box: Box) -> None:
    alice = await box.sign_up()
    record = {"$type": "app.bsky.feed.post", "text": "hi", "createdAt": "2026-11-20T10:00:00Z"}
    write = {"repo": alice.did, "collection": "app.bsky.feed.post", "record": record}
    await box.post("com.atproto.repo.createRecord", alice.access, **write)
    status = (await box.get("com.atproto.server.checkAccountStatus", alice.access)).json
    assert status["activated"]
    assert status["validDid"]
    assert (status["indexedRecords"], status["repoBlocks"]) == (1, 3)
    assert status["repoRev"] == box.pds.repos.head(alice.did).rev


async def test_deletion_needs_password_and_code_and_frees_the_names(box: Box) -> None:
    alice = await box.sign_up()
    await box.post("com.atproto.server.requestAccountDelete", alice.access)
    code = await box.mailed_code()
    delete = "com.atproto.server.deleteAccount"
    wrong = await box.post(delete, did=alice.did, password="wrong", token=code)
    assert (wrong.status, wrong.error) == (401, "AuthenticationRequired")
    wrong = await box.post(delete, did=alice.did, password=PASSWORD, token="AAAAA-AAAAA")
    assert (wrong.status, wrong.error) == (400, "InvalidToken")
    gone = await box.post(delete, did=alice.did, password=PASSWORD, token=code.lower())
    assert gone.status == 200
    [left] = box.announced()
    assert isinstance(left, AccountEvent)
    assert (left.active, left.status) == (False, "deleted")
    spent = await box.post("com.atproto.server.refreshSession", alice.refresh)
    assert (spent.status, spent.error) == (400, "ExpiredToken")
    await box.sign_up()


async def test_a_deleted_members_token_writes_nothing(box: Box) -> None:
    alice = await box.sign_up()
    await box.operate("POST", "com.atproto.admin.deleteAccount", did=alice.did)
    record = {"$type": "app.bsky.feed.post", "text": "hi", "createdAt": "2026-11-20T10:00:00Z"}
    write = {"repo": alice.did, "collection": "app.bsky.feed.post", "record": record}
    answer = await box.post("com.atproto.repo.createRecord", alice.access, **write)
    assert (answer.status, answer.error) == (403, "AccountNotFound")
    for nsid, params in (
        ("com.atproto.server.getSession", {}),
        ("com.atproto.server.getServiceAuth", {"aud": "did:web:other.test"}),
        ("app.bsky.actor.getPreferences", {}),
    ):
        read = await box.get(nsid, alice.access, **params)
        assert (read.status, read.error) == (403, "AccountNotFound"), nsid


async def test_a_key_reserved_for_a_did_stays_the_same(box: Box) -> None:
    reserve = "com.atproto.server.reserveSigningKey"
    did = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
    first = await box.post(reserve, did=did)
    again = await box.post(reserve, did=did)
    other = await box.ask("POST", f"/xrpc/{reserve}", json={})
    assert first.json == again.json
    assert other.json["signingKey"].startswith("did:key:z")
    assert other.json != first.json


async def test_a_key_that_nobody_comes_for_is_forgotten(box: Box) -> None:
    reserve = "com.atproto.server.reserveSigningKey"
    did = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
    first = await box.post(reserve, did=did)
    alice = await box.sign_up()
    box.clock.advance(91 * 86_400)
    await box.post(reserve, did="did:web:somebody.test")
    assert (await box.post(reserve, did=did)).json != first.json
    assert box.pds.keys.get(alice.did)


async def test_the_key_reserved_for_a_member_is_the_members_own(box: Box) -> None:
    alice = await box.sign_up()
    answer = await box.post("com.atproto.server.reserveSigningKey", did=alice.did)
    assert answer.json == {"signingKey": box.pds.keys.get(alice.did).public.did_key}


async def test_the_server_describes_itself(box: Box) -> None:
    view = (await box.get("com.atproto.server.describeServer")).json
    assert view["did"] == "did:web:localhost"
    assert view["availableUserDomains"] == [".test"]
    assert view["inviteCodeRequired"] is False
