"""Records of kinds we do not know, measured by what their authors publish."""

import asyncio
from itertools import count

import pytest

from appliance.atproto.lexicon.errors import InvalidRecord
from appliance.atproto.syntax import Nsid
from appliance.atproto.tid import Tid
from appliance.pds import lexicons
from appliance.pds.writes import PreparedWrite, UnknownRecordType, WritePreparer
from tests.support.lexicon_press import Press, record
from tests.support.pds_stores import ALICE

RECIPE = Nsid("com.example.food.recipe")
STEP = Nsid("com.example.food.step")
TITLE = {"type": "string", "maxLength": 10}


@pytest.fixture
def press() -> Press:
    return Press()


async def write(press: Press, record: object, validate: bool | None = None) -> PreparedWrite:
    numbers = count(1)
    prepare = WritePreparer(press.lexicons, lambda: Tid.from_us(next(numbers)))
    await press.lexicons.learn([RECIPE])
    return prepare.create(ALICE, RECIPE, None, record, validate)


async def test_a_published_lexicon_decides(press: Press) -> None:
    press.publish(RECIPE, record(title=TITLE))
    assert (await write(press, {"title": "soup"})).status == "valid"
    assert (await write(press, {"title": "soup"}, validate=True)).status == "valid"
    with pytest.raises(InvalidRecord):
        await write(press, {"title": "a title that is too long"})
    assert (await write(press, {"title": 1}, validate=False)).status is None


async def test_a_lexicon_that_nobody_publishes_is_unknown(press: Press) -> None:
    assert (await write(press, {"title": 1})).status == "unknown"
    with pytest.raises(UnknownRecordType):
        await write(press, {"title": 1}, validate=True)
    assert len(press.asked) == 1


async def test_lexicons_it_refers_to_are_learnt_with_it(press: Press) -> None:
    steps = {"type": "array", "items": {"type": "ref", "ref": f"{STEP}#step"}}
    press.publish(RECIPE, record(steps=steps))
    press.publish(
        STEP,
        {"step": {"type": "object", "required": ["do"], "properties": {"do": {"type": "string"}}}},
    )
    assert (await write(press, {"steps": [{"do": "stir"}]})).status == "valid"
    with pytest.raises(InvalidRecord):
        await write(press, {"steps": [{}]})


@pytest.mark.parametrize("ref", [f"{STEP}#step", "#nothing", "com.atproto.repo.strongRef#nothing"])
async def test_a_lexicon_with_a_reference_to_nowhere_is_unknown(press: Press, ref: str) -> None:
    press.publish(RECIPE, record(step={"type": "ref", "ref": ref}))
    assert (await write(press, {"step": 1})).status == "unknown"


async def test_a_lexicon_that_needs_very_many_others_is_unknown(press: Press) -> None:
    for number in range(lexicons.MAX_DOCUMENTS + 2):
        nsid = RECIPE if number == 0 else f"com.example.food.part{number}"
        after = {"type": "ref", "ref": f"com.example.food.part{number + 1}"}
        press.publish(nsid, record(next=after))
    assert (await write(press, {"next": 1})).status == "unknown"


async def test_blobs_are_held_to_the_published_rules(press: Press) -> None:
    press.publish(RECIPE, record(photo={"type": "blob", "accept": ["image/*"]}))
    cid = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
    photo = {"$type": "blob", "ref": {"$link": cid}, "mimeType": "text/html", "size": 1}
    with pytest.raises(InvalidRecord, match="image"):
        await write(press, {"photo": photo})


async def test_nobody_waits_long_for_a_lexicon(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexicons, "PATIENCE_SECONDS", 0.01)
    press.publish(RECIPE, record(title=TITLE))
    press.http.pause.clear()
    async with asyncio.timeout(60):
        assert (await write(press, {"title": 1})).status == "unknown"
    press.http.pause.set()
    assert (await write(press, {"title": 1})).status == "unknown"
    press.clock.advance(601)
    with pytest.raises(InvalidRecord):
        await write(press, {"title": 1})


async def test_names_that_are_in_no_dns_are_not_asked_about(press: Press) -> None:
    await press.lexicons.learn([Nsid("test.hearth.note"), Nsid("home.smith.note")])
    assert press.asked == []


async def test_a_newer_lexicon_takes_the_place_of_the_older(press: Press) -> None:
    press.publish(RECIPE, record(title=TITLE))
    await write(press, {"title": "soup"})
    press.publish(RECIPE, record(name=TITLE), revision=2)
    press.clock.advance(24 * 3600 + 1)
    with pytest.raises(InvalidRecord):
        await write(press, {"title": "soup"})
