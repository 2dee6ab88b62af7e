"""A network backed up while its members write, lost, and brought back from what restic kept."""

import asyncio
import fcntl
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from appliance.backup.schedule import Schedule
from appliance.settings import load
from appliance.settings_file import save
from appliance.settings_groups import Paths
from appliance.upkeep.backup_journal import Journal
from appliance.upkeep.backup_key import KEY_FILE, key_of
from tests.support.appliance import ROOT, Appliance
from tests.support.client import Member, join, sign_in

pytestmark = pytest.mark.slow

PASSWORD = "a long enough password"
PICTURE = b"\x89PNG\r\n\x1a\n" + b"not much of a picture" * 100


@dataclass
class Backed:
    """A data folder with a network in it, stopped, and where its backups are."""

    data: Path
    place: Path

    @property
    def key(self) -> str:
        return key_of(Paths(self.data).secret(KEY_FILE))


def hearth(
    *words: str, data: Path, place: Path | str | None = None, said: str = ""
) -> tuple[int, str]:
    """Run a command as a person does; give its status and all it said."""
    env = {**os.environ, "HEARTH_BACKUP_TARGET": str(place)} if place else dict(os.environ)
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "appliance", *words, "--data", str(data)],
        cwd=ROOT,
        env=env,
        input=said,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def backed(tmp_path_factory: pytest.TempPathFactory) -> Backed:
    """Two members who wrote, and a backup that was taken while one of them went on writing."""
    folder = tmp_path_factory.mktemp("network")
    found = Backed(folder / "data", folder / "place")
    ours = Appliance(data=found.data)

    async def live() -> None:
        async with aiohttp.ClientSession() as http:
            ann, bob = [
                await join(http, ours.pds, name, password=PASSWORD, handle=f"{name}.test")
                for name in ("ann", "bob")
            ]
            blob = await ann.upload(PICTURE, "image/png")
            image = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": blob}]}
            await ann.write_post("with a picture", embed=image)
            await bob.follow(ann)
            await bob.post("app.bsky.graph.muteActor", actor=ann.did)
            taken = asyncio.to_thread(hearth, "backup", "now", data=found.data, place=found.place)
            backup = asyncio.ensure_future(taken)
            while not backup.done():
                await bob.write_post("while it runs")
            status, words = await backup
            assert status == 0, words
            assert "is taken" in words
            await ann.write_post("after the backup, so lost")

    asyncio.run(live())
    ours.finish()
    return found


def test_a_lost_network_is_back_with_all_its_logins_records_pictures_and_mutes(
    backed: Backed, tmp_path: Path
) -> None:
    assert Journal.read(backed.data).taken_at > 0
    assert not (backed.data / "backup-staging").exists()
    card = tmp_path / "card"
    status, words = hearth("restore", str(backed.place), data=card, said=backed.key.upper())
    assert status == 0, words
    assert "2 accounts" in words
    assert "1 blobs" in words
    assert (backed.data / "reserve").exists()
    assert not (card / "reserve").exists()
    ours = Appliance(data=card)

    async def look() -> None:
        async with aiohttp.ClientSession() as http:
            ann = await sign_in(http, ours.pds, "ann.test", PASSWORD)
            bob = await sign_in(http, ours.pds, "bob.test", PASSWORD)
            (picture,) = (await ann.get("com.atproto.sync.listBlobs", did=ann.did))["cids"]
            where = f"{ours.pds}/xrpc/com.atproto.sync.getBlob?did={ann.did}&cid={picture}"
            async with http.get(where) as answer:
                assert await answer.read() == PICTURE
            assert await posts(ann) == ["with a picture"]
            assert "while it runs" in await posts(bob)
            muted = await bob.get("app.bsky.graph.getMutes")
            assert [one["did"] for one in muted["mutes"]] == [ann.did]
            # The index, which no backup holds, is made again; what is written now goes through.
            await bob.post("app.bsky.graph.unmuteActor", actor=ann.did)
            await bob.sees(await ann.write_post("back again"))

    asyncio.run(look())
    ours.finish()


async def posts(member: Member) -> list[str]:
    listed = await member.get(
        "com.atproto.repo.listRecords", repo=member.did, collection="app.bsky.feed.post", limit=100
    )
    return [record["value"]["text"] for record in listed["records"]]


def test_a_backup_is_proven_by_restoring_it_and_only_then(backed: Backed) -> None:
    status, words = hearth("backup", "prove", data=backed.data, place=backed.place)
    assert status == 0, words
    assert "proven: 2 accounts" in words
    journal = Journal.read(backed.data)
    assert journal.proven_at > journal.taken_at
    assert not (backed.data / "backup-rehearsal").exists()


