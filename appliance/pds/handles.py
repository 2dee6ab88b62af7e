"""Which handles an account here may have."""

from collections.abc import Sequence
from typing import Protocol

from appliance.atproto.syntax import Did, Handle

SHORTEST_FRONT = 3
LONGEST_FRONT = 18
# `_atproto.` in front of it must still be a legal DNS name.
LONGEST_HANDLE = 244

_NOT_FOR_HANDLES = frozenset(
    {"alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion"}
)
_RESERVED_NAMES = """
    about abuse account accounts admin administrator admins api app apps appview archive assets
    atp atproto auth billing blob blog bluesky bot bots bsky cdn chat community contact dashboard
    dev developer directory dns docs donate download email everyone example faq feed feedback
    feeds files forum ftp guest hearth help home host hostmaster img imap info internal invite
    invites jobs labeler labels legal localhost login logout mail me media mod moderation
    moderator moderators network news noreply notifications oauth official operator owner panel
    password pds plc pop3 postmaster press privacy profile public register relay root rss search
    security server service settings setup shop signin signup smtp sso staff static stats status
    store support sysadmin system team terms token tos trust undefined update user users verify
    video web webmaster wiki www xrpc
"""
_RESERVED = frozenset(_RESERVED_NAMES.split())


class InvalidHandle(ValueError):
    """A handle that cannot be had here."""

    xrpc_name = "InvalidHandle"


class HandleNotAvailable(ValueError):
    """A handle that is kept for the operator, or that another account has."""

    xrpc_name = "HandleNotAvailable"


class UnsupportedDomain(ValueError):
    """A handle under a domain that is not ours to give."""

    xrpc_name = "UnsupportedDomain"


class UnprovenHandle(ValueError):
    """A handle under a foreign domain, which does not say that it is this account's."""

    xrpc_name = "InvalidRequest"

    def __init__(self) -> None:
        super().__init__("External handle did not resolve to DID")


class HandleResolver(Protocol):
    """Who tells which DID a foreign handle stands for."""

    async def did_for(self, handle: Handle) -> Did: ...


class HandlePolicy:
    """The rules for handles under our own domains, and the proof asked of others."""

    def __init__(self, domains: Sequence[str], resolver: HandleResolver) -> None:
        """`domains` begin with a dot."""
        self._domains = tuple(domain.lower() for domain in domains)
        self._resolver = resolver

    def domain_of(self, handle: Handle) -> str | None:
        """The domain of ours that a handle stands under."""
        return next((domain for domain in self._domains if handle.endswith(domain)), None)

    async def check(self, handle: Handle, did: Did | None, *, by_operator: bool = False) -> None:
        """Check that the account `did`, or a new one, may have this handle.

        Does not check: whether another account here has it.
        Raises InvalidHandle, HandleNotAvailable, UnsupportedDomain or UnprovenHandle.
        """
        domain = self.domain_of(handle)
        if domain is not None:
            check_front(handle.removesuffix(domain), by_operator=by_operator)
            return
        if handle.rpartition(".")[2] in _NOT_FOR_HANDLES:
            raise InvalidHandle("Handle TLD is invalid or disallowed")
        if len(handle) > LONGEST_HANDLE:
            raise InvalidHandle("Handle too long")
        if did is None:
            raise UnsupportedDomain("Not a supported handle domain")
        try:
            found = await self._resolver.did_for(handle)
        except (LookupError, OSError) as unknown:
            raise UnprovenHandle from unknown
        if found != did:
            raise UnprovenHandle


def check_front(front: str, *, by_operator: bool = False) -> None:
    """Check the part of a handle before our domain."""
    if "." in front:
        raise InvalidHandle("Invalid characters in handle")
    if len(front) < SHORTEST_FRONT:
        raise InvalidHandle("Handle too short")
    if len(front) > LONGEST_FRONT:
        raise InvalidHandle("Handle too long")
    if front in _RESERVED and not by_operator:
        raise HandleNotAvailable("Reserved handle")
