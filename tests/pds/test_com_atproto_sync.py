"""com.atproto.sync.* over HTTP: repos, proofs and blobs for mirrors, relays and AppViews."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from appliance.atproto.car import Car, read_car
from appliance.atproto.cid import Cid
from appliance.atproto.repo.commit import parse_commit
from appliance.atproto.repo.mst import Mst
from appliance.atproto.repo.proof import verify_slice
from appliance.atproto.syntax import Did
from appliance.firehose import events
from appliance.firehose.events import CommitEvent
from tests.support.pds_box import Answer
from tests.support.pds_house import House, Member, open_house
from tests.support.pds_stores import NOTE, PNG, POST, post

ELSEWHERE = Did("did:plc:elsewhereelsewhereelsew")
ARCHIVES = ("sync.getRepo", "sync.getCheckout")
ANSWERS = ("sync.getHead", "sync.getLatestCommit", "sync.listBlobs")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def alice(house: House) -> Member:
    return await house.member("alice")


async def write(house: House, who: Member, rkey: str, record: Any) -> Any:
    body = {"repo": who.did, "collection": NOTE, "rkey": rkey, "record": record}
    answer = await house.post("repo.putRecord", who, body)
    assert answer.status == 200, answer.json
    return answer.json


async def delete(house: House, who: Member, rkey: str) -> None:
    body = {"repo": who.did, "collection": NOTE, "rkey": rkey}
    assert (await house.post("repo.deleteRecord", who, body)).status == 200


def archive(answer: Answer) -> Car:
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/vnd.ipld.car"
    return read_car(answer.body)


async def test_a_repo_is_exported_whole_and_signed(house: House, alice: Member) -> None:
    for number in range(20):
        await write(house, alice, f"k{number}", {"n": number})
    for name in ARCHIVES:
        car = archive(await house.get(name, did=alice.did))
        commit = parse_commit(car.blocks[car.roots[0]])
        assert next(iter(car.blocks)) == car.roots[0]
        assert commit.verify(house.pds.keys.get(alice.did).public)
        leaves = dict(Mst.load(commit.data, car.blocks).items())
        assert len(leaves) == 20
        assert all(cid in car.blocks for cid in leaves.values())


async def test_an_export_can_begin_after_a_rev(house: House, alice: Member) -> None:
    first = await write(house, alice, "a", {"n": 1})
    second = await write(house, alice, "b", {"n": 2})
    since = await house.get("sync.getRepo", did=alice.did, since=first["commit"]["rev"])
    car = archive(since)
    assert Cid.parse(second["cid"]) in car.blocks
    assert Cid.parse(first["cid"]) not in car.blocks
    now = await house.get("sync.getRepo", did=alice.did, since=second["commit"]["rev"])
    assert archive(now) == Car([Cid.parse(second["commit"]["cid"])], {})
    bad = await house.get("sync.getRepo", did=alice.did, since="yesterday")
    assert (bad.status, bad.error) == (400, "InvalidRequest")


async def test_the_newest_commit_is_told(house: House, alice: Member) -> None:
    made = await write(house, alice, "a", {})
    latest = await house.get("sync.getLatestCommit", did=alice.did)
    assert latest.json == made["commit"]
    head = await house.get("sync.getHead", did=alice.did)
    assert head.json == {"root": made["commit"]["cid"]}


async def test_a_record_comes_with_its_proof_and_so_does_its_absence(
    house: House, alice: Member
) -> None:
    made = await write(house, alice, "a", {"n": 1})
    for rkey, cid in (("a", Cid.parse(made["cid"])), ("b", None)):
        answer = await house.get("sync.getRecord", did=alice.did, collection=NOTE, rkey=rkey)
        car = archive(answer)
        commit = parse_commit(car.blocks[car.roots[0]])
        assert Mst.load(commit.data, car.blocks).get(f"{NOTE}/{rkey}") == cid
        assert cid is None or cid in car.blocks


async def test_a_hidden_record_stays_in_proofs_and_exports(house: House, alice: Member) -> None:
    made = await write(house, alice, "a", {"n": 1})
    await house.pds.takedowns.set_record(alice.did, f"{NOTE}/a", "case 1")
    proof = await house.get("sync.getRecord", did=alice.did, collection=NOTE, rkey="a")
    assert Cid.parse(made["cid"]) in archive(proof).blocks
    assert Cid.parse(made["cid"]) in archive(await house.get("sync.getRepo", did=alice.did)).blocks


async def test_blocks_are_given_without_a_root_and_all_or_none(house: House, alice: Member) -> None:
    made = await write(house, alice, "a", {"n": 1})
    wanted = [made["cid"], made["commit"]["cid"]]
    car = archive(await house.get("sync.getBlocks", did=alice.did, cids=wanted))
    assert car.roots == []
    assert {str(cid) for cid in car.blocks} == set(wanted)
    missing = [made["cid"], str(Cid.for_block(b"x"))]
    refused = await house.get("sync.getBlocks", did=alice.did, cids=missing)
    assert (refused.status, refused.error) == (400, "BlockNotFound")
    bad = await house.get("sync.getBlocks", did=alice.did, cids=["nonsense"])
    assert (bad.status, bad.error) == (400, "InvalidRequest")


async def test_a_blob_is_served_as_a_download_that_runs_nowhere(
    house: House, alice: Member
) -> None:
    page = b"<script>alert(1)</script>"
    blob = await house.upload(alice, page, "text/html")
    cid = blob["ref"]["$link"]
    temporary = await house.get("sync.getBlob", did=alice.did, cid=cid)
    assert (temporary.status, temporary.error) == (400, "BlobNotFound")
    await write(house, alice, "a", {"b": blob})
    served = await house.get("sync.getBlob", did=alice.did, cid=cid)
    assert served.body == page
    assert served.headers["Content-Type"] == "text/html"
    assert served.headers["Content-Length"] == str(len(page))
    assert served.headers["X-Content-Type-Options"] == "nosniff"
    assert served.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert served.headers["Content-Disposition"] == f'attachment; filename="{cid}"'
    assert served.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_blob_that_went_is_not_found(house: House, alice: Member) -> None:
    blob = await house.upload(alice, PNG, "image/png")
    cid = blob["ref"]["$link"]
    await write(house, alice, "a", {"b": blob})
    await house.pds.takedowns.set_blob(alice.did, Cid.parse(cid), "case 1")
    for who in (None, alice):
        assert (await house.get("sync.getBlob", who, did=alice.did, cid=cid)).status == 400
    await house.pds.takedowns.set_blob(alice.did, Cid.parse(cid), None)
    assert (await house.get("sync.getBlob", did=alice.did, cid=cid)).body == PNG
    await delete(house, alice, "a")
    gone = await house.get("sync.getBlob", did=alice.did, cid=cid)
    assert (gone.status, gone.error) == (400, "BlobNotFound")


async def test_blobs_are_listed_in_pages_and_since_a_rev(house: House, alice: Member) -> None:
    made = []
    for number in range(3):
        blob = await house.upload(alice, bytes([number]), "text/plain")
        made.append((blob["ref"]["$link"], await write(house, alice, f"k{number}", {"b": blob})))
    first = await house.get("sync.listBlobs", did=alice.did, limit=2)
    rest = await house.get("sync.listBlobs", did=alice.did, cursor=first.json["cursor"])
    assert {*first.json["cids"], *rest.json["cids"]} == {cid for cid, _ in made}
    assert (len(first.json["cids"]), len(rest.json["cids"])) == (2, 1)
    since = made[1][1]["commit"]["rev"]
    late = await house.get("sync.listBlobs", did=alice.did, since=since)
    assert late.json["cids"] == [made[2][0]]
    bad = await house.get("sync.listBlobs", did=alice.did, cursor="nonsense")
    assert (bad.status, bad.error) == (400, "InvalidRequest")


async def everything_about(house: House, did: Did, who: Member | None) -> list[Answer]:
    return [
        *[await house.get(name, who, did=did) for name in (*ARCHIVES, *ANSWERS)],
        await house.get("sync.getRecord", who, did=did, collection=NOTE, rkey="a"),
        await house.get("sync.getBlocks", who, did=did, cids=[str(Cid.for_block(b""))]),
        await house.get("sync.getBlob", who, did=did, cid=str(Cid.for_blob(b""))),
    ]


@pytest.mark.parametrize("status", ["unknown", "deactivated", "takendown"])
async def test_a_closed_repo_says_why_to_the_public(
    house: House, alice: Member, status: str
) -> None:
    did, name = alice.did, "RepoTakendown"
    if status == "unknown":
        did, name = ELSEWHERE, "RepoNotFound"
    elif status == "deactivated":
        await house.pds.lifecycle.deactivate(did, None)
        name = "RepoDeactivated"
    else:
        await house.pds.lifecycle.set_takedown(did, "case 1")
    for answer in await everything_about(house, did, None):
        assert (answer.status, answer.error) == (400, name)


async def test_owner_and_operator_still_read_a_closed_repo(house: House, alice: Member) -> None:
    bob = await house.member("bob")
    await write(house, alice, "a", {})
    await house.pds.lifecycle.deactivate(alice.did, None)
    assert (await house.get("sync.getRepo", alice, did=alice.did)).status == 200
    assert (await house.operate("sync.getRepo", did=alice.did)).status == 200
    assert (await house.get("sync.getRepo", bob, did=alice.did)).error == "RepoDeactivated"
    await house.pds.lifecycle.set_takedown(alice.did, "case 1")
    leaving = house.as_kind(alice, "takendown")
    assert (await house.get("sync.getRepo", leaving, did=alice.did)).status == 200
    assert (await house.get("sync.getLatestCommit", leaving, did=bob.did)).status == 200


async def test_repos_are_listed_in_order_of_creation_with_their_status(house: House) -> None:
    members = [await house.member(name) for name in ("alice", "bobby", "carla")]
    await house.pds.lifecycle.deactivate(members[1].did, None)
    first = await house.get("sync.listRepos", limit=2)
    rest = await house.get("sync.listRepos", limit=2, cursor=first.json["cursor"])
    listed = first.json["repos"] + rest.json["repos"]
    assert [repo["did"] for repo in listed] == [member.did for member in members]
    assert [repo["active"] for repo in listed] == [True, False, True]
    assert [repo.get("status") for repo in listed] == [None, "deactivated", None]
    head = house.pds.repos.head(members[0].did)
    assert (listed[0]["head"], listed[0]["rev"]) == (str(head.commit_cid), head.rev)
    assert "cursor" not in rest.json
    for cursor in ("x", "-1", "9" * 30, "\u0663"):
        assert (await house.get("sync.listRepos", cursor=cursor)).status == 400


async def test_the_status_of_a_repo_is_told_even_when_it_is_closed(
    house: House, alice: Member
) -> None:
    rev = house.pds.repos.head(alice.did).rev
    status = await house.get("sync.getRepoStatus", did=alice.did)
    assert status.json == {"did": alice.did, "active": True, "rev": rev}
    await house.pds.lifecycle.deactivate(alice.did, None)
    status = await house.get("sync.getRepoStatus", did=alice.did)
    assert status.json == {"did": alice.did, "active": False, "status": "deactivated"}
    await house.pds.lifecycle.set_takedown(alice.did, "case 1")
    status = await house.get("sync.getRepoStatus", did=alice.did)
    assert status.json["status"] == "takendown"
    unknown = await house.get("sync.getRepoStatus", did=ELSEWHERE)
    assert (unknown.status, unknown.error) == (400, "RepoNotFound")


async def test_repos_are_found_by_collection(house: House, alice: Member) -> None:
    bob = await house.member("bobby")
    await write(house, alice, "a", {})
    await write(house, bob, "a", {})
    body = {"repo": bob.did, "collection": POST, "record": post()}
    await house.post("repo.createRecord", bob, body)
    both = await house.get("sync.listReposByCollection", collection=NOTE)
    assert both.json == {"repos": [{"did": alice.did}, {"did": bob.did}]}
    first = await house.get("sync.listReposByCollection", collection=NOTE, limit=1)
    second = await house.get(
        "sync.listReposByCollection", collection=NOTE, limit=1, cursor=first.json["cursor"]
    )
    assert second.json["repos"] == [{"did": bob.did}]
    one = await house.get("sync.listReposByCollection", collection=POST)
    assert one.json == {"repos": [{"did": bob.did}]}


async def test_a_large_archive_is_compressed_for_who_asks(house: House, alice: Member) -> None:
    await write(house, alice, "a", {"text": "x" * 10_000})
    connector = aiohttp.UnixConnector(str(house.pds.settings.paths.socket("pds")))
    url = "http://localhost/xrpc/com.atproto.sync.getRepo"
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        headers = {"Accept-Encoding": "gzip"}
        async with session.get(url, params={"did": alice.did}, headers=headers) as response:
            assert response.headers["Content-Encoding"] == "gzip"
            packed = await response.read()
    assert len(packed) < 3000
    assert len(read_car(gzip.decompress(packed)).blocks) == 3


async def test_the_firehose_carries_verifiable_commits(house: House, alice: Member) -> None:
    connector = aiohttp.UnixConnector(str(house.pds.settings.paths.socket("pds")))
    url = "http://localhost/xrpc/com.atproto.sync.subscribeRepos"
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.ws_connect(url, params={"cursor": "0"}) as ws,
    ):
        for number in range(5):
            await write(house, alice, f"k{number}", {"n": number})
        await delete(house, alice, "k3")
        seen: list[Any] = []
        while sum(isinstance(event, CommitEvent) for event in seen) < 7:
            seen.append(events.parse(await ws.receive_bytes(timeout=60)))
    assert [event.kind for event in seen[:4]] == ["identity", "account", "commit", "sync"]
    commits = [event for event in seen if isinstance(event, CommitEvent)]
    key = house.pds.keys.get(alice.did).public
    for before, after in zip(commits, commits[1:], strict=False):
        blocks = read_car(after.blocks).blocks
        assert parse_commit(blocks[after.commit]).verify(key)
        assert after.since == before.rev
        verify_slice(blocks, after.commit, after.ops, after.prev_data)
    assert [op.action for op in commits[-1].ops] == ["delete"]
