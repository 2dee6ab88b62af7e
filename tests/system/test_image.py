"""The image for x86-64, on a computer of qemu: the wizard, two members who talk, power cuts."""

import asyncio
import json
import logging
import os
import random
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import ClientSession, ClientTimeout, CookieJar

from appliance.atproto.identity.did_doc import DidDocument
from tests.support.appliance import ROOT, wait_until
from tests.support.client import Client, Member, Ref, sign_in
from tests.support.witnesses import verified_repo
from tests.system.virtual import PANEL, VirtualMachine

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.machines]

log = logging.getLogger(__name__)

CODE = "OURS-2026"
PASSWORD = "the cat sleeps all day"
TOKEN = re.compile(r'name="form_token" value="([^"]*)"')
# An hour, by the emulation of a processor.
CUTS = int(os.environ.get("HEARTH_CUTS", "20"))
PATIENCE = ClientTimeout(total=120)


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
        status, page = box.get(box.panel_port, "/claim", f"hearth.local:{PANEL}")
        assert status == 200
        assert b'name="code"' in page
        assert box.get(box.door_port, "/", "hearth.local")[0] == 302
        assert box.address_of("hearth.local").startswith("fe80:")
        wait_until(lambda: root_gigabytes(box) > 3.5, "the root has the disk", 600)
        begin = ""

        def is_told() -> bool:
            nonlocal begin
            begin = box.file_on_card("begin.txt")
            return "/claim?code=" in begin

        wait_until(is_told, "the link is on the boot partition", 600)
        box.cut_power()
        assert "ssh: off" in box.file_on_card("hearth-said.txt")
        log.info("%s: again after %.0f s", firmware, box.start())
        assert box.file_on_card("begin.txt").partition("code=")[2] == begin.partition("code=")[2]


def root_gigabytes(box: VirtualMachine) -> float:
    (root,) = [each for each in box.partitions() if each["name"] == "root"]
    return int(root["size"]) * 512 / (1 << 30)


@pytest.fixture(scope="module")
def box(image: Path) -> Iterator[VirtualMachine]:
    """A computer with a network of two, ann and bob, made by wizard and command."""
    with VirtualMachine(image) as box:
        box.let_me_in()
        said = f"name = smiths\ncode = {CODE}\ntimezone = Europe/Berlin\n"
        box.put_on_card("hearth.txt", said)
        box.start()
        asyncio.run(set_up(box))
        wait_until(lambda: door_answers(box), "the network answers", 600)
        for name in ("ann", "bob"):
            box.run(f"hearth account create {name}.smiths.home --password '{PASSWORD}'")
        yield box


def door_answers(box: VirtualMachine) -> bool:
    try:
        return box.get(box.door_port, "/xrpc/_health", "127.0.0.1")[0] == 200
    except OSError:
        return False


async def set_up(box: VirtualMachine) -> None:
    """Go through the wizard, as a browser does that knows the computer by its name."""
    panel = f"http://127.0.0.1:{box.panel_port}"
    jar = CookieJar(unsafe=True)
    headers = {"Host": f"smiths.local:{PANEL}"}
    async with ClientSession(cookie_jar=jar, headers=headers, timeout=PATIENCE) as http:

        async def send(path: str, **fields: str) -> str:
            async with http.get(f"{panel}{path}") as page:
                token = TOKEN.search(await page.text())
                assert token is not None, (page.status, path)
            data = {"form_token": token[1], **fields}
            async with http.post(f"{panel}{path}", data=data, allow_redirects=False) as answer:
                assert answer.status == 303, await answer.text()
                return answer.headers["Location"]

        owner = {"code": CODE, "password": PASSWORD, "again": PASSWORD}
        assert await send("/claim", **owner) == "/setup/name"
        assert await send("/setup/name", name="The Smiths") == "/setup/reach"
        address = f"http://127.0.0.1:{box.door_port}"
        chosen = {"kind": "home", "suffix": "smiths.home", "address": address}
        assert await send("/setup/reach", **chosen) == "/setup/reach/seen"


async def members(http: ClientSession, box: VirtualMachine) -> list[Member]:
    pds = f"http://127.0.0.1:{box.door_port}"
    return [await sign_in(http, pds, f"{name}.smiths.home", PASSWORD) for name in ("ann", "bob")]


async def test_two_members_talk(box: VirtualMachine) -> None:
    async with ClientSession(timeout=PATIENCE) as http:
        ann, bob = await members(http, box)
        await bob.follow(ann)
        await bob.sees(await ann.write_post("from a stick"), 120)


def test_what_the_card_said_was_done(box: VirtualMachine) -> None:
    assert box.run("hostname").strip() == "smiths"
    assert "Berlin" in box.run("readlink /etc/localtime")
    assert CODE not in box.file_on_card("hearth.txt")
    assert "code: as you wrote" in box.file_on_card("hearth-said.txt")


def test_the_machine_is_as_it_should_be(box: VirtualMachine) -> None:
    assert box.run("systemctl list-units --failed --plain --no-legend").strip() == ""
    assert box.run("findmnt -no FSTYPE /var/log").strip() == "tmpfs"
    assert box.run("journalctl --header | grep -c /var/log/journal || true").strip() == "0"
    assert "15s" in box.run("systemctl show -p RuntimeWatchdogUSec")
    assert "zram" in box.run("cat /proc/swaps")
    assert box.run("passwd -S root | cut -d' ' -f2").strip() == "L"
    assert "restic" in box.run("restic version")
    assert "answers from" in box.run("hearth health")


@pytest.mark.parametrize("cut", range(CUTS))
async def test_nothing_acknowledged_is_lost_when_the_power_is_cut(
    box: VirtualMachine, cut: int
) -> None:
    kept: list[Ref] = []
    async with ClientSession(timeout=PATIENCE) as http:
        ann, bob = await members(http, box)
        at = time.monotonic() + random.Random(cut).uniform(2, 15)  # noqa: S311
        writers = [asyncio.create_task(write(who, kept)) for who in (ann, bob) for _ in range(3)]
        await asyncio.sleep(at - time.monotonic())
        box.cut_power()
        await asyncio.gather(*writers)
    assert kept
    await asyncio.to_thread(box.start)
    await asyncio.to_thread(wait_until, lambda: door_answers(box), "the network answers", 600)
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
