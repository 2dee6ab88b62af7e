"""Preferences over HTTP."""

from functools import partial
from typing import Any

import pytest

from appliance.pds.appview_choices import AppViewChoice
from tests.support.pds_box import APPVIEW_DID, Answer, Box, Member

ADULT = {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": True}
BORN = {
    "$type": "app.bsky.actor.defs#personalDetailsPref",
    "birthDate": "2010-10-01T00:00:00.000Z",
}


async def put(box: Box, token: str, *items: Any) -> Answer:
    return await box.post("app.bsky.actor.putPreferences", token, preferences=list(items))


async def kept(box: Box, token: str) -> list[Any]:
    answer = await box.get("app.bsky.actor.getPreferences", token)
    found: list[Any] = answer.json["preferences"]
    return found


async def test_preferences_come_back_as_they_were_put(box: Box, alice: Member) -> None:
    assert await kept(box, alice.access) == []
    assert (await put(box, alice.access, ADULT)).body == b""
    assert await kept(box, alice.access) == [ADULT]
    await put(box, alice.access)
    assert await kept(box, alice.access) == []


async def test_another_service_is_asked_for_the_preferences_it_keeps(
    box: Box, alice: Member
) -> None:
    await put(box, alice.access, ADULT)
    ask = partial(box.ask, "GET", "/xrpc/app.bsky.actor.getPreferences", token=alice.access)
    for ours in ("did:web:localhost#atproto_pds", f"{APPVIEW_DID}#bsky_appview", ""):
        assert (await ask(headers={"atproto-proxy": ours})).json == {"preferences": [ADULT]}
    elsewhere = await ask(headers={"atproto-proxy": "did:example:abc#x"})
    assert (elsewhere.status, elsewhere.error) == (400, "InvalidRequest")


async def test_preferences_are_kept_here_also_for_a_member_of_blueskys_appview(
    box: Box, alice: Member
) -> None:
    await put(box, alice.access, ADULT)
    await box.pds.appview_choices.choose(alice.did, AppViewChoice("any"))
    for name in ("did:web:api.bsky.app#bsky_appview", "did:web:api.bsky.app#bsky_notif"):
        call = "/xrpc/app.bsky.actor.getPreferences"
        answer = await box.ask("GET", call, token=alice.access, headers={"atproto-proxy": name})
        assert answer.json == {"preferences": [ADULT]}


async def test_the_declared_age_follows_from_the_birth_date(box: Box, alice: Member) -> None:
    await put(box, alice.access, BORN)
    _, age = await kept(box, alice.access)
    assert age == {
        "$type": "app.bsky.actor.defs#declaredAgePref",
        "isOverAge13": True,
        "isOverAge16": False,
        "isOverAge18": False,
    }
    await put(box, alice.access, BORN, {**age, "isOverAge18": True})
    assert await kept(box, alice.access) == [BORN, age]


async def test_an_app_password_neither_sees_nor_changes_the_birth_date(
    box: Box, alice: Member
) -> None:
    await put(box, alice.access, BORN)
    token = await box.app_password(alice)
    assert await kept(box, token) == []
    assert (await put(box, token, ADULT)).status == 200
    assert (await put(box, token, BORN)).error == "InvalidRequest"
    assert [one["$type"] for one in await kept(box, alice.access)][:2] == [
        ADULT["$type"],
        BORN["$type"],
    ]


@pytest.mark.parametrize(
    "item", [{"enabled": True}, {"$type": "com.example.pref"}, "text", {"$type": 7}]
)
async def test_what_is_no_preference_is_refused(box: Box, alice: Member, item: Any) -> None:
    answer = await put(box, alice.access, item)
    assert (answer.status, answer.error) == (400, "InvalidRequest")


async def test_preferences_go_with_the_account(box: Box, alice: Member) -> None:
    await put(box, alice.access, ADULT)
    await box.pds.lifecycle.delete(alice.did)
    assert box.pds.preferences.get(alice.did, personal=True) == []
