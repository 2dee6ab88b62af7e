"""The paper of a move: whole after every step, readable by its owner only."""

import json
import stat
from pathlib import Path

import pytest

from appliance.moving.journal import Journal
from appliance.moving.trouble import Trouble

STEPS = ("repo", "identity", "close")


def test_what_was_written_is_there_for_whoever_comes_next(tmp_path: Path) -> None:
    path = tmp_path / "new" / "move.journal.json"
    journal = Journal(path, "move-in", STEPS)
    journal.note(did="did:plc:abc", peer="https://old.example.com")
    journal.keep_secret(password="made here")
    journal.finish("repo", {"rev": "3k"})
    again = Journal(path, "move-in", STEPS)
    assert (again.is_done("repo"), again.is_done("close")) == (True, False)
    assert (again.seen("repo"), again.seen("close")) == ({"rev": "3k"}, {})
    assert (again.fact("did"), again.secret("password")) == ("did:plc:abc", "made here")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_says_where_the_point_of_no_return_is(tmp_path: Path) -> None:
    path = tmp_path / "move.journal.json"
    journal = Journal(path, "move-in", STEPS)
    journal.finish("repo", {})
    told = json.loads(path.read_text())
    assert (told["left"], told["pointOfNoReturn"]["passed"]) == (["identity", "close"], False)
    assert "nothing has changed for anybody" in told["pointOfNoReturn"]["words"]
    journal.finish("identity", {})
    told = json.loads(path.read_text())
    assert (told["left"], told["pointOfNoReturn"]["passed"]) == (["close"], True)
    journal = Journal(tmp_path / "export.journal.json", "export", ("repo",))
    journal.finish("repo", {})
    assert "pointOfNoReturn" not in json.loads(journal.path.read_text())


def test_secrets_are_forgotten_with_the_last_step(tmp_path: Path) -> None:
    path = tmp_path / "move.journal.json"
    journal = Journal(path, "move-in", STEPS)
    journal.keep_secret(refresh="a token")
    for step in STEPS:
        assert "a token" in path.read_text()
        journal.finish(step, {})
    assert journal.is_finished
    assert "a token" not in path.read_text()
    journal.note(did="did:plc:abc")
    journal.begin_anew()
    again = Journal(path, "move-in", STEPS)
    assert (again.is_finished, again.fact("did")) == (False, None)


def test_a_step_can_be_taken_back_and_a_fact_as_well(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "move.journal.json", "move-in", STEPS)
    journal.finish("repo", {})
    journal.note(operation={"sig": "x"})
    journal.take_back("repo", "close")
    journal.note(operation=None)
    again = Journal(journal.path, "move-in", STEPS)
    assert (again.is_done("repo"), again.fact("operation", "none")) == (False, "none")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"what": "move-in"}'])
def test_what_is_no_journal_is_told_in_a_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "move.journal.json"
    path.write_text(text)
    with pytest.raises(Trouble, match="cannot be read as a journal"):
        Journal(path, "move-in", STEPS)


def test_the_journal_of_another_kind_of_move_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "move.journal.json"
    Journal(path, "move-in", STEPS).finish("repo", {})
    before = path.read_bytes()
    with pytest.raises(Trouble, match="another kind: move-in"):
        Journal(path, "move-out", STEPS)
    assert path.read_bytes() == before
