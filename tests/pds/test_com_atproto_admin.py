"""What the operator does, over HTTP."""

import base64
from datetime import datetime
from typing import Any

import pytest

from appliance.atproto.repo.commit import parse_commit
from appliance.firehose.events import AccountEvent, IdentityEvent, SyncEvent
from appliance.firehose.verify import root_of
from tests.support.pds_box import Box, Member

INFO = "com.atproto.admin.getAccountInfo"
STATUS = "com.atproto.admin.getSubjectStatus"
SUSPENSION = "internal.hearth.pds.getSuspension"
UPDATE = "com.atproto.admin.updateSubjectStatus"
NOBODY = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
REPO = "com.atproto.admin.defs#repoRef"
RECORD = "com.atproto.repo.strongRef"
BLOB = "com.atproto.admin.defs#repoBlobRef"


async def write(box: Box, member: Member, **record: Any) -> Any:
    post = {"$type": "app.bsky.feed.post", "text": "hi", "createdAt": "2026-11-20T10:00:00Z"}
    answer = await box.post(
        "com.atproto.repo.createRecord",
        member.access,
        repo=member.did,
        collection="app.bsky.feed.post",
        record={**post, **record},
    )
    assert answer.status == 200, answer
    return answer.json


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Basic " + base64.b64encode(b"admin:wrong").decode(),
        "Basic " + base64.b64encode(b"root:wrong").decode(),
        "Basic ???",
        "Bearer abc",
    ],
)
async def test_without_the_operators_token_nothing_is_told(
    box: Box, alice: Member, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await box.ask("GET", f"/xrpc/{INFO}?did={alice.did}", headers=headers)
    assert answer.status == 401
    assert (await box.get(INFO, alice.access, did=alice.did)).status == 401


async def test_an_account_is_described(box: Box, alice: Member) -> None:
    view = (await box.operate("GET", INFO, did=alice.did)).json
    assert (view["handle"], view["email"]) == ("alice.test", "alice@example.com")
    unknown = await box.operate("GET", INFO, did=NOBODY)
    assert (unknown.status, unknown.error) == (400, "NotFound")
    path = f"/xrpc/com.atproto.admin.getAccountInfos?dids={NOBODY}&dids={alice.did}"
    secret = box.pds.access.header.partition(" ")[2]
    several = await box.ask("GET", path, headers={"Authorization": f"Basic {secret}"})
    assert [one["did"] for one in several.json["infos"]] == [alice.did]


async def test_accounts_are_found_by_address_page_by_page(box: Box) -> None:
    for name in ("ann", "ben", "cat"):
        await box.sign_up(name)
    nsid = "com.atproto.admin.searchAccounts"
    first = (await box.operate("GET", nsid, limit=2)).json
    assert [one["handle"] for one in first["accounts"]] == ["ann.test", "ben.test"]
    second = (await box.operate("GET", nsid, limit=2, cursor=first["cursor"])).json
    assert [one["handle"] for one in second["accounts"]] == ["cat.test"]
    found = (await box.operate("GET", nsid, email="BEN@")).json
    assert [one["handle"] for one in found["accounts"]] == ["ben.test"]


async def test_the_operator_changes_address_and_password(box: Box, alice: Member) -> None:
    await box.operate(
        "POST", "com.atproto.admin.updateAccountEmail", account=alice.handle, email="new@x.org"
    )
    await box.operate(
        "POST", "com.atproto.admin.updateAccountPassword", did=alice.did, password="changed"
    )
    assert (await box.log_in("new@x.org", "changed")).status == 200
    spent = await box.post("com.atproto.server.refreshSession", alice.refresh)
    assert spent.error == "ExpiredToken"


async def test_a_taken_down_account_is_closed_and_comes_back(box: Box, alice: Member) -> None:
    subject = {"$type": REPO, "did": alice.did}
    seq = box.pds.event_log.head()
    taken = {"applied": True, "ref": "case 7"}
    answer = await box.operate("POST", UPDATE, subject=subject, takedown=taken)
    assert answer.json == {"subject": subject, "takedown": taken}
    status = (await box.operate("GET", STATUS, did=alice.did)).json
    assert status["takedown"] == taken
    assert status["deactivated"] == {"applied": False}
    public = await box.get("com.atproto.sync.getRepo", did=alice.did)
    assert (public.status, public.error) == (400, "RepoTakendown")
    await box.operate("POST", UPDATE, subject=subject, takedown={"applied": False})
    assert (await box.get("com.atproto.sync.getRepo", did=alice.did)).status == 200
    down, up = box.announced(seq)
    assert isinstance(down, AccountEvent)
    assert isinstance(up, AccountEvent)
    assert (down.active, down.status, up.active) == (False, "takendown", True)
    assert (await box.post("com.atproto.server.refreshSession", alice.refresh)).status == 200


async def test_a_suspended_account_comes_back_by_itself(box: Box, alice: Member) -> None:
    seq = box.pds.event_log.head()
    nsid = "internal.hearth.pds.suspendAccount"
    for days in (0, 4000):
        refused = await box.operate("POST", nsid, did=alice.did, days=days)
        assert (refused.status, refused.error) == (400, "InvalidRequest")
    assert (await box.operate("POST", nsid, did=alice.did, days=2, reason="Spam.")).status == 200
    assert (await box.operate("GET", STATUS, did=alice.did)).json["takedown"]["ref"] == "Spam."
    until = (await box.operate("GET", SUSPENSION, did=alice.did)).json["until"]
    left_s = datetime.fromisoformat(until).timestamp() - box.clock.now()
    assert abs(left_s - 2 * 86_400) < 1
    for nsid in ("sync.getRepo", "sync.getLatestCommit", "sync.listBlobs"):
        public = await box.get(f"com.atproto.{nsid}", did=alice.did)
        assert (public.status, public.error) == (400, "RepoSuspended"), nsid
    [listed] = (await box.get("com.atproto.sync.listRepos")).json["repos"]
    assert (listed["active"], listed["status"]) == (False, "suspended")
    assert (await box.log_in(alice.handle)).error == "AccountTakedown"
    left = await box.log_in(alice.handle, allowTakendown=True)
    assert left.json["status"] == "suspended"
    await box.pds.lifecycle.lift()
    assert not box.pds.accounts.require(alice.did).is_active
    box.clock.advance(2 * 86_400 + 1)
    await box.pds.lifecycle.lift()
    assert (await box.get("com.atproto.sync.getRepo", did=alice.did)).status == 200
    assert (await box.log_in(alice.handle)).status == 200
    down, up = box.announced(seq)
    assert isinstance(down, AccountEvent)
    assert isinstance(up, AccountEvent)
    assert (down.active, down.status, up.active) == (False, "suspended", True)


async def test_a_suspension_becomes_a_takedown_and_ends_with_it(box: Box, alice: Member) -> None:
    nsid = "internal.hearth.pds.suspendAccount"
    subject = {"$type": REPO, "did": alice.did}
    await box.operate("POST", nsid, did=alice.did, days=1)
    await box.operate("POST", UPDATE, subject=subject, takedown={"applied": True})
    box.clock.advance(2 * 86_400)
    await box.pds.lifecycle.lift()
    assert box.pds.accounts.require(alice.did).status == "takendown"
    assert (await box.operate("GET", SUSPENSION, did=alice.did)).json == {}
    nobody = await box.operate("GET", SUSPENSION, did="did:plc:ffffffffffffffffffffffff")
    assert (nobody.status, nobody.error) == (400, "NotFound")
    await box.operate("POST", nsid, did=alice.did, days=1)
    await box.operate("POST", UPDATE, subject=subject, takedown={"applied": False})
    assert box.pds.accounts.require(alice.did).status is None


async def test_a_taken_down_record_is_hidden_and_comes_back(box: Box, alice: Member) -> None:
    made = await write(box, alice)
    subject = {"$type": RECORD, "uri": made["uri"], "cid": made["cid"]}
    rkey = made["uri"].rpartition("/")[2]
    place = {"repo": alice.did, "collection": "app.bsky.feed.post", "rkey": rkey}
    await box.operate("POST", UPDATE, subject=subject, takedown={"applied": True})
    hidden = await box.get("com.atproto.repo.getRecord", alice.access, **place)
    assert (hidden.status, hidden.error) == (400, "RecordNotFound")
    status = (await box.operate("GET", STATUS, uri=made["uri"])).json
    assert status["takedown"]["applied"] is True
    await box.operate("POST", UPDATE, subject=subject, takedown={"applied": False})
    assert (await box.get("com.atproto.repo.getRecord", **place)).status == 200


async def test_a_taken_down_blob_is_withheld_and_comes_back(box: Box, alice: Member) -> None:
    uploaded = await box.ask(
        "POST",
        "/xrpc/com.atproto.repo.uploadBlob",
        token=alice.access,
        data=b"\x89PNG\r\n\x1a\n" + bytes(40),
        headers={"Content-Type": "image/png"},
    )
    blob = uploaded.json["blob"]
    image = {"image": blob, "alt": ""}
    await write(box, alice, embed={"$type": "app.bsky.embed.images", "images": [image]})
    cid = blob["ref"]["$link"]
    subject = {"$type": BLOB, "did": alice.did, "cid": cid}
    await box.operate("POST", UPDATE, subject=subject, takedown={"applied": True})
    place = {"did": alice.did, "cid": cid}
    assert (await box.get("com.atproto.sync.getBlob", **place)).status == 400
    status = (await box.operate("GET", STATUS, did=alice.did, blob=cid)).json
    assert status["takedown"]["applied"] is True
    await box.operate("POST", UPDATE, subject=subject, takedown={"applied": False})
    assert (await box.get("com.atproto.sync.getBlob", **place)).status == 200


@pytest.mark.parametrize(
    "subject",
    [
        {"$type": REPO, "did": NOBODY},
        {"$type": RECORD, "uri": f"at://{NOBODY}/app.bsky.feed.post/a", "cid": "bafkqaaa"},
        {"$type": BLOB, "did": NOBODY, "cid": "bafkqaaa"},
        {"$type": "com.example.other"},
    ],
)
async def test_an_unknown_subject_is_refused(box: Box, subject: Any) -> None:
    answer = await box.operate("POST", UPDATE, subject=subject, takedown={"applied": True})
    assert answer.status == 400
    assert answer.error in ("NotFound", "InvalidRequest")


async def test_an_unknown_subject_has_no_status(box: Box, alice: Member) -> None:
    uri = f"at://{alice.did}/app.bsky.feed.post/nothing"
    for given in ({"did": NOBODY}, {"uri": uri}):
        answer = await box.operate("GET", STATUS, **given)
        assert (answer.status, answer.error) == (400, "NotFound")
    nothing = await box.operate("GET", STATUS)
    assert (nothing.status, nothing.error) == (400, "InvalidRequest")


async def test_the_operator_deactivates_and_deletes(box: Box, alice: Member) -> None:
    subject = {"$type": REPO, "did": alice.did}
    await box.operate("POST", UPDATE, subject=subject, deactivated={"applied": True})
    session = await box.get("com.atproto.server.getSession", alice.access)
    assert session.json["status"] == "deactivated"
    deleted = await box.operate("POST", "com.atproto.admin.deleteAccount", did=alice.did)
    assert deleted.status == 200
    assert (await box.operate("GET", INFO, did=alice.did)).error == "NotFound"


async def test_the_operator_writes_to_a_member_and_reads_the_outbox(
    box: Box, alice: Member
) -> None:
    given = {"recipientDid": alice.did, "senderDid": box.pds.did, "content": "Hello."}
    sent = await box.operate(
        "POST", "com.atproto.admin.sendEmail", **given, subject="News\r\nBcc: x@example.com"
    )
    assert sent.json == {"sent": True}
    [mail] = (await box.operate("GET", "internal.hearth.pds.listMail")).json["mails"]
    assert (mail["recipient"], mail["subject"]) == (alice.email, "News Bcc: x@example.com")
    assert (await box.get("internal.hearth.pds.listMail", alice.access)).status == 401


async def test_invites_of_a_member_are_switched_off_and_on(box: Box, alice: Member) -> None:
    nsid = "com.atproto.admin.disableAccountInvites"
    await box.operate("POST", nsid, account=alice.did, note="too many")
    view = (await box.operate("GET", INFO, did=alice.did)).json
    assert (view["invitesDisabled"], view["inviteNote"]) == (True, "too many")
    await box.operate("POST", "com.atproto.admin.enableAccountInvites", account=alice.did)
    assert (await box.operate("GET", INFO, did=alice.did)).json["invitesDisabled"] is False


async def test_the_role_reports_on_itself(box: Box, alice: Member) -> None:
    status = (await box.operate("GET", "internal.hearth.upkeep.getStatus")).json
    assert (status["name"], status["counts"]["accounts"]) == ("pds", 1)
    assert "pds mail" in [worker["name"] for worker in status["workers"]]


async def test_a_signing_key_is_changed_for_a_reserved_one(box: Box, alice: Member) -> None:
    await write(box, alice)
    old = box.pds.keys.get(alice.did)
    head = box.pds.repos.head(alice.did)
    path = "/xrpc/com.atproto.server.reserveSigningKey"
    reserved = (await box.ask("POST", path, json={})).json["signingKey"]
    seq = box.pds.event_log.head()
    update = "com.atproto.admin.updateAccountSigningKey"
    answer = await box.operate("POST", update, did=alice.did, signingKey=reserved)
    assert answer.status == 200, answer

    key = box.pds.keys.get(alice.did)
    assert key.public.did_key == reserved
    state = await box.pds.identities.state(alice.did)
    assert state["verificationMethods"]["atproto"] == reserved
    identity, sync = box.announced(seq)
    assert isinstance(identity, IdentityEvent)
    assert isinstance(sync, SyncEvent)
    signed = parse_commit(box.pds.repos.head(alice.did).commit_block)
    assert signed.verify(key.public)
    assert not signed.verify(old.public)
    assert (signed.data, signed.cid) == (head.data, root_of(sync))
    await write(box, alice, text="by the new key")

    for given in (
        {"did": NOBODY, "signingKey": reserved},
        {"did": alice.did, "signingKey": reserved},
    ):
        refused = await box.operate("POST", update, **given)
        assert (refused.status, refused.error) == (400, "NotFound")
    assert box.pds.keys.get(alice.did).public == key.public
