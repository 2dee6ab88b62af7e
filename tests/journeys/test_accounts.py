"""What happens to an account, from joining to leaving."""

import asyncio
from collections.abc import Awaitable

import aiohttp
import pytest

from tests.conftest import Join
from tests.support.appliance import Appliance
from tests.support.client import PASSWORD, Client, Member, Operator, Refused, join, sign_in, soon
from tests.support.stream import account_states, events_after, head


@pytest.fixture
def operator(network: Appliance, http: aiohttp.ClientSession) -> Operator:
    return Operator(http, network.pds, network.operator_token)


async def refusal(call: Awaitable[object]) -> tuple[int, str]:
    """Give status and error name of a call that must be refused."""
    with pytest.raises(Refused) as refused:
        await call
    return refused.value.status, refused.value.error


async def test_a_session_is_renewed_and_ended(ann: Member) -> None:
    renewing = Client(ann.http, ann.base, ann.refresh)
    fresh = await renewing.post("com.atproto.server.refreshSession")
    assert fresh["did"] == ann.did
    later = Member(ann.http, ann.base, fresh)
    assert (await later.get("com.atproto.server.getSession"))["handle"] == ann.handle
    ending = Client(ann.http, ann.base, later.refresh)
    await ending.post("com.atproto.server.deleteSession")
    assert await refusal(ending.post("com.atproto.server.refreshSession")) == (400, "ExpiredToken")


async def test_wrong_passwords_and_unknown_names_are_told_alike(ann: Member) -> None:
    told = set()
    for identifier in (ann.handle, "nobody.test", "not a handle", "nobody@mail.test"):
        with pytest.raises(Refused) as refused:
            await sign_in(ann.http, ann.base, identifier, "wrong password")
        told.add(str(refused.value))
    assert len(told) == 1
    assert told.pop().startswith("401 AuthenticationRequired")


async def test_a_deactivated_account_is_unseen_and_comes_back(
    network: Appliance, ann: Member, bob: Member
) -> None:
    await bob.follow(ann)
    post = await ann.write_post("hello")
    await bob.sees(post)
    start = await head(ann.http, network.relay)
    await ann.post("com.atproto.server.deactivateAccount")
    await bob.misses(post)
    session = await ann.get("com.atproto.server.getSession")
    assert (session["active"], session["status"]) == (False, "deactivated")
    assert await refusal(ann.write_post("no")) == (401, "AccountDeactivated")
    stranger = Client(ann.http, network.pds)
    gone = await refusal(stranger.get("com.atproto.sync.getRepo", did=ann.did))
    assert gone == (400, "RepoDeactivated")
    status = await stranger.get("com.atproto.sync.getRepoStatus", did=ann.did)
    assert status == {"did": ann.did, "active": False, "status": "deactivated"}
    await ann.post("com.atproto.server.activateAccount")
    await bob.sees(post)
    again = await ann.write_post("back")
    await bob.sees(again)
    seen = await events_after(ann.http, network.relay, start)
    assert account_states(seen, ann.did) == [(False, "deactivated"), (True, None)]


def did_of(event: object) -> str:
    return str(getattr(event, "did", ""))


async def test_a_deleted_account_leaves_nothing_but_its_farewell(
    network: Appliance, operator: Operator, ann: Member, bob: Member
) -> None:
    await bob.follow(ann)
    post = await ann.write_post("goodbye")
    reply = await bob.reply(post, post, "stay!")
    await bob.sees(post)
    await operator.post("com.atproto.admin.deleteAccount", did=ann.did)
    await bob.misses(post)
    stranger = Client(ann.http, network.pds)
    gone = await refusal(stranger.get("com.atproto.sync.getRepo", did=ann.did))
    assert gone == (400, "RepoNotFound")
    assert (await refusal(bob.profile(ann)))[0] == 400
    assert (await refusal(sign_in(ann.http, ann.base, ann.handle)))[0] == 401
    thread = await bob.thread(reply.uri)
    assert thread["parent"]["$type"] == "app.bsky.feed.defs#notFoundPost"
    replay = await events_after(ann.http, network.pds, 0)
    told = [event for event in replay if did_of(event) == ann.did]
    assert [type(event).__name__ for event in told] == ["AccountEvent"]
    assert account_states(told, ann.did) == [(False, "deleted")]
    again = await join(ann.http, network.pds, handle=ann.handle)
    assert again.did != ann.did


