"""The settings that the panel shows and changes."""

from pathlib import Path

import pytest

from appliance.admin.settings_desk import SettingsDesk
from appliance.settings import InvalidSettings, defaults, load


def desk_in(folder: Path) -> SettingsDesk:
    return SettingsDesk(defaults("dev", folder).with_values({"pds.port": 2583}))


async def test_what_the_command_line_said_is_not_written_down(tmp_path: Path) -> None:
    desk = desk_in(tmp_path)
    await desk.rename("The Smiths")
    stored = load(tmp_path, {})
    assert (desk.name, stored.network.name) == ("The Smiths", "The Smiths")
    assert stored.pds.port == 0
    assert desk_in(tmp_path).stored == stored


async def test_what_nobody_has_set_follows_the_mode(tmp_path: Path) -> None:
    desk = desk_in(tmp_path)
    await desk.change({"network.mode": "home", "pds.hostname": "hearth.home"})
    assert load(tmp_path, {}).pds.invites_required
    assert load(tmp_path, {}).directory.enabled
    await desk.change({"network.mode": "public"})
    public = load(tmp_path, {})
    # Identities that were made inside are still asked for there.
    assert (public.directory.enabled, public.pds.hostname) == (True, "hearth.home")
    assert public.pds.plc_url.startswith("https://")
    await desk.change({"network.mode": "dev", "pds.hostname": "localhost"})
    assert load(tmp_path, {}) == defaults("dev", tmp_path)


async def test_a_trial_shows_what_its_own_mode_has(tmp_path: Path) -> None:
    desk = desk_in(tmp_path)
    assert not desk.shown.pds.invites_required
    await desk.change({"pds.member_invites": 7, "network.name": "Foxes"})
    assert desk.stored.pds.invites_required
    assert (desk.shown.pds.invites_required, desk.shown.pds.member_invites) == (False, 7)
    home = SettingsDesk(defaults("home", tmp_path))
    assert home.shown == home.stored


async def test_a_bad_value_leaves_everything_as_it_was(tmp_path: Path) -> None:
    desk = desk_in(tmp_path)
    with pytest.raises(InvalidSettings):
        await desk.change({"network.name": "Good", "pds.hostname": "https://x"})
    with pytest.raises(InvalidSettings):
        await desk.change({"network.mode": "other"})
    assert not (tmp_path / "hearth.toml").exists()
    assert desk.stored.network.name == "Hearth"
