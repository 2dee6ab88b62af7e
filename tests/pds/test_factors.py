"""Second steps: authenticator apps, mailed and recovery codes, and how fast they can be guessed."""

import asyncio

import pyotp
import pytest

from appliance.pds.factors import second_steps, totp
from appliance.pds.factors.factors import FactorRequired, TooManyGuesses, WrongFactor
from appliance.pds.factors.second_steps import AlreadyConfirmed
from tests.support.pds_box import PASSWORD, Box, Member

NEEDED = (401, "AuthFactorTokenRequired")


def app_for(secret: bytes) -> pyotp.TOTP:
    return pyotp.TOTP(totp.typed(secret).replace(" ", ""))


async def set_up_app(box: Box, member: Member) -> pyotp.TOTP:
    """Set an authenticator app up, as a member does, and let its first code grow old."""
    app = app_for(await box.pds.factors.begin_totp(member.did))
    await box.pds.factors.confirm_totp(member.did, app.at(int(box.clock.now())))
    box.clock.advance(totp.STEP_SECONDS)
    return app


def test_our_codes_are_those_of_a_published_library() -> None:
    secret = totp.new_secret()
    app = app_for(secret)
    for moment in (0, 59, 1_111_111_109, 1_234_567_890, 20_000_000_000):
        assert totp.code_at(secret, moment // totp.STEP_SECONDS) == app.at(moment)
    read = pyotp.parse_uri(totp.uri(secret, "The Smiths: home", "alice.test"))
    assert (read.secret, read.name) == (app.secret, "alice.test")
    assert read.issuer == "The Smiths home"


async def test_a_password_does_alone_until_an_app_is_confirmed(box: Box, alice: Member) -> None:
    secret = await box.pds.factors.begin_totp(alice.did)
    assert await box.pds.factors.begin_totp(alice.did) == secret
    assert await box.pds.factors.required(alice.did) == []
    assert (await box.log_in(alice.handle)).status == 200
    with pytest.raises(WrongFactor):
        await box.pds.factors.confirm_totp(alice.did, "000000")
    await box.pds.factors.confirm_totp(alice.did, app_for(secret).at(int(box.clock.now())))
    assert await box.pds.factors.required(alice.did) == ["totp"]
    with pytest.raises(AlreadyConfirmed):
        await box.pds.factors.begin_totp(alice.did)


async def test_an_old_client_signs_in_with_a_code_that_counts_once(box: Box, alice: Member) -> None:
    app = await set_up_app(box, alice)
    bare = await box.log_in(alice.handle)
    assert (bare.status, bare.error) == NEEDED
    code = app.at(int(box.clock.now()))
    good = await box.log_in(alice.handle, authFactorToken=f" {code[:3]} {code[3:]} ")
    assert good.status == 200
    again = await box.log_in(alice.handle, authFactorToken=code)
    assert (again.status, again.error) == (400, "InvalidToken")


async def test_a_wrong_password_tells_nothing_of_the_second_step(box: Box, alice: Member) -> None:
    app = await set_up_app(box, alice)
    code = app.at(int(box.clock.now()))
    answer = await box.log_in(alice.handle, "wrong", authFactorToken=code)
    assert (answer.status, answer.error) == (401, "AuthenticationRequired")
    assert (await box.log_in(alice.handle, authFactorToken=code)).status == 200


async def test_an_app_password_asks_for_no_second_step(box: Box, alice: Member) -> None:
    made = await box.post(
        "com.atproto.server.createAppPassword", alice.access, name="old phone", privileged=False
    )
    await set_up_app(box, alice)
    assert (await box.log_in(alice.handle, made.json["password"])).status == 200


async def test_a_phone_may_be_a_step_early_or_late_but_no_more(box: Box, alice: Member) -> None:
    app = await set_up_app(box, alice)
    box.clock.advance(10 * totp.STEP_SECONDS)
    now = int(box.clock.now())
    for off in (-2, 2):
        with pytest.raises(WrongFactor):
            await box.pds.factors.verify(alice.did, app.at(now + off * totp.STEP_SECONDS))
    for off in (-1, 0, 1):
        await box.pds.factors.verify(alice.did, app.at(now + off * totp.STEP_SECONDS))


async def test_a_code_is_mailed_to_a_client_that_sends_none(box: Box, alice: Member) -> None:
    await box.pds.factors.set_mail(alice.did, True)
    bare = await box.log_in(alice.handle, authFactorToken="")
    assert (bare.status, bare.error) == NEEDED
    code = await box.mailed_code()
    assert (await box.log_in(alice.handle, authFactorToken=code.lower())).status == 200
    again = await box.log_in(alice.handle, authFactorToken=code)
    assert (again.status, again.error) == (400, "InvalidToken")


async def test_a_mailed_code_does_not_stand_in_for_an_app(box: Box, alice: Member) -> None:
    await set_up_app(box, alice)
    await box.pds.factors.send_code(box.pds.accounts.require(alice.did))
    with pytest.raises(WrongFactor):
        await box.pds.factors.verify(alice.did, await box.mailed_code())


async def test_each_recovery_code_works_once_and_new_ones_void_the_old(
    box: Box, alice: Member
) -> None:
    await set_up_app(box, alice)
    codes = await box.pds.factors.new_recovery_codes(alice.did)
    assert len(set(codes)) == second_steps.RECOVERY_CODES
    await box.pds.factors.verify(alice.did, codes[0].upper())
    with pytest.raises(WrongFactor):
        await box.pds.factors.verify(alice.did, codes[0])
    assert box.pds.factors.steps(alice.did).recovery_codes == 9
    await box.pds.factors.new_recovery_codes(alice.did)
    with pytest.raises(WrongFactor):
        await box.pds.factors.verify(alice.did, codes[1])


async def test_a_code_is_for_one_account(box: Box, alice: Member) -> None:
    bob = await box.sign_up("bob")
    await set_up_app(box, alice)
    await set_up_app(box, bob)
    codes = await box.pds.factors.new_recovery_codes(alice.did)
    with pytest.raises(WrongFactor):
        await box.pds.factors.verify(bob.did, codes[0])


async def test_guessing_gets_slower_and_slower_and_never_locks_for_good(
    box: Box, alice: Member
) -> None:
    app = await set_up_app(box, alice)
    looked_at, started = 0, box.clock.now()
    while box.clock.now() < started + 86_400:
        try:
            await box.pds.factors.verify(alice.did, "000000")
        except WrongFactor:
            looked_at += 1
        except TooManyGuesses as stop:
            box.clock.advance(stop.wait)
    # Three codes are good at any time: the odds of a whole day are below one in ten thousand.
    assert looked_at < 40
    assert looked_at * 3 / 10**totp.DIGITS < 1.2e-4
    with pytest.raises(WrongFactor):
        await box.pds.factors.verify(alice.did, "000000")
    with pytest.raises(TooManyGuesses):
        await box.pds.factors.verify(alice.did, app.at(int(box.clock.now())))
    box.clock.advance(3600)
    await box.pds.factors.verify(alice.did, app.at(int(box.clock.now())))
    box.clock.advance(totp.STEP_SECONDS)
    await box.pds.factors.verify(alice.did, app.at(int(box.clock.now())))


async def test_guesses_side_by_side_all_count(box: Box, alice: Member) -> None:
    await set_up_app(box, alice)
    tries = (box.pds.factors.verify(alice.did, f"{number:06}") for number in range(50))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, WrongFactor) for one in outcomes) == second_steps.FREE_TRIES
    held = await box.log_in(alice.handle, authFactorToken="123456")
    assert (held.status, held.error) == (429, "RateLimitExceeded")


