"""The command line as a whole."""

from pathlib import Path

import pytest

from appliance.cli import main
from appliance.version import VERSION


def test_without_a_word_it_says_what_can_be_typed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["hearth"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("try", "account", "checkup", "backup"))


def test_it_says_which_version_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"hearth {VERSION}\n")


def test_a_word_that_is_unknown_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["frob"])
    assert ended.value.code == 2
    assert "frob" in capsys.readouterr().err


@pytest.mark.parametrize(
    "typed",
    [
        "try --data {file}",
        "try --temp --port 65535",
        "try --temp --port -1",
        "try --temp --port 0 --client {none}",
        "try --temp --port 0 --client {there}",
        "run --data {file}",
        "support-bundle {file}/x.zip --data {there}",
        "support-bundle {there}/x.zip --data {none}",
        "backup key --data {none}",
        "backup now --data {none}",
        "backup lend granny --data {there}",
        "claim --data {none}",
        "settings nosuch.setting --data {there}",
        "restore sftp:me@127.0.0.1:/x --key-file {file} --ssh-key {none} --data {none}",
    ],
)
def test_what_cannot_be_is_told_in_a_line_and_nothing_is_made(
    typed: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("appliance.trial.setup_logging", lambda **_: None)
    monkeypatch.setattr("appliance.service.setup_logging", lambda **_: None)
    # So that what is not refused ends, too.
    monkeypatch.setattr("appliance.trial.serve", lambda *_, **__: 0)
    monkeypatch.setattr("appliance.service.serve", lambda *_, **__: 0)
    file, there, none = tmp_path / "file", tmp_path / "there", tmp_path / "none"
    file.write_text("nothing")
    there.mkdir()
    with pytest.raises(SystemExit) as ended:
        main(typed.format(file=file, there=there, none=none).split())
    assert ended.value.code == 1
    told = "".join(capfd.readouterr())
    assert told.startswith("hearth: ") or "There is no link to begin with" in told
    assert "damaged" not in told
    assert not none.exists()


@pytest.mark.parametrize("days", ["0", "-5", "3651", "x", "²"])
def test_a_number_that_cannot_be_is_refused(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    for typed in (["update", "hold", f"--days={days}"], ["backup", "lend", "a", "--gigabytes=0"]):
        with pytest.raises(SystemExit) as ended:
            main(typed)
        assert ended.value.code == 2
    assert "is no number from 1 to" in capsys.readouterr().err


def test_names_in_the_help_keep_their_capitals(capsys: pytest.CaptureFixture[str]) -> None:
    for typed, name in (("account appview", "AppView"), ("backup ssh-key", "SFTP")):
        with pytest.raises(SystemExit):
            main([*typed.split(), "--help"])
        assert name in capsys.readouterr().out.partition("options:")[0].replace("APPVIEW", "")
