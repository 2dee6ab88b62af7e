"""Passwords that are given to a command: none has to stand where others see it."""

import argparse
from pathlib import Path

import pytest

from appliance.backup import commands as backup_commands
from appliance.backup.commands import run
from appliance.backup.engine import BackupFailed
from appliance.commands import settings
from appliance.commands.parser import parser
from appliance.operator import NotDone, password_given
from appliance.settings_groups import Paths

SEEN = "in a command is seen by others"
MOVES = {
    "import": ("import", "ann.zip"),
    "move-in": ("move-in", "ann.test", "--from", "https://old.example.org"),
    "move-out": ("move-out", "ann.test", "--to", "https://new.example.org"),
}


def typed(*words: str) -> argparse.Namespace:
    return parser().parse_args(words)


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
async def test_the_password_at_the_new_server_may_be_in_a_file(
    move: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new"
    file.write_text("one of hers\n")
    quiet = typed("account", *move, "--new-password-file", str(file))
    assert await password_given(quiet, "new_password") == "one of hers"
    assert await password_given(typed("account", *move), "new_password") == ""
    assert capsys.readouterr().err == ""
    shown = typed("account", *move, "--new-password", "one of hers")
    assert await password_given(shown, "new_password") == "one of hers"
    said = capsys.readouterr().err
    assert SEEN in said
    assert "better --new-password-file FILE" in said
    assert "one of hers" not in said


@pytest.mark.parametrize("text", [None, "\n"], ids=["no file", "nothing in it"])
async def test_a_file_without_a_password_changes_nothing(text: str | None, tmp_path: Path) -> None:
    file = tmp_path / "new"
    if text is not None:
        file.write_text(text)
    given = typed("account", "reset-password", "ann.test", "--password-file", str(file))
    with pytest.raises(NotDone, match="nothing was changed"):
        await password_given(given)


def test_an_address_with_a_password_is_written_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def put(name: str, value: str) -> str:
        assert settings.run(typed("settings", name, value, "--data", str(tmp_path)), print) == 0
        return capsys.readouterr().err

    assert put("smtp.url", "smtps://mail.example.org:465") == ""
    said = put("smtp.url", "smtps://ann:of-hers@mail.example.org:465")
    assert SEEN in said
    assert "secrets/smtp-password" in said
    assert "of-hers" not in said


def test_the_login_of_a_place_may_be_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[dict[str, str]] = []

    def engine(_place: str, _key: str, _cache: Path, secrets: dict[str, str], _way: object) -> None:
        seen.append(secrets)
        raise BackupFailed("nobody answers", "an answer", "nothing")

    monkeypatch.setattr(backup_commands, "Engine", engine)
    (tmp_path / "key").write_text("abc")
    (tmp_path / "login").write_text("smith:token\n")

    def restore(place: str, *more: str) -> str:
        order = ("restore", place, "--key-file", str(tmp_path / "key"), *more)
        assert run(typed(*order, "--data", str(Paths(tmp_path).data)), print) == 1
        return capsys.readouterr().err

    named = "rest:https://smith:token@jones.example.org/-/copies/smith/"
    assert SEEN in restore(named)
    bare = named.replace("smith:token@", "")
    assert SEEN not in restore(bare, "--login-file", str(tmp_path / "login"))
    assert seen[0]["RESTIC_REPOSITORY"] == seen[1]["RESTIC_REPOSITORY"] == named
    assert "cannot be read" in restore(bare, "--login-file", str(tmp_path / "nothing"))