async def test_switching_the_last_step_off_makes_the_password_do_again(
    box: Box, alice: Member
) -> None:
    await set_up_app(box, alice)
    await box.pds.factors.new_recovery_codes(alice.did)
    with pytest.raises(FactorRequired):
        await box.pds.factors.verify(alice.did, " ")
    await box.pds.factors.remove_totp(alice.did)
    assert box.pds.factors.steps(alice.did).recovery_codes == 0
    assert (await box.log_in(alice.handle)).status == 200


async def test_an_account_that_goes_takes_its_factors_along(box: Box, alice: Member) -> None:
    await set_up_app(box, alice)
    await box.pds.factors.new_recovery_codes(alice.did)
    await box.pds.lifecycle.delete(alice.did)
    assert not box.pds.factors.steps(alice.did).any
    assert box.pds.factors.steps(alice.did).recovery_codes == 0


@pytest.mark.parametrize(
    "answer", ["{", "{}", '{"rawId":1}', '{"response":[]}', "{" * 9000, "x" * 99]
)
async def test_an_answer_that_is_nothing_is_wrong(box: Box, alice: Member, answer: str) -> None:
    await set_up_app(box, alice)
    refused = await box.log_in(alice.handle, PASSWORD, authFactorToken=answer)
    assert (refused.status, refused.error) == (400, "InvalidToken")
