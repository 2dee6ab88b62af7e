"""The operator's takedowns: one place, obeyed by every view, kept when the index is dropped."""

import base64
from pathlib import Path
from typing import Any

import pytest

from appliance.atproto.cid import Cid
from tests.support.appview_house import AppViewHouse, open_house
from tests.support.index_lab import IndexLab

UPDATE = "internal.hearth.appview.updateSubjectStatus"
STATUS = "internal.hearth.appview.getSubjectStatus"
POSTS = "app.bsky.feed.getPosts"
REPO = "com.atproto.admin.defs#repoRef"
BLOB_REF = "com.atproto.admin.defs#repoBlobRef"
PICTURE = Cid.for_blob(b"a picture")


def as_operator(house: AppViewHouse) -> dict[str, str]:
    return {"Authorization": house.role.access.header}


async def decide(house: AppViewHouse, subject: dict[str, Any], applied: bool = True) -> Any:
    body = {"subject": subject, "takedown": {"applied": applied, "ref": "case 7"}}
    status, value, _ = await house.ask(None, UPDATE, body=body, headers=as_operator(house))
    assert status == 200, value
    return value


def record(strong: dict[str, str]) -> dict[str, str]:
    return {"$type": "com.atproto.repo.strongRef", **strong}


def scene(lab: IndexLab) -> dict[str, Any]:
    ann, bob = lab.account("ann"), lab.account("bob")
    blob = {"$type": "blob", "ref": {"$link": str(PICTURE)}, "mimeType": "image/png", "size": 9}
    lab.profile(ann, "Ann", description="me", avatar=blob)
    lab.follow(bob, ann)
    image = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": blob}]}
    post = lab.post(ann, "pictured", embed=image)
    lab.like(bob, post)
    quote = lab.quote(bob, post)
    return {"ann": ann, "bob": bob, "post": post, "quote": quote, "list": lab.make_list(ann)}


async def test_a_taken_down_record_is_in_no_view(house: AppViewHouse) -> None:
    made = await house.write(scene)
    uri = made["post"]["uri"]
    answer = await decide(house, record(made["post"]))
    assert answer["takedown"] == {"applied": True, "ref": "case 7"}
    assert await house.get(None, POSTS, uris=[uri]) == {"posts": []}
    feed = await house.get(made["bob"], "app.bsky.feed.getTimeline")
    assert [item["post"]["uri"] for item in feed["feed"]] == [made["quote"]["uri"]]
    inner = feed["feed"][0]["post"]["embed"]["record"]
    assert inner["$type"] == "app.bsky.embed.record#viewNotFound"
    assert (await house.get(None, "app.bsky.feed.searchPosts", q="pictured"))["posts"] == []
    where = {"repo": made["ann"], "collection": "app.bsky.feed.post", "rkey": uri[-13:]}
    refused = await house.refused(None, "com.atproto.repo.getRecord", **where)
    assert refused == (400, "RecordNotFound")
    await decide(house, record(made["list"]))
    lists = await house.get(None, "app.bsky.graph.getLists", actor=made["ann"])
    assert lists == {"lists": []}
    await decide(house, record(made["post"]), applied=False)
    assert len((await house.get(None, POSTS, uris=[uri]))["posts"]) == 1


async def test_a_taken_down_account_is_in_no_view(house: AppViewHouse) -> None:
    made = await house.write(scene)
    await decide(house, {"$type": REPO, "did": made["bob"]})
    refused = await house.refused(None, "app.bsky.actor.getProfile", actor="bob.test")
    assert refused == (400, "AccountTakedown")
    likes = await house.get(None, "app.bsky.feed.getLikes", uri=made["post"]["uri"])
    assert likes["likes"] == []
    followers = await house.get(None, "app.bsky.graph.getFollowers", actor=made["ann"])
    assert followers["followers"] == []
    told = await house.get(made["ann"], "app.bsky.notification.listNotifications")
    assert told["notifications"] == []


async def test_a_taken_down_profile_record_leaves_the_account(house: AppViewHouse) -> None:
    made = await house.write(scene)
    uri = f"at://{made['ann']}/app.bsky.actor.profile/self"
    await decide(house, record({"uri": uri, "cid": made["post"]["cid"]}))
    view = await house.get(None, "app.bsky.actor.getProfile", actor=made["ann"])
    assert view["handle"] == "ann.test"
    assert not {"displayName", "description", "avatar"} & view.keys()


async def test_a_taken_down_blob_is_shown_in_no_record(house: AppViewHouse) -> None:
    made = await house.write(scene)
    did, gate = made["ann"], house.role.gate
    assert gate.may_show(did, PICTURE)
    await decide(house, {"$type": BLOB_REF, "did": did, "cid": str(PICTURE)})
    assert not gate.may_show(did, PICTURE)
    async with house.client.get(f"/img/avatar/plain/{did}/{PICTURE}@jpeg") as response:
        assert response.status == 404


async def test_a_blob_is_not_shown_when_all_its_records_are_taken_down(
    house: AppViewHouse,
) -> None:
    made = await house.write(scene)
    did, gate = made["ann"], house.role.gate
    await decide(house, record(made["post"]))
    assert gate.may_show(did, PICTURE)
    await decide(house, record({**made["post"], "uri": f"at://{did}/app.bsky.actor.profile/self"}))
    assert not gate.may_show(did, PICTURE)


def drop_index(folder: Path) -> None:
    for file in folder.rglob("appview.sqlite*"):
        file.unlink()


async def test_takedowns_outlive_the_index(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        made = await house.write(scene)
        await decide(house, record(made["post"]))
    drop_index(tmp_path)
    async with open_house(tmp_path) as house:
        made = await house.write(scene)
        assert await house.get(None, POSTS, uris=[made["post"]["uri"]]) == {"posts": []}


async def test_the_operator_can_ask_what_is_taken_down(house: AppViewHouse) -> None:
    made = await house.write(scene)
    headers = as_operator(house)
    for params, subject in (
        ({"did": made["ann"]}, {"$type": REPO, "did": made["ann"]}),
        ({"uri": made["post"]["uri"]}, record(made["post"])),
        (
            {"did": made["ann"], "blob": str(PICTURE)},
            {"$type": BLOB_REF, "did": made["ann"], "cid": str(PICTURE)},
        ),
    ):
        _, before, _ = await house.ask(None, STATUS, params, headers=headers)
        assert before == {"subject": subject, "takedown": {"applied": False}}
        await decide(house, subject)
        _, after, _ = await house.ask(None, STATUS, params, headers=headers)
        assert after["takedown"] == {"applied": True, "ref": "case 7"}
    for bad in ({}, {"uri": f"{made['post']['uri']}x"}):
        assert (await house.ask(None, STATUS, bad, headers=headers))[0] == 400


@pytest.mark.parametrize(
    "header", ["", "Basic x", f"Basic {base64.b64encode(b'admin:x').decode()}"]
)
async def test_nobody_but_the_operator_takes_down(house: AppViewHouse, header: str) -> None:
    made = await house.write(scene)
    body = {"subject": record(made["post"]), "takedown": {"applied": True}}
    headers = {"Authorization": header} if header else {}
    status, _, _ = await house.ask(None, UPDATE, body=body, headers=headers)
    assert status == 401
    strange = {"subject": {"$type": "com.example.what"}, "takedown": {"applied": True}}
    status, value, _ = await house.ask(None, UPDATE, body=strange, headers=as_operator(house))
    assert (status, value["error"]) == (400, "InvalidRequest")
