"""The settings, each as it is declared."""

import pytest

from appliance.settings import declarations, load
from tests.support.panel_house import House

SIZE = "relay.replay_bytes"


def filled(group: str) -> dict[str, str]:
    """The form of a group as a browser would send it unchanged, from the stored settings."""
    found: dict[str, str] = {}
    for each in declarations():
        if each.name.startswith(f"{group}."):
            value = each.defaults["home"]
            if value is True:
                found[each.name] = "yes"
            elif isinstance(value, tuple):
                found[each.name] = "\n".join(value)
            elif value is not False:
                found[each.name] = str(value)
    return found


async def test_every_setting_stands_here_with_its_help_or_is_asked_by_the_wizard(
    house: House,
) -> None:
    owner = await house.claim()
    closed = await owner.get("/settings")
    groups = dict.fromkeys(each.name.partition(".")[0] for each in declarations())
    shown = [group for group in groups if f"/settings?open={group}#{group}" in closed.text]
    assert set(groups) - set(shown) == {"door", "dev"}
    assert 'name="pds.' not in closed.text
    opened = {group: (await owner.get(f"/settings?open={group}")).text for group in shown}
    here = [each for each in declarations() if f'name="{each.name}"' in "".join(opened.values())]
    assert len(here) > 60
    for each in here:
        assert f'name="{each.name}"' in opened[each.name.partition(".")[0]]
    assert "pds.hostname" not in opened["pds"]
    assert "smtp.url" not in opened["smtp"]
    assert "Whether an invite code opens an account." in opened["pds"]


async def test_a_group_is_saved_whole(house: House) -> None:
    owner = await house.claim()
    await owner.get("/settings")
    fields = filled("relay")
    fields.update(
        {"relay.replay_hours": "24", "relay.crawl": "https://a.example\nhttps://b.example"}
    )
    fields.pop("relay.friends", None)
    saved = await owner.post("/settings/relay", **fields)
    assert saved.location == "/settings?open=relay&done=relay#relay"
    stored = load(house.settings.paths.data, {})
    assert stored.relay.replay_hours == 24
    assert stored.relay.crawl == ("https://a.example", "https://b.example")
    assert not stored.relay.friends
    seen = await owner.get("/settings?open=relay&done=relay")
    assert "Saved." in seen.words
    assert "https://a.example\nhttps://b.example" in seen.text
    assert "Settings changed" in (await owner.get("/log")).words


async def test_sizes_are_shown_and_typed_in_units_and_kept_in_bytes(house: House) -> None:
    owner = await house.claim()
    seen = await owner.get("/settings?open=relay")
    assert 'name="relay.replay_bytes" type="text" value="1 GiB"' in seen.text
    for typed, kept in (("2,5 gb", 2_500_000_000), ("300000000", 300_000_000)):
        saved = await owner.post("/settings/relay", **filled("relay") | {SIZE: typed})
        assert saved.status == 303
        assert load(house.settings.paths.data, {}).relay.replay_bytes == kept
    assert 'value="300 MB"' in (await owner.get("/settings?open=relay")).text
    wrong = await owner.post("/settings/relay", **filled("relay") | {SIZE: "much"})
    assert [error.startswith("Type a size such as 300 MB") for error in wrong.errors] == [True]
    assert 'value="much"' in wrong.text


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("relay.replay_hours", "x", "Type a number."),
        ("relay.replay_hours", "0", "must be between 1 and"),
        ("relay.port", "70000", "must be between 0 and 65535"),
        ("relay.crawl", "not a url", "must be a list, of which each is"),
        ("relay.hostname", "https://x", "must be a host name"),
    ],
)
async def test_a_value_that_cannot_be_is_explained_where_it_stands(
    name: str, text: str, error: str, house: House
) -> None:
    owner = await house.claim()
    await owner.get("/settings")
    seen = await owner.post("/settings/relay", **{**filled("relay"), name: text})
    assert seen.status == 422
    assert [one.startswith(error) for one in seen.errors] == [True]
    assert text in seen.text
    assert not house.settings.paths.settings_file.exists()


async def test_groups_that_are_not_here_cannot_be_saved(house: House) -> None:
    owner = await house.claim()
    await owner.get("/settings")
    for group in ("door", "dev", "nothing"):
        assert (await owner.post(f"/settings/{group}")).status == 404
