"""The service asks for ports 80 and 443, and root's part opens these and nothing else."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.upkeep import low_ports
from appliance.upkeep.low_ports import FOLDER, WANTED, LowPorts, Opened, read_wish
from appliance.upkeep.open_ports import main

HTTP, HTTPS = "hearth.socket", "hearth-https.socket"


class Scene:
    """A machine on which systemd does what it is told, but for the ports that somebody else has."""

    def __init__(self, around: Path) -> None:
        self.data = around / "data"
        self.data.mkdir()
        self.answer = around / "ports.json"
        self.watched_by = around / "hearth-ports.path"
        self.watched_by.touch()
        self.boot = around / "boot"
        self.boot.write_text(low_ports.boot_now() or "first")
        self.enabled: set[str] = set()
        self.active: set[str] = set()
        self.taken: set[str] = set()
        self.done: list[tuple[str, ...]] = []

    @property
    def service(self) -> LowPorts:
        return LowPorts(self.data, self.watched_by, self.answer, self.boot)

    @property
    def wish(self) -> Path:
        return self.data / FOLDER / WANTED

    def systemctl(self, verb: str, unit: str) -> bool:
        if verb == "is-active":
            return unit in self.active
        self.done.append((verb, unit))
        if verb == "enable":
            self.enabled.add(unit)
        elif verb == "disable":
            self.enabled.discard(unit)
        elif verb == "stop":
            self.active.discard(unit)
        elif verb == "restart":
            # As the service starts, it finds what root has written.
            assert Opened.read(self.answer).wanted
            self.active |= self.enabled - self.taken
        return True

    def settle(self) -> Opened:
        assert main(self.data, self.answer, self.systemctl) == 0
        assert not os.path.lexists(self.wish)
        return Opened.read(self.answer)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    made = Scene(tmp_path)
    monkeypatch.setattr(low_ports, "DATA", made.data)
    return made


def test_ports_that_are_wanted_are_asked_for_once_and_opened(scene: Scene) -> None:
    assert scene.service.settle([80, 443, 2580, 0], held=[2580])
    assert scene.settle().opened == {80, 443}
    assert scene.active == {HTTP, HTTPS}
    assert scene.done[-1] == ("restart", "hearth.service")
    assert not scene.service.settle([80, 443, 2580], held=[80, 443, 2580])


def test_what_was_opened_is_closed_when_it_is_wanted_no_longer(scene: Scene) -> None:
    scene.active, scene.enabled = {HTTP}, {HTTP}  # as its owner has it
    scene.service.settle([80, 443], held=[80])
    assert scene.settle().opened == {443}
    assert scene.service.settle([2580], held=[2580])
    assert scene.settle().opened == set()
    assert scene.active == scene.enabled == {HTTP}
    assert scene.done.count(("restart", "hearth.service")) == 1


def test_a_port_that_somebody_else_has_is_left_to_them_and_not_asked_for_again(
    scene: Scene,
) -> None:
    scene.taken = {HTTP}
    scene.service.settle([80, 443], held=[])
    told = scene.settle()
    assert told.opened == {443}
    assert told.failed == {80}
    assert scene.enabled == {HTTPS}
    assert not scene.service.settle([80, 443], held=[443])
    scene.boot.write_text("another")
    assert scene.service.settle([80, 443], held=[443])
    scene.taken = set()
    assert scene.settle().opened == {80, 443}


def test_nobody_is_asked_where_nobody_is(scene: Scene) -> None:
    scene.watched_by.unlink()
    assert not scene.service.settle([443], held=[])
    assert not scene.wish.exists()


def test_another_data_folder_asks_nobody(scene: Scene, tmp_path: Path) -> None:
    other = LowPorts(tmp_path, scene.watched_by, scene.answer, scene.boot)
    assert not other.settle([443], held=[])


@pytest.mark.parametrize(
    "wish",
    [
        *(b"", b"[22]", b"[80, 22]", b"[80.0]", b"[true]", b'["80"]', b"{}", b"443", b"null"),
        *(b"[" * 100, b"[80]" + b" " * 200, b"\xff\xfe", b"[-80]", b"[[80]]", b"[1e999]"),
    ],
)
def test_what_else_is_asked_for_changes_nothing(scene: Scene, wish: bytes) -> None:
    scene.wish.parent.mkdir()
    scene.wish.write_bytes(wish)
    assert scene.settle() == Opened()
    assert scene.done == []


def _link(scene: Scene) -> None:
    outside = scene.data.parent / "outside"
    outside.write_text("[443]")
    scene.wish.symlink_to(outside)


def _pipe(scene: Scene) -> None:
    os.mkfifo(scene.wish)


@pytest.mark.parametrize("make", [_link, _pipe])
def test_no_link_is_followed_and_no_pipe_waited_for(
    scene: Scene, make: Callable[[Scene], None]
) -> None:
    scene.wish.parent.mkdir()
    make(scene)
    assert scene.settle() == Opened()
    assert scene.done == []


def test_a_folder_elsewhere_is_not_looked_into(scene: Scene, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / WANTED).write_text("[443]")
    (scene.data / FOLDER).symlink_to(elsewhere)
    assert main(scene.data, scene.answer, scene.systemctl) == 0
    assert (elsewhere / WANTED).exists()
    assert scene.done == []


def test_a_folder_in_place_of_the_wish_changes_nothing(scene: Scene) -> None:
    (scene.wish / "deep").mkdir(parents=True)
    assert main(scene.data, scene.answer, scene.systemctl) == 0
    assert scene.done == []


@pytest.mark.parametrize("told", ["", "[]", "{}", json.dumps({"wanted": [80], "opened": 3})])
def test_an_answer_that_is_damaged_says_nothing(tmp_path: Path, told: str) -> None:
    (tmp_path / "ports.json").write_text(told)
    assert Opened.read(tmp_path / "ports.json") == Opened()


def test_a_wish_names_the_two_ports_or_fewer() -> None:
    assert [read_wish(raw) for raw in (b"[]", b"[443]", b"[80,443,80]")] == [
        set(),
        {443},
        {80, 443},
    ]
