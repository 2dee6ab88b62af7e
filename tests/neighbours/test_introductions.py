"""Two houses become a pair over the wire, or do not."""

import asyncio
import ssl
from functools import cache
from pathlib import Path

import aiohttp
import pytest

from appliance.neighbours.introductions import NotThere
from appliance.neighbours.keys import HouseKey, write_certificate
from appliance.neighbours.line import CERTIFICATE, Line
from appliance.neighbours.pairing import PairingRefused
from appliance.neighbours.store import NameTaken, NoSuchNeighbour
from tests.support.street import HERE, Home, card, home
from tests.support.waiting import until


async def codes(one: Home, other: Home) -> tuple[str, str]:
    await one.want(other)
    await other.want(one)
    await until(lambda: one.state(other) == other.state(one) == "compare")
    return one.course(other).code, other.course(one).code


async def pair(one: Home, other: Home) -> None:
    code, _ = await codes(one, other)
    await one.role.introductions.confirm(other.key, code)
    await other.role.introductions.confirm(one.key, code)
    await until(lambda: one.is_paired_with(other) and other.is_paired_with(one))


async def test_a_pair_is_made_when_both_owners_see_the_same_code(smiths: Home, jones: Home) -> None:
    ours, theirs = await codes(smiths, jones)
    assert ours == theirs
    assert len(ours) == 6
    assert ours.isdecimal()
    await smiths.role.introductions.confirm(jones.key, ours)
    await until(lambda: jones.course(smiths).other_confirmed)
    # One owner alone makes no pair.
    assert not smiths.is_paired_with(jones)
    assert not jones.is_paired_with(smiths)
    await jones.role.introductions.confirm(smiths.key, theirs)
    await until(lambda: smiths.is_paired_with(jones) and jones.is_paired_with(smiths))
    kept = smiths.role.store.named(jones.key)
    assert (kept.card, kept.address, kept.port) == (jones.role.house.card, HERE, jones.port)
    assert kept.certificate == jones.role.house.key.certificate


async def test_the_other_screen_shows_who_asks_before_its_owner_does_anything(
    smiths: Home, jones: Home
) -> None:
    await smiths.want(jones)
    await until(lambda: jones.state(smiths) == "asked")
    assert jones.course(smiths).card.name == "smiths"
    assert jones.course(smiths).code == smiths.course(jones).code == ""


async def test_a_code_that_is_not_on_the_screen_ends_it(smiths: Home, jones: Home) -> None:
    code, _ = await codes(smiths, jones)
    other = f"{(int(code) + 1) % 1_000_000:06d}"
    with pytest.raises(PairingRefused):
        await smiths.role.introductions.confirm(jones.key, other)
    with pytest.raises(PairingRefused):
        await smiths.role.introductions.confirm(jones.key, code)
    assert smiths.state(jones) == "failed"
    await jones.role.introductions.confirm(smiths.key, code)
    await asyncio.sleep(0.1)
    assert not jones.is_paired_with(smiths)


async def test_a_pair_that_ends_is_over_on_both_sides(smiths: Home, jones: Home) -> None:
    await pair(smiths, jones)
    gate = smiths.settings.paths.gate("http://jones.home:2580")
    await until(gate.exists)
    await smiths.role.introductions.unpair(jones.key)
    assert not smiths.is_paired_with(jones)
    await until(lambda: not jones.is_paired_with(smiths))
    assert not gate.exists()
    with pytest.raises(NoSuchNeighbour):
        await smiths.role.introductions.unpair(jones.key)


async def test_refusing_is_seen_on_the_other_screen(smiths: Home, jones: Home) -> None:
    await smiths.want(jones)
    await until(lambda: jones.state(smiths) == "asked")
    await jones.role.introductions.refuse(smiths.key)
    await until(lambda: smiths.state(jones) == "failed")


async def test_who_was_paired_is_paired_after_a_new_start(tmp_path: Path) -> None:
    async with home(tmp_path, "jones") as jones:
        async with home(tmp_path, "smiths") as smiths:
            await pair(smiths, jones)
            key = smiths.key
        async with home(tmp_path, "smiths") as again:
            assert again.key == key
            assert again.is_paired_with(jones)


async def test_a_house_of_the_same_name_cannot_be_paired(tmp_path: Path) -> None:
    async with (
        home(tmp_path / "one", "smiths") as one,
        home(tmp_path / "two", "smiths") as two,
    ):
        with pytest.raises(NameTaken):
            await one.want(two)


