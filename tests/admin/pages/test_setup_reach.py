"""The wizard's question of how the network is reached, and what it then saw."""

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.pds.doctor.doctor import Examination
from appliance.settings import load
from appliance.upkeep.checkup import Finding
from appliance.upkeep.https_journal import HttpsJournal
from tests.support.panel_house import House, open_house
from tests.support.waiting import until


async def test_reach_begins_with_what_is_true_now(house: House) -> None:
    owner = await house.claim()
    seen = await owner.get("/setup/reach")
    assert "Now only this computer reaches this network." in seen.words
    assert 'value="dev" checked' in seen.text
    assert house.settings.pds.url in seen.words
    assert "are told the new address" not in seen.words
    await house.box.sign_up("ann")
    # What `pds/readdressing` does is said to who has people here already.
    assert "are told the new address by themselves" in (await owner.get("/setup/reach")).words


async def test_a_network_at_home_gets_an_ending_and_an_address(house: House) -> None:
    owner = await house.claim()
    await owner.post("/setup/name", name="The Smith Family")
    seen = await owner.get("/setup/reach")
    assert 'value="smith.home"' in seen.text
    seen = await owner.post(
        "/setup/reach", kind="home", suffix="Smith.Home", address="http://192.168.1.20:2580/"
    )
    assert seen.location == "/setup/reach/seen"
    stored = load(house.settings.paths.data, {})
    assert (stored.network.mode, stored.pds.hostname) == ("home", "smith.home")
    assert stored.network.handle_domains == (".smith.home",)
    assert (stored.pds.url, stored.door.host) == ("http://192.168.1.20:2580", "0.0.0.0")  # noqa: S104
    seen = await owner.get("/setup/reach")
    assert 'value="home" checked' in seen.text
    assert 'value="http://192.168.1.20:2580"' in seen.text


@pytest.mark.parametrize(
    ("kind", "door", "proxies", "https"),
    [
        ("direct", "127.0.0.1", 0, "acme"),
        ("forward", "127.0.0.1", 1, "off"),
        ("proxy", "0.0.0.0", 1, "off"),  # noqa: S104
    ],
)
async def test_a_domain_comes_with_what_the_web_server_needs(
    kind: str, door: str, proxies: int, https: str, house: House
) -> None:
    owner = await house.claim()
    await owner.post("/setup/reach", kind=kind, hostname="social.smith.family")
    stored = load(house.settings.paths.data, {})
    assert (stored.network.mode, stored.pds.hostname) == ("public", "social.smith.family")
    assert stored.pds.url == "https://social.smith.family"
    assert (stored.network.trusted_proxies, stored.door.host) == (proxies, door)
    assert stored.https.mode == https
    assert f'value="{kind}" checked' in (await owner.get("/setup/reach")).text
    await owner.post("/setup/reach", kind="dev")
    back = load(house.settings.paths.data, {})
    assert (back.pds.hostname, back.https.mode) == ("localhost", "off")


@pytest.mark.parametrize(
    ("kind", "fields", "error"),
    [
        ("forward", {"hostname": ""}, "For this choice the network needs a domain."),
        ("proxy", {"hostname": "https://x.family"}, "This is not a domain."),
        ("proxy", {"hostname": "x.family:80"}, "This is not a domain."),
        ("proxy", {"hostname": "192.168.1.5"}, "This is not a domain."),
        ("forward", {"hostname": "hearth.local"}, "This ending cannot be used"),
        ("home", {"suffix": "smith.local"}, "The protocol or your home network keeps"),
        ("home", {"suffix": "smith.internal"}, "The protocol or your home network keeps"),
        ("home", {"suffix": "smith.test"}, "The protocol or your home network keeps"),
        ("home", {"suffix": "smith"}, "An ending has letters"),
        ("home", {"suffix": ""}, "People need an ending"),
        ("home", {"suffix": "smith.home", "address": "192.168.1.5"}, "An address begins with"),
        ("home", {"suffix": "smith.home", "address": "http://a b"}, "An address begins with"),
        ("", {}, "Choose one of these."),
        ("other", {}, "Choose one of these."),
    ],
)
async def test_a_choice_that_cannot_be_is_explained(
    kind: str, fields: dict[str, str], error: str, house: House
) -> None:
    owner = await house.claim()
    seen = await owner.post("/setup/reach", kind=kind, **fields)
    assert seen.status == 422
    assert [one.startswith(error) for one in seen.errors] == [True]
    for typed in fields.values():
        assert f'value="{typed}"' in seen.text
    assert not house.settings.paths.settings_file.exists()


async def test_what_was_seen_is_said_with_what_to_do(house: House) -> None:
    owner = await house.claim()
    seen = await owner.get("/setup/reach/seen")
    # Relay and AppView do not run in this house.
    assert "Every part answers." in seen.words
    assert (
        "No answer from: Posts are sent on, Labels on what is shown, Timelines and search"
        in seen.words
    )


