"""The network's key on paper, and back."""

import stat
from pathlib import Path

import pytest

from appliance.base.paper_words import UnreadableWords, words_of
from appliance.pds.signing_keys import load_rotation_key
from appliance.upkeep.recovery_sheet import KeyInPlace, NoKeyYet, restore, sheet_of


def test_a_network_built_anew_has_the_key_of_the_sheet(tmp_path: Path) -> None:
    old, new = tmp_path / "old" / "key", tmp_path / "new" / "secrets" / "key"
    with pytest.raises(NoKeyYet):
        sheet_of(old)
    key = load_rotation_key(old)
    sheet = sheet_of(old)
    assert sheet.public == key.public.did_key
    assert restore(new, " ".join(sheet.words)) == key.public.did_key
    assert load_rotation_key(new).to_bytes() == key.to_bytes()
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    assert restore(new, " ".join(sheet.words)) == key.public.did_key
    assert key.to_bytes().hex() not in repr(sheet)


def test_a_key_in_place_is_not_written_over(tmp_path: Path) -> None:
    load_rotation_key(tmp_path / "one")
    load_rotation_key(tmp_path / "two")
    with pytest.raises(KeyInPlace):
        restore(tmp_path / "two", " ".join(sheet_of(tmp_path / "one").words))


def test_words_of_something_else_are_no_key(tmp_path: Path) -> None:
    with pytest.raises(UnreadableWords):
        restore(tmp_path / "key", " ".join(words_of(bytes(16))))
    assert not (tmp_path / "key").exists()
