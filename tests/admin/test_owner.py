"""Whose network it is."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.admin.owner import DamagedOwnerFile, Owner, OwnerFile


async def test_what_is_changed_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "admin.json"
    file = OwnerFile(path)
    assert not file.owner.is_claimed
    owner = Owner("$argon2id$x", 1_790_000_000.5, True, {"a" * 64: 1_800_000_000.25})
    await file.change(lambda _: owner)
    assert OwnerFile(path).owner == owner
    assert owner.is_claimed


async def test_the_file_is_for_the_service_alone(tmp_path: Path) -> None:
    path = tmp_path / "admin.json"
    await OwnerFile(path).change(lambda owner: replace(owner, setup_done=True))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["admin.json"]  # noqa: PTH208


async def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    file = OwnerFile(tmp_path / "admin.json")

    def refused(owner: Owner) -> Owner:
        raise LookupError

    with pytest.raises(LookupError):
        await file.change(refused)
    assert file.owner == Owner()
    assert not (tmp_path / "admin.json").exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"password": 1}', '{"sessions": [], "password": ""}']
)
def test_a_damaged_file_is_named_not_taken_for_an_unclaimed_network(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "admin.json"
    path.write_text(text)
    with pytest.raises(DamagedOwnerFile, match="delete it to claim"):
        OwnerFile(path)