async def test_an_app_password_opens_most_doors_and_can_be_taken_back(ann: Member) -> None:
    made = await ann.post("com.atproto.server.createAppPassword", name="phone")
    phone = await sign_in(ann.http, ann.base, ann.handle, made["password"])
    await ann.finds(await phone.write_post("from my phone"))
    nested = phone.post("com.atproto.server.createAppPassword", name="another")
    assert await refusal(nested) == (400, "InvalidToken")
    leaving = phone.post("com.atproto.server.deactivateAccount")
    assert await refusal(leaving) == (400, "InvalidToken")
    listed = await ann.get("com.atproto.server.listAppPasswords")
    assert [each["name"] for each in listed["passwords"]] == ["phone"]
    await ann.post("com.atproto.server.revokeAppPassword", name="phone")
    assert (await refusal(sign_in(ann.http, ann.base, ann.handle, made["password"])))[0] == 401
    renewing = Client(ann.http, ann.base, phone.refresh)
    ended = await refusal(renewing.post("com.atproto.server.refreshSession"))
    assert ended == (400, "ExpiredToken")


async def test_an_account_taken_down_is_hidden_and_can_be_shown_again(
    network: Appliance, operator: Operator, ann: Member, bob: Member
) -> None:
    await bob.follow(ann)
    post = await ann.write_post("rude")
    await bob.sees(post)
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": ann.did}
    update = "com.atproto.admin.updateSubjectStatus"
    await operator.post(update, subject=subject, takedown={"applied": True, "ref": "1"})
    await bob.misses(post)
    assert await refusal(ann.write_post("more")) == (401, "AccountTakedown")
    out = await refusal(sign_in(ann.http, ann.base, ann.handle))
    assert out == (401, "AccountTakedown")
    stranger = Client(ann.http, network.pds)
    hidden = await refusal(stranger.get("com.atproto.sync.getRepo", did=ann.did))
    assert hidden == (400, "RepoTakendown")
    await operator.post(update, subject=subject, takedown={"applied": False})
    await bob.sees(post)
    back = await sign_in(ann.http, ann.base, ann.handle)
    await back.finds(await back.write_post("sorry"))


async def test_a_record_taken_down_is_hidden_but_stays_in_the_repo(
    network: Appliance, operator: Operator, ann: Member
) -> None:
    post = await ann.write_post("rude")
    await operator.post(
        "com.atproto.admin.updateSubjectStatus",
        subject={"$type": "com.atproto.repo.strongRef", **post.json},
        takedown={"applied": True},
    )
    where = {"repo": ann.did, "collection": "app.bsky.feed.post"}
    read = ann.get("com.atproto.repo.getRecord", **where, rkey=post.rkey)
    assert await refusal(read) == (400, "RecordNotFound")
    listed = await ann.get("com.atproto.repo.listRecords", **where)
    assert listed["records"] == []
    archive = await Client(ann.http, network.pds).get("com.atproto.sync.getRepo", did=ann.did)
    assert b"rude" in archive


async def test_only_the_operator_has_the_operators_powers(network: Appliance, ann: Member) -> None:
    for client in (ann, Operator(ann.http, network.pds, "guess"), Client(ann.http, network.pds)):
        deleting = client.post("com.atproto.admin.deleteAccount", did=ann.did)
        assert (await refusal(deleting))[0] == 401
    assert (await ann.get("com.atproto.server.getSession"))["active"] is True


async def test_nobody_writes_for_somebody_else(ann: Member, bob: Member) -> None:
    record = {"subject": bob.did, "createdAt": "2026-01-01T00:00:00Z"}
    forged = ann.post(
        "com.atproto.repo.createRecord",
        repo=bob.did,
        collection="app.bsky.graph.follow",
        record=record,
    )
    assert (await refusal(forged))[0] in (401, 403)
    assert (await bob.get("app.bsky.graph.getFollows", actor=bob.did))["follows"] == []


