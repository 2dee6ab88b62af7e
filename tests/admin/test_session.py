"""Sessions of the panel."""

from pathlib import Path

import pytest

from appliance.admin.owner import Owner, OwnerFile
from appliance.admin.session import (
    LIFETIME_SECONDS,
    MOST_SESSIONS,
    Sessions,
    WrongPassword,
)
from appliance.base.browsers import form_token, is_form_token, new_token
from appliance.base.passwords import hash_now
from appliance.base.throttle import TRIES, Throttle, TooManyTries
from tests.support.clock import FakeClock

PASSWORD = "the cat sleeps all day"


async def sessions_in(folder: Path, clock: FakeClock) -> Sessions:
    file = OwnerFile(folder / "admin.json")
    if not file.owner.is_claimed:
        owner = Owner(password=hash_now(PASSWORD))
        await file.change(lambda _: owner)
    return Sessions(file, Throttle(clock.now), clock.now)


async def test_a_session_outlives_a_restart_and_ends_with_time(tmp_path: Path) -> None:
    clock = FakeClock()
    token = await (await sessions_in(tmp_path, clock)).sign_in(PASSWORD, "here")
    again = await sessions_in(tmp_path, clock)
    assert again.is_live(token)
    clock.advance(LIFETIME_SECONDS)
    assert not again.is_live(token)


async def test_the_file_does_not_hold_what_the_cookie_does(tmp_path: Path) -> None:
    sessions = await sessions_in(tmp_path, FakeClock())
    token = await sessions.sign_in(PASSWORD, "here")
    text = (tmp_path / "admin.json").read_text()
    assert token not in text
    assert PASSWORD not in text
    assert not sessions.is_live(next(iter(OwnerFile(tmp_path / "admin.json").owner.sessions)))


async def test_signing_out_ends_this_session_only(tmp_path: Path) -> None:
    sessions = await sessions_in(tmp_path, FakeClock())
    first = await sessions.sign_in(PASSWORD, "here")
    second = await sessions.sign_in(PASSWORD, "here")
    await sessions.end(first)
    assert not sessions.is_live(first)
    assert sessions.is_live(second)


async def test_the_oldest_session_makes_room(tmp_path: Path) -> None:
    clock = FakeClock()
    sessions = await sessions_in(tmp_path, clock)
    tokens = []
    for _ in range(MOST_SESSIONS + 2):
        tokens.append(await sessions.begin())
        clock.advance(1)
    assert [sessions.is_live(token) for token in tokens] == [False] * 2 + [True] * MOST_SESSIONS


async def test_passwords_cannot_be_guessed_fast(tmp_path: Path) -> None:
    sessions = await sessions_in(tmp_path, FakeClock())
    for _ in range(TRIES):
        with pytest.raises(WrongPassword):
            await sessions.sign_in("not this one", "here")
    with pytest.raises(TooManyTries):
        await sessions.sign_in(PASSWORD, "here")
    assert sessions.is_live(await sessions.sign_in(PASSWORD, "elsewhere"))


async def test_nobody_signs_in_to_an_unclaimed_network(tmp_path: Path) -> None:
    clock = FakeClock()
    sessions = Sessions(OwnerFile(tmp_path / "admin.json"), Throttle(clock.now), clock.now)
    with pytest.raises(WrongPassword):
        await sessions.sign_in("", "here")


def test_a_form_belongs_to_one_cookie() -> None:
    one, other = new_token(), new_token()
    assert is_form_token(form_token(one), one)
    assert not is_form_token(form_token(one), other)
    assert not is_form_token("", one)
    assert not is_form_token("ä", one)
    assert not is_form_token(form_token(""), "")
