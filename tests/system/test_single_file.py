"""The program as a single file, on Debians without Python."""

import asyncio
import logging
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from PIL import Image

from tests.support.appliance import ROOT, Process
from tests.support.client import join
from tests.support.ports import free_port
from tests.system.debians import OWN, bare

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.machines]

NAMES = ("amd64", "arm64")
log = logging.getLogger(__name__)

CACHE = "root/.cache/hearth"
MOST_MEGABYTES = 50
MOST_SECONDS = 600


def make(folder: Path, commit: str) -> None:
    command = [str(ROOT / "tools/single_file.sh"), "--to", str(folder), "--commit", commit]
    subprocess.run(command, check=True)  # noqa: S603


@pytest.fixture(scope="module")
def commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, commit: str) -> Path:
    folder = tmp_path_factory.mktemp("made")
    make(folder, commit)
    return folder


@dataclass(frozen=True)
class Bare:
    """A Debian with nothing in it, and the file for its processor."""

    root: Path
    upper: Path
    made: Path
    machine: str

    def command(self, *words: str) -> list[str]:
        script = str(Path(__file__).with_name("bare.sh"))
        return ["/bin/sh", script, str(self.root), str(self.upper), str(self.made), *words]

    def hearth(self, *words: str) -> list[str]:
        return self.command(f"/input/hearth-{self.machine}", *words)

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=MOST_SECONDS
        )


@pytest.fixture(params=["bookworm", "trixie"])
def here(request: pytest.FixtureRequest, made: Path, tmp_path: Path) -> Iterator[Bare]:
    yield Bare(bare(request.param, OWN), tmp_path / "bare", made, OWN)
    shutil.rmtree(tmp_path / "bare")


def resident(pid: int) -> int:
    """Give the megabytes of the largest process among this one and what it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    own = int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) // 1024
    return max([own, *(resident(int(child)) for child in children)])


def test_it_is_small_enough_to_carry_about(made: Path) -> None:
    for name in NAMES:
        megabytes = (made / f"hearth-{name}").stat().st_size / 1e6
        log.info("hearth-%s: %.1f MB", name, megabytes)
        assert megabytes < MOST_MEGABYTES
    checked = ["sha256sum", "--check", *(f"hearth-{name}.sha256" for name in NAMES)]
    subprocess.run(checked, cwd=made, check=True)  # noqa: S603


def test_what_is_made_again_is_the_same_to_the_byte(
    made: Path, commit: str, tmp_path: Path
) -> None:
    make(tmp_path, commit)
    for name in NAMES:
        assert (tmp_path / f"hearth-{name}").read_bytes() == (made / f"hearth-{name}").read_bytes()


def test_it_runs_a_network_where_there_is_no_python(here: Bare) -> None:
    assert here.run(here.command("sh", "-c", "command -v python3")).returncode
    for start in ("first", "later"):
        began = time.monotonic()
        said = here.run(here.hearth("--help"))
        log.info("%s start: %.2f s", start, time.monotonic() - began)
        assert "A social network of your own" in said.stdout, said.stderr
    began = time.monotonic()
    port = str(free_port())
    network = Process(here.hearth("try", "--json", "--data", "/var/net", "--port", port))
    try:
        log.info("the network answers after %.1f s", time.monotonic() - began)
        asyncio.run(talk(network.report["pds_url"]))
        log.info("resident: %d MB", resident(network.popen.pid))
    finally:
        network.kill()


async def talk(pds: str) -> None:
    """Two members, a post with a picture, and the picture made small by its own process."""
    picture = BytesIO()
    Image.new("RGB", (640, 480), "teal").save(picture, "JPEG")
    async with aiohttp.ClientSession() as http:
        ann, bob = await join(http, pds), await join(http, pds)
        await bob.follow(ann)
        blob = await ann.upload(picture.getvalue(), "image/jpeg")
        images = [{"image": blob, "alt": "teal"}]
        embed = {"$type": "app.bsky.embed.images", "images": images}
        post = await ann.write_post("from a single file", embed=embed)
        await bob.sees(post)
        thread = await bob.thread(post.uri)
        async with http.get(thread["post"]["embed"]["images"][0]["thumb"]) as answer:
            assert answer.status == 200
            assert Image.open(BytesIO(await answer.read())).format in ("JPEG", "WEBP")


def test_its_commands_talk_to_the_network_that_runs(here: Bare) -> None:
    port = str(free_port())
    network = Process(here.hearth("try", "--json", "--data", "/var/net", "--port", port))
    try:
        inside = str(network.popen.pid)
        child = Path(f"/proc/{inside}/task/{inside}/children").read_text().split()[0]
        enter = ["nsenter", "-t", child, "-m", "-p", "-r", "-w", "env", "-i", "HOME=/root"]
        enter += ["PATH=/usr/bin:/bin", f"/input/hearth-{here.machine}", "account"]
        created = here.run([*enter, "create", "ann.test", "--data", "/var/net"])
        assert created.returncode == 0, created.stderr
        assert "ann.test" in here.run([*enter, "list", "--data", "/var/net"]).stdout
    finally:
        network.kill()


def test_a_version_that_nobody_runs_gives_room_to_the_next(here: Bare) -> None:
    cache = here.upper / "new" / CACHE
    left = cache / "0123456789abcdef"
    left.mkdir(parents=True, mode=0o700)
    (cache / "part.abcdef").mkdir()
    assert here.run(here.hearth("--help")).returncode == 0
    (kept,) = cache.iterdir()
    assert kept != left
    assert kept.stat().st_mode & 0o077 == 0


def test_a_file_cut_off_says_so_and_leaves_nothing(here: Bare, tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.mkdir()
    whole = (here.made / f"hearth-{OWN}").read_bytes()
    (half / f"hearth-{OWN}").write_bytes(whole[: len(whole) // 2])
    (half / f"hearth-{OWN}").chmod(0o755)
    cut_off = Bare(here.root, here.upper, half, OWN)
    said = cut_off.run(cut_off.hearth("--help"))
    assert said.returncode == 1
    assert "not whole" in said.stderr
    assert not list((here.upper / "new" / CACHE).iterdir())


def test_the_file_for_arm64_runs_a_network_too(made: Path, tmp_path: Path) -> None:
    there = Bare(bare("bookworm", "arm64"), tmp_path / "bare", made, "arm64")
    assert "A social network" in there.run(there.hearth("--help")).stdout
    port = str(free_port())
    network = Process(there.hearth("try", "--json", "--data", "/var/net", "--port", port))
    try:
        asyncio.run(talk(network.report["pds_url"]))
    finally:
        network.kill()
