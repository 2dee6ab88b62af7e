"""What root takes from the service, and what it refuses, with the reason."""

import json
import os
import shutil
import sys
import tarfile
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from appliance.updates.archives import BadArchive, describe, make_archive
from appliance.updates.channel import FILE, SIGNATURE, BadChannel, Release
from appliance.updates.installation import WANTED, Installation
from appliance.updates.receive import SEEN, main, take_over
from appliance.updates.signatures import NotSigned, PublisherKey
from appliance.upkeep.asked import Asked
from appliance.version import VERSION
from tests.support.publisher import DAY, NOW, Publisher

Refusal = type[BadArchive] | type[BadChannel] | type[NotSigned] | type[OSError]


class Machine:
    """A service that asks, and root that looks at it."""

    def __init__(self, around: Path) -> None:
        self.around = around
        self.publisher = Publisher(around)
        self.installation: Installation = self.publisher.trusting(around)
        self.data = around / "data"
        self.asked = self.data / "updates"
        self.place = self.installation.root / "updates"
        self.archive = self.publisher.add("9.1.0")

    def fetch(self) -> None:
        """Do what the service does."""
        shutil.rmtree(self.asked, ignore_errors=True)
        shutil.copytree(self.publisher.folder, self.asked)

    def take(self, version: str = "9.1.0", now: float = NOW) -> Release:
        return take_over(Asked(self.asked), self.place, version, self.installation, now)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.fetch()
    return made


def test_a_release_that_is_signed_newer_and_whole_is_unpacked(machine: Machine) -> None:
    assert machine.take().changes == "What is new in 9.1.0."
    assert (machine.place / "release/appliance/version.py").read_text() == 'VERSION = "9.1.0"\n'
    assert not (machine.place / "archive").exists()


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _by_a_stranger(machine: Machine) -> None:
    content = (machine.asked / FILE).read_bytes()
    stranger = PublisherKey(machine.publisher.key.name, PublisherKey.generate().seed)
    (machine.asked / SIGNATURE).write_text(stranger.sign(content, "hearth channel"))


