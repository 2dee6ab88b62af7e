"""A member puts an older archive of their own repo in its place: a later rev is told of."""

from pathlib import Path

from appliance.firehose.events import CommitEvent, SyncEvent
from tests.support.pds_house import House, Member, open_house
from tests.support.pds_stores import POST, post


async def archive(house: House, alice: Member) -> bytes:
    answer = await house.get("sync.getRepo", did=alice.did)
    assert answer.status == 200
    return answer.body


async def put_in_place(house: House, alice: Member, older: bytes) -> None:
    assert (await house.post("server.deactivateAccount", alice, {})).status == 200
    kind = {"Content-Type": "application/vnd.ipld.car"}
    assert (await house.send("repo.importRepo", alice, older, kind)).status == 200
    assert (await house.send("server.activateAccount", alice, None, {})).status == 200


async def test_a_repo_that_was_set_back_goes_on_under_a_later_rev(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        alice = await house.member()
        await house.create(alice, POST, post("kept"))
        older = await archive(house, alice)
        await house.create(alice, POST, post("gone"))
        told = house.pds.repos.head(alice.did).rev
        await put_in_place(house, alice, older)
        [*_, last] = [each for each in house._box.announced() if isinstance(each, SyncEvent)]
        assert last.rev == house.pds.repos.head(alice.did).rev > told
        texts = (await house.get("repo.listRecords", repo=alice.did, collection=POST)).json
        assert [each["value"]["text"] for each in texts["records"]] == ["kept"]
        await house.create(alice, POST, post("goes on"))
        written = house._box.announced()[-1]
        assert isinstance(written, CommitEvent)
        assert written.since == last.rev


async def test_a_repo_that_was_not_set_back_is_not_signed_anew(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        alice = await house.member()
        await house.create(alice, POST, post("kept"))
        head = house.pds.repos.head(alice.did).commit_cid
        await put_in_place(house, alice, await archive(house, alice))
        assert house.pds.repos.head(alice.did).commit_cid == head
