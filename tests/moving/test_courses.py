"""Accounts move between two networks, broken off before and after every step."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from appliance.atproto.car import read_car
from appliance.atproto.cid import Cid
from appliance.atproto.repo.commit import parse_commit
from appliance.atproto.repo.mst import Mst
from appliance.moving import command, courses
from appliance.moving.journal import Journal
from tests.support.appliance import Appliance
from tests.support.client import PASSWORD, Client, Member, Operator, join, sign_in, soon
from tests.support.moving import hearth, mailed_code

PNG = b"\x89PNG\r\n\x1a\n"
PICTURES = 9
ADULT = {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": True}
BORN = {"$type": "app.bsky.actor.defs#personalDetailsPref", "birthDate": "1990-02-03T00:00:00Z"}


class Killed(BaseException):
    """The command ends here, as if by a signal."""


@contextmanager
def killed(step: str, *, noted: bool) -> Iterator[None]:
    """End the command when a step is done: before or after that is written down."""
    finish = Journal.finish

    def end(journal: Journal, name: str, seen: dict[str, Any]) -> None:
        if name != step or noted:
            finish(journal, name, seen)
        if name == step:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "finish", end)
        yield


async def records(http: aiohttp.ClientSession, at: Appliance, did: str) -> tuple[Cid, Any]:
    """Give the root of a repo's tree, and its records."""
    car = read_car(await Client(http, at.pds).get("com.atproto.sync.getRepo", did=did))
    commit = parse_commit(car.blocks[car.roots[0]])
    return commit.data, dict(Mst.load(commit.data, car.blocks).items())


@pytest.fixture
async def ann(network: Appliance, http: aiohttp.ClientSession) -> Member:
    """A member who has everything that can be moved."""
    ann = await join(http, network.pds, "ann")
    for number in range(PICTURES):
        blob = await ann.upload(PNG + bytes([number]) * 50, "image/png")
        images = [{"image": blob, "alt": ""}]
        await ann.write_post("look", embed={"$type": "app.bsky.embed.images", "images": images})
    await ann.post("app.bsky.actor.putPreferences", preferences=[ADULT, BORN])
    draft = {"posts": [{"text": "not yet"}]}
    for _ in range(2):
        await ann.post("app.bsky.draft.createDraft", draft=draft)
    return ann


@pytest.fixture
async def follower(network: Appliance, http: aiohttp.ClientSession, ann: Member) -> Member:
    follower = await join(http, network.pds, "fan")
    await follower.follow(ann)
    return follower


async def arguments(network: Appliance, ann: Member, folder: Path) -> list[str]:
    password = folder / "password"
    password.write_text(PASSWORD)
    said = ["move-in", ann.handle, "--from", network.pds, "--folder", str(folder / "move")]
    return [*said, "--password-file", str(password)]


async def test_a_move_broken_off_at_every_step_is_one_move(
    network: Appliance,
    second: Appliance,
    http: aiohttp.ClientSession,
    tmp_path: Path,
    ann: Member,
) -> None:
    root, before = await records(http, network, ann.did)
    order = [*await arguments(network, ann, tmp_path), "--new-password", PASSWORD]
    code: list[str] = []
    for step in courses.MOVE:
        for noted in (False, True):
            if step == "identity" and not code:
                assert (await hearth(second, *order))[0] == command.NOT_FINISHED
                code = ["--code", await mailed_code(http, network, ann.did)]
            with killed(step, noted=noted), pytest.raises(Killed):
                await hearth(second, *order, *code)
    journal = (tmp_path / "move" / "move-in.journal.json").read_text()
    assert '"left": []' in journal
    assert '"passed": true' in journal
    assert '"secrets": {}' in journal
    status, said = await hearth(second, *order)
    assert (status, f"{ann.did} lives at" in said[0]) == (0, True)
    assert await records(http, second, ann.did) == (root, before)
    stranger = Client(http, second.pds)
    listed = await stranger.get("com.atproto.sync.listBlobs", did=ann.did)
    assert len(listed["cids"]) == PICTURES
    for cid in listed["cids"]:
        found = await stranger.raw(
            "GET", "/xrpc/com.atproto.sync.getBlob", params={"did": ann.did, "cid": cid}
        )
        assert Cid.for_blob(found.body) == Cid.parse(cid)
    moved = await sign_in(http, second.pds, ann.did, PASSWORD)
    assert len((await moved.get("app.bsky.draft.getDrafts"))["drafts"]) == 2
    there = await Client(http, network.pds).get("com.atproto.sync.getRepoStatus", did=ann.did)
    assert (there["active"], there["status"]) == (False, "deactivated")
    here = await stranger.get("com.atproto.sync.getRepoStatus", did=ann.did)
    assert here["active"] is True


