"""Secrets that are given to a command, and what is said where others can see one."""

import io
from pathlib import Path

import pytest

from appliance.base.typed_secrets import ASK, holds_login, read_secret


def test_a_secret_comes_from_a_file_or_from_a_line_of_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text(" one of hers \n")
    assert read_secret(str(file), "Password: ") == "one of hers"
    monkeypatch.setattr("sys.stdin", io.StringIO("one she typed\nand more\n"))
    assert read_secret(ASK, "Password: ") == "one she typed"
    with pytest.raises(FileNotFoundError):
        read_secret(str(tmp_path / "nothing"), "Password: ")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("smtps://ann:secret@mail.example.org:465", True),
        ("rest:https://jones:token@smith.example.org/-/copies/jones/", True),
        ("sftp:ann@nas.example.org:/copies", False),
        ("https://smith.example.org:8443/a:b@c", False),
        ("smtps://ann@mail.example.org", False),
        ("smtps://ann:@mail.example.org", False),
    ],
)
def test_an_address_with_a_password_in_it_is_known(text: str, holds: bool) -> None:
    assert holds_login(text) is holds
