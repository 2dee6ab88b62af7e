"""Who is looked after: what is fixed comes back whatever an app puts, until it is handed over."""

from typing import Any

import pytest

from appliance.atproto.syntax import Did
from appliance.pds.guardians import InvalidGuardian
from appliance.pds.pins import ADULT, LABELERS, MUTED, PERSONAL, Pins, UnfitPins, years_between
from tests.support.pds_box import Box, Member

LABELER = Did("did:plc:ar7c4by46qjdydhdevvrndac")
BORN = "2015-03-28T00:00:00.000Z"
PINS = Pins.of("2015-03-28", [LABELER], ["poker", "two  words"], adult=False)


async def put(box: Box, token: str, *items: Any) -> None:
    answer = await box.post("app.bsky.actor.putPreferences", token, preferences=list(items))
    assert answer.status == 200, answer


async def kept(box: Box, token: str) -> dict[str, Any]:
    answer = await box.get("app.bsky.actor.getPreferences", token)
    found = [one["$type"] for one in answer.json["preferences"]]
    assert len(found) == len(set(found)), "an app reads the first of a kind"
    return {one["$type"]: one for one in answer.json["preferences"]}


async def test_what_is_fixed_comes_back_whatever_is_put(box: Box, alice: Member) -> None:
    await box.pds.guardians.look_after(alice.did, None, PINS)
    await put(
        box,
        alice.access,
        {"$type": PERSONAL, "birthDate": "1980-01-01T00:00:00.000Z"},
        {"$type": ADULT, "enabled": True},
        {"$type": LABELERS, "labelers": [{"did": "did:plc:ewvi7nxzyoun6zhxrhs64oiz"}]},
        {"$type": MUTED, "items": [{"id": "1", "value": "cats", "targets": ["tag"]}]},
        {"$type": "app.bsky.actor.defs#threadViewPref", "sort": "newest"},
    )
    found = await kept(box, alice.access)
    assert found[PERSONAL]["birthDate"] == BORN
    assert found[ADULT]["enabled"] is False
    assert [one["did"] for one in found[LABELERS]["labelers"]] == [
        LABELER,
        "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
    ]
    words = found[MUTED]["items"]
    assert [one["value"] for one in words] == ["poker", "two words", "cats"]
    assert found["app.bsky.actor.defs#threadViewPref"]["sort"] == "newest"
    assert found["app.bsky.actor.defs#declaredAgePref"]["isOverAge18"] is False
    # An app that takes fixed words away, or lets them run out, finds them again.
    ended = [{**one, "value": "x", "expiresAt": BORN} for one in words]
    await put(box, alice.access, {"$type": MUTED, "items": ended})
    again = (await kept(box, alice.access))[MUTED]["items"]
    assert again[:2] == words[:2]
    assert [one["value"] for one in again[2:]] == ["x"]


async def test_an_app_password_neither_sees_nor_moves_the_birth_date(
    box: Box, alice: Member
) -> None:
    await box.pds.guardians.look_after(alice.did, None, PINS)
    token = await box.app_password(alice)
    await put(box, token, {"$type": ADULT, "enabled": True})
    found = await kept(box, token)
    assert PERSONAL not in found
    assert found[ADULT]["enabled"] is False
    assert (await kept(box, alice.access))[PERSONAL]["birthDate"] == BORN


async def test_no_other_service_is_asked_for_who_is_looked_after(box: Box, alice: Member) -> None:
    await box.pds.guardians.look_after(alice.did, None, PINS)
    answer = await box.ask(
        "GET",
        "/xrpc/app.bsky.actor.getPreferences",
        token=alice.access,
        headers={"atproto-proxy": "did:web:elsewhere.test#bsky_appview"},
    )
    assert {"$type": ADULT, "enabled": False} in answer.json["preferences"]


async def test_handing_over_leaves_all_as_it_was_and_free_to_change(
    box: Box, alice: Member
) -> None:
    await put(box, alice.access, {"$type": ADULT, "enabled": True})
    await box.pds.guardians.look_after(alice.did, None, PINS)
    before = await kept(box, alice.access)
    assert before[ADULT]["enabled"] is False
    await box.pds.guardians.hand_over(alice.did)
    assert box.pds.guardians.ward(alice.did) is None
    assert await kept(box, alice.access) == before
    await put(box, alice.access, {"$type": ADULT, "enabled": True})
    assert list(await kept(box, alice.access)) == [ADULT]


async def test_guardians_are_other_members_who_are_not_looked_after(
    box: Box, alice: Member
) -> None:
    bob, eve = await box.sign_up("bob"), await box.sign_up("eve")
    guardians = box.pds.guardians
    for nobody in (bob.did, LABELER):
        with pytest.raises(InvalidGuardian):
            await guardians.look_after(bob.did, nobody, PINS)
    await guardians.look_after(bob.did, alice.did, PINS)
    for did, guardian in ((eve.did, bob.did), (alice.did, eve.did)):
        with pytest.raises(InvalidGuardian):
            await guardians.look_after(did, guardian, PINS)
    assert [ward.did for ward in guardians.wards_of(alice.did)] == [bob.did]
    # Whose guardian is gone falls to the owner.
    await box.pds.lifecycle.delete(alice.did)
    [ward] = await guardians.all()
    assert (ward.did, ward.guardian, ward.pins) == (bob.did, None, PINS)
    await box.pds.lifecycle.delete(bob.did)
    assert await guardians.all() == []


def test_what_cannot_be_fixed_is_refused() -> None:
    for birth_date, labelers, words in (
        ("28.3.2015", [], []),
        ("2015-02-30", [], []),
        ("", ["nobody"], []),
        ("", [], ["w" * 101]),
        ("", [], [str(number) for number in range(501)]),
    ):
        with pytest.raises(UnfitPins):
            Pins.of(birth_date, labelers, words, adult=True)


def test_one_is_grown_up_on_the_day_itself() -> None:
    pins = Pins.of("2008-02-29", [], [], adult=False)
    assert not pins.is_grown_up("2026-02-28")
    assert pins.is_grown_up("2026-03-01")
    assert not Pins().is_grown_up("2026-03-01")
    assert years_between("2008-11-21", "2026-11-21") == 18