async def test_a_member_finds_everything_at_the_new_server_and_writes_on(
    network: Appliance,
    second: Appliance,
    http: aiohttp.ClientSession,
    tmp_path: Path,
    ann: Member,
    follower: Member,
) -> None:
    order = await arguments(network, ann, tmp_path)
    assert (await hearth(second, *order))[0] == command.NOT_FINISHED
    # What is written while the code is on its way comes along.
    late = await ann.write_post("one more")
    code = await mailed_code(http, network, ann.did)
    status, said = await hearth(second, *order, "--code", code)
    assert status == 0
    password = said[0].removeprefix("password at the new server: ")
    moved = await sign_in(http, second.pds, ann.did, password)
    assert moved.handle == ann.handle.replace(".test", ".second.test")
    found = await moved.get(
        "com.atproto.repo.getRecord",
        repo=ann.did,
        collection="app.bsky.feed.post",
        rkey=late.rkey,
    )
    assert found["cid"] == late.cid
    kept = await moved.get("app.bsky.actor.getPreferences")
    assert [one for one in kept["preferences"] if one in (ADULT, BORN)] == [ADULT, BORN]
    drafts = await moved.get("app.bsky.draft.getDrafts")
    assert [one["draft"]["posts"][0]["text"] for one in drafts["drafts"]] == ["not yet"] * 2
    # Who follows her elsewhere goes on hearing of her, through the relay of their own network.
    operator = Operator(http, network.relay, network.operator_token)
    await operator.post("com.atproto.sync.requestCrawl", hostname=second.pds)
    post = await moved.write_post("from the new house")
    await follower.sees(post, 60)
    assert len(await follower.author_feed(ann)) == PICTURES + 2


async def test_an_account_is_taken_out_and_brought_in_where_its_key_is_known(
    network: Appliance, http: aiohttp.ClientSession, tmp_path: Path, ann: Member
) -> None:
    post = await ann.write_post("a thread nobody should hear of")
    await ann.post("app.bsky.graph.muteThread", root=post.uri)
    root, before = await records(http, network, ann.did)
    appview = Operator(http, network.appview, network.operator_token)

    async def private(kind: str) -> Any:
        state = await appview.get("internal.hearth.appview.getPrivateState", did=ann.did, kind=kind)
        return state["rows"]

    threads, drafts = await private("muted-threads"), await private("drafts")
    assert ([row["root"] for row in threads], len(drafts)) == ([post.uri], 2)
    file = tmp_path / "ann.zip"
    for step in courses.EXPORT:
        for noted in (False, True):
            with killed(step, noted=noted), pytest.raises(Killed):
                await hearth(network, "export", ann.handle, str(file))
    assert (await hearth(network, "export", ann.handle, str(file)))[0] == 0
    assert not file.with_name("ann.zip.parts").exists()
    # A file that is there is not overwritten, nor is an account that is active.
    assert (await hearth(network, "export", ann.handle, str(file)))[0] == 1
    assert (await hearth(network, "import", str(file)))[0] == 1
    await ann.post("app.bsky.graph.unmuteThread", root=post.uri)
    for draft in drafts:
        await ann.post("app.bsky.draft.deleteDraft", id=draft["id"])
    operator = Operator(http, network.pds, network.operator_token)
    await operator.post("com.atproto.admin.deleteAccount", did=ann.did)
    for step in courses.IMPORT:
        for noted in (False, True):
            with killed(step, noted=noted), pytest.raises(Killed):
                await hearth(network, "import", str(file), "--new-password", PASSWORD)
    assert await records(http, network, ann.did) == (root, before)
    again = await sign_in(http, network.pds, ann.handle, PASSWORD)
    status = await again.get("com.atproto.server.checkAccountStatus")
    assert (status["validDid"], status["activated"]) == (True, True)
    assert (status["expectedBlobs"], status["importedBlobs"]) == (PICTURES, PICTURES)
    assert (await private("muted-threads"), await private("drafts")) == (threads, drafts)


async def test_a_folder_that_was_filled_before_is_brought_up_to_date(
    network: Appliance, http: aiohttp.ClientSession, tmp_path: Path, ann: Member
) -> None:
    folder = tmp_path / "ann"
    assert (await hearth(network, "export", ann.handle, str(folder)))[0] == 0
    old = {path: path.stat().st_mtime_ns for path in (folder / "blobs").iterdir()}
    await ann.write_post("since then")
    assert (await hearth(network, "export", ann.handle, str(folder)))[0] == 0
    car = read_car((folder / "repo.car").read_bytes())
    commit = parse_commit(car.blocks[car.roots[0]])
    found = dict(Mst.load(commit.data, car.blocks).items())
    assert (commit.data, found) == await records(http, network, ann.did)
    assert {path: path.stat().st_mtime_ns for path in (folder / "blobs").iterdir()} == old


async def test_the_panel_can_tell_how_far_a_move_is(
    network: Appliance,
    second: Appliance,
    http: aiohttp.ClientSession,
    tmp_path: Path,
    ann: Member,
) -> None:
    operator = Operator(http, second.pds, second.operator_token)

    async def told() -> Any:
        moves = await operator.get("internal.hearth.pds.listMoves")
        return [move for move in moves["moves"] if move["did"] == ann.did]

    await hearth(second, *await arguments(network, ann, tmp_path))
    [move] = await soon(told, bool)
    assert (move["what"], move["step"], move["state"]) == ("move-in", "identity", "waiting")
    assert (move["peer"], "--code" in move["words"]) == (network.pds, False)
    assert "has mailed" in move["words"]
