"""Passkeys: registered, used alone and behind a password, and what is refused."""

import base64
import json
import random

import pytest

from appliance.pds.accounts import Account
from appliance.pds.factors.factors import WrongFactor
from appliance.pds.factors.passkeys import (
    CHALLENGE_SECONDS,
    MOST_PASSKEYS,
    BadPasskey,
    TooManyPasskeys,
)
from tests.support.pds_box import Box, Member
from tests.support.soft_key import SoftKey


def account(box: Box, member: Member) -> Account:
    return box.pds.accounts.require(member.did)


async def registered(box: Box, member: Member, key: SoftKey | None = None) -> SoftKey:
    key = key or SoftKey()
    options = box.pds.passkeys.registration(account(box, member))
    await box.pds.passkeys.register(account(box, member), key.create(options), "my phone")
    return key


async def test_a_passkey_signs_its_owner_in(box: Box, alice: Member) -> None:
    key = await registered(box, alice)
    box.clock.advance(60)
    assert await box.pds.passkeys.sign_in(key.get(box.pds.passkeys.request())) == alice.did
    [kept] = box.pds.passkeys.list(alice.did)
    assert (kept.name, kept.used_at) == ("my phone", box.clock.now_us())


async def test_a_passkey_alone_has_to_check_its_user(box: Box, alice: Member) -> None:
    key = await registered(box, alice)
    key.verifies = False
    with pytest.raises(BadPasskey):
        await box.pds.passkeys.sign_in(key.get(box.pds.passkeys.request()))
    await box.pds.factors.set_passkey(alice.did, True)
    await box.pds.factors.verify(alice.did, key.get(box.pds.passkeys.request(alice.did)))


async def test_an_answer_counts_once_and_for_five_minutes(box: Box, alice: Member) -> None:
    key = await registered(box, alice)
    answer = key.get(box.pds.passkeys.request())
    await box.pds.passkeys.sign_in(answer)
    with pytest.raises(BadPasskey):
        await box.pds.passkeys.sign_in(answer)
    late = key.get(box.pds.passkeys.request())
    box.clock.advance(CHALLENGE_SECONDS)
    with pytest.raises(BadPasskey):
        await box.pds.passkeys.sign_in(late)


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:2584"},
        {"host": "evil.example"},
    ],
)
async def test_a_passkey_of_another_site_is_refused(
    box: Box, alice: Member, wrong: dict[str, str]
) -> None:
    with pytest.raises(BadPasskey):
        await registered(box, alice, SoftKey(**wrong))  # type: ignore[arg-type]
    key = await registered(box, alice)
    for name, value in wrong.items():
        setattr(key, name, value)
    with pytest.raises(BadPasskey):
        await box.pds.passkeys.sign_in(key.get(box.pds.passkeys.request()))


async def test_a_challenge_has_to_be_ours(box: Box, alice: Member) -> None:
    key = await registered(box, alice)
    for challenge in ("", "AAAA", "A" * 75):
        with pytest.raises(BadPasskey):
            await box.pds.passkeys.sign_in(key.get(f'{{"challenge":"{challenge}"}}'))


async def test_a_copied_passkey_is_noticed_by_its_count(box: Box, alice: Member) -> None:
    key = await registered(box, alice)
    await box.pds.passkeys.sign_in(key.get(box.pds.passkeys.request()))
    key.count -= 1
    with pytest.raises(BadPasskey):
        await box.pds.passkeys.sign_in(key.get(box.pds.passkeys.request()))


async def test_a_passkey_is_its_owners_alone(box: Box, alice: Member) -> None:
    bob = await box.sign_up("bob")
    key = await registered(box, alice)
    with pytest.raises(BadPasskey):
        await registered(box, bob, key)
    await registered(box, bob)
    await box.pds.factors.set_passkey(bob.did, True)
    with pytest.raises(WrongFactor):
        await box.pds.factors.verify(bob.did, key.get(box.pds.passkeys.request(bob.did)))
    await box.pds.passkeys.remove(bob.did, box.pds.passkeys.list(alice.did)[0].key)
    assert len(box.pds.passkeys.list(alice.did)) == 1


async def test_without_its_passkeys_an_account_asks_for_none(box: Box, alice: Member) -> None:
    key = await registered(box, alice)
    await box.pds.factors.set_passkey(alice.did, True)
    assert await box.pds.factors.required(alice.did) == ["passkey"]
    assert (await box.log_in(alice.handle)).error == "AuthFactorTokenRequired"
    await box.pds.passkeys.remove(alice.did, box.pds.passkeys.list(alice.did)[0].key)
    assert (await box.log_in(alice.handle)).status == 200
    with pytest.raises(BadPasskey):
        await box.pds.passkeys.sign_in(key.get(box.pds.passkeys.request()))


async def test_an_account_has_only_so_many(box: Box, alice: Member) -> None:
    for _ in range(MOST_PASSKEYS):
        await registered(box, alice)
    with pytest.raises(TooManyPasskeys):
        await registered(box, alice)


@pytest.mark.parametrize("field", ["signature", "authenticatorData", "clientDataJSON"])
async def test_nothing_of_an_answer_can_be_changed(box: Box, alice: Member, field: str) -> None:
    key = await registered(box, alice)
    answer = key.get(box.pds.passkeys.request())
    start = answer.index(field) + len(field) + 14
    changed = answer[:start] + ("B" if answer[start] == "A" else "A") + answer[start + 1 :]
    with pytest.raises(BadPasskey):
        await box.pds.passkeys.sign_in(changed)
    await box.pds.passkeys.sign_in(answer)


def damaged(answer: str, field: str, chance: random.Random) -> str:
    """Cut a part of an answer short, or change one bit of it."""
    said = json.loads(answer)
    raw = bytearray(base64.urlsafe_b64decode(said["response"][field] + "=="))
    if chance.random() < 0.3:
        del raw[chance.randrange(len(raw)) :]
    else:
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    said["response"][field] = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return json.dumps(said)


async def test_no_damaged_answer_signs_in(box: Box, alice: Member) -> None:
    key, chance = await registered(box, alice), random.Random(7)  # noqa: S311
    for _ in range(300):
        field = chance.choice(["authenticatorData", "signature"])
        answer = damaged(key.get(box.pds.passkeys.request()), field, chance)
        with pytest.raises(BadPasskey):
            await box.pds.passkeys.sign_in(answer)


async def test_a_damaged_passkey_is_refused_or_is_one_nobody_has(box: Box, alice: Member) -> None:
    """Nothing vouches for a new passkey but itself, so a changed bit may make another."""
    chance, refused = random.Random(8), 0  # noqa: S311
    for _ in range(300):
        options = box.pds.passkeys.registration(account(box, alice))
        answer = damaged(SoftKey().create(options), "attestationObject", chance)
        try:
            await box.pds.passkeys.register(account(box, alice), answer, "x")
        except BadPasskey:
            refused += 1
        for made in box.pds.passkeys.list(alice.did):
            await box.pds.passkeys.remove(alice.did, made.key)
    assert refused > 150
