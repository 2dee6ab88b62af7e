"""Permissions: everything one app may do for one member, and the errors when that is not enough.

https://atproto.com/specs/permission, https://atproto.com/specs/oauth#authorization-scopes
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from appliance.pds.oauth.permissions_kinds import (
    ANY,
    KINDS,
    AccountPermission,
    BlobPermission,
    IdentityPermission,
    Include,
    Permission,
    RepoPermission,
    RpcPermission,
)
from appliance.pds.oauth.permissions_syntax import InvalidScope, read_token, split_scope

MAX_SCOPE: Final = 8_192
# With all that permission sets put in; the largest known ones together make 6,000 characters.
MAX_GRANTED: Final = 32_768
ATPROTO: Final = "atproto"
GENERIC: Final = "transition:generic"
EMAIL: Final = "transition:email"
CHAT: Final = "transition:chat.bsky"
# The tokens without parameters, as the metadata of the server lists them.
FIXED: Final = (ATPROTO, GENERIC, EMAIL, CHAT)
MOST_FOUND: Final = 256
_CHAT_METHODS: Final = "chat.bsky."
# To have a token for this is to move the account, which app passwords cannot do either.
_MOVING: Final = "com.atproto.server.createAccount"


class Sets(Protocol):
    """Knows the permission sets that lexicons publish."""

    async def contents(self, include: Include, *, renewing: bool) -> Iterable[Permission]:
        """Give what a set grants now. Raises InvalidScope if it cannot be had.

        `renewing`: the member agreed to it before, so what is known of old will do.
        """


@dataclass(frozen=True)
class Permissions:
    """What an app was granted, or asks for.

    Tokens that are not fully understood are left out: they grant nothing, and the answer to the
    app says so. `openid` is refused, as this is not OpenID Connect.
    """

    fixed: frozenset[str]
    granular: tuple[Permission, ...]
    # What was found before, as an app does the same again and again: by what is needed, or by the
    # method and the names of its service.
    _found: dict[Permission | tuple[str, ...], bool] = field(
        default_factory=dict, compare=False, repr=False
    )

    @classmethod
    def parse(cls, scope: str) -> Self:
        """Read what an app asks for. Raises InvalidScope, also if it is without `atproto`."""
        if len(scope) > MAX_SCOPE:
            raise InvalidScope(f"a scope has at most {MAX_SCOPE} characters")
        return cls.granted(scope)

    @classmethod
    def granted(cls, scope: str) -> Self:
        """Read what was granted: longer, as permission sets are large. Raises as `parse`."""
        tokens = split_scope(scope)
        if ATPROTO not in tokens:
            raise InvalidScope(f'the scope "{ATPROTO}" is missing')
        if "openid" in tokens:
            raise InvalidScope("OpenID Connect is not spoken here")
        fixed = frozenset(token for token in tokens if token in FIXED)
        read = (_read(token) for token in tokens if token not in FIXED)
        return cls.of(fixed, (permission for permission in read if permission is not None))

    @classmethod
    def of(cls, fixed: frozenset[str], granular: Iterable[Permission]) -> Self:
        """Make permissions in their canonical order, each once."""
        by_token = {str(permission): permission for permission in granular}
        return cls(fixed, tuple(by_token[token] for token in sorted(by_token)))

    def __str__(self) -> str:
        """Write the scope in its canonical form."""
        return " ".join(self.tokens)

    @property
    def tokens(self) -> list[str]:
        """The tokens of the scope in their canonical form and order."""
        return [
            *(token for token in FIXED if token in self.fixed),
            *(str(permission) for permission in self.granular),
        ]

    @property
    def includes(self) -> list[Include]:
        """The permission sets that are yet to be looked up."""
        return [each for each in self.granular if isinstance(each, Include)]

    def without(self, tokens: Iterable[str]) -> Self:
        """Take tokens away, as a member unticks them; `atproto` stays."""
        gone = set(tokens) - {ATPROTO}
        return type(self)(
            self.fixed - gone, tuple(each for each in self.granular if str(each) not in gone)
        )

    def within(self, declared: str) -> bool:
        """Whether each token is one of those in a scope that a client declares of itself."""
        said = split_scope(declared)
        known = {str(permission) for permission in map(_read, said) if permission is not None}
        return set(self.tokens) <= known.union(said)

    def allows(self, needed: Permission) -> bool:
        """Whether what is needed was granted."""
        found = self._found.get(needed)
        return self._keep(needed, self._allows(needed)) if found is None else found

    def allows_call(self, lxm: str, services: Sequence[str]) -> bool:
        """Whether a method of a service may be called, by any of the names that the service has."""
        asked = (lxm, *services)
        found = self._found.get(asked)
        if found is None:
            found = any(self._allows(service_call(lxm, service)) for service in services)
            self._keep(asked, found)
        return found

    def _keep(self, asked: Permission | tuple[str, ...], found: bool) -> bool:
        if len(self._found) >= MOST_FOUND:
            self._found.clear()
        self._found[asked] = found
        return found

    def _allows(self, needed: Permission) -> bool:
        return any(each.covers(needed) for each in self.granular) or self._covers(needed)

    def allows_repo(self, collection: str, action: str) -> bool:
        return self.allows(RepoPermission(frozenset({collection}), frozenset({action})))

    def allows_rpc(self, lxm: str, aud: str) -> bool:
        return self.allows(RpcPermission(frozenset({lxm}), aud))

    def allows_blob(self, mime: str) -> bool:
        return self.allows(BlobPermission(frozenset({mime})))

    def allows_account(self, attr: str, action: str) -> bool:
        return self.allows(AccountPermission(attr, frozenset({action})))

    def allows_identity(self, attr: str) -> bool:
        return self.allows(IdentityPermission(attr))

    def _covers(self, needed: Permission) -> bool:
        """Whether a transitional scope allows it: what app passwords may do, and no more."""
        match needed:
            case RepoPermission() | BlobPermission():
                return GENERIC in self.fixed
            case RpcPermission(lxms=lxms):
                return all(self._covers_method(lxm) for lxm in lxms)
            case AccountPermission(attr="email", actions=actions):
                return EMAIL in self.fixed and "manage" not in actions
            case _:
                return False

    def _covers_method(self, lxm: str) -> bool:
        if lxm.startswith(_CHAT_METHODS):
            return CHAT in self.fixed
        return GENERIC in self.fixed and lxm != _MOVING


async def expand(permissions: Permissions, sets: Sets, *, renewing: bool = False) -> Permissions:
    """Put what permission sets grant in the place of their names. Raises InvalidScope.

    What comes out is what a token carries: it is checked without asking anybody.
    """
    granular = [each for each in permissions.granular if not isinstance(each, Include)]
    for include in permissions.includes:
        granular += await sets.contents(include, renewing=renewing)
    expanded = Permissions.of(permissions.fixed, granular)
    if len(str(expanded)) > MAX_GRANTED:
        raise InvalidScope("the permission sets grant too much at once")
    return expanded


def service_call(lxm: str | None, aud: str) -> RpcPermission:
    """Name the permission to call a method of a service; without a method, all of them."""
    return RpcPermission(frozenset({lxm or ANY}), aud)


def _read(text: str) -> Permission | None:
    token = read_token(text)
    kind = KINDS.get(token.resource) if token else None
    return kind.of_token(token) if kind and token else None
