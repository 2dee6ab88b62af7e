"""Under its public name a house tells the key by which neighbours know it."""

from tests.support.pds_box import Box

METHOD = "internal.hearth.pds.getHouseKey"


async def test_the_key_is_told_to_anybody_while_there_can_be_neighbours(box: Box) -> None:
    assert (await box.get(METHOD)).error == "NotOffered"
    path = box.pds.settings.paths.house_key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("ab" * 32)
    assert (await box.get(METHOD)).json == {"key": "ab" * 32}
