"""Which handles may be had."""

import pytest

from appliance.atproto.identity.errors import HandleNotFound, IdentityUnreachable
from appliance.atproto.syntax import Did, Handle
from appliance.pds.handles import (
    HandleNotAvailable,
    HandlePolicy,
    InvalidHandle,
    UnprovenHandle,
    UnsupportedDomain,
)

ALICE = Did("did:plc:aliceaaaaaaaaaaaaaaaaaaa")


class Names:
    """Resolve one foreign handle."""

    async def did_for(self, handle: Handle) -> Did:
        if handle == "down.example.com":
            raise IdentityUnreachable("down")
        if handle != "alice.example.com":
            raise HandleNotFound(handle)
        return ALICE


@pytest.fixture
def policy() -> HandlePolicy:
    return HandlePolicy([".pds.example.org", ".home"], Names())


@pytest.mark.parametrize(
    "handle", ["abc.home", "a" * 18 + ".home", "x-1.pds.example.org", "bob.pds.example.org"]
)
async def test_names_under_our_domains_are_ours_to_give(policy: HandlePolicy, handle: str) -> None:
    await policy.check(Handle(handle), None)
    assert policy.domain_of(Handle(handle)) is not None


@pytest.mark.parametrize("handle", ["ab.home", "a" * 19 + ".home", "a.bcd.home", "a.alice.home"])
async def test_names_have_three_to_eighteen_characters_and_no_dots(
    policy: HandlePolicy, handle: str
) -> None:
    with pytest.raises(InvalidHandle):
        await policy.check(Handle(handle), None)


async def test_reserved_names_are_for_the_operator(policy: HandlePolicy) -> None:
    with pytest.raises(HandleNotAvailable):
        await policy.check(Handle("admin.home"), None)
    await policy.check(Handle("admin.home"), None, by_operator=True)


async def test_a_foreign_name_needs_an_account_that_it_names(policy: HandlePolicy) -> None:
    await policy.check(Handle("alice.example.com"), ALICE)
    with pytest.raises(UnsupportedDomain):
        await policy.check(Handle("alice.example.com"), None)
    for name in ("bob.example.com", "down.example.com"):
        with pytest.raises(UnprovenHandle):
            await policy.check(Handle(name), ALICE)
    with pytest.raises(UnprovenHandle):
        await policy.check(Handle("alice.example.com"), Did("did:web:other.example.com"))


@pytest.mark.parametrize("top", ["onion", "local", "arpa", "localhost", "internal", "invalid"])
async def test_names_that_no_dns_has_are_refused(policy: HandlePolicy, top: str) -> None:
    with pytest.raises(InvalidHandle):
        await policy.check(Handle(f"alice.{top}"), ALICE)


async def test_a_name_too_long_for_dns_is_refused(policy: HandlePolicy) -> None:
    long = ".".join(["a" * 60] * 4) + ".com"
    assert 244 < len(long) <= 253
    with pytest.raises(InvalidHandle):
        await policy.check(Handle(long), ALICE)
