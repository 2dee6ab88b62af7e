"""A member moves from one PDS to another and takes everything along."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.car import read_car
from appliance.atproto.identity.errors import IdentityUnreachable
from appliance.atproto.identity.plc_client import PlcClient
from appliance.atproto.repo.commit import parse_commit
from appliance.firehose.events import AccountEvent, CommitEvent, IdentityEvent, SyncEvent
from appliance.firehose.verify import root_of
from tests.support.pds_box import PASSWORD, Answer, Box, Member, open_box

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
CREATE = "com.atproto.server.createAccount"
RECOMMENDED = "com.atproto.identity.getRecommendedDidCredentials"


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path / "old") as box:
        yield box


@pytest.fixture
async def new(old: Box, tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(
        tmp_path / "new",
        pds_hostname="new.example.com",
        pds_public_url="http://localhost:2584",
        pds_plc_url=old.directory_url,
        network_handle_domains=(".new.test",),
    ) as box:
        yield box


async def write(box: Box, member: Member, **more: Any) -> Any:
    post = {"$type": "app.bsky.feed.post", "text": "hi", "createdAt": "2026-11-20T10:00:00Z"}
    answer = await box.post(
        "com.atproto.repo.createRecord",
        member.access,
        repo=member.did,
        collection="app.bsky.feed.post",
        record={**post, **more},
    )
    assert answer.status == 200, answer
    return answer.json


async def upload(box: Box, member: Member) -> Any:
    kind = {"Content-Type": "image/png"}
    path = "/xrpc/com.atproto.repo.uploadBlob"
    answer = await box.ask("POST", path, token=member.access, data=PNG, headers=kind)
    return answer.json["blob"]


async def write_with_picture(box: Box, member: Member) -> str:
    """Write a post with a picture; give the picture's CID."""
    blob = await upload(box, member)
    embed = {"$type": "app.bsky.embed.images", "images": [{"image": blob, "alt": ""}]}
    await write(box, member, embed=embed)
    return str(blob["ref"]["$link"])


async def come_by_name(box: Box) -> Member:
    """Open an account whose identity is the did:web of its handle."""
    given = {"handle": "webby.test", "email": "w@example.com", "password": PASSWORD}
    await box.operate("POST", "internal.hearth.pds.openWebAccount", **given)
    view = (await box.log_in("webby.test")).json
    return Member(view["did"], view["handle"], given["email"], view["accessJwt"], "")


async def arrive(old: Box, new: Box, member: Member) -> Member:
    """Open the account at the new server, with the old one's word for it."""
    wanted = {"aud": str(new.pds.did), "lxm": CREATE}
    vouched = await old.get("com.atproto.server.getServiceAuth", member.access, **wanted)
    given = {
        "did": member.did,
        "handle": "alice.new.test",
        "email": member.email,
        "password": PASSWORD,
    }
    token = vouched.json["token"]
    answer = await new.ask("POST", f"/xrpc/{CREATE}", token=token, json=given)
    assert answer.status == 200, answer
    view = answer.json
    return replace(
        member, handle=view["handle"], access=view["accessJwt"], refresh=view["refreshJwt"]
    )


async def import_repo(old: Box, new: Box, member: Member) -> Answer:
    archive = await old.get("com.atproto.sync.getRepo", did=member.did)
    return await new.ask(
        "POST",
        "/xrpc/com.atproto.repo.importRepo",
        token=member.access,
        data=archive.body,
        headers={"Content-Type": "application/vnd.ipld.car"},
    )


async def point_to(old: Box, new: Box, before: Member, after: Member) -> None:
    """Have the old server sign the change of the DID, and submit it at the new one."""
    wanted = await new.get("com.atproto.identity.getRecommendedDidCredentials", after.access)
    await old.post("com.atproto.identity.requestPlcOperationSignature", before.access)
    signed = await old.post(
        "com.atproto.identity.signPlcOperation",
        before.access,
        token=await old.mailed_code(),
        **wanted.json,
    )
    given = {"operation": signed.json["operation"]}
    answer = await new.post("com.atproto.identity.submitPlcOperation", after.access, **given)
    assert answer.status == 200, answer


