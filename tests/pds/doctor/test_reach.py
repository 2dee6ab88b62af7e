"""What the doctor says besides faults of the way in: at home, from outside, for others."""

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance import publish
from appliance.base.lookups import Lookups
from appliance.pds.doctor import dns_checks
from appliance.pds.doctor.mirror import MOST, PATH, SECONDS, Mirror
from appliance.pds.doctor.reach import Reach
from appliance.settings import defaults
from tests.support.name_server import name_server
from tests.support.pds_box import Answer, Box, open_box
from tests.support.ports import free_port
from tests.support.way_in import open_way_in

LOOK_AT = "internal.hearth.pds.lookAt"


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    port = free_port()
    async with open_box(tmp_path, port=port, network_mode="home", network_own_account=False) as it:
        yield it


async def test_at_home_only_the_address_is_looked_at(box: Box) -> None:
    steps: list[str] = []
    assert await box.pds.doctor.reach.look(None, steps.append) == []
    assert steps == ["address"]


async def test_at_home_an_address_that_was_given_to_another_is_told(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with open_box(tmp_path, network_mode="home", pds_public_url=url) as box:
        (finding,) = await box.pds.doctor.reach.look(None, lambda _: None)
        assert finding.cause == "home-address"
        assert url in finding.subject


async def test_at_home_a_name_may_have_an_address_where_nobody_listens(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(*_: object, **__: object) -> list[dict[str, str]]:
        return [{"host": "::1"}, {"host": "127.0.0.1"}]

    monkeypatch.setattr(Lookups, "resolve", resolve)
    assert await box.pds.doctor.reach.look(None, lambda _: None) == []


async def test_a_trial_is_not_looked_at_from_outside(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        assert await box.pds.doctor.reach.look(None, lambda _: None) == []


async def test_a_router_that_does_not_lead_back_is_told_from_a_closed_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(*_: object) -> tuple[None, str]:
        return None, "it does not answer"

    async with open_way_in(tmp_path, monkeypatch) as way:
        monkeypatch.setattr(Reach, "_connect", nobody)
        (finding,) = await way.examine()
        assert (finding.cause, finding.level) == ("hairpin", "warn")


async def test_the_mirror_is_there_for_those_with_a_number_only(box: Box) -> None:
    mirror = box.pds.doctor.reach.mirror
    nonce = mirror.new()
    told = await box.ask("GET", PATH + nonce, headers={"X-Forwarded-For": "192.0.2.1"})
    assert told.json["host"] == "localhost"
    assert told.json["forwarded"] == "192.0.2.1"
    assert mirror.was_asked(nonce)
    assert (await box.ask("GET", PATH + "0" * 32)).status == 404
    assert (
        await box.ask("POST", PATH + mirror.new(), data=io.BytesIO(b"x" * 6_000_001))
    ).status == 413
    box.clock.advance(SECONDS + 1)
    assert (await box.ask("GET", PATH + nonce)).status == 404


def test_the_mirror_remembers_only_so_many_numbers() -> None:
    mirror = Mirror(lambda: 0.0)
    first, *others = (mirror.new() for _ in range(MOST + 1))
    assert not mirror.shows(first)
    assert all(mirror.shows(one) for one in others)


async def test_another_hearth_looks_at_our_door_where_its_operator_lets_it(
    tmp_path: Path, box: Box
) -> None:
    nonce = box.pds.doctor.reach.mirror.new()
    url = f"{box.pds.site.url}{PATH}{nonce}"
    assert (await box.get(LOOK_AT, url=url)).error == "NotOffered"
    async with open_box(tmp_path / "other", checkup_looks_for_others=True) as other:
        answer = await other.get(LOOK_AT, url=url)
        assert answer.json == {"words": "it answers 200"}
        assert box.pds.doctor.reach.mirror.was_asked(nonce)
        for wrong in (box.pds.site.url, f"{box.pds.site.url}/xrpc/{PATH}{nonce}", f"{url}0"):
            assert (await other.get(LOOK_AT, url=wrong)).error == "InvalidRequest"


async def order(box: Box, method: str) -> Answer:
    headers = {"Authorization": box.pds.access.header}
    return await box.ask("POST", f"/xrpc/internal.hearth.pds.{method}", headers=headers)


async def test_a_look_goes_on_while_others_ask_how_far_it_is(box: Box) -> None:
    before = await box.operate("GET", "internal.hearth.pds.getExamination")
    assert before.json == {"isRunning": False, "step": "", "findings": []}
    answer = await order(box, "beginExamination")
    assert answer.status == 200
    told = await order(box, "examine")
    after = await box.operate("GET", "internal.hearth.pds.getExamination")
    assert after.json["findings"] == told.json["findings"]
    assert after.json["endedAt"].startswith("2026-")


async def test_a_name_that_leads_home_is_told_unless_it_is_a_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_way_in(tmp_path, monkeypatch) as way:
        place = replace(way.box.pds.doctor.reach.place, at_home=False)
        seen = await dns_checks.look_up(place)
        (finding,) = dns_checks.findings(place, seen)
        assert finding.cause == "dns-near"
        assert "127.0.0.1" in finding.seen


async def test_before_a_network_is_published_it_is_said_where_its_names_lead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with name_server() as names:
        values = {
            "pds.hostname": "jones.family",
            "network.handle_domains": (".jones.family",),
            "checkup.resolvers": (names.address,),
            "dev.allow_loopback": True,
        }
        settings = defaults("public", tmp_path).with_values(values)
        (nowhere,), none = await publish._foreseen(settings)
        assert none == []
        assert nowhere.cause == "dns-name"
        names.records["jones.family", "A"] = "127.0.0.1"
        (alone,), _ = await publish._foreseen(settings)
        assert alone.cause == "dns-wildcard"
        names.records["*.jones.family", "A"] = "127.0.0.1"
        monkeypatch.setattr(publish, "own_address", lambda: "192.168.1.20")
        assert await publish._foreseen(settings) == ([], ["127.0.0.1"])
        monkeypatch.setattr(publish, "own_address", lambda: "203.0.114.9")
        own = settings.with_values({"https.mode": "acme"})
        (elsewhere,), _ = await publish._foreseen(own)
        assert (elsewhere.level, "203.0.114.9" in elsewhere.expected) == ("bad", True)
        behind = settings.with_values({"https.mode": "off", "door.host": "0.0.0.0"})  # noqa: S104
        assert (await publish._foreseen(behind))[0] == []
        names.fails = True
        (silent,), _ = await publish._foreseen(settings)
        assert "no name server answers" in silent.seen
