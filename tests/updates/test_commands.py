"""`hearth update due`, as the timer of systemd calls it."""

import fcntl
import json
import time
from argparse import Namespace
from pathlib import Path

import pytest

from appliance.settings import Settings
from appliance.updates import commands
from appliance.updates.channel import Release
from appliance.updates.installation import FOLDER, WANTED, Installation
from appliance.upkeep.update_journal import Known, Wish

HOUR = 3600.0
NEW = Release("9.0.0", "2027-01-15", "3.11", "", ())


class Box:
    """A data folder, a channel with a newer release, and what was done."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.root = folder / "opt"
        for each in (self.data / FOLDER, self.root / FOLDER):
            each.mkdir(parents=True)
        self.done: list[str] = []

    async def look(self, settings: Settings, _installation: Installation) -> Release:
        self.done.append("look")
        data = settings.paths.data
        Known.read(data).note(data, checked_at=time.time(), version=NEW.version)
        return NEW

    async def bring(
        self, settings: Settings, _installation: Installation, release: Release, _say: object
    ) -> None:
        self.done.append(f"bring {release.version}")
        data = settings.paths.data
        Known.read(data).note(data, tried=release.version, tried_at=time.time())

    def ask(self) -> tuple[list[str], str]:
        """Call the command as the timer does; give what was done, and the last line said."""
        self.done.clear()
        said: list[str] = []
        installation = Installation(self.root, self.root / "release.pub")
        args = Namespace(action="due", data=str(self.data))
        assert commands.run(args, said.append, installation) == 0
        return self.done, said[-1] if said else ""

    def root_says(self, state: str, at: float) -> None:
        answer = {"version": NEW.version, "state": state, "reason": "", "at": at}
        (self.root / FOLDER / "answer.json").write_text(json.dumps(answer))


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    found = Box(tmp_path)
    monkeypatch.setattr(commands, "_look", found.look)
    monkeypatch.setattr(commands, "_bring", found.bring)
    # As if it were four o'clock all day.
    monkeypatch.setattr(time, "localtime", lambda *_: time.struct_time((2027, 1, 1, 4, *[0] * 5)))
    monkeypatch.setenv("HEARTH_UPDATE_CHANNEL", "/srv/channel")
    monkeypatch.setenv("HEARTH_UPDATE_HOUR", "4")
    return found


def test_a_release_is_found_and_handed_over_by_one_call(box: Box) -> None:
    done, _ = box.ask()
    assert done == ["look", "look", "bring 9.0.0"]
    box.root_says("installed", time.time() + 1)
    done, said = box.ask()
    assert not done
    assert said == "nothing is due: the channel was read 0 hours ago"


def test_it_is_left_to_the_owner_where_they_have_said_so(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    Wish().note(box.data, held_until=-1)
    assert box.ask()[0] == ["look"]
    Wish().note(box.data)
    monkeypatch.setenv("HEARTH_UPDATE_AUTOMATIC", "false")
    assert box.ask()[0] == []
    monkeypatch.setenv("HEARTH_UPDATE_CHANNEL", "")
    assert "update.channel names no channel" in box.ask()[1]


def test_what_was_asked_for_on_the_panel_is_done_though_the_network_has_gone(box: Box) -> None:
    Known(checked_at=time.time()).note(box.data)
    Wish().note(box.data, asked="install", held_until=-1)
    assert box.ask()[0] == ["look", "bring 9.0.0"]
    assert Wish.read(box.data).asked == ""


def test_what_somebody_else_begins_is_left_to_them(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (box.data / commands.LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert box.ask() == ([], commands.IN_HAND)
        # It may begin at the last moment.
        monkeypatch.setattr(commands, "is_taken_up", lambda *_: False)
        assert "already" in box.ask()[1]
        assert commands.run(Namespace(action="check", data=str(box.data)), print) == 1


def test_a_try_that_a_crash_has_cut_off_is_not_waited_for(box: Box) -> None:
    now = time.time()
    tried = Known(checked_at=now, version="9.0.0", tried="9.0.0", tried_at=now - 60)
    tried.note(box.data)
    wanted = box.data / FOLDER / WANTED
    wanted.touch()
    assert box.ask()[0] == []  # it waits for root
    wanted.unlink()
    box.root_says("back", now)
    assert box.ask()[0] == []  # root has answered
    box.root_says("back", now - HOUR)
    tried.note(box.data, tried_failure="no room")
    assert box.ask()[0] == []  # it failed: again in half an hour
    tried.note(box.data)
    assert box.ask()[0] == ["look", "bring 9.0.0"]
