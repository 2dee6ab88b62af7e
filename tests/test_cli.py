"""The command line as a whole."""

import pytest

from appliance.cli import main


def test_without_a_word_it_says_what_can_be_typed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["hearth"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("try", "account", "checkup", "backup"))


def test_a_word_that_is_unknown_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["frob"])
    assert ended.value.code == 2
    assert "frob" in capsys.readouterr().err
