"""Invite codes over HTTP."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.pds_box import PASSWORD, Answer, Box, open_box

CREATE = "com.atproto.server.createInviteCode"


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path, pds_invites_required=True) as opened:
        yield opened


async def code_of(box: Box, uses: int = 1, **more: Any) -> str:
    answer = await box.operate("POST", CREATE, useCount=uses, **more)
    return str(answer.json["code"])


async def come_in(box: Box, name: str, **more: Any) -> Answer:
    given = {"handle": f"{name}.test", "email": f"{name}@example.com", "password": PASSWORD}
    return await box.post("com.atproto.server.createAccount", **{**given, **more})


async def test_a_code_has_the_name_of_the_server_in_it(box: Box) -> None:
    assert re.fullmatch(r"localhost-[a-z2-7]{5}-[a-z2-7]{5}", await code_of(box))


async def test_only_the_operator_makes_codes(box: Box) -> None:
    alice = await box.sign_up(inviteCode=await code_of(box))
    assert (await box.post(CREATE, useCount=1)).status == 401
    assert (await box.post(CREATE, alice.access, useCount=1)).status == 401


async def test_without_a_good_code_nobody_comes_in(box: Box) -> None:
    spent = await code_of(box)
    await box.sign_up(inviteCode=spent)
    disabled = await code_of(box)
    await box.operate("POST", "com.atproto.admin.disableInviteCodes", codes=[disabled])
    for given in ({}, {"inviteCode": "x"}, {"inviteCode": spent}, {"inviteCode": disabled}):
        answer = await come_in(box, "bob", **given)
        assert (answer.status, answer.error) == (400, "InvalidInviteCode")


async def test_who_is_not_invited_does_not_learn_who_is_here(box: Box) -> None:
    alice = await box.sign_up(inviteCode=await code_of(box))
    for known in ({"email": alice.email}, {"handle": alice.handle}):
        refused = await come_in(box, "bob", inviteCode="no-such-code", **known)
        assert (refused.status, refused.error) == (400, "InvalidInviteCode")
    told = await come_in(box, "bob", inviteCode=await code_of(box), email=alice.email)
    assert told.json["message"] == f"Email already taken: {alice.email}"


async def test_a_code_survives_a_sign_up_that_fails(box: Box) -> None:
    code = await code_of(box)
    assert (await come_in(box, "admin", inviteCode=code)).status == 400
    assert (await come_in(box, "bob", inviteCode=code)).status == 200


async def test_many_at_once_get_as_many_accounts_as_the_code_has_uses(box: Box) -> None:
    code = await code_of(box, uses=2)
    answers = await asyncio.gather(*(come_in(box, f"guest{n}", inviteCode=code) for n in range(12)))
    assert sorted(answer.status for answer in answers) == [200] * 2 + [400] * 10
    assert await box.pds.accounts.count() == 2


async def test_a_member_sees_the_codes_they_were_given(box: Box) -> None:
    alice = await box.sign_up(inviteCode=await code_of(box))
    spent, open_ = [await code_of(box, forAccount=alice.did) for _ in range(2)]
    bob = (await come_in(box, "bob", inviteCode=spent)).json["did"]
    nsid = "com.atproto.server.getAccountInviteCodes"
    codes = {one["code"]: one for one in (await box.get(nsid, alice.access)).json["codes"]}
    assert set(codes) == {spent, open_}
    assert codes[spent]["uses"][0]["usedBy"] == bob
    assert codes[open_]["available"] == 1
    unused = await box.get(nsid, alice.access, includeUsed="false")
    assert [one["code"] for one in unused.json["codes"]] == [open_]


async def test_codes_of_a_member_who_is_taken_down_let_nobody_in(box: Box) -> None:
    alice = await box.sign_up(inviteCode=await code_of(box))
    code = await code_of(box, forAccount=alice.did)
    await box.pds.lifecycle.set_takedown(alice.did, "spam")
    assert (await come_in(box, "bob", inviteCode=code)).error == "InvalidInviteCode"


async def test_many_codes_are_made_at_once(box: Box) -> None:
    alice = await box.sign_up(inviteCode=await code_of(box))
    answer = await box.operate(
        "POST",
        "com.atproto.server.createInviteCodes",
        codeCount=3,
        useCount=2,
        forAccounts=[alice.did],
    )
    [given] = answer.json["codes"]
    assert given["account"] == alice.did
    assert len(set(given["codes"])) == 3
    too_many = await box.operate(
        "POST", "com.atproto.server.createInviteCodes", codeCount=0, useCount=1
    )
    assert (too_many.status, too_many.error) == (400, "InvalidRequest")


async def test_the_operator_pages_through_all_codes(box: Box) -> None:
    made = [await code_of(box, uses=n + 1) for n in range(5)]
    await box.sign_up(inviteCode=made[2])
    nsid = "com.atproto.admin.getInviteCodes"
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await box.operate("GET", nsid, limit=2, **cursor)).json
        found += [one["code"] for one in page["codes"]]
        if "cursor" not in page:
            break
        cursor = {"cursor": page["cursor"]}
    assert sorted(found) == sorted(made)
    by_use = await box.operate("GET", nsid, sort="usage", limit=1)
    assert by_use.json["codes"][0]["code"] == made[2]
    bad = await box.operate("GET", nsid, cursor="nonsense")
    assert (bad.status, bad.error) == (400, "InvalidRequest")
    unsorted = await box.operate("GET", nsid, sort="colour")
    assert (unsorted.status, unsorted.error) == (400, "InvalidRequest")
