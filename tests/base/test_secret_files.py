from pathlib import Path

from appliance.base.secret_files import read_or_create, replace_secret


def test_a_secret_is_made_once_and_then_read(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "key"
    assert read_or_create(path, lambda: "first") == "first"
    assert read_or_create(path, lambda: "second") == "first"


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    read_or_create(path, lambda: "secret")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_replaced_secret_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    read_or_create(path, lambda: "old")
    replace_secret(path, "new")
    assert path.read_text() == "new\n"
    assert [each.name for each in tmp_path.iterdir()] == ["key"]
