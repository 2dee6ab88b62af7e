"""The image for x86-64, on a computer of qemu: the wizard, two members who talk, power cuts."""

import asyncio
import json
import logging
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import ClientSession

from appliance.atproto.identity.did_doc import DidDocument
from tests.support.appliance import ROOT, wait_until
from tests.support.client import Client, Member, Ref
from tests.support.waiting import until
from tests.support.witnesses import verified_repo
from tests.system.first_start import (
    CODE,
    PATIENCE,
    begin_network,
    check_first_start,
    check_machine,
    code_to_begin,
    door_answers,
    members,
    talk,
)
from tests.system.virtual import VirtualMachine

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.machines]

log = logging.getLogger(__name__)

# An hour, by the emulation of a processor.
CUTS = int(os.environ.get("HEARTH_CUTS", "20"))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image as it is built; or one that is there already, where the environment names it."""
    if made := os.environ.get("HEARTH_IMAGE"):
        return Path(made)
    folder = tmp_path_factory.mktemp("image")
    build = [str(ROOT / "image-build/build.sh"), "amd64", "--raw", "--to", str(folder)]
    subprocess.run(build, check=True)  # noqa: S603
    (made_now,) = folder.glob("*.img")
    return made_now


def test_what_is_in_it_is_written_down(image: Path) -> None:
    bill = json.loads(image.with_suffix(".cdx.json").read_text())
    kinds = [str(each["purl"]).partition("/")[0] for each in bill["components"]]
    assert kinds.count("pkg:deb") > 100
    assert kinds.count("pkg:pypi") > 20
    assert {"systemd", "python3", "aiohttp"} <= {each["name"] for each in bill["components"]}


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_it_starts_with_the_wizard_and_takes_the_whole_disk(image: Path, firmware: str) -> None:
    with VirtualMachine(image, firmware) as box:
        log.info("%s: the wizard answers after %.0f s", firmware, box.start())
        assert box.address_of("hearth.local").startswith("fe80:")
        code = check_first_start(box)
        log.info("%s: again after %.0f s", firmware, box.start())
        assert code_to_begin(box) == code


@pytest.fixture(scope="module")
def box(image: Path) -> Iterator[VirtualMachine]:
    """A computer with a network of two, ann and bob, made by wizard and command."""
    with VirtualMachine(image, "bios") as box:
        box.let_me_in()
        said = f"name = smiths\ncode = {CODE}\ntimezone = Europe/Berlin\n"
        box.put_on_card("hearth.txt", said)
        box.start()
        begin_network(box)
        yield box


async def test_two_members_talk(box: VirtualMachine) -> None:
    await talk(box)


def test_what_the_card_said_was_done(box: VirtualMachine) -> None:
    assert box.run("hostname").strip() == "smiths"
    assert "Berlin" in box.run("readlink /etc/localtime")
    assert CODE not in box.file_on_card("hearth.txt")
    assert "code: as you wrote" in box.file_on_card("hearth-said.txt")


def test_what_is_said_on_the_card_is_there_when_the_power_fails_at_once(
    box: VirtualMachine,
) -> None:
    say = "from card import *; Computer(CARD, CARD).put('at-once.txt', 'said')"
    box.run(f'cd /usr/lib/hearth && python3 -c "{say}"')
    assert box.file_on_card("at-once.txt") == "said"


def test_the_machine_is_as_it_should_be(box: VirtualMachine) -> None:
    check_machine(box)
    assert box.run("systemctl show --property=WatchdogLastPingTimestamp --value").strip()


@pytest.mark.parametrize("cut", range(CUTS))
async def test_nothing_acknowledged_is_lost_when_the_power_is_cut(
    box: VirtualMachine, cut: int
) -> None:
    kept: list[Ref] = []
    async with ClientSession(timeout=PATIENCE) as http:
        ann, bob = await members(http, box)
        writers = [asyncio.create_task(write(who, kept)) for who in (ann, bob) for _ in range(3)]
        await until(lambda: kept, seconds=300)
        await asyncio.sleep(random.Random(cut).uniform(0, 13))  # noqa: S311
        box.cut_power()
        await asyncio.gather(*writers)
    await asyncio.to_thread(box.start)
    await asyncio.to_thread(wait_until, lambda: door_answers(box), "the network answers", 1200)
    async with ClientSession(timeout=PATIENCE) as http:
        base = f"http://127.0.0.1:{box.door_port}"
        for member in (ann, bob):
            told = await Client(http, base).get(
                "com.atproto.identity.resolveIdentity", identifier=member.did
            )
            key = DidDocument.parse(told["didDoc"]).signing_key
            assert key is not None
            _, records = await verified_repo(http, base, member.did, key)
            mine = [ref for ref in kept if member.did in ref.uri]
            lost = [ref for ref in mine if records.get(path_of(ref)) != ref.cid]
            assert not lost
    log.info("cut %d: %d writes were acknowledged, all are there", cut + 1, len(kept))


def path_of(ref: Ref) -> str:
    return ref.uri.split("/", 3)[3]


async def write(member: Member, kept: list[Ref]) -> None:
    """Write one post after the other until nobody answers."""
    try:
        while True:
            kept.append(await member.write_post(f"number {len(kept)}"))
    except (aiohttp.ClientError, TimeoutError, OSError):
        return
