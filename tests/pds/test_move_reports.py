"""What is told of moves is kept for a while, and needs somebody where it waits."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.pds.move_reports import KEPT_US, SILENT_US
from tests.support.pds_box import Box, open_box

DID = "did:plc:" + "m" * 24
DAY_S = 86_400


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path) as box:
        yield box


async def tell(box: Box, state: str, did: str = DID, **more: Any) -> None:
    told = {"did": did, "what": "move-in", "step": "blobs", "done": 1, "of": 2, "state": state}
    answer = await box.operate("POST", "internal.hearth.pds.reportMove", **told, **more)
    assert answer.status == 200, answer


async def states(box: Box) -> list[tuple[str, str]]:
    answer = await box.operate("GET", "internal.hearth.pds.listMoves")
    return [(move["did"], move["state"]) for move in answer.json["moves"]]


async def findings(box: Box) -> list[str]:
    answer = await box.operate("GET", "internal.hearth.upkeep.getStatus")
    return [one["seen"] for one in answer.json["findings"]]


async def test_of_each_account_the_last_word_counts(box: Box) -> None:
    other = "did:plc:" + "n" * 24
    await tell(box, "running")
    box.clock.advance(1)
    await tell(box, "running", other)
    assert await states(box) == [(other, "running"), (DID, "running")]
    box.clock.advance(1)
    await tell(box, "done")
    assert await states(box) == [(DID, "done"), (other, "running")]
    box.clock.advance(SILENT_US / 1_000_000)
    assert await states(box) == [(DID, "done"), (other, "failed")]


async def test_old_words_are_forgotten(box: Box) -> None:
    await tell(box, "done")
    box.clock.advance(KEPT_US / 1_000_000 + 1)
    other = "did:plc:" + "n" * 24
    await tell(box, "done", other)
    assert await states(box) == [(other, "done")]


async def test_a_move_that_waits_is_something_to_look_at_for_a_day(box: Box) -> None:
    await tell(box, "running")
    assert await findings(box) == []
    await tell(box, "waiting", words="no code was given.")
    assert await findings(box) == ["The move-in waits at the step blobs. no code was given."]
    box.clock.advance(DAY_S + 1)
    assert await findings(box) == []
    await tell(box, "done")
    assert await findings(box) == []


async def test_with_an_account_what_was_told_of_it_goes(box: Box) -> None:
    member = await box.sign_up()
    await tell(box, "done", member.did)
    await box.operate("POST", "com.atproto.admin.deleteAccount", did=member.did)
    assert await states(box) == []


async def test_only_the_operator_opens_sessions_and_receives_accounts(box: Box) -> None:
    member = await box.sign_up()
    opened = await box.operate("POST", "internal.hearth.pds.openSession", did=member.did)
    assert (opened.json["handle"], opened.json["active"]) == (member.handle, True)
    session = await box.get("com.atproto.server.getSession", opened.json["accessJwt"])
    assert session.json["did"] == member.did
    wish = {"did": DID, "handle": "zoe.test", "email": "zoe@example.com", "password": "long one"}
    for nsid, given in (
        ("internal.hearth.pds.openSession", {"did": member.did}),
        ("internal.hearth.pds.receiveAccount", wish),
    ):
        for token in (None, member.access):
            assert (await box.post(nsid, token, **given)).status in (400, 401)
    assert (await box.operate("POST", "internal.hearth.pds.receiveAccount", **wish)).status == 200
    received = await box.get("com.atproto.sync.getRepoStatus", did=DID)
    assert (received.json["active"], received.json["status"]) == (False, "deactivated")
    again = await box.operate("POST", "internal.hearth.pds.receiveAccount", **wish)
    assert again.status == 400
    missing = await box.operate("POST", "internal.hearth.pds.openSession", did="did:plc:nobody22")
    assert missing.error == "AccountNotFound"
