"""The kinds of permissions: what each names, what it covers, how it is read and written.

Whatever is not fully understood is no permission: an unknown parameter might have narrowed it.
https://atproto.com/specs/permission#resource-types
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from appliance.atproto.syntax import Did, InvalidSyntax, Nsid
from appliance.pds.oauth.permissions_syntax import Parameters, Token, write_token

REPO_ACTIONS: Final = ("create", "update", "delete")
ACCOUNT_ATTRIBUTES: Final = ("email", "repo", "status")
ACCOUNT_ACTIONS: Final = ("read", "manage")
IDENTITY_ATTRIBUTES: Final = ("handle", "*")
ANY: Final = "*"
_SERVICE: Final = re.compile(r"[A-Za-z0-9._~-]+")
_MEDIA_RANGE: Final = re.compile(r"\*/\*|[a-z0-9!#$&^_.+-]+/(?:\*|[a-z0-9!#$&^_.+-]+)")


class NotAPermission(ValueError):
    """The parameters do not make a permission of this kind."""


@dataclass(frozen=True)
class Permission(ABC):
    """Something an app may do; as text it is a token in its canonical form."""

    resource: ClassVar[str]
    positional: ClassVar[str]

    @classmethod
    def of_token(cls, token: Token) -> Self | None:
        """Read a permission of this kind; None if it is not fully understood."""
        parameters: dict[str, object] = dict(token.parameters)
        if token.positional is not None:
            if cls.positional in parameters:
                return None
            parameters[cls.positional] = (token.positional,)
        return cls.of_parameters(parameters)

    @classmethod
    def of_parameters(cls, parameters: Parameters) -> Self | None:
        """Make a permission of this kind; None if a parameter is missing, unknown or unsound."""
        given = dict(parameters)
        try:
            made = cls._take(given)
        except NotAPermission:
            return None
        return None if given else made

    @classmethod
    @abstractmethod
    def _take(cls, given: dict[str, object]) -> Self:
        """Make a permission of parameters, taking out what is used. Raises NotAPermission."""

    @abstractmethod
    def covers(self, other: "Permission") -> bool:
        """Whether who has this permission has the other one, too."""

    @abstractmethod
    def _values(self) -> Iterable[tuple[str, Iterable[str]]]:
        """Give the parameters to write, in their order."""

    def __str__(self) -> str:
        return write_token(self.resource, self.positional, self._values())


@dataclass(frozen=True)
class RepoPermission(Permission):
    """To write records of these collections ("*": all) by these actions."""

    resource: ClassVar[str] = "repo"
    positional: ClassVar[str] = "collection"

    collections: frozenset[str]
    actions: frozenset[str] = frozenset(REPO_ACTIONS)

    @classmethod
    def _take(cls, given: dict[str, object]) -> Self:
        collections = _names(given, "collection")
        return cls(collections, _chosen(given, "action", REPO_ACTIONS, REPO_ACTIONS))

    def covers(self, other: Permission) -> bool:
        return (
            isinstance(other, RepoPermission)
            and other.actions <= self.actions
            and (ANY in self.collections or other.collections <= self.collections)
        )

    def _values(self) -> Iterable[tuple[str, Iterable[str]]]:
        yield "collection", sorted(self.collections)
        if len(self.actions) < len(REPO_ACTIONS):
            yield "action", [action for action in REPO_ACTIONS if action in self.actions]


@dataclass(frozen=True)
class RpcPermission(Permission):
    """To call these methods ("*": all) of one service ("*": any) in the member's name.

    `aud` is a service with its place in the DID document: `did:web:example.com#bsky_appview`.
    """

    resource: ClassVar[str] = "rpc"
    positional: ClassVar[str] = "lxm"

    lxms: frozenset[str]
    aud: str

    @classmethod
    def _take(cls, given: dict[str, object]) -> Self:
        lxms, aud = _names(given, "lxm"), _one(given, "aud")
        if aud == ANY and ANY in lxms:
            raise NotAPermission("every method of every service")
        if aud != ANY and not is_service(aud):
            raise NotAPermission("aud is not a service")
        return cls(lxms, aud)

    def covers(self, other: Permission) -> bool:
        return (
            isinstance(other, RpcPermission)
            and self.aud in (ANY, other.aud)
            and (ANY in self.lxms or other.lxms <= self.lxms)
        )

    def _values(self) -> Iterable[tuple[str, Iterable[str]]]:
        yield "lxm", sorted(self.lxms)
        yield "aud", [self.aud]


@dataclass(frozen=True)
class BlobPermission(Permission):
    """To upload files of these media types, or ranges of types."""

    resource: ClassVar[str] = "blob"
    positional: ClassVar[str] = "accept"

    accepts: frozenset[str]

    @classmethod
    def _take(cls, given: dict[str, object]) -> Self:
        accepts = frozenset(each.lower() for each in _several(given, "accept"))
        if not all(_MEDIA_RANGE.fullmatch(each) for each in accepts):
            raise NotAPermission("accept is not of media types")
        needed = {each for each in accepts if not _is_in_another(each, accepts)}
        return cls(frozenset(needed))

    def covers(self, other: Permission) -> bool:
        return isinstance(other, BlobPermission) and all(
            each in self.accepts or _is_in_another(each, self.accepts) for each in other.accepts
        )

    def _values(self) -> Iterable[tuple[str, Iterable[str]]]:
        yield "accept", sorted(self.accepts)


@dataclass(frozen=True)
class AccountPermission(Permission):
    """To read or manage one thing about the account."""

    resource: ClassVar[str] = "account"
    positional: ClassVar[str] = "attr"

    attr: str
    actions: frozenset[str] = frozenset({"read"})

    @classmethod
    def _take(cls, given: dict[str, object]) -> Self:
        attr = _one(given, "attr")
        if attr not in ACCOUNT_ATTRIBUTES:
            raise NotAPermission("attr is unknown")
        return cls(attr, _chosen(given, "action", ACCOUNT_ACTIONS, ("read",)))

    def covers(self, other: Permission) -> bool:
        return (
            isinstance(other, AccountPermission)
            and other.attr == self.attr
            and ("manage" in self.actions or other.actions <= self.actions)
        )

    def _values(self) -> Iterable[tuple[str, Iterable[str]]]:
        yield "attr", [self.attr]
        if "manage" in self.actions:
            yield "action", ["manage"]


@dataclass(frozen=True)
class IdentityPermission(Permission):
    """To change the handle, or ("*") all of the identity."""

    resource: ClassVar[str] = "identity"
    positional: ClassVar[str] = "attr"

    attr: str

    @classmethod
    def _take(cls, given: dict[str, object]) -> Self:
        attr = _one(given, "attr")
        if attr not in IDENTITY_ATTRIBUTES:
            raise NotAPermission("attr is unknown")
        return cls(attr)

    def covers(self, other: Permission) -> bool:
        return isinstance(other, IdentityPermission) and self.attr in (ANY, other.attr)

    def _values(self) -> Iterable[tuple[str, Iterable[str]]]:
        yield "attr", [self.attr]


@dataclass(frozen=True)
class Include(Permission):
    """To do what a published permission set says; `aud` is the service its methods may be asked of.

    By itself it covers nothing: the set has to be looked up.
    """

    resource: ClassVar[str] = "include"
    positional: ClassVar[str] = "nsid"

    nsid: Nsid
    aud: str | None = None

    @classmethod
    def _take(cls, given: dict[str, object]) -> Self:
        nsid = _one(given, "nsid")
        aud = _one(given, "aud") if "aud" in given else None
        if not _is_a(Nsid, nsid) or (aud is not None and not is_service(aud)):
            raise NotAPermission("nsid or aud has not the right form")
        return cls(Nsid(nsid), aud)

    def covers(self, other: Permission) -> bool:
        return self == other

    def _values(self) -> Iterable[tuple[str, Iterable[str]]]:
        yield "nsid", [self.nsid]
        if self.aud is not None:
            yield "aud", [self.aud]


KINDS: Final[Mapping[str, type[Permission]]] = {
    kind.resource: kind
    for kind in (
        AccountPermission,
        BlobPermission,
        IdentityPermission,
        Include,
        RepoPermission,
        RpcPermission,
    )
}


def is_service(text: str) -> bool:
    """Whether a text is a DID of the network with the name of a service behind it."""
    did, _, service = text.partition("#")
    is_known = did.startswith(("did:plc:", "did:web:"))
    return is_known and _is_a(Did, did) and _SERVICE.fullmatch(service) is not None


def _is_a(form: type[Did] | type[Nsid], text: str) -> bool:
    try:
        form(text)
    except InvalidSyntax:
        return False
    return True


def _several(given: dict[str, object], name: str) -> list[str]:
    """Take out a parameter of one or more texts."""
    values = given.pop(name, ())
    if not isinstance(values, list | tuple) or not values:
        raise NotAPermission(f"{name} is missing")
    if not all(isinstance(value, str) for value in values):
        raise NotAPermission(f"{name} is not of texts")
    return list(values)


def _one(given: dict[str, object], name: str) -> str:
    """Take out a parameter of one text."""
    value = given.pop(name, None)
    [text] = value if isinstance(value, list | tuple) and len(value) == 1 else [value]
    if not isinstance(text, str):
        raise NotAPermission(f"{name} is missing, or there is more than one")
    return text


def _names(given: dict[str, object], name: str) -> frozenset[str]:
    """Take out a parameter of NSIDs, or of all of them."""
    values = frozenset(_several(given, name))
    if not all(value == ANY or _is_a(Nsid, value) for value in values):
        raise NotAPermission(f"{name} is not of NSIDs")
    return frozenset({ANY}) if ANY in values else values


def _chosen(
    given: dict[str, object], name: str, known: Iterable[str], default: Iterable[str]
) -> frozenset[str]:
    """Take out a parameter whose values are known words."""
    if name not in given:
        return frozenset(default)
    values = frozenset(_several(given, name))
    if not values <= frozenset(known):
        raise NotAPermission(f"{name} has a value that is unknown")
    return values


def _is_in_another(media_type: str, ranges: Iterable[str]) -> bool:
    """Whether a media type, or range of types, is in a wider one."""
    wider = {"*/*", f"{media_type.partition('/')[0]}/*"} - {media_type}
    return not wider.isdisjoint(ranges)