def _truncated(machine: Machine) -> None:
    os.truncate(machine.asked / machine.archive.name, machine.archive.stat().st_size // 2)


def _longer(machine: Machine) -> None:
    with (machine.asked / machine.archive.name).open("ab") as file:
        file.write(b"more" * 10_000)


def _link(machine: Machine) -> None:
    (machine.asked / machine.archive.name).unlink()
    (machine.asked / machine.archive.name).symlink_to(machine.archive)


def _pipe(machine: Machine) -> None:
    (machine.asked / FILE).unlink()
    os.mkfifo(machine.asked / FILE)


def _no_keys(machine: Machine) -> None:
    machine.installation.keys.unlink()


def _other_release_inside(machine: Machine) -> None:
    machine.publisher.releases.clear()
    machine.publisher.add("9.1.0", inside="9.0.0")
    machine.fetch()


def _ended(machine: Machine) -> None:
    machine.publisher.sign(until=NOW - DAY)
    machine.fetch()


@pytest.mark.parametrize(
    ("spoil", "kind", "reason"),
    [
        (lambda m: _flip(m.asked / FILE), NotSigned, "does not fit"),
        (lambda m: (m.asked / SIGNATURE).unlink(), FileNotFoundError, "No such file"),
        (_by_a_stranger, NotSigned, "does not fit"),
        (_no_keys, NotSigned, "no publisher is trusted"),
        (lambda m: _flip(m.asked / m.archive.name), BadArchive, "not the file that was signed"),
        (_truncated, BadArchive, "is cut off"),
        (_longer, BadArchive, "not the file that was signed"),
        (_link, OSError, "symbolic links"),
        (_pipe, OSError, "no plain file"),
        (_other_release_inside, BadArchive, "another release"),
        (_ended, BadChannel, "word ended on 2027-01-14"),
    ],
    ids=[
        "tampered channel",
        "no signature",
        "wrong key",
        "no key",
        "tampered archive",
        "truncated archive",
        "archive with more",
        "a link",
        "a pipe",
        "other release inside",
        "channel that has ended",
    ],
)
def test_what_was_spoiled_is_refused_with_the_reason(
    machine: Machine, spoil: Callable[[Machine], None], kind: Refusal, reason: str
) -> None:
    spoil(machine)
    with pytest.raises(kind, match=reason):
        machine.take()
    assert not (machine.place / "archive").exists()


def test_an_older_release_is_refused(machine: Machine) -> None:
    machine.publisher.add("0.0.1")
    machine.fetch()
    with pytest.raises(BadChannel, match="not newer"):
        machine.take("0.0.1")


def test_a_channel_older_than_one_that_was_seen_is_refused(machine: Machine) -> None:
    machine.take()
    machine.publisher.sign(made=NOW - DAY)
    machine.fetch()
    with pytest.raises(BadChannel, match="older than what it said before"):
        machine.take()


def test_a_link_in_place_of_the_service_s_folder_leads_nowhere(machine: Machine) -> None:
    elsewhere = machine.around / "elsewhere"
    machine.asked.rename(elsewhere)
    machine.asked.symlink_to(elsewhere)
    with pytest.raises(NotADirectoryError):
        Asked(machine.asked)


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside"])
def test_an_archive_puts_nothing_outside_even_if_it_is_signed(machine: Machine, name: str) -> None:
    _publish_entry(machine, tarfile.TarInfo(name))
    with pytest.raises(BadArchive, match="no file of a release"):
        machine.take()
    assert not list(machine.around.rglob("outside"))


def test_an_archive_makes_no_links_even_if_it_is_signed(machine: Machine) -> None:
    entry = tarfile.TarInfo("appliance/version.py")
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
    _publish_entry(machine, entry)
    with pytest.raises(BadArchive, match="no file of a release"):
        machine.take()


def _publish_entry(machine: Machine, entry: tarfile.TarInfo) -> None:
    with tarfile.open(machine.archive, "w:gz") as archive:
        archive.addfile(entry, BytesIO())
    about = describe(machine.archive, "any")
    (release,) = machine.publisher.releases
    release["archives"][0].update(size=about.size, sha256=about.sha256)
    machine.publisher.sign()
    machine.fetch()


def test_a_refusal_is_told_and_the_question_is_gone(machine: Machine) -> None:
    (machine.asked / WANTED).write_text('{"version": "9.1.0"}')
    _truncated(machine)
    # By the clock of today, the channel of the tests is made in the future, and has not ended.
    assert main(machine.data, machine.installation) == 0
    answer = json.loads((machine.place / "answer.json").read_text())
    assert (answer["version"], answer["state"]) == ("9.1.0", "refused")
    assert "is cut off" in answer["reason"]
    assert not (machine.asked / WANTED).exists()


@pytest.mark.parametrize(
    ("result", "state"),
    [(f"now {VERSION}-0a1b", "installed"), (f"back from {VERSION}-0a1b", "back")],
)
def test_what_a_power_cut_parted_from_its_asking_is_told_as_it_ended(
    machine: Machine, result: str, state: str
) -> None:
    (machine.asked / WANTED).write_text(json.dumps({"version": VERSION}))
    (machine.installation.root / "result").write_text(f"{result}\n")
    assert main(machine.data, machine.installation) == 0
    answer = json.loads((machine.place / "answer.json").read_text())
    assert (answer["version"], answer["state"]) == (VERSION, state)
    assert not (machine.asked / WANTED).exists()


# What the new release's installer does here: note that it was called, with what was unpacked.
_INSTALLER = """#!/bin/sh
cat "${0%/*}/appliance/version.py" >>"${0%/*}/../../installed"
"""
# What a process does to the disk, by Python's own names of it.
_STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.", "subprocess.")


def test_a_power_cut_anywhere_in_it_leaves_what_is_then_done_whole(machine: Machine) -> None:
    _publish_with_installer(machine)
    main(machine.data, machine.installation)
    assert _told(machine)["state"] == "installed"
    step = cuts = 0
    while True:
        for path in (machine.place, machine.installation.root / "installed"):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        machine.fetch()
        (machine.asked / WANTED).write_text('{"version": "9.1.0"}')
        if not _cut_off(machine, step):
            break
        cuts += 1
        # Process 1 starts it again as long as the question lies there; else it was answered.
        if (machine.asked / WANTED).exists():
            main(machine.data, machine.installation)
        assert _told(machine)["state"] == "installed", step
        assert 'VERSION = "9.1.0"' in (machine.installation.root / "installed").read_text()
        assert not (machine.asked / WANTED).exists()
        step += 1
    assert cuts >= 20


def test_a_note_that_a_power_cut_has_emptied_refuses_nothing(machine: Machine) -> None:
    _publish_with_installer(machine)
    machine.place.mkdir()
    (machine.place / SEEN).write_text("")
    main(machine.data, machine.installation)
    assert _told(machine)["state"] == "installed"
    assert float((machine.place / SEEN).read_text()) > 0


def _told(machine: Machine) -> dict[str, str]:
    answer: dict[str, str] = json.loads((machine.place / "answer.json").read_text())
    return answer


def _cut_off(machine: Machine, step: int) -> bool:
    """Do it in a process that is gone before such a step; tell whether it came to that."""
    with warnings.catch_warnings():
        # The child comes to no lock that a thread of the tests may hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        done = 0

        def watch(event: str, _args: object) -> None:
            nonlocal done
            if event.startswith(_STEPS):
                if done == step:
                    os._exit(9)
                done += 1

        sys.addaudithook(watch)
        main(machine.data, machine.installation)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def _publish_with_installer(machine: Machine) -> None:
    files = {}
    for name, content in (
        ("install.sh", _INSTALLER),
        ("appliance/version.py", 'VERSION = "9.1.0"\n'),
    ):
        files[name] = machine.around / name.replace("/", "-")
        files[name].write_text(content)
    make_archive(files, machine.archive, int(NOW))
    about = describe(machine.archive, "any")
    (release,) = machine.publisher.releases
    release["archives"][0].update(size=about.size, sha256=about.sha256)
    machine.publisher.sign()
    machine.fetch()
    (machine.asked / WANTED).write_text('{"version": "9.1.0"}')


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 7}', '{"version": "nine"}', "[" * 3900]
)
def test_nonsense_is_refused_and_gone(machine: Machine, text: str) -> None:
    (machine.asked / WANTED).write_text(text)
    assert main(machine.data, machine.installation) == 0
    assert json.loads((machine.place / "answer.json").read_text())["state"] == "refused"
    assert not (machine.asked / WANTED).exists()
