"""The log of the operator's acts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.pds.operator_acts import without_secrets
from tests.support.pds_box import Box, open_box


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path) as opened:
        yield opened


def test_secrets_are_left_out_and_long_texts_cut() -> None:
    given = {
        "did": "did:plc:a",
        "password": "p",
        "recoveryKey": "k",
        "inner": {"token": "t", "kept": True},
        "long": "x" * 500,
        "many": list(range(100)),
    }
    kept = without_secrets(given)
    assert kept["did"] == "did:plc:a"
    assert kept["inner"] == {"kept": True}
    assert {"password", "recoveryKey"}.isdisjoint(kept)
    assert len(kept["long"]) == 201
    assert len(kept["many"]) == 20


async def test_whoever_has_the_token_is_written_down_with_what_was_done(box: Box) -> None:
    member = await box.sign_up()
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": member.did}
    done = await box.operate(
        "POST",
        "com.atproto.admin.updateSubjectStatus",
        subject=subject,
        takedown={"applied": True, "ref": "Threats."},
    )
    assert done.status == 200
    refused = await box.operate("POST", "com.atproto.admin.deleteAccount", did="did:plc:none")
    assert refused.status == 400
    [act] = await box.pds.operator_acts.page(None, 10)
    assert (act.actor, act.method) == ("token", "com.atproto.admin.updateSubjectStatus")
    assert act.about["subject"]["did"] == member.did
    assert act.about["takedown"]["ref"] == "Threats."


async def test_acts_elsewhere_can_be_noted_and_all_are_listed_by_pages(box: Box) -> None:
    for number in range(3):
        await box.operate(
            "POST", "internal.hearth.pds.noteAct", method="relay.ban", about={"name": str(number)}
        )
    first = (await box.operate("GET", "internal.hearth.pds.listActs", limit=2)).json
    rest = await box.operate("GET", "internal.hearth.pds.listActs", cursor=first["cursor"])
    assert [one["about"]["name"] for one in [*first["acts"], *rest.json["acts"]]] == ["2", "1", "0"]


async def test_members_are_not_in_the_log_and_do_not_read_it(box: Box) -> None:
    member = await box.sign_up()
    assert await box.pds.operator_acts.page(None, 10) == []
    assert (await box.get("internal.hearth.pds.listActs", member.access)).status == 401
    noted = await box.post("internal.hearth.pds.noteAct", member.access, method="x")
    assert noted.status == 401