async def test_only_the_key_that_was_seen_is_spoken_to(smiths: Home, jones: Home) -> None:
    with pytest.raises(NotThere):
        await smiths.role.introductions.want("0" * 64, [(HERE, jones.port)])
    with pytest.raises(NotThere):
        await smiths.role.introductions.want(jones.key, [("8.8.8.8", jones.port)])


@cache
def careless() -> ssl.SSLContext:
    """What somebody uses who cares for no certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def ask(
    house: Home, path: str, headers: dict[str, str] | None = None, method: str = "GET", **more: str
) -> tuple[int, bytes]:
    """Ask as somebody who cares for no certificate."""
    url = f"https://{HERE}:{house.port}{path}"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, ssl=careless(), headers=headers, **more) as answer,  # type: ignore[arg-type]
    ):
        return answer.status, await answer.read()


PAIRED_ONLY = [
    "/state",
    "/identities/did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
    "/xrpc/com.atproto.sync.listRepos",
    "/xrpc/com.atproto.sync.subscribeRepos",
]


@pytest.mark.parametrize("path", PAIRED_ONLY)
async def test_strangers_are_told_nothing_that_is_for_the_paired(
    smiths: Home, jones: Home, path: str, tmp_path: Path
) -> None:
    stranger = HouseKey(tmp_path / "stranger")
    async with Line.open(stranger, smiths.key, HERE, smiths.port) as line:
        proved = line.headers(smiths.role.house.key.certificate)
    await pair(smiths, jones)
    stolen = {
        CERTIFICATE: write_certificate(jones.role.house.key.certificate),
        "Authorization": proved["Authorization"],
    }
    for headers in ({}, proved, stolen):
        assert (await ask(smiths, path, headers))[0] == 401


async def test_a_proof_for_one_house_is_none_for_another(
    smiths: Home, jones: Home, tmp_path: Path
) -> None:
    await pair(smiths, jones)
    async with home(tmp_path, "browns") as browns:
        await pair(browns, jones)
        async with Line.open(jones.role.house.key, smiths.key, HERE, smiths.port) as line:
            for_browns = line.headers(browns.role.house.key.certificate)
            for_smiths = line.headers(smiths.role.house.key.certificate)
        assert (await ask(smiths, "/state", for_browns))[0] == 401
        assert (await ask(smiths, "/state", for_smiths))[0] == 200


async def test_what_is_no_message_is_refused(smiths: Home, jones: Home) -> None:
    async with Line.open(jones.role.house.key, smiths.key, HERE, smiths.port) as line:
        proved = line.headers(smiths.role.house.key.certificate)
    for body in (b"", b"[]", b"{}", b'{"card":1,"port":1}', b"\xff", b'{"a":' * 500):
        status, _ = await ask(smiths, "/pairing/knock", proved, "POST", data=body)  # type: ignore[arg-type]
        assert status == 400
    status, _ = await ask(smiths, "/pairing/knock", proved, "POST", data="x" * 9000)
    assert status in (400, 413)
    damaged = {**proved, CERTIFICATE: "AAAA"}
    assert (await ask(smiths, "/pairing/knock", damaged, "POST", data="{}"))[0] == 400
    assert smiths.role.introductions.pairings.all() == []


async def test_whoever_asks_too_often_is_told_to_wait_and_the_paired_are_not(
    smiths: Home, jones: Home
) -> None:
    await pair(smiths, jones)
    url = f"https://{HERE}:{smiths.port}/hello"
    async with aiohttp.ClientSession() as session:
        seen: list[int] = []
        # Two a second are made up for meanwhile: on a slow machine it takes more than 120.
        while 429 not in seen and len(seen) < 1000:
            async with session.get(url, ssl=careless()) as answer:
                seen.append(answer.status)
    assert set(seen) == {200, 429}
    async with Line.open(jones.role.house.key, smiths.key, HERE, smiths.port) as line:
        assert await line.ask("/state", smiths.role.house.key.certificate)


async def test_a_card_is_read_strictly(smiths: Home, jones: Home) -> None:
    async with Line.open(jones.role.house.key, smiths.key, HERE, smiths.port) as line:
        certificate = smiths.role.house.key.certificate
        good = {"card": card("jones").as_json(), "port": 1}
        assert await line.ask("/pairing/knock", certificate, good) == {}
    assert jones.key in {one.key for one in smiths.role.introductions.pairings.all()}
