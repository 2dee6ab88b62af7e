import asyncio
import hashlib
import time

import pytest

from appliance.base.passwords import (
    hash_now,
    hash_password,
    is_readable,
    verify_now,
    verify_password,
)

pytestmark = pytest.mark.usefixtures("passwords_as_in_life")


async def test_a_password_fits_its_own_hash_only() -> None:
    stored = await hash_password("correct horse")
    assert await verify_password("correct horse", stored)
    assert not await verify_password("correct horse ", stored)
    assert not await verify_password("", stored)


def test_a_hash_names_its_cost_and_is_never_the_same_twice() -> None:
    first, second = hash_now("x"), hash_now("x")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=9216,t=4,p=1$")


def test_hashes_of_other_costs_are_understood() -> None:
    # As made until November 2026.
    stored = (
        "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBsZXR0ZXJzIQ$"
        "GoNAC3YhiKH8mtKbYDa7bDXa2XN/KYDpnBp4Fb+Isrc"
    )
    assert verify_now("of last week", stored)
    assert not verify_now("of this week", stored)


def test_hashes_of_older_servers_are_understood() -> None:
    salt = "00112233445566778899aabbccddeeff"
    hashed = hashlib.scrypt(b"moved in", salt=salt.encode(), n=16384, r=8, p=1, maxmem=2**26)
    assert verify_now("moved in", f"{salt}:{hashed.hex()}")
    assert not verify_now("moved out", f"{salt}:{hashed.hex()}")


@pytest.mark.parametrize(
    "stored", ["", ":", "x:y", "00:00", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$!!$!!", "plain"]
)
def test_a_damaged_hash_fits_nothing(stored: str) -> None:
    assert not verify_now("x", stored)


@pytest.mark.parametrize("costs", ["m=2000000,t=4,p=1", "m=9216,t=4000,p=1", "m=9216,t=4,p=900"])
def test_a_hash_that_costs_more_than_ours_ever_did_is_none(costs: str) -> None:
    stored = hash_now("x").replace("m=9216,t=4,p=1", costs)
    took = []
    for _ in range(5):
        began = time.thread_time()
        assert not verify_now("x", stored)
        took.append(time.thread_time() - began)
    assert min(took) < 0.01
    assert not is_readable(stored)


def test_an_endless_password_costs_nothing() -> None:
    stored, endless, took = hash_now("x"), "x" * 10_000_000, []
    for _ in range(5):
        started = time.thread_time()
        assert not verify_now(endless, stored)
        took.append(time.thread_time() - started)
    assert min(took) < 0.001


async def test_hashing_leaves_the_loop_free() -> None:
    ticks = 0
    hashing = [asyncio.ensure_future(hash_password("x")) for _ in range(3)]
    while not all(job.done() for job in hashing):
        await asyncio.sleep(0)
        ticks += 1
    assert ticks > 5
