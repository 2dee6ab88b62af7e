"""The single file where memory has pages of 16 kB: the wizard, two members, a post, its picture."""

import logging
import os
import re
import subprocess
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import aiohttp
import pytest
from PIL import Image

from tests.support.appliance import ROOT, wait_until
from tests.support.client import Client, Member, Operator
from tests.system.debians import wheels
from tests.system.first_start import CODE, PASSWORD, PATIENCE, door_answers, set_up
from tests.system.large_pages import first_files
from tests.system.virtual import VirtualMachine

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.machines]

TOKEN = "for-the-test-alone"
log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def hearth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The single file for arm64; or one that is there already, where the environment names it."""
    if made := os.environ.get("HEARTH_FOR_ARM64"):
        return Path(made)
    folder = tmp_path_factory.mktemp("made")
    make = [str(ROOT / "tools/single_file.sh"), "arm64", "--to", str(folder)]
    subprocess.run(make, check=True)  # noqa: S603
    return folder / "hearth-arm64"


async def test_a_network_where_pages_have_16_kb(hearth: Path, tmp_path: Path) -> None:
    known = {"claim-code": CODE, "operator-token": TOKEN}
    with VirtualMachine(first_files(hearth, known, tmp_path), "arm-16k", 0) as box:
        log.info("the wizard answers after %.0f s", box.start())
        assert re.search(r"^pages of 16384\r?$", box.console(), re.M), box.console()[-2000:]
        await set_up(box)
        wait_until(lambda: door_answers(box), "the network answers", 1200)
        async with aiohttp.ClientSession(timeout=PATIENCE) as http:
            await talk(http, f"http://127.0.0.1:{box.door_port}")
        assert "Traceback" not in box.console()


async def talk(http: aiohttp.ClientSession, pds: str) -> None:
    """Two members, a post with a picture, and the picture made small by its own process."""
    operator = Operator(http, pds, TOKEN)
    ann, bob = [await member(operator, f"{name}.smiths.home") for name in ("ann", "bob")]
    await bob.follow(ann)
    picture = BytesIO()
    Image.new("RGB", (640, 480), "teal").save(picture, "JPEG")
    blob = await ann.upload(picture.getvalue(), "image/jpeg")
    images = [{"image": blob, "alt": "teal"}]
    embed = {"$type": "app.bsky.embed.images", "images": images}
    post = await ann.write_post("by large pages", embed=embed)
    await bob.sees(post, 300)
    thread = await bob.thread(post.uri)
    async with http.get(thread["post"]["embed"]["images"][0]["thumb"]) as answer:
        assert answer.status == 200, await answer.text()
        assert Image.open(BytesIO(await answer.read())).format in ("JPEG", "WEBP")


async def member(operator: Operator, handle: str) -> Member:
    code = (await operator.post("com.atproto.server.createInviteCode", useCount=1))["code"]
    fields = {
        "handle": handle,
        "email": f"{handle}@mail.example",
        "password": PASSWORD,
        "inviteCode": code,
    }
    stranger = Client(operator.http, operator.base)
    return Member(
        stranger.http,
        stranger.base,
        await stranger.post("com.atproto.server.createAccount", **fields),
    )


def test_what_is_installed_for_arm64_loads_there_too(tmp_path: Path) -> None:
    for wheel in wheels("arm64").glob("*.whl"):
        with ZipFile(wheel) as packed:
            packed.extractall(tmp_path / wheel.stem)
    looked_at = [str(ROOT / "tools/elf_pages.py"), str(tmp_path)]
    subprocess.run(looked_at, check=True)  # noqa: S603
