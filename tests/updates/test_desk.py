"""`hearth update`, as the service and the owner use it: a channel in a folder, and on the web."""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from appliance.backup.take import engine_of
from appliance.base.addresses import OutboundPolicy
from appliance.base.http import HttpClient
from appliance.settings import Settings, defaults
from appliance.settings_file import save
from appliance.updates import commands
from appliance.updates.channel import BadChannel
from appliance.updates.desk import Desk, NotReady
from appliance.updates.signatures import NotSigned
from appliance.upkeep.backup_journal import Journal
from appliance.upkeep.update_journal import Known, Wish
from appliance.version import VERSION
from tests.support.publisher import DAY, NOW, Publisher


class House:
    """A network whose channel is `publisher`'s."""

    def __init__(self, around: Path) -> None:
        self.publisher = Publisher(around)
        self.installation = self.publisher.trusting(around)
        self.data = around / "data"
        self.data.mkdir(mode=0o700)
        self.settings = self.told({"update.channel": str(self.publisher.folder)})

    def told(self, values: dict[str, object]) -> Settings:
        return defaults("dev", self.data).with_values(values)

    @contextmanager
    def on_the_web(self) -> Iterator[str]:
        """Serve the channel on loopback."""
        serve = partial(_Quiet, directory=str(self.publisher.folder))
        with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
            thread = Thread(target=server.serve_forever, daemon=True)
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()
            thread.join(60)

    def desk(self, http: HttpClient) -> Desk:
        return Desk(self.settings, http, self.installation, lambda: NOW)

    @property
    def asked(self) -> Path:
        return self.data / "updates"

    def command(self, action: str, **options: Any) -> tuple[int, str]:
        save(self.settings)
        asked = {"days": None, "no_wait": True, "without_backup": False, **options}
        args = argparse.Namespace(action=action, data=str(self.data), **asked)
        said: list[str] = []
        return commands.run(args, said.append, self.installation), "\n".join(said)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.publisher.add("9.1.0")
    made.publisher.add("9.2.0")
    return made


async def bring(house: House) -> None:
    async with HttpClient.open(OutboundPolicy(allow_loopback=True)) as http:
        desk = house.desk(http)
        found = await desk.look()
        assert found is not None
        await desk.bring(found, lambda _what, _share: None)


async def test_a_channel_in_a_folder_is_read_and_its_newest_release_handed_over(
    house: House,
) -> None:
    await bring(house)
    assert (house.asked / "wanted").read_text() == '{"version": "9.2.0"}'
    assert (house.asked / "hearth-9.2.0.tar.gz").exists()
    known = Known.read(house.data)
    assert (known.version, known.changes) == ("9.2.0", "What is new in 9.2.0.")
    assert (known.tried, known.tried_failure) == ("9.2.0", "")


async def test_a_channel_on_the_web_is_read_too(house: House) -> None:
    with house.on_the_web() as url:
        house.settings = house.told({"update.channel": url})
        await bring(house)
        assert (house.asked / "wanted").exists()
        (house.publisher.folder / "channel.json.minisig").unlink()
        with pytest.raises(BadChannel, match="status 404"):
            await bring(house)


async def test_what_is_cut_off_on_its_way_is_not_handed_over(house: House) -> None:
    archive = house.publisher.folder / "hearth-9.2.0.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(Exception, match="is cut off"):
        await bring(house)
    assert not (house.asked / "wanted").exists()
    assert "is cut off" in Known.read(house.data).tried_failure


async def test_a_channel_that_is_not_signed_by_who_is_trusted_brings_nothing(house: House) -> None:
    house.installation.keys.write_text(Publisher(house.data).key.public_text)
    with pytest.raises(NotSigned):
        await bring(house)
    assert "not of a key that is trusted" in Known.read(house.data).failure
    assert not house.asked.exists()


async def test_an_older_channel_than_before_is_noticed(house: House) -> None:
    await bring(house)
    house.publisher.sign(made=NOW - DAY)
    with pytest.raises(BadChannel, match="shows an old one"):
        await bring(house)


async def test_a_release_for_a_newer_python_is_not_fetched(house: House) -> None:
    house.publisher.add("9.3.0", python="9.0")
    with pytest.raises(NotReady, match=r"needs Python 9\.0"):
        await bring(house)
    assert not house.asked.exists()


async def test_a_damaged_database_is_mended_before_a_release_is_changed(house: House) -> None:
    (house.data / "pds.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with pytest.raises(NotReady, match=r"Database pds\.sqlite"):
        await bring(house)


async def test_a_checkout_does_not_change_itself(house: House) -> None:
    (house.installation.root / "current").rmdir()
    with pytest.raises(NotReady, match=r"install\.sh"):
        await bring(house)


@pytest.mark.parametrize(
    ("result", "version"),
    [
        ("back from 9.2.0-0a1b2c3d-py311", "9.2.0"),
        ("now 9.2.0-0a1b2c3d-py311", ""),
        ("not begun 9.2.0-0a1b2c3d-py311", ""),
    ],
)
def test_what_this_machine_came_back_from_is_known(house: House, result: str, version: str) -> None:
    assert house.installation.taken_back() == ""
    (house.installation.root / "result").write_text(f"{result}\n")
    assert house.installation.taken_back() == version


def test_the_commands_say_what_there_is_and_keep_what_is_wished(house: House) -> None:
    house.publisher.sign(until=time.time() + DAY)
    assert house.command("check") == (
        0,
        f"9.2.0 of 2027-01-15 is there; this is {VERSION}\n\nWhat is new in 9.2.0.",
    )
    status, said = house.command("now")
    assert (status, said.splitlines()) == (0, ["fetching", "verifying"])
    assert (house.asked / "wanted").exists()
    house.command("hold", days=3)
    assert Wish.read(house.data).holds(time.time())
    assert not Wish.read(house.data).holds(time.time() + 4 * DAY)
    house.command("hold")
    assert Wish.read(house.data).holds(time.time() + 400 * DAY)
    house.command("resume")
    assert not Wish.read(house.data).holds(time.time())


def test_no_release_is_asked_for_without_the_backup_before_it(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.publisher.sign(until=time.time() + DAY)
    house.settings = house.settings.with_values({"backup.target": str(house.data / "inside")})
    status, said = house.command("now")
    assert (status, said) == (1, "a backup is taken before 9.2.0")
    assert "no backup before it" in capsys.readouterr().err
    assert not house.asked.exists()
    assert house.command("now", without_backup=True)[0] == 0
    assert (house.asked / "wanted").exists()


@pytest.mark.slow
def test_the_backup_before_a_release_holds_what_was_there(house: House, tmp_path: Path) -> None:
    house.publisher.sign(until=time.time() + DAY)
    (house.data / "letter").write_text("before the change")
    place = tmp_path / "place"
    house.settings = house.settings.with_values({"backup.target": str(place)})
    assert house.command("now")[0] == 0
    wanted = (house.asked / "wanted").stat().st_mtime
    # Files are dated by a coarser clock, which is some milliseconds behind.
    assert 0 < Journal.read(house.data).taken_at <= wanted + 0.1
    engine_of(house.settings).fetch("latest", tmp_path / "back")
    (letter,) = (tmp_path / "back").rglob("letter")
    assert letter.read_text() == "before the change"


def test_a_failing_channel_is_an_error_of_the_command(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.settings = house.told({"update.channel": "/nowhere"})
    assert house.command("check")[0] == 1
    assert "nothing was changed: /nowhere/channel.json cannot be read" in capsys.readouterr().err