async def test_everything_moves(old: Box, new: Box) -> None:
    before = await old.sign_up()
    cid = await write_with_picture(old, before)
    await write(old, before)
    after = await arrive(old, new, before)
    assert (await import_repo(old, new, after)).status == 200
    imported = old.pds.repos.head(before.did)
    assert new.pds.repos.head(after.did).commit_cid == imported.commit_cid

    missing = await new.get("com.atproto.repo.listMissingBlobs", after.access)
    assert [one["cid"] for one in missing.json["blobs"]] == [cid]
    await upload(new, after)
    too_early = await new.post("com.atproto.server.activateAccount", after.access)
    assert (too_early.status, too_early.error) == (400, "InvalidRequest")

    seq = new.pds.event_log.head()
    await point_to(old, new, before, after)
    status = (await new.get("com.atproto.server.checkAccountStatus", after.access)).json
    assert (status["validDid"], status["activated"]) == (True, False)
    assert (status["expectedBlobs"], status["importedBlobs"]) == (1, 1)
    assert status["indexedRecords"] == 2
    assert (await new.post("com.atproto.server.activateAccount", after.access)).status == 200
    await old.deactivate(before)

    await write(new, after)
    moved, account, identity, sync, commit = new.announced(seq)
    assert isinstance(moved, IdentityEvent)
    assert isinstance(account, AccountEvent)
    assert isinstance(identity, IdentityEvent)
    assert isinstance(sync, SyncEvent)
    assert isinstance(commit, CommitEvent)
    assert (account.active, identity.handle) == (True, "alice.new.test")
    # The same tree, under a signature that the DID document now vouches for.
    assert sync.rev > imported.rev
    assert (commit.since, commit.prev_data) == (sync.rev, imported.data)
    head = parse_commit(read_car(sync.blocks).blocks[root_of(sync)])
    assert head.verify(new.pds.keys.get(after.did).public)
    assert head.data == imported.data
    picture = await new.get("com.atproto.sync.getBlob", did=after.did, cid=cid)
    assert picture.body == PNG


async def test_a_session_names_no_server_but_the_one_it_is_at(old: Box, new: Box) -> None:
    before = await old.sign_up()
    after = await arrive(old, new, before)
    assert "didDoc" not in (await new.log_in(after.handle)).json
    await point_to(old, new, before, after)
    assert "didDoc" in (await new.log_in(after.handle)).json


async def test_a_key_reserved_beforehand_becomes_the_accounts_key(old: Box, new: Box) -> None:
    before = await old.sign_up()
    reserved = await new.post("com.atproto.server.reserveSigningKey", did=before.did)
    after = await arrive(old, new, before)
    wanted = await new.get("com.atproto.identity.getRecommendedDidCredentials", after.access)
    assert wanted.json["verificationMethods"]["atproto"] == reserved.json["signingKey"]


async def test_a_word_for_another_server_opens_nothing(old: Box, new: Box) -> None:
    before = await old.sign_up()
    for given in (
        {"aud": "did:web:other.example.com", "lxm": CREATE},
        {"aud": str(new.pds.did), "lxm": "com.atproto.repo.uploadBlob"},
    ):
        vouched = await old.get("com.atproto.server.getServiceAuth", before.access, **given)
        wish = {
            "did": before.did,
            "handle": "alice.new.test",
            "email": before.email,
            "password": PASSWORD,
        }
        token = vouched.json["token"]
        answer = await new.ask("POST", f"/xrpc/{CREATE}", token=token, json=wish)
        assert answer.status == 401
    assert await new.pds.accounts.count() == 0


async def test_a_name_of_ours_moves_to_another_server_and_is_still_the_name(
    old: Box, new: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await come_by_name(old)
    await write(old, before)
    # What the world reads at the name's own address.
    monkeypatch.setattr(new.pds.resolver, "own", old.pds.web_identities.document)
    after = await arrive(old, new, before)
    assert (await import_repo(old, new, after)).status == 200
    wanted = (await new.get(RECOMMENDED, after.access)).json
    await old.post("com.atproto.identity.requestPlcOperationSignature", before.access)
    pointed = await old.post(
        "internal.hearth.pds.pointWebIdentity",
        before.access,
        token=await old.mailed_code(),
        endpoint=wanted["services"]["atproto_pds"]["endpoint"],
        signingKey=wanted["verificationMethods"]["atproto"],
        handle=after.handle,
    )
    assert pointed.status == 200, pointed
    assert (await new.post("com.atproto.server.activateAccount", after.access)).status == 200
    await old.deactivate(before)
    await write(new, after)
    document = await new.pds.resolver.document(before.did)
    assert (document.pds, document.handle) == (new.pds.site.url, after.handle)
    archive = read_car((await new.get("com.atproto.sync.getRepo", did=before.did)).body)
    assert document.signing_key is not None
    assert parse_commit(archive.blocks[archive.roots[0]]).verify(document.signing_key)
    # The old server's key signs for it no more.
    vouched = old.pds.proxy.service_token(before.did, new.pds.did, CREATE)
    again = await new.ask("POST", f"/xrpc/{CREATE}", token=vouched, json={"did": before.did})
    assert again.status in (400, 401)


async def test_who_could_not_arrive_while_the_directory_was_away_can_as_soon_as_it_is_back(
    old: Box, new: Box
) -> None:
    alice = await old.sign_up()

    async def away(*_: Any) -> Any:
        raise IdentityUnreachable("nobody there")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlcClient, "document", away)
        with pytest.raises(AssertionError, match="502"):
            await arrive(old, new, alice)
    await arrive(old, new, alice)
