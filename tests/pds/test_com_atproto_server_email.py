"""Addresses and passwords over HTTP."""

import time

import pytest

from tests.support.pds_box import Box, Member

UPDATE = "com.atproto.server.updateEmail"
CONFIRM = "com.atproto.server.confirmEmail"
RESET = "com.atproto.server.resetPassword"


async def confirmed(box: Box, member: Member) -> None:
    await box.post("com.atproto.server.requestEmailConfirmation", member.access)
    code = await box.mailed_code()
    answer = await box.post(CONFIRM, member.access, email=member.email.upper(), token=code.lower())
    assert answer.status == 200, answer


async def test_a_code_confirms_the_address_once(box: Box, alice: Member) -> None:
    await box.post("com.atproto.server.requestEmailConfirmation", alice.access)
    code = await box.mailed_code()
    other = await box.post(CONFIRM, alice.access, email="other@example.com", token=code)
    assert (other.status, other.error) == (400, "InvalidEmail")
    bad = await box.post(CONFIRM, alice.access, email=alice.email, token="AAAAA-BBBBB")
    assert (bad.status, bad.error) == (400, "InvalidToken")
    good = await box.post(CONFIRM, alice.access, email=alice.email, token=code.lower())
    assert good.status == 200
    session = await box.get("com.atproto.server.getSession", alice.access)
    assert session.json["emailConfirmed"] is True
    again = await box.post(CONFIRM, alice.access, email=alice.email, token=code)
    assert (again.status, again.error) == (400, "InvalidToken")


async def test_a_code_is_for_whom_it_was_sent_to(box: Box, alice: Member) -> None:
    bob = await box.sign_up("bob")
    await box.post("com.atproto.server.requestEmailConfirmation", alice.access)
    code = await box.mailed_code()
    answer = await box.post(CONFIRM, bob.access, email=bob.email, token=code)
    assert (answer.status, answer.error) == (400, "InvalidToken")
    mine = await box.post(CONFIRM, alice.access, email=alice.email, token=code)
    assert mine.status == 200


async def test_a_code_is_good_for_fifteen_minutes(box: Box, alice: Member) -> None:
    await box.post("com.atproto.server.requestEmailConfirmation", alice.access)
    code = await box.mailed_code()
    box.clock.advance(15 * 60 + 1)
    answer = await box.post(CONFIRM, alice.access, email=alice.email, token=code)
    assert (answer.status, answer.error) == (400, "ExpiredToken")


async def test_an_unconfirmed_address_changes_without_a_code(box: Box, alice: Member) -> None:
    asked = await box.post("com.atproto.server.requestEmailUpdate", alice.access)
    assert asked.json == {"tokenRequired": False}
    checked = await box.post(UPDATE, alice.access, email="a@example.org", token="AAAAA-BBBBB")
    assert (checked.status, checked.error) == (400, "InvalidToken")
    changed = await box.post(UPDATE, alice.access, email="a@example.org")
    assert changed.status == 200
    assert (await box.log_in("A@example.org")).status == 200


async def test_a_confirmed_address_changes_with_a_code_and_is_then_unconfirmed(
    box: Box, alice: Member
) -> None:
    await confirmed(box, alice)
    refused = await box.post(UPDATE, alice.access, email="a@example.org")
    assert (refused.status, refused.error) == (400, "TokenRequired")
    asked = await box.post("com.atproto.server.requestEmailUpdate", alice.access)
    assert asked.json == {"tokenRequired": True}
    code = await box.mailed_code()
    changed = await box.post(UPDATE, alice.access, email="a@example.org", token=code)
    assert changed.status == 200
    session = (await box.get("com.atproto.server.getSession", alice.access)).json
    assert (session["email"], session["emailConfirmed"]) == ("a@example.org", False)


@pytest.mark.parametrize("email", ["bob@example.com", "BOB@example.com", "nonsense", "a b@c.de"])
async def test_an_address_has_to_be_one_and_free(box: Box, alice: Member, email: str) -> None:
    await box.sign_up("bob")
    answer = await box.post(UPDATE, alice.access, email=email)
    assert (answer.status, answer.error) == (400, "InvalidRequest")


