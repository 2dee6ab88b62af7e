"""A member moves out, with an invite code, and comes back to where they lived before."""

import builtins
import getpass
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from appliance.moving.command import NOT_FINISHED
from tests.support.appliance import Appliance
from tests.support.client import PASSWORD, Client, Member, Operator, join, sign_in
from tests.support.moving import hearth, mailed_code


class Somebody:
    """Sits at the terminal and answers."""

    def __init__(self, *answers: str) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    def isatty(self) -> bool:
        return True

    def answer(self, question: str) -> str:
        self.asked.append(question)
        return self._answers.pop(0)


def sit_down(patch: pytest.MonkeyPatch, somebody: Somebody) -> None:
    patch.setattr(sys, "stdin", somebody)
    patch.setattr(builtins, "input", somebody.answer)
    patch.setattr(getpass, "getpass", somebody.answer)


async def texts(http: aiohttp.ClientSession, at: Appliance, did: str) -> list[str]:
    listed = await Client(http, at.pds).get(
        "com.atproto.repo.listRecords", repo=did, collection="app.bsky.feed.post"
    )
    return sorted(record["value"]["text"] for record in listed["records"])


async def standing(http: aiohttp.ClientSession, at: Appliance, did: str) -> Any:
    status = await Client(http, at.pds).get("com.atproto.sync.getRepoStatus", did=did)
    return status.get("status", "active")


async def move_out(
    network: Appliance, second: Appliance, http: aiohttp.ClientSession, folder: Path, ann: Member
) -> None:
    """Move to a server that asks for an invite code."""
    order = ["move-out", ann.handle, "--to", second.pds, "--folder", str(folder)]
    chosen = folder.with_name("new-password")
    chosen.write_text(f"{PASSWORD}\n")
    order += ["--new-password-file", str(chosen)]
    assert (await hearth(network, *order))[0] == NOT_FINISHED
    operator = Operator(http, second.pds, second.operator_token)
    made = await operator.post("com.atproto.server.createInviteCode", useCount=1)
    status, said = await hearth(network, *order, "--invite", made["code"])
    assert (status, f"lives at {second.pds}" in said[0]) == (0, True)


async def test_a_member_moves_out_writes_and_moves_back(
    network: Appliance,
    second: Appliance,
    http: aiohttp.ClientSession,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ann = await join(http, network.pds, "ann")
    await ann.write_post("one")
    await move_out(network, second, http, tmp_path / "out", ann)
    assert "asks for an invite code" in capsys.readouterr().err
    assert await standing(http, network, ann.did) == "deactivated"
    there = await sign_in(http, second.pds, ann.did)
    await there.write_post("two")

    # The account is still here, deactivated, with its password of before: it is filled again.
    order = ["move-out", ann.did, "--to", network.pds, "--folder", str(tmp_path / "back")]
    order += ["--new-password", PASSWORD]
    status, _ = await hearth(second, *order)
    assert (status, capsys.readouterr().err.count("identity")) == (0, 1)
    assert await texts(http, network, ann.did) == ["one", "two"]
    assert await standing(http, network, ann.did) == "active"
    assert await standing(http, second, ann.did) == "deactivated"
    back = await sign_in(http, network.pds, ann.did)
    await back.write_post("three")


async def test_a_member_comes_back_by_moving_in_and_is_asked_at_the_terminal(
    network: Appliance,
    second: Appliance,
    http: aiohttp.ClientSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ann = await join(http, network.pds, "ann")
    await ann.write_post("one")
    await move_out(network, second, http, tmp_path / "out", ann)
    there = await sign_in(http, second.pds, ann.did)
    await there.write_post("two")
    order = ["move-in", there.handle, "--from", second.pds, "--folder", str(tmp_path / "back")]
    somebody = Somebody(PASSWORD, "")
    sit_down(monkeypatch, somebody)
    assert (await hearth(network, *order))[0] == NOT_FINISHED
    assert "Password of" in somebody.asked[0]
    assert "has mailed" in somebody.asked[1]
    # An empty answer has another code mailed, and the session is still there.
    sit_down(monkeypatch, Somebody(""))
    assert (await hearth(network, *order))[0] == NOT_FINISHED
    code = await mailed_code(http, second, ann.did)
    status, said = await hearth(network, *order, "--code", code)
    assert (status, "password" in " ".join(said)) == (0, False)
    assert await texts(http, network, ann.did) == ["one", "two"]
    await sign_in(http, network.pds, ann.did)


async def test_who_moves_in_a_second_time_begins_anew_in_the_same_folder(
    network: Appliance, second: Appliance, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    ann = await join(http, network.pds, "ann")
    (tmp_path / "password").write_text(PASSWORD)

    async def move_in(at: Appliance, source: Appliance) -> None:
        order = ["move-in", ann.did, "--from", source.pds, "--new-password", PASSWORD]
        order += ["--folder", str(tmp_path / at.data.name)]
        order += ["--password-file", str(tmp_path / "password")]
        if (await hearth(at, *order))[0] == NOT_FINISHED:
            code = await mailed_code(http, source, ann.did)
            assert (await hearth(at, *order, "--code", code))[0] == 0
        member = await sign_in(http, at.pds, ann.did)
        await member.write_post(f"number {len(await texts(http, at, ann.did))}")

    await move_in(second, network)
    await move_in(network, second)
    await move_in(second, network)
    assert await texts(http, second, ann.did) == ["number 0", "number 1", "number 2"]
    assert await standing(http, network, ann.did) == "deactivated"