async def test_a_spent_invite_code_lets_nobody_in_however_fast_they_come(
    http: aiohttp.ClientSession,
) -> None:
    appliance = Appliance("--invites")
    try:
        operator = Operator(http, appliance.pds, appliance.operator_token)
        stranger = Client(http, appliance.pds)
        described = await stranger.get("com.atproto.server.describeServer")
        assert described["inviteCodeRequired"] is True
        uninvited = await refusal(join(http, appliance.pds))
        assert uninvited == (400, "InvalidInviteCode")
        made = await operator.post("com.atproto.server.createInviteCode", useCount=2)
        tries = [join(http, appliance.pds, inviteCode=made["code"]) for _ in range(6)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(each, Member) for each in results) == 2
        errors = {each.error for each in results if isinstance(each, Refused)}
        assert errors == {"InvalidInviteCode"}
        repos = await stranger.get("com.atproto.sync.listRepos")
        assert len(repos["repos"]) == 2
    finally:
        appliance.finish()


async def test_a_new_password_ends_every_session(operator: Operator, ann: Member) -> None:
    await operator.post(
        "com.atproto.admin.updateAccountPassword", did=ann.did, password="another one entirely"
    )
    renewing = Client(ann.http, ann.base, ann.refresh)
    assert (await refusal(renewing.post("com.atproto.server.refreshSession")))[0] == 400
    assert (await refusal(sign_in(ann.http, ann.base, ann.handle, PASSWORD)))[0] == 401
    assert (await sign_in(ann.http, ann.base, ann.handle, "another one entirely")).did == ann.did


async def test_preferences_are_kept_and_are_nobody_elses(ann: Member, bob: Member) -> None:
    adult = {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": False}
    # Where the network has opened its own account, its labels are heard from the start.
    before = await bob.get("app.bsky.actor.getPreferences")
    await ann.post("app.bsky.actor.putPreferences", preferences=[adult])
    assert await ann.get("app.bsky.actor.getPreferences") == {"preferences": [adult]}
    assert await bob.get("app.bsky.actor.getPreferences") == before


async def test_two_cannot_have_one_handle_even_at_the_same_moment(
    newcomer: Join, ann: Member
) -> None:
    wanted = f"same{ann.did[-10:]}.test"
    tries = [newcomer(handle=wanted, email=f"{wanted}{n}@mail.test") for n in range(4)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, Member) for each in results) == 1
    assert {each.status for each in results if isinstance(each, Refused)} == {400}


async def test_a_record_that_is_taken_down_is_hidden_everywhere_until_it_is_shown_again(
    network: Appliance, ann: Member, bob: Member
) -> None:
    operator = Operator(ann.http, network.pds, network.operator_token)
    await bob.follow(ann)
    post = await ann.write_post("too loud")
    await bob.sees(post)
    subject = {"$type": "com.atproto.repo.strongRef", "uri": post.uri, "cid": post.cid}
    for applied, look in ((True, bob.misses), (False, bob.sees)):
        await operator.post(
            "com.atproto.admin.updateSubjectStatus",
            subject=subject,
            takedown={"applied": applied, "ref": "a-case"},
        )
        await look(post)


async def test_who_is_a_name_is_followed_and_read_like_anybody(
    operator: Operator, bob: Member
) -> None:
    handle = f"named{bob.did[-8:]}.test"
    given = {"handle": handle, "email": f"{handle}@mail.test", "password": PASSWORD}
    made = await operator.post("internal.hearth.pds.openWebAccount", **given)
    assert made["did"] == f"did:web:{handle}"
    named = await sign_in(bob.http, bob.base, handle)
    await bob.follow(named)
    post = await named.write_post("a name is enough")
    await bob.sees(post)
    seen = await soon(lambda: bob.profile(named), lambda seen: seen["handle"] == handle)
    assert seen["did"] == made["did"]
