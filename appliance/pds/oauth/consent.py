"""What a member is asked when an app wants in: each permission in plain words, in groups.

A line is one token of the scope; the lines that may be unticked are granted or not by themselves.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote

from appliance.pds.oauth.permission_sets import PermissionSet
from appliance.pds.oauth.permissions import ATPROTO, CHAT, EMAIL, FIXED, GENERIC, Permissions
from appliance.pds.oauth.permissions_kinds import (
    ANY,
    REPO_ACTIONS,
    AccountPermission,
    BlobPermission,
    IdentityPermission,
    Include,
    Permission,
    RepoPermission,
    RpcPermission,
)

# Finds a text by its name and fills it in, as `base.strings.Strings` does.
Translate: TypeAlias = Callable[..., str]

MOST_NAMED: Final = 4
_CHAT_METHODS: Final = "chat.bsky."
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Collections that people know by a word.
_THINGS: Final = {
    "app.bsky.actor.profile": "profile",
    "app.bsky.feed.generator": "feeds",
    "app.bsky.feed.like": "likes",
    "app.bsky.feed.post": "posts",
    "app.bsky.feed.postgate": "quote_rules",
    "app.bsky.feed.repost": "reposts",
    "app.bsky.feed.threadgate": "reply_rules",
    "app.bsky.graph.block": "blocks",
    "app.bsky.graph.follow": "follows",
    "app.bsky.graph.list": "lists",
    "app.bsky.graph.listblock": "list_blocks",
    "app.bsky.graph.listitem": "list_entries",
    "app.bsky.graph.starterpack": "starter_packs",
}
_FILES: Final = {
    "*/*": "files",
    "image/*": "pictures",
    "video/*": "videos",
    "audio/*": "sounds",
    "text/*": "texts",
}


@dataclass(frozen=True)
class Line:
    """One token in words; `names` is the same for those who know the protocol.

    `is_grave`: who grants it gives away a part of the account itself.
    """

    token: str
    text: str
    names: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    is_optional: bool = True
    is_grave: bool = False


@dataclass(frozen=True)
class Group:
    """Lines about one thing, under a title."""

    title: str
    lines: tuple[Line, ...]


def groups(
    permissions: Permissions, t: Translate, sets: Mapping[str, PermissionSet] | None = None
) -> list[Group]:
    """Say what an app asks for; `sets` are those that it names, by token.

    `atproto` and the old scope for everything cannot be unticked: without the one nothing is
    granted, and an app that asks for the other knows nothing smaller.
    """
    found: dict[str, list[Line]] = {"you": [], "publish": [], "messages": [], "services": []}
    for token in FIXED:
        if token in permissions.fixed:
            group = {GENERIC: "publish", CHAT: "messages"}.get(token, "you")
            found[group].append(_fixed(token, t))
    for permission in permissions.granular:
        if isinstance(permission, Include):
            line = _set_line(permission, (sets or {}).get(str(permission)), t)
        else:
            line = _line(permission, t)
        found[_group_of(permission)].append(line)
    return [Group(t(f"consent.{name}"), tuple(lines)) for name, lines in found.items() if lines]


def _group_of(permission: Permission) -> str:
    match permission:
        case AccountPermission() | IdentityPermission():
            return "you"
        case RpcPermission(lxms=lxms) if all(lxm.startswith(_CHAT_METHODS) for lxm in lxms):
            return "messages"
        case Include(nsid=nsid) if nsid.startswith(_CHAT_METHODS):
            return "messages"
        case RpcPermission():
            return "services"
        case _:
            return "publish"


def _fixed(token: str, t: Translate) -> Line:
    name = {ATPROTO: "who", GENERIC: "generic", EMAIL: "email_read", CHAT: "chat"}[token]
    details = (t("consent.generic_can"), t("consent.generic_cannot")) if token == GENERIC else ()
    optional = token not in (ATPROTO, GENERIC)
    return Line(token, t(f"consent.{name}"), details=details, is_optional=optional)


def _set_line(include: Include, found: PermissionSet | None, t: Translate) -> Line:
    """Say what a set grants, by its author's title and by what is in it."""
    title = found.title if found and found.title else include.nsid
    contents = [_line(each, t) for each in found.contents] if found else []
    details = [found.detail] if found and found.detail else []
    return Line(
        str(include),
        t("consent.set", title=title, domain=include.nsid.authority),
        tuple(name for line in contents for name in line.names),
        (*details, *(line.text for line in contents)),
    )


def _line(permission: Permission, t: Translate) -> Line:
    """Say what one permission means."""
    match permission:
        case RepoPermission(collections=collections, actions=actions):
            verb = "_".join(action for action in REPO_ACTIONS if action in actions)
            text = t(f"consent.do_{verb}", things=_listed(map(_thing(t), sorted(collections)), t))
            return Line(str(permission), text, _nsids(collections))
        case RpcPermission(lxms=lxms):
            return Line(str(permission), _call(permission, t), _nsids(lxms))
        case BlobPermission(accepts=accepts):
            kinds = _listed((_file(each, t) for each in sorted(accepts)), t)
            return Line(str(permission), t("consent.upload", kinds=kinds))
        case AccountPermission(attr=attr, actions=actions):
            manages = "manage" in actions
            name = f"consent.{attr}_{'manage' if manages else 'read'}"
            return Line(str(permission), t(name), is_grave=manages)
        case IdentityPermission(attr=attr):
            name = "consent.identity" if attr == ANY else "consent.handle"
            return Line(str(permission), t(name), is_grave=True)
        case _:
            return Line(str(permission), str(permission))


def _call(permission: RpcPermission, t: Translate) -> str:
    service = t("consent.any_service") if permission.aud == ANY else _host(permission.aud)
    if ANY in permission.lxms:
        return t("consent.call_all", service=service)
    methods = _listed((_HUMP.sub(" ", _last(lxm)).lower() for lxm in sorted(permission.lxms)), t)
    return t("consent.call", service=service, methods=methods)


def _thing(t: Translate) -> Callable[[str], str]:
    def named(collection: str) -> str:
        if collection == ANY:
            return t("consent.anything")
        word = _THINGS.get(collection)
        return t(f"consent.thing_{word}") if word else collection

    return named


def _file(media_type: str, t: Translate) -> str:
    word = _FILES.get(media_type)
    return t(f"consent.kind_{word}") if word else media_type


def _listed(names: Iterable[str], t: Translate) -> str:
    """Name the first few; how many there are besides is said."""
    every = list(names)
    shown = ", ".join(every[:MOST_NAMED])
    rest = len(every) - MOST_NAMED
    return t("consent.and_more", shown=shown, count=rest) if rest > 0 else shown


def _nsids(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if name != ANY))


def _last(nsid: str) -> str:
    return nsid.rpartition(".")[2]


def _host(service: str) -> str:
    """What a person may know a service by: its host, or else its DID."""
    did = service.partition("#")[0]
    return unquote(did.removeprefix("did:web:"))