async def test_the_running_network_takes_and_proves_backups_by_itself(
    backed: Backed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "appliance.upkeep")
    (backed.data / "backups.json").unlink()
    settings = load(backed.data, {}).with_values({"backup.target": str(backed.place)})
    save(settings)
    for _ in range(3):
        await Schedule(settings).look()
    journal = Journal.read(backed.data)
    assert journal.proven_at > journal.taken_at > 0
    assert [found.args for found in caplog.records if "ended" in found.msg] == [
        ("backup", "now"),
        ("backup", "prove"),
    ]


def test_a_wrong_key_opens_nothing_and_touches_nothing(backed: Backed, tmp_path: Path) -> None:
    card = tmp_path / "card"
    status, words = hearth("restore", str(backed.place), data=card, said="not the key")
    assert status == 1
    assert "the key does not open this backup" in words
    assert "to do:" in words
    assert not card.exists()


def test_nothing_is_restored_over_a_network_that_is_there(backed: Backed) -> None:
    before = sorted(backed.data.iterdir())
    status, words = hearth("restore", str(backed.place), data=backed.data, said=backed.key)
    assert status == 1
    assert "there is a network" in words
    assert sorted(backed.data.iterdir()) == before


def test_where_hearth_waits_for_somebody_to_begin_a_network_is_restored_once_it_is_stopped(
    backed: Backed, tmp_path: Path
) -> None:
    card = tmp_path / "card"
    (card / "secrets").mkdir(parents=True)
    (card / "run").mkdir()
    (card / "hearth.toml").write_text('[network]\nmode = "home"\n')
    for name in ("operator-token", "claim-code"):
        (card / "secrets" / name).write_text("of nobody\n")
    with socket.socket(socket.AF_UNIX) as wizard:
        wizard.bind(str(card / "run" / "admin.sock"))
        wizard.listen()
        status, words = hearth("restore", str(backed.place), data=card, said=backed.key)
    assert status == 1
    assert "systemctl stop hearth" in words
    assert (card / "secrets" / "claim-code").exists()
    status, words = hearth("restore", str(backed.place), data=card, said=backed.key)
    assert status == 0, words
    for name in ("secrets/operator-token", "secrets/claim-code"):
        assert (card / name).read_bytes() == (backed.data / name).read_bytes()
    # Settings of nobody are gone, too.
    assert (card / "hearth.toml").exists() == (backed.data / "hearth.toml").exists()


@pytest.mark.parametrize("harm", ["cut", "tampered", "gone"])
def test_a_damaged_backup_is_refused_with_the_reason(
    backed: Backed, tmp_path: Path, harm: str
) -> None:
    place, card = tmp_path / "place", tmp_path / "card"
    subprocess.run(["cp", "-r", str(backed.place), str(place)], check=True, timeout=300)  # noqa: S603, S607
    packs = [path for path in place.glob("data/??/*") if path.is_file()]
    largest = max(packs, key=lambda path: path.stat().st_size)
    largest.chmod(0o600)
    data = bytearray(largest.read_bytes())
    if harm == "gone":
        largest.unlink()
    elif harm == "cut":
        largest.write_bytes(data[: len(data) // 2])
    else:
        data[len(data) // 3] ^= 1
        largest.write_bytes(data)
    status, words = hearth("restore", str(place), data=card, said=backed.key)
    assert status == 1
    assert "damaged" in words or "missing" in words, words
    assert not list(card.glob("*"))
    assert not list((place / "locks").iterdir())


def test_a_disk_that_is_not_plugged_in_gets_no_new_backup_in_its_place(
    backed: Backed, tmp_path: Path
) -> None:
    away = tmp_path / "unplugged"
    backed.place.rename(away)
    backed.place.mkdir()
    try:
        status, words = hearth("backup", "now", data=backed.data, place=backed.place)
        assert status == 1
        assert "there is no backup at" in words
        assert not list(backed.place.iterdir())
        assert "there is no backup at" in Journal.read(backed.data).failure
    finally:
        backed.place.rmdir()
        away.rename(backed.place)


def test_a_place_inside_the_data_folder_is_refused(backed: Backed) -> None:
    status, words = hearth("backup", "now", data=backed.data, place=backed.data / "backups")
    assert status == 1
    assert "lies in the data folder itself" in words


def test_one_backup_at_a_time(backed: Backed) -> None:
    with (backed.data / "backup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, words = hearth("backup", "now", data=backed.data, place=backed.place)
    assert status == 1
    assert "is being taken or proven already" in words
