"""How the network is reached: names that are made up, settings that are read back, checks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from appliance.admin import reach
from appliance.admin.clients import RoleReport, Roles
from appliance.admin.reach_check import ReachCheck, addresses_of
from appliance.base.machine import in_url, own_address
from appliance.base.strings import Strings
from appliance.settings import Settings, defaults

OWN = own_address()
REPORT: dict[str, Any] = {"workers": (), "counts": {}}


@pytest.mark.parametrize(
    ("network", "suffix"),
    [
        ("The Smiths", "smiths.home"),
        ("Harbour Street 4", "harbour-street-4.home"),
        ("Our Family", "our-family.home"),
        ("Ünïcode", "n-code.home"),
        ("家", "hearth.home"),
        ("x" * 80, "x" * 30 + ".home"),
    ],
)
def test_an_ending_is_made_of_the_name(network: str, suffix: str) -> None:
    assert reach.suffix_for(network) == suffix


@pytest.mark.parametrize("kind", ["home", "direct", "forward", "proxy"])
def test_settings_tell_the_answer_they_came_from(kind: str, tmp_path: Path) -> None:
    given = reach.read(kind, "smith.family", "http://192.168.1.20:2580")
    settings = defaults("home", tmp_path).with_values(given.settings())
    assert reach.now(settings).kind == kind
    assert reach.now(settings).name == "smith.family"


def test_who_was_paired_at_home_stays_so_under_a_public_name(tmp_path: Path) -> None:
    home = reach.read("home", "smith.home", "http://192.168.1.20:2580")
    public = reach.read("proxy", "smith.family", "")
    at_first = defaults("home", tmp_path)
    at_home = at_first.with_values(home.settings())
    kept = public.settings_after(at_home)
    assert (kept["neighbours.announce"], kept["neighbours.port"]) == (True, 2590)
    # Nobody was, where there was no network yet, or one that did not announce itself.
    assert "neighbours.announce" not in public.settings_after(at_first)
    assert "neighbours.announce" not in home.settings_after(at_home)
    quiet = at_home.with_values({"neighbours.announce": False})
    assert public.settings_after(quiet)["neighbours.announce"] is False


def test_a_web_server_on_this_computer_is_left_the_ports_that_it_wants(tmp_path: Path) -> None:
    before = defaults("home", tmp_path).with_values({"door.port": 80})
    for kind, port in (("forward", 2580), ("proxy", None), ("direct", None)):
        chosen = reach.read(kind, "social.smith.family", "")
        assert chosen.settings_after(before).get("door.port") == port
    other = before.with_values({"door.port": 8080})
    assert "door.port" not in reach.read("forward", "a.smith.family", "").settings_after(other)


def test_the_address_for_apps_is_the_one_the_browser_found() -> None:
    settings = Settings()
    assert reach.address_here(settings, "192.168.7.7:2587") == "http://192.168.7.7:2580"
    assert reach.address_here(settings, "hearth.local:2587") == "http://hearth.local:2580"
    for own in ("localhost:2587", "127.0.0.1:2587", "[::1]:2587", ""):
        assert reach.address_here(settings, own) == f"http://{in_url(OWN)}:2580"


class Answering(Roles):
    """Roles of which some answer."""

    def __init__(self, *silent: str) -> None:
        self._silent = silent

    async def reports(self) -> list[RoleReport]:
        names = ("pds", "relay", "appview")
        return [RoleReport(one, None if one in self._silent else REPORT) for one in names]


def check(
    values: Mapping[str, object],
    known: Mapping[str, Sequence[str]],
    silent: Sequence[str] = (),
) -> ReachCheck:
    settings = Settings().with_values(values)

    async def lookup(name: str) -> Sequence[str]:
        return known.get(name) or known.get("*." + name.partition(".")[2]) or ()

    roles = Answering(*silent)
    return ReachCheck(settings, roles, Strings.load(), lookup)


def home(address: str, **known: Sequence[str]) -> ReachCheck:
    values = {"pds.hostname": "smith.home", "pds.public_url": address}
    return check(values, {name.replace("_", "."): found for name, found in known.items()})


async def test_at_home_the_address_has_to_be_this_computers() -> None:
    for url, known, level, words in (
        (f"http://{in_url(OWN)}:2580", {}, "good", "leads to this computer"),
        ("http://hearth.lan:2580", {"hearth_lan": [OWN]}, "good", "leads to this computer"),
        ("http://localhost:2580", {}, "warn", "means the phone itself"),
        ("http://hearth.lan:2580", {"hearth_lan": ["10.9.9.9"]}, "warn", "means 10.9.9.9"),
        ("http://hearth.lan:2580", {}, "warn", "means –"),
        (f"http://{in_url(OWN)}:99", {}, "warn", "listens on port 2580"),
    ):
        found = await home(url, **known).look()
        assert [one.level for one in found] == ["good", level], url
        assert words in found[1].seen
        assert bool(found[1].remedy) is (level != "good")


async def test_a_silent_part_is_named() -> None:
    found = await check({}, {}, silent=["relay"]).look()
    assert "Posts are sent on" in found[0].seen


async def test_the_resolver_of_this_machine_is_asked() -> None:
    assert "127.0.0.1" in await addresses_of("localhost")
    assert await addresses_of("no-such-name.invalid") == ()