async def test_before_the_network_has_a_name_only_the_wizard_answers(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        asked: list[str] = []
        early = house.unnamed(lambda: asked.append("restart"))
        async with early as wizard:
            owner = await wizard.claim()
            for path in ("/", "/people", "/invites", "/hosts", "/setup/people", "/setup/done"):
                assert (await owner.get(path)).location == "/setup/name"
            name = await owner.get("/setup/name")
            assert 'href="/people"' not in name.text
            assert (await owner.post("/setup/name", name="The Smiths")).location == "/setup/reach"
            assert asked == []
            reach = await owner.get("/setup/reach")
            assert 'value="smiths.home"' in reach.text
            assert 'value="dev"' not in reach.text
            saved = await owner.post(
                "/setup/reach",
                kind="home",
                suffix="smiths.home",
                address="http://192.168.1.20:2580",
            )
            assert saved.location == "/setup/reach/seen"
            assert saved.headers["Connection"] == "close"
            assert asked == ["restart"]
            # What is about to end shows nothing that could be taken for what begins.
            waiting = await owner.get("/setup/reach/seen")
            assert (waiting.status, waiting.headers["Refresh"]) == (503, "1; url=/setup/reach/seen")
            assert "Everything starts anew" in waiting.words


async def test_the_owner_sees_how_it_stands_with_certificates(house: House) -> None:
    await house.claim()
    journal = HttpsJournal().noted("smith.family", ends=2e9, next_at=1.9e9)
    journal = journal.noted("ann.smith.family", failure="dns: no <such> name", next_at=1.8e9)
    journal.write(house.settings.paths.data)
    async with house.with_settings({"https.mode": "acme"}) as direct:
        owner = await direct.visitor_signed_in()
        words = (await owner.get("/setup/reach/seen")).words
    assert "Valid until 2033-05-18 03:33 UTC. Renewed by itself from 2030-03-17 17:46 UTC" in words
    assert "None yet. The last try failed: dns: no <such> name. Tried again at 2027" in words


async def test_while_ports_are_opened_and_a_first_certificate_is_asked_for_the_owner_is_told(
    house: House,
) -> None:
    await house.claim()
    data = house.settings.paths.data
    values = {"network.mode": "public", "pds.hostname": "smith.family", "https.mode": "acme"}
    doctor = house.box.pds.doctor
    none = Finding("Certificate of smith.family", "bad", "none is shown", "x", "y", "tls-none")
    doctor.last = Examination(begun=5.0, ended=6.0, findings=[none])
    journal = HttpsJournal().noted("smith.family")
    async with house.with_settings(values) as panel:
        owner = await panel.visitor_signed_in()
        replace(journal, closed="80, 443", waits=True).write(data)
        seen = await owner.get("/setup/reach/seen")
        assert "port 80, 443 could not be opened" in seen.words
        assert "None yet. It is asked for as soon as port 80 or 443 is open." in seen.words
        assert "none is shown" not in seen.words
        assert "Refresh" not in seen.headers
        journal.write(data)
        seen = await owner.get("/setup/reach/seen")
        assert "None yet. It is being asked for" in seen.words
        assert "the authority is being asked for it" in seen.words
        assert "none is shown" not in seen.words
        assert seen.headers["Refresh"] == "2"
        assert doctor.last.begun == 5.0
        # What was seen before it came is out of date: the doctor looks again.
        journal.noted("smith.family", tried_at=5.5, ends=2e9, next_at=1.9e9).write(data)
        await owner.get("/setup/reach/seen")
        await until(lambda: doctor.last.begun > 6 and not doctor.last.is_running)


async def test_under_a_public_name_the_doctor_looks_and_says_what_to_do(house: House) -> None:
    await house.claim()
    public = {"network.mode": "public", "pds.hostname": "smith.family"}
    trouble = Finding("Name smith.family", "bad", "no address", "a record", "add it", "dns-name")
    doctor = house.box.pds.doctor
    async with house.with_settings(public) as panel:
        owner = await panel.visitor_signed_in()
        # It had not looked yet, so it does now.
        assert doctor.last.ended == 0
        await owner.get("/setup/reach/seen")
        await until(lambda: doctor.last.ended > 0 and not doctor.last.is_running)
        # While it looks, the page comes again by itself.
        doctor.last.is_running, doctor.last.step = True, "names"
        seen = await owner.get("/setup/reach/seen")
        assert seen.headers["Refresh"] == "2"
        assert "Looking at the names (DNS)." in seen.words
        doctor.last.is_running = False
        doctor.last.findings = [trouble, Finding("Clock", "good", "as everybody's")]
        seen = await owner.get("/setup/reach/seen")
        assert "Refresh" not in seen.headers
        for words in ("Name smith.family", "no address", "a record", "add it", "as everybody's"):
            assert words in seen.words
        assert (await owner.post("/setup/reach/seen")).location == "/setup/reach/seen"
        await until(lambda: doctor.last.findings[:1] != [trouble])


async def test_at_home_to_look_again_asks_nobody_outside(house: House) -> None:
    owner = await house.claim()
    assert (await owner.post("/setup/reach/seen")).location == "/setup/reach/seen"
    assert house.box.pds.doctor.last.ended == 0
    assert not house.box.pds.doctor.last.is_running