async def test_a_reset_password_ends_every_session(box: Box, alice: Member) -> None:
    asked = await box.post("com.atproto.server.requestPasswordReset", email="ALICE@example.com")
    assert asked.status == 200
    code = await box.mailed_code()
    long = await box.post(RESET, token=code, password="x" * 257)
    assert (long.status, long.error) == (400, "InvalidPassword")
    assert (await box.post(RESET, token=code, password="new secret")).status == 200
    spent = await box.post("com.atproto.server.refreshSession", alice.refresh)
    assert (spent.status, spent.error) == (400, "ExpiredToken")
    assert (await box.log_in(alice.handle)).status == 401
    assert (await box.log_in(alice.handle, "new secret")).status == 200
    again = await box.post(RESET, token=code, password="another")
    assert (again.status, again.error) == (400, "InvalidToken")


@pytest.mark.usefixtures("passwords_as_in_life")
async def test_asking_for_a_reset_does_not_tell_who_is_here(box: Box, alice: Member) -> None:
    for email in (alice.email, "x@example.com"):
        started = time.monotonic()
        answer = await box.post("com.atproto.server.requestPasswordReset", email=email)
        assert time.monotonic() - started >= 0.34
        assert (answer.status, answer.body) == (200, b"")
    assert len(await box.pds.mailer.page(None, 10)) == 1


async def test_an_app_switches_codes_by_mail_on_and_off(box: Box, alice: Member) -> None:
    wish = {"email": alice.email, "emailAuthFactor": True}
    early = await box.post(UPDATE, alice.access, **wish)
    assert (early.status, early.error) == (400, "InvalidRequest")
    await confirmed(box, alice)
    assert (await box.post(UPDATE, alice.access, **wish)).status == 200
    assert (await box.log_in(alice.handle)).error == "AuthFactorTokenRequired"
    view = (await box.get("com.atproto.server.getSession", alice.access)).json
    assert (view["emailAuthFactor"], view["emailConfirmed"]) == (True, True)
    off = {**wish, "emailAuthFactor": False}
    refused = await box.post(UPDATE, alice.access, **off)
    assert (refused.status, refused.error) == (400, "TokenRequired")
    await box.post("com.atproto.server.requestEmailUpdate", alice.access)
    code = await box.mailed_code()
    assert (await box.post(UPDATE, alice.access, **off, token=code)).status == 200
    signed_in = await box.log_in(alice.handle)
    assert (signed_in.status, "emailAuthFactor" in signed_in.json) == (200, False)


async def test_the_old_address_is_told_of_a_new_one(box: Box, alice: Member) -> None:
    await box.post(UPDATE, alice.access, email="a@example.org")
    [letter] = await box.pds.mailer.page(None, 1)
    assert (letter.recipient, "a@example.org" in letter.body) == (alice.email, True)


async def test_a_code_sent_to_the_old_address_proves_nothing_of_the_new_one(
    box: Box, alice: Member
) -> None:
    await box.post("com.atproto.server.requestEmailConfirmation", alice.access)
    code = await box.mailed_code()
    assert (await box.post(UPDATE, alice.access, email="a@example.org")).status == 200
    claimed = await box.post(CONFIRM, alice.access, email="a@example.org", token=code)
    assert (claimed.status, claimed.error) == (400, "InvalidToken")
    view = (await box.get("com.atproto.server.getSession", alice.access)).json
    assert view["emailConfirmed"] is False


async def test_a_code_to_reset_a_password_ends_with_the_password_and_the_address(
    box: Box, alice: Member
) -> None:
    for nsid, change in (
        ("com.atproto.admin.updateAccountPassword", {"did": alice.did, "password": "changed"}),
        ("com.atproto.admin.updateAccountEmail", {"account": alice.did, "email": "a@x.org"}),
    ):
        [found] = (
            await box.operate("GET", "com.atproto.admin.getAccountInfos", dids=alice.did)
        ).json["infos"]
        await box.post("com.atproto.server.requestPasswordReset", email=found["email"])
        code = await box.mailed_code()
        assert (await box.operate("POST", nsid, **change)).status == 200
        late = await box.post(RESET, token=code, password="of a thief")
        assert (late.status, late.error) == (400, "InvalidToken")
