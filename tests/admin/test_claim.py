"""Who owns a new network."""

import asyncio
import re
import stat
from pathlib import Path

import pytest

from appliance.admin.claim import (
    ALPHABET,
    AlreadyClaimed,
    Claim,
    UnfitPassword,
    WrongCode,
    new_code,
)
from appliance.admin.owner import OwnerFile
from appliance.base.passwords import verify_now
from appliance.base.throttle import TRIES, Throttle, TooManyTries
from tests.support.clock import FakeClock

PASSWORD = "the cat sleeps all day"


def claim_in(folder: Path) -> Claim:
    clock = FakeClock()
    file = OwnerFile(folder / "admin.json")
    return Claim(file, folder / "secrets" / "claim-code", Throttle(clock.now), clock.now)


def code_in(folder: Path) -> str:
    return (folder / "secrets" / "claim-code").read_text().strip()


def test_the_code_lies_in_a_file_for_the_service_alone(tmp_path: Path) -> None:
    claim = claim_in(tmp_path)
    code = code_in(tmp_path)
    assert re.fullmatch(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", code)
    assert stat.S_IMODE((tmp_path / "secrets" / "claim-code").stat().st_mode) == 0o600
    assert claim.url("http://localhost:1/") == f"http://localhost:1/claim?code={code}"
    assert claim_in(tmp_path).url("") == claim.url("")
    assert new_code() != new_code()


async def test_who_shows_the_code_owns_the_network(tmp_path: Path) -> None:
    claim = claim_in(tmp_path)
    await claim.take(code_in(tmp_path).lower().replace("-", " "), PASSWORD, "here")
    owner = OwnerFile(tmp_path / "admin.json").owner
    assert verify_now(PASSWORD, owner.password)
    assert owner.claimed_at == FakeClock().now()
    assert claim.url("http://localhost:1") is None
    assert not (tmp_path / "secrets" / "claim-code").exists()


async def test_a_code_is_good_once(tmp_path: Path) -> None:
    claim, code = claim_in(tmp_path), code_in(tmp_path)
    await claim.take(code, PASSWORD, "here")
    with pytest.raises(AlreadyClaimed):
        await claim.take(code, "another password", "there")
    with pytest.raises(AlreadyClaimed):
        await claim_in(tmp_path).take("", "another password", "there")


async def test_of_two_at_once_one_wins(tmp_path: Path) -> None:
    claim, code = claim_in(tmp_path), code_in(tmp_path)
    passwords = [f"password number {number}" for number in range(4)]
    done = await asyncio.gather(
        *(claim.take(code, password, "here") for password in passwords), return_exceptions=True
    )
    assert sorted(map(type, done), key=str) == sorted(
        [type(None), AlreadyClaimed, AlreadyClaimed, AlreadyClaimed], key=str
    )
    stored = OwnerFile(tmp_path / "admin.json").owner.password
    assert verify_now(passwords[done.index(None)], stored)


async def test_a_wrong_code_does_not_count_as_the_empty_one(tmp_path: Path) -> None:
    claim = claim_in(tmp_path)
    for code in ("", "-", "AAAA-AAAA", code_in(tmp_path) + "2", "ÄÖÜ"):
        with pytest.raises(WrongCode):
            await claim.take(code, PASSWORD, "here")
    assert claim.url("") is not None


async def test_codes_cannot_be_guessed_fast(tmp_path: Path) -> None:
    claim = claim_in(tmp_path)
    for _ in range(TRIES):
        with pytest.raises(WrongCode):
            await claim.take("2222-2222", PASSWORD, "here")
    with pytest.raises(TooManyTries):
        await claim.take(code_in(tmp_path), PASSWORD, "here")


@pytest.mark.parametrize("password", ["", "nine char", "x" * 513])
async def test_an_unfit_password_leaves_the_code_good(password: str, tmp_path: Path) -> None:
    claim = claim_in(tmp_path)
    with pytest.raises(UnfitPassword):
        await claim.take(code_in(tmp_path), password, "here")
    await claim.take(code_in(tmp_path), PASSWORD, "here")


async def test_a_code_left_behind_by_a_crash_is_removed(tmp_path: Path) -> None:
    claim, code = claim_in(tmp_path), code_in(tmp_path)
    await claim.take(code, PASSWORD, "here")
    (tmp_path / "secrets" / "claim-code").write_text(code)
    assert claim_in(tmp_path).url("") is None
    assert not (tmp_path / "secrets" / "claim-code").exists()
