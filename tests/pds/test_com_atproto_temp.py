"""What a sign-up form asks."""

import pytest

from tests.support.pds_box import Box

AVAILABILITY = "com.atproto.temp.checkHandleAvailability"


async def test_nobody_waits_in_a_queue(box: Box) -> None:
    answer = await box.get("com.atproto.temp.checkSignupQueue")
    assert answer.json == {"activated": True}


async def test_a_free_handle_is_available(box: Box) -> None:
    result = (await box.get(AVAILABILITY, handle="alice.test")).json["result"]
    assert result == {"$type": f"{AVAILABILITY}#resultAvailable"}


@pytest.mark.parametrize("name", ["alice", "admin", "maximilian-the-1st"])
async def test_for_a_taken_handle_free_ones_are_named(box: Box, name: str) -> None:
    if name != "admin":
        await box.sign_up(name)
    result = (await box.get(AVAILABILITY, handle=f"{name}.test")).json["result"]
    assert result["$type"] == f"{AVAILABILITY}#resultUnavailable"
    handles = [one["handle"] for one in result["suggestions"]]
    assert len(handles) == 3
    for handle in handles:
        again = (await box.get(AVAILABILITY, handle=handle)).json["result"]
        assert again == {"$type": f"{AVAILABILITY}#resultAvailable"}


async def test_what_can_never_be_had_is_an_error(box: Box) -> None:
    assert (await box.get(AVAILABILITY, handle="a.test")).error == "InvalidHandle"
    bad = await box.get(AVAILABILITY, handle="alice.test", email="nonsense")
    assert (bad.status, bad.error) == (400, "InvalidEmail")
